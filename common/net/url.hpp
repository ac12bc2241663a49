#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// A scheme whose URLs name no server by themselves, such as an object store's "s3". Register it beside what serves it.
struct UrlScheme {
    std::string_view name;
};

/// A URL, perhaps with credentials. It is made from text, and never becomes text by itself: code that shows it takes
/// shown(), and only code that sends it takes for_transfer() (docs/decisions/0019).
///
/// It accepts only what libcurl and git read alike (RFC 3986 without all that is ambiguous): one "@" at most, before
/// the host; a host that is a plain name or an address; a port from 1 to 65535; no fragment, no control character, not
/// even as %XX; %XX for each sign that RFC 3986 does not allow in a user or password.
class Url {
public:
    static constexpr std::size_t longest = 4000;

    /// No URL: "" in a configuration.
    Url() = default;
    /// "" is no URL. @throws Error url.invalid (permanent), which quotes nothing of the text
    Url(std::string_view text);                                    // NOLINT(google-explicit-constructor): text is what
    Url(const std::string& text) : Url(std::string_view(text)) {}  // NOLINT(google-explicit-constructor): it comes as
    Url(const char* text) : Url(std::string_view(text)) {}         // NOLINT(google-explicit-constructor)

    /// Returns nullopt if the text is refused or empty.
    static std::optional<Url> parse(std::string_view text);
    /// Why parse() refuses it, such as "its port is no number"; quotes nothing of the text. Returns nullopt if it does
    /// not.
    static std::optional<std::string> why_refused(std::string_view text);
    /// "file:///srv/a%20b" of an absolute path.
    static Url of_file(const std::filesystem::path& path);

    [[nodiscard]] bool empty() const { return text_.empty(); }
    [[nodiscard]] const std::string& scheme() const { return scheme_; }  ///< "https"
    [[nodiscard]] const std::string& host() const { return host_; }      ///< as written, without brackets; "" of a file
    [[nodiscard]] int port() const;                                      ///< the scheme's if none is written; 0: none
    [[nodiscard]] std::string path() const;                              ///< as written, "/" at least
    [[nodiscard]] std::string target() const;      ///< path and query, as an HTTP request names them
    [[nodiscard]] std::string plain_path() const;  ///< %XX decoded, as git does for files, ssh and its own protocol
    [[nodiscard]] std::string host_to_connect() const;  ///< with an IPv6 address's zone as the system writes it
    [[nodiscard]] bool has_query() const { return has_query_; }

    /// True if it holds a user or a password.
    [[nodiscard]] bool has_credentials() const { return !user_.empty() || !password_.empty(); }
    /// True if the credentials would go over the network in clear. A user alone is no secret to ssh.
    [[nodiscard]] bool exposes_credentials() const;

    /// "https://host:8443": the part of a URL that is never a secret.
    [[nodiscard]] std::string server() const;
    /// server(), path, and "?…" instead of a query, which may hold a token.
    [[nodiscard]] std::string shown() const;
    /// "host:443", which credentials belong to: in lower case, with the scheme's port if none is written.
    [[nodiscard]] std::string host_and_port() const;
    /// True for the same server and scheme.
    [[nodiscard]] bool is_same_server(const Url& other) const;

    [[nodiscard]] Url without_credentials() const;
    /// A hash of all but the credentials, the same from release to release: what is kept by URL is found by it.
    [[nodiscard]] std::uint64_t hash_without_credentials() const;
    /// `other` with the credentials of this URL instead of its own.
    [[nodiscard]] Url with_credentials_in(const Url& other) const;
    /// This URL with `path` (from "/" on) added to its path, and `query` to its query.
    [[nodiscard]] Url below(std::string_view path, std::string_view query = "") const;
    /// The same server and credentials, with another path (from "/" on) and query. @throws Error url.invalid
    [[nodiscard]] Url with_target(std::string_view target) const;

    /// The whole text, only for a request to the server or for a child's standard input.
    [[nodiscard]] const std::string& for_transfer() const { return text_; }
    [[nodiscard]] const std::string& user_for_transfer() const { return user_; }          ///< %XX undone
    [[nodiscard]] const std::string& password_for_transfer() const { return password_; }  ///< %XX undone
    /// The parts that must not be shown: user, password, and each value of the query.
    [[nodiscard]] std::vector<std::string> secrets() const;

    friend bool operator==(const Url& one, const Url& other) { return one.text_ == other.text_; }

private:
    /// Why the text is refused, or "".
    std::string read(std::string_view text);
    std::string read_authority(std::string_view authority);
    [[nodiscard]] std::string with_userinfo(std::string_view userinfo) const;

    std::string text_;
    std::string scheme_;
    std::string userinfo_;  // as written
    std::string user_;
    std::string password_;
    std::string host_;
    std::string port_;  // as written, with its ":"
    std::string path_;  // as written
    std::string query_;
    bool has_query_ = false;
};

/// Removes users and passwords from the URLs in a text that a program or server wrote. For a URL of our own, use
/// shown().
std::string without_credentials(std::string_view text);

}  // namespace bootwright
