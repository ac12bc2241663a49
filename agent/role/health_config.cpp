#include "agent/role/health_config.hpp"

#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/net/tcp.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace bootwright {

namespace {

using Kind = HealthCheck::Kind;

/// In the order of Kind.
constexpr std::array<const char*, 4> kind_names{"unit", "tcp", "http", "command"};

/// systemd.unit(5), "Description", without what is a pattern to systemctl.
bool is_unit(std::string_view text) { return is_made_of(text, ":-_.\\@", 255) && text.front() != '-'; }

bool is_one_line(const std::string& text, std::size_t longest) {
    return !text.empty() && text.size() <= longest && printable(text) == text;
}

Url read_url(const std::string& text, const ObjectReader& reader) {
    if (text.starts_with("https://")) {
        throw reader.error("http", "https is not spoken here",
                           R"(ask a port that speaks plain http, or write "command": ["/usr/bin/curl", "-fsS", …])");
    }
    const auto url = Url::parse(text);
    if (!url || url->scheme() != "http") {
        throw reader.error("http", "expected an http URL: " + Url::why_refused(text).value_or("its scheme is another"),
                           R"(write it like "http://127.0.0.1/healthz")");
    }
    if (url->has_credentials()) {
        throw reader.error("http", "what a check asks for is shown to everybody, so credentials do not belong into it",
                           "leave them out, or write a `command` that reads them from a file");
    }
    return *url;
}

void check_command(const std::vector<std::string>& command, const ObjectReader& reader) {
    const bool is_usable = std::all_of(command.begin(), command.end(), [](const std::string& word) {
        return word.size() <= 4096 && word.find('\0') == std::string::npos;
    });
    if (command.empty() || command.size() > 100 || !command.front().starts_with('/') || !is_usable) {
        throw reader.error("command", "expected a program's absolute path and its arguments",
                           R"(write it like ["/usr/bin/test", "-e", "/srv/ready"]; there is no shell)");
    }
}

/// What the check asks for, if it is of this kind.
std::optional<HealthCheck> read_kind(ObjectReader& reader, Kind kind) {
    const char* key = kind_names.at(static_cast<std::size_t>(kind));
    HealthCheck check{.kind = kind};
    std::string shown;
    if (kind == Kind::command) {
        const auto command = reader.strings(key);
        if (!command) {
            return std::nullopt;
        }
        check_command(*command, reader);
        check.command = *command;
        check.target = shown = command->front();
    } else {
        const auto target = reader.string(key);
        if (!target) {
            return std::nullopt;
        }
        if (kind == Kind::http) {
            check.url = read_url(*target, reader);
        } else {
            check.target = *target;
        }
        shown = kind == Kind::http ? check.url.shown() : check.target;
    }
    check.name = std::string(key) + " " + shown;
    return check;
}

void check_target(const HealthCheck& check, const ObjectReader& reader) {
    if (check.kind == Kind::unit && !is_unit(check.target)) {
        throw reader.error("unit", "not the name of a unit", R"(write it like "nginx.service")");
    }
    if (check.kind == Kind::tcp && !parse_tcp_place(check.target)) {
        throw reader.error("tcp", "expected a host and a port", R"(write it like "127.0.0.1:80" or "[::1]:80")");
    }
}

HealthCheck read_check(const ObjectReader& list, ObjectReader reader) {
    std::vector<HealthCheck> found;
    for (const Kind kind : {Kind::unit, Kind::tcp, Kind::http, Kind::command}) {
        if (auto check = read_kind(reader, kind)) {
            found.push_back(std::move(*check));
        }
    }
    const auto name = reader.string("name");
    const auto status = reader.integer("status", 100, 599);
    reader.finish();
    const std::string advice = "write one of " + joined({kind_names.begin(), kind_names.end()}, ", ");
    if (found.empty()) {
        throw list.error("checks", "a list entry asks for nothing", advice);
    }
    if (found.size() > 1) {
        throw reader.error(kind_names.at(static_cast<std::size_t>(found[1].kind)), "a check asks for one thing only",
                           advice);
    }
    HealthCheck check = std::move(found.front());
    check_target(check, reader);
    if (status && check.kind != Kind::http) {
        throw reader.error("status", "belongs to `http`, and only to it", "remove this key");
    }
    if (name && !is_one_line(*name, 100)) {
        throw reader.error("name", "expected a short line", R"(write a name such as "the shop")");
    }
    check.status = status.value_or(0);
    check.name = name.value_or(check.name);
    return check;
}

}  // namespace

std::vector<HealthCheck> read_health_checks(ObjectReader& health) {
    constexpr std::size_t most_checks = 50;
    std::vector<HealthCheck> checks;
    for (const ObjectReader& entry : health.objects("checks").value_or(std::vector<ObjectReader>{})) {
        checks.push_back(read_check(health, entry));
    }
    if (checks.size() > most_checks) {
        throw health.error("checks", "more than " + std::to_string(most_checks) + " of them", "leave some out");
    }
    return checks;
}

}  // namespace bootwright
