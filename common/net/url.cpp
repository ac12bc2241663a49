#include "common/net/url.hpp"

#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/registered.hpp"
#include "common/base/text.hpp"
#include "common/net/host_port.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace bootwright {

namespace {

struct Scheme {
    std::string_view name;
    int port;  // 0: the host is no server's name
};
constexpr std::array<Scheme, 9> schemes{{{"https", 443},
                                         {"http", 80},
                                         {"ssh", 22},
                                         {"git", 9418},
                                         {"file", 0},
                                         {"socks4", 1080},
                                         {"socks4a", 1080},
                                         {"socks5", 1080},
                                         {"socks5h", 1080}}};

/// Returns nullopt for an unknown scheme.
std::optional<int> usual_port(std::string_view name) {
    const auto has_name = [&](const auto& one) { return one.name == name; };
    if (const auto* found = std::find_if(schemes.begin(), schemes.end(), has_name); found != schemes.end()) {
        return found->port;
    }
    const auto& others = Registered<UrlScheme>::all();
    const bool is_other = std::any_of(others.begin(), others.end(), [&](const auto* one) { return has_name(*one); });
    return is_other ? std::optional(0) : std::nullopt;
}

bool is_control(int byte) { return byte < 0x20 || byte == 0x7F; }

/// git once handed "%0a" of a URL decoded to its credential helpers (CVE-2020-5260): nobody needs such a byte.
std::string why_signs_are_refused(std::string_view text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (c <= ' ' || c >= '\x7F' || c == '\\') {
            return "it holds a space, a backslash, a control character or one beyond ASCII";
        }
        if (c == '#') {
            return "it holds a \"#\", which has to be written as %23";
        }
        if (c == '%' && percent_encoded_byte(text, at) < 0) {
            return "it holds a \"%\" without two hexadecimal digits; the sign itself is %25";
        }
        if (c == '%' && is_control(percent_encoded_byte(text, at))) {
            return "it holds a control character";
        }
    }
    return "";
}

/// RFC 3986, section 3.2.1.
bool is_userinfo(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return is_alphanumeric(c) || std::string_view("-._~%!$&'()*+,;=:").find(c) != std::string_view::npos;
    });
}

/// An IPv4 address in four decimal numbers. Others take "127.1", "0x7f.0.0.1" and "2130706433" for one too.
bool is_ipv4(const std::string& host) {
    in_addr address{};
    return inet_pton(AF_INET, host.c_str(), &address) == 1;
}

bool may_be_taken_for_ipv4(std::string_view host) {
    const std::string_view last = host.substr(host.rfind('.') + 1);
    const bool is_number = last.find_first_not_of("0123456789") == std::string_view::npos;
    return is_number || last.starts_with("0x") || last.starts_with("0X");
}

bool is_ipv6(std::string_view text) {
    const std::size_t zone = std::min(text.find('%'), text.size());
    in6_addr address{};
    if (inet_pton(AF_INET6, std::string(text.substr(0, zone)).c_str(), &address) != 1) {
        return false;
    }
    // RFC 6874: "%25" and the name of an interface.
    constexpr std::size_t longest_zone = 15;
    return zone == text.size() ||
           (text.substr(zone).starts_with("%25") && is_made_of(text.substr(zone + 3), "-._~", longest_zone));
}

bool is_name_of_host(std::string_view host) {
    constexpr std::size_t longest_name = 253;
    const auto labels = split(host, '.');
    return is_made_of(host, "-._", longest_name) && host.front() != '-' &&
           std::none_of(labels.begin(), labels.end(), [](const std::string& label) { return label.empty(); });
}

}  // namespace

Url::Url(std::string_view text) {
    if (const std::string why = text.empty() ? "" : read(text); !why.empty()) {
        throw permanent_error("url.invalid", "a URL is refused: " + why,
                              "write it like https://git.example.com/puppet.git; in a user or password write each sign "
                              "that is no letter and no digit as %XX");
    }
}

std::optional<Url> Url::parse(std::string_view text) {
    Url url;
    return !text.empty() && url.read(text).empty() ? std::optional(std::move(url)) : std::nullopt;
}

std::optional<std::string> Url::why_refused(std::string_view text) {
    Url url;
    std::string why = text.empty() ? "it is empty" : url.read(text);
    return why.empty() ? std::nullopt : std::optional(std::move(why));
}

Url Url::of_file(const std::filesystem::path& path) {
    return {"file://" + percent_encoded(path.string(), "/-._~+,=:")};
}

std::string Url::read(std::string_view text) {
    if (text.size() > longest) {
        return "it is longer than " + std::to_string(longest) + " bytes";
    }
    if (std::string why = why_signs_are_refused(text); !why.empty()) {
        return why;
    }
    const std::size_t sign = text.find("://");
    if (sign == std::string_view::npos || !usual_port(text.substr(0, sign))) {
        return "it does not begin with a scheme that is known here, such as https://";
    }
    scheme_ = text.substr(0, sign);
    text_ = text;
    std::string_view rest = text.substr(sign + 3);
    const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
    const std::string_view authority = rest.substr(0, end);
    rest.remove_prefix(end);
    if (rest.find('@') != std::string_view::npos && scheme_ != "file") {
        return "it holds an \"@\" behind the host: in a user or password write \"/\" as %2F, \"?\" as %3F, and an "
               "\"@\" as "
               "%40 wherever it is";
    }
    const std::size_t question = rest.find('?');
    has_query_ = question != std::string_view::npos;
    path_ = rest.substr(0, question);
    query_ = has_query_ ? rest.substr(question + 1) : "";
    if (scheme_ == "file") {
        return !authority.empty() || has_query_ || path_.size() < 2 ? "a file URL is file:/// and a path" : "";
    }
    if (has_query_ && (scheme_ == "ssh" || scheme_ == "git")) {
        return "it holds a \"?\", which has to be written as %3F";
    }
    return read_authority(authority);
}

