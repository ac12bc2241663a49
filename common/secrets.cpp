#include "common/secrets.hpp"

#include "common/text.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace bootwright {

namespace {

constexpr std::size_t shortest = 6;  // a shorter word would blot out innocent text

void collect(const Json& json, std::vector<std::string>& secrets) {
    if (json.is_string() && json.get_ref<const std::string&>().size() >= shortest) {
        secrets.push_back(json.get<std::string>());
    }
    for (const Json& item : json.is_structured() ? json : Json::array()) {
        collect(item, secrets);
    }
}

/// Longer ones first, so that one that begins like another is cut out whole.
std::vector<std::string> written_forms(const std::vector<std::string>& secrets) {
    std::vector<std::string> forms = secrets;
    for (const std::string& secret : secrets) {
        const std::string quoted = to_line(secret);
        forms.push_back(quoted.substr(1, quoted.size() - 2));
        for (const std::string& line : split(secret, '\n')) {
            if (line.size() >= shortest && line.size() < secret.size()) {
                forms.push_back(line);
            }
        }
    }
    std::sort(forms.begin(), forms.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
    return forms;
}

}  // namespace

std::vector<std::string> secrets_in(const Json& json) {
    std::vector<std::string> secrets;
    collect(json, secrets);
    return secrets;
}

std::string without_secrets(std::string text, const std::vector<std::string>& secrets) {
    constexpr std::string_view mark = "[redacted]";
    for (const std::string& secret : written_forms(secrets)) {
        for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at + mark.size())) {
            text.replace(at, secret.size(), mark);
        }
    }
    return text;
}

}  // namespace bootwright
