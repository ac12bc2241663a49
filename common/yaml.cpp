#include "common/yaml.hpp"

#include <yaml-cpp/yaml.h>

#include <charconv>
#include <string>
#include <string_view>
#include <system_error>

namespace bootwright {

namespace {

struct TooLarge {};

template <typename Number>
std::optional<Number> whole_number(std::string_view text) {
    Number number{};
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
    return status == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

Json scalar(const YAML::Node& node, YamlScalars scalars) {
    const std::string& text = node.Scalar();
    // yaml-cpp tags a quoted scalar "!": that is a string whatever it looks like.
    if (node.Tag() == "!" || node.Tag() == "tag:yaml.org,2002:str") {
        return text;
    }
    if (text.empty() || text == "~" || text == "null") {
        return nullptr;
    }
    if (scalars == YamlScalars::as_written) {
        return text;
    }
    if (text == "true" || text == "false") {
        return text == "true";
    }
    if (const auto integer = whole_number<std::int64_t>(text)) {
        return *integer;
    }
    // from_chars also reads "nan(1)" and "infinity".
    const bool has_digits_only = text.find_first_not_of("0123456789+-.eE") == std::string::npos;
    if (const auto real = whole_number<double>(text); real && has_digits_only) {
        return *real;
    }
    return text;
}

Json convert(const YAML::Node& node, YamlScalars scalars, int depth, int& budget) {
    constexpr int deepest_level = 32;
    if (depth > deepest_level || --budget < 0) {
        throw TooLarge{};
    }
    switch (node.Type()) {
        case YAML::NodeType::Scalar: return scalar(node, scalars);
        case YAML::NodeType::Sequence: {
            Json list = Json::array();
            for (const auto& item : node) {
                list.push_back(convert(item, scalars, depth + 1, budget));
            }
            return list;
        }
        case YAML::NodeType::Map: {
            Json object = Json::object();
            for (const auto& entry : node) {
                object[entry.first.Scalar()] = convert(entry.second, scalars, depth + 1, budget);
            }
            return object;
        }
        case YAML::NodeType::Undefined:
        case YAML::NodeType::Null: return nullptr;
    }
    return nullptr;
}

}  // namespace

std::optional<Json> parse_yaml(const std::string& text, YamlScalars scalars) {
    int budget = 100'000;
    try {
        return convert(YAML::Load(text), scalars, 0, budget);
    } catch (const YAML::Exception&) {
        return std::nullopt;
    } catch (const TooLarge&) {
        return std::nullopt;
    }
}

}  // namespace bootwright
