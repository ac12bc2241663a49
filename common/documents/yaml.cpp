#include "common/documents/yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "common/base/error.hpp"

#include <charconv>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

namespace bootwright {

namespace {

/// Why a document is refused, and where.
struct Refused {
    TextPlace place{};
    const char* why = "";
};

TextPlace place_of(const YAML::Mark& mark) {
    return mark.is_null()
               ? TextPlace{1, 1}
               : TextPlace{static_cast<std::size_t>(mark.line) + 1, static_cast<std::size_t>(mark.column) + 1};
}

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

/// YAML to JSON, node by node. If `places` is given, reads strictly, and notes where each value begins.
class Converter {
    static constexpr std::size_t value_cost = 160;  // bytes that a value takes at least, however short it is

public:
    explicit Converter(YamlScalars scalars, std::map<JsonDocument::Path, TextPlace>* places = nullptr)
        : scalars_(scalars), places_(places) {}

    Json convert(const YAML::Node& node) {
        constexpr std::size_t deepest_level = 32;
        const std::size_t cost = value_cost + (node.IsScalar() ? node.Scalar().size() : 0);
        if (path_.size() > deepest_level || cost > budget_) {
            throw Refused{place_of(node.Mark()), "too many levels, or too large once aliases are followed"};
        }
        budget_ -= cost;
        if (places_ != nullptr) {
            places_->emplace(path_, place_of(node.Mark()));
            check_tag(node);
        }
        switch (node.Type()) {
            case YAML::NodeType::Scalar: return scalar(node, scalars_);
            case YAML::NodeType::Sequence: return convert_sequence(node);
            case YAML::NodeType::Map: return convert_map(node);
            case YAML::NodeType::Undefined:
            case YAML::NodeType::Null: return nullptr;
        }
        return nullptr;
    }

    /// Converts only what is at `key` of a mapping; converts a document that is no mapping as it is.
    Json convert_key(const YAML::Node& node, const std::string& key) {
        Json object = Json::object();
        if (!node.IsMap()) {
            return node.IsNull() ? object : convert(node);
        }
        for (const auto& entry : node) {
            if (entry.first.IsScalar() && entry.first.Scalar() == key) {
                convert_entry(object, entry.first, entry.second);
            }
        }
        return object;
    }

    /// Converts a list of somebody else's: an item that breaks our rules becomes null.
    Json convert_items(const YAML::Node& node) {
        if (!node.IsSequence()) {
            return convert(node);
        }
        Json list = Json::array();
        for (const auto& item : node) {
            path_ = {std::to_string(list.size())};
            try {
                list.push_back(convert(item));
            } catch (const Refused&) {
                list.push_back(nullptr);
            }
        }
        return list;
    }

private:
    static void check_tag(const YAML::Node& node) {
        const std::string& tag = node.Tag();  // "?" and "!": none
        if (!tag.empty() && tag != "?" && tag != "!" && !tag.starts_with("tag:yaml.org,2002:str")) {
            throw Refused{place_of(node.Mark()), "a tag, which means nothing here"};
        }
    }

    Json convert_sequence(const YAML::Node& node) {
        Json list = Json::array();
        for (const auto& item : node) {
            path_.push_back(std::to_string(list.size()));
            list.push_back(convert(item));
            path_.pop_back();
        }
        return list;
    }

    Json convert_map(const YAML::Node& node) {
        Json object = Json::object();
        for (const auto& entry : node) {
            convert_entry(object, entry.first, entry.second);
        }
        return object;
    }

    void convert_entry(Json& object, const YAML::Node& name, const YAML::Node& value) {
        const std::string& key = name.Scalar();
        const bool is_plain = name.IsScalar() && !object.contains(key);
        if (places_ != nullptr && !is_plain) {
            throw Refused{place_of(name.Mark()), "a key that stands there twice, or is no plain word"};
        }
        path_.push_back(key);
        object[key] = convert(value);
        if (places_ != nullptr) {  // a value may begin on a later line; people look for the key
            (*places_)[path_] = place_of(name.Mark());
        }
        path_.pop_back();
    }

    YamlScalars scalars_;
    std::map<JsonDocument::Path, TextPlace>* places_;
    JsonDocument::Path path_{};
    std::size_t budget_ = std::size_t{16} << 20U;
};

/// Notes where a document begins, and nothing else of it.
class Listener : public YAML::EventHandler {
public:
    void OnDocumentStart(const YAML::Mark& mark) override { place = place_of(mark); }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
    void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
    void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
    void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
    void OnSequenceEnd() override {}
    void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
    void OnMapEnd() override {}

    TextPlace place{};
};

/// yaml-cpp reads the first document and is silent about others; PyYAML's safe_load, and with it cloud-init, refuses them.
YAML::Node load_only_document(const std::string& text) {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    Listener listener;
    if (parser.HandleNextDocument(listener) && parser.HandleNextDocument(listener)) {
        throw Refused{listener.place, "a second YAML document begins: only one is read"};
    }
    return YAML::Load(text);
}

}  // namespace

std::optional<Json> parse_yaml(const std::string& text, YamlScalars scalars) {
    try {
        return std::optional(Converter(scalars).convert(load_only_document(text)));
    } catch (const YAML::Exception&) {
        return std::nullopt;
    } catch (const Refused&) {
        return std::nullopt;
    }
}

namespace {

using Convert = std::function<Json(Converter&, const YAML::Node&)>;

JsonDocument parse(const std::string& text, std::string origin, std::string error_code, Json::value_t top,
                   const Convert& convert) {
    JsonDocument document{std::move(origin), std::move(error_code), "", {}, {}, {}};
    const auto refuse = [&](const TextPlace& place, const std::string& why) {
        return document.mistake(place, "", why, "correct the YAML, or write JSON");
    };
    try {
        Converter converter(YamlScalars::typed, &document.places);
        document.root = convert(converter, load_only_document(text));
    } catch (const YAML::Exception& error) {  // its message may quote the text
        throw refuse(place_of(error.mark), "not valid YAML");
    } catch (const Refused& refused) {
        throw refuse(refused.place, refused.why);
    }
    if (document.root.type() != top) {
        const std::string wanted = top == Json::value_t::array ? "a list" : "a JSON object or a YAML mapping";
        throw refuse({1, 1}, "the top level must be " + wanted + ", but it is " + document.root.type_name());
    }
    return document;
}

}  // namespace

JsonDocument parse_yaml_document(const std::string& text, std::string origin, std::string error_code) {
    return parse(text, std::move(origin), std::move(error_code), Json::value_t::object,
                 [](Converter& converter, const YAML::Node& node) { return converter.convert(node); });
}

JsonDocument parse_yaml_key(const std::string& text, const std::string& key, std::string origin,
                            std::string error_code) {
    return parse(text, std::move(origin), std::move(error_code), Json::value_t::object,
                 [&](Converter& converter, const YAML::Node& node) { return converter.convert_key(node, key); });
}

JsonDocument parse_yaml_list(const std::string& text, std::string origin, std::string error_code) {
    return parse(text, std::move(origin), std::move(error_code), Json::value_t::array,
                 [](Converter& converter, const YAML::Node& node) { return converter.convert_items(node); });
}

}  // namespace bootwright