std::string Url::read_authority(std::string_view authority) {
    const std::size_t at = authority.find('@');
    if (at != std::string_view::npos) {
        userinfo_ = authority.substr(0, at);
        authority.remove_prefix(at + 1);
        if (authority.find('@') != std::string_view::npos || !is_userinfo(userinfo_)) {
            return "its user or password holds a sign that has to be written as %XX";
        }
        const std::size_t colon = userinfo_.find(':');
        user_ = percent_decoded(userinfo_.substr(0, colon));
        password_ = colon == std::string::npos ? "" : percent_decoded(userinfo_.substr(colon + 1));
    }
    if (scheme_ == "ssh" && !user_.empty() && !is_name_of_host(user_)) {
        return "its user is no plain name";  // ssh would take "-oX" for an option
    }
    const auto split = split_host_port(authority);
    if (!split) {
        return "its \"[\" has no \"]\"";
    }
    if (split->is_bracketed ? !is_ipv6(split->host) : !is_name_of_host(split->host)) {
        return "it names no plain host";
    }
    host_ = split->host;
    if (!split->is_bracketed && usual_port(scheme_).value_or(0) != 0 && may_be_taken_for_ipv4(host_) &&
        !is_ipv4(host_)) {
        return "its host is no address that all programs read alike: write four decimal numbers";
    }
    port_ = split->port;
    if (!port_.empty() && usual_port(scheme_) == 0) {
        return "what it names is no server, and has no port";
    }
    return port_.empty() || port_number(port_) ? "" : "its port is no number from 1 to 65535";
}

int Url::port() const { return port_number(port_).value_or(usual_port(scheme_).value_or(0)); }

std::string Url::path() const { return path_.empty() ? "/" : path_; }

std::string Url::target() const { return path() + (has_query_ ? "?" + query_ : ""); }

std::string Url::plain_path() const { return percent_decoded(path_); }

std::string Url::host_to_connect() const {
    std::string host = host_;
    if (const std::size_t zone = host.find("%25"); zone != std::string::npos) {
        host.replace(zone, 3, "%");
    }
    return host;
}

bool Url::exposes_credentials() const {
    return has_credentials() && scheme_ != "https" && !(scheme_ == "ssh" && password_.empty());
}

std::string Url::server() const { return empty() ? "" : scheme_ + "://" + host_in_brackets(host_) + port_; }

std::string Url::shown() const { return server() + path_ + (has_query_ ? "?…" : ""); }

std::string Url::host_and_port() const {
    return lower(host_in_brackets(host_)) + (port() == 0 ? "" : ":" + std::to_string(port()));
}

bool Url::is_same_server(const Url& other) const {
    return scheme_ == other.scheme_ && host_and_port() == other.host_and_port();
}

std::string Url::with_userinfo(std::string_view userinfo) const {
    const std::string server = this->server();
    const std::size_t host = scheme_.size() + 3;
    return server.substr(0, host) + std::string(userinfo) + (userinfo.empty() ? "" : "@") + server.substr(host) +
           path_ + (has_query_ ? "?" + query_ : "");
}

Url Url::without_credentials() const { return empty() ? Url() : Url(with_userinfo("")); }

std::uint64_t Url::hash_without_credentials() const { return hash_of(without_credentials().text_); }

Url Url::with_credentials_in(const Url& other) const { return {other.with_userinfo(userinfo_)}; }

Url Url::below(std::string_view path, std::string_view query) const {
    Url longer = *this;
    longer.path_.resize(path_.find_last_not_of('/') + 1);
    longer.path_ += path;
    longer.query_ += (query_.empty() || query.empty() ? "" : "&") + std::string(query);
    longer.has_query_ = !longer.query_.empty();
    return {longer.with_userinfo(userinfo_)};
}

Url Url::with_target(std::string_view target) const {
    Url bare = *this;
    bare.path_.clear();
    bare.query_.clear();
    bare.has_query_ = false;
    return {bare.with_userinfo(userinfo_) + (target.starts_with('/') ? "" : "/") + std::string(target)};
}

std::vector<std::string> Url::secrets() const {
    std::vector<std::string> secrets{user_, password_};
    for (const std::string& parameter : split(query_, '&')) {
        secrets.push_back(percent_decoded(parameter.substr(parameter.find('=') + 1)));
    }
    secrets.erase(std::remove(secrets.begin(), secrets.end(), ""), secrets.end());
    return secrets;
}

std::string without_credentials(std::string_view text) {
    constexpr std::string_view sign = "://";
    std::string result;
    for (std::size_t found = text.find(sign); found != std::string_view::npos; found = text.find(sign)) {
        std::size_t begin = found;
        while (begin > 0 && (is_alphanumeric(text[begin - 1]) || text[begin - 1] == '+')) {
            --begin;
        }
        const std::size_t end = std::min(text.find_first_of(" \t\r\n\"<>", found), text.size());
        const std::string_view written = text.substr(begin, end - begin);
        const auto url = Url::parse(written);
        const bool may_hold_one = written.find_first_of("@?#:", found - begin + sign.size()) != std::string_view::npos;
        result += text.substr(0, begin);
        result += url            ? url->shown()
                  : may_hold_one ? std::string(text.substr(begin, found + sign.size() - begin)) + "[redacted]"
                                 : std::string(written);
        text.remove_prefix(end);
    }
    return result + std::string(text);
}

}  // namespace bootwright
