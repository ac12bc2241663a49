// A program of the image's or of the control repository's, run as root.

#include "agent/health/checks.hpp"

#include <algorithm>

namespace bootwright {

namespace {

constexpr std::size_t longest_word = 4096;
constexpr std::size_t most_words = 100;

bool is_usable(const std::vector<std::string>& command) {
    return !command.empty() && command.size() <= most_words && command.front().starts_with('/') &&
           std::all_of(command.begin(), command.end(), [](const std::string& word) {
               return word.size() <= longest_word && word.find('\0') == std::string::npos;
           });
}

std::optional<HealthCheck> read(ObjectReader& entry) {
    const auto command = entry.strings("command");
    if (!command) {
        return std::nullopt;
    }
    if (!is_usable(*command)) {
        throw entry.error("command", "expected a program's absolute path and its arguments",
                          R"(write it like ["/usr/bin/test", "-e", "/srv/ready"]; there is no shell)");
    }
    return HealthCheck{.name = "command " + command->front(),
                       .longest_look = std::chrono::seconds(30),  // it may be a test of some length
                       .look = [command = *command](const HealthTools& tools) { return tools.run(command); }};
}

const HealthCheckKind command_check{
    .key = "command",
    .properties =
        [] {
            return std::vector<SchemaProperty>{
                {"command", list_schema(text_schema("", longest_word),
                                        R"("prefixItems": [{"pattern": "^/"}], "minItems": 1, "maxItems": )" +
                                            std::to_string(most_words))}};
        },
    .guard = "a program as root",
    .read = read};
const Registered<HealthCheckKind> registered(command_check);

}  // namespace

}  // namespace bootwright
