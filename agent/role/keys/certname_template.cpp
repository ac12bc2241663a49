#include "agent/role/keys/certname_template.hpp"

namespace bootwright {

namespace {

bool is_word(std::string_view word) {
    constexpr std::string_view tag = "tag.";
    return word == "id" || word == "hostname" || word == "fqdn" || word == "role" ||
           (word.starts_with(tag) && word.size() > tag.size());
}

}  // namespace

std::optional<std::string> fill_certname(std::string_view pattern,
                                         const std::function<std::string(std::string_view word)>& value_of) {
    constexpr std::string_view opening = "%{";
    std::string name;
    for (std::size_t begin = pattern.find(opening); begin != std::string_view::npos; begin = pattern.find(opening)) {
        const std::size_t end = pattern.find('}', begin);
        const std::string_view word =
            end == std::string_view::npos ? "" : pattern.substr(begin + opening.size(), end - begin - opening.size());
        if (!is_word(word)) {
            return std::nullopt;
        }
        name.append(pattern.substr(0, begin)).append(value_of(word));
        pattern.remove_prefix(end + 1);
    }
    return name.append(pattern);
}

}  // namespace bootwright
