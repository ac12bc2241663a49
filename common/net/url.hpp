#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// A scheme whose URLs lead to no server by themselves, such as an object store's "s3". Register it beside what serves it.
struct UrlScheme {
    std::string_view name;
};

/// Where something is, and perhaps with which credentials. It is made of text, and never becomes text by itself: who
/// shows it takes shown(), and only who sends it takes for_transfer() (docs/decisions/0019).
///
/// What it accepts libcurl and git read alike; what programs read differently is refused (RFC 3986, less all that is
/// ambiguous): one "@" at most, before the host; a host that is a plain name or an address; a port from 1 to 65535; no
/// fragment, no control character, not even as %XX; %XX for each sign that RFC 3986 does not allow in a user or password.
class Url {
public:
    static constexpr std::size_t longest = 4000;

    /// None at all: "" in a configuration.
    Url() = default;
    /// "" is none. @throws Error url.invalid (permanent), which quotes nothing of the text
    Url(std::string_view text);                                    // NOLINT(google-explicit-constructor): text is what
    Url(const std::string& text) : Url(std::string_view(text)) {}  // NOLINT(google-explicit-constructor): it comes as
    Url(const char* text) : Url(std::string_view(text)) {}         // NOLINT(google-explicit-constructor)

    /// Returns nullopt if the text is refused or empty.
    static std::optional<Url> parse(std::string_view text);
    /// Why parse() refuses it, such as "its port is no number"; quotes nothing of the text. Returns nullopt if it does not.
    static std::optional<std::string> why_refused(std::string_view text);
    /// "file:///srv/a%20b" of an absolute path.
    static Url of_file(const std::filesystem::path& path);

    [[nodiscard]] bool empty() const { return text_.empty(); }
    [[nodiscard]] const std::string& scheme() const { return scheme_; }  ///< "https"
    [[nodiscard]] const std::string& host() const { return host_; }      ///< as written, without brackets; "" of a file
    [[nodiscard]] int port() const;                ///< the scheme's where none is written; 0: none
    [[nodiscard]] std::string path() const;        ///< as written, "/" at least
    [[nodiscard]] std::string target() const;      ///< path and query, as an HTTP request names them
    [[nodiscard]] std::string plain_path() const;  ///< %XX undone, as git has it of files, ssh and its own protocol
    [[nodiscard]] std::string host_to_connect() const;  ///< the zone of an IPv6 address as the system writes it
    [[nodiscard]] bool has_query() const { return has_query_; }

    /// True if a user or a password stands in it.
    [[nodiscard]] bool has_credentials() const { return !user_.empty() || !password_.empty(); }
    /// True if they would go over the network in clear. A user alone is no secret to ssh.
    [[nodiscard]] bool exposes_credentials() const;

    /// "https://host:8443": of a URL what is never a secret.
    [[nodiscard]] std::string server() const;
    /// server(), path, and "?…" in place of a query, which may hold a token.
    [[nodiscard]] std::string shown() const;
    /// "host:443", in lower case, the scheme's port where none is written: what credentials are for.
    [[nodiscard]] std::string host_and_port() const;
    /// The same server by the same scheme.
    [[nodiscard]] bool is_same_server(const Url& other) const;

    [[nodiscard]] Url without_credentials() const;
    /// Of all but the credentials, and the same from release to release: what is kept by URL is found by it.
    [[nodiscard]] std::uint64_t hash_without_credentials() const;
    /// This one's credentials in `other`, instead of those there.
    [[nodiscard]] Url with_credentials_in(const Url& other) const;
    /// `path` (from "/" on) below this one's, and `query` added to its query.
    [[nodiscard]] Url below(std::string_view path, std::string_view query = "") const;
    /// The same server and credentials, with another path (from "/" on) and query. @throws Error url.invalid
    [[nodiscard]] Url with_target(std::string_view target) const;

    /// The whole, for a request that goes to the server, or to a child's standard input; nowhere else.
    [[nodiscard]] const std::string& for_transfer() const { return text_; }
    [[nodiscard]] const std::string& user_for_transfer() const { return user_; }          ///< %XX undone
    [[nodiscard]] const std::string& password_for_transfer() const { return password_; }  ///< %XX undone
    /// What must not be shown of it: user, password, and each value of the query.
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

/// A text with URLs in it, without the users and passwords that they may carry: for what programs and servers say. A URL of
/// our own has shown().
std::string without_credentials(std::string_view text);

}  // namespace bootwright
