#include "common/documents/json.hpp"

#include "common/base/encoding.hpp"
#include "common/base/text.hpp"
#include "common/documents/duration.hpp"

#include <algorithm>
#include <set>

template class nlohmann::basic_json<>;

namespace bootwright {

namespace {

constexpr int deepest_level = 32;

std::size_t line_at(std::string_view text, std::size_t offset) {
    return 1 + static_cast<std::size_t>(std::count(
                   text.begin(), text.begin() + static_cast<std::ptrdiff_t>(std::min(offset, text.size())), '\n'));
}

/// nlohmann's own words for a syntax error, without its prefix and without all that follows the text that it last read:
/// that text may be a part of a secret.
std::string syntax_problem(const std::string& what) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while parsing value - unexpected
    // …". For an empty text, nlohmann 3.11.3 writes no dash.
    const std::size_t dash = what.find(" - ");
    const std::string problem = what.substr(dash == std::string::npos ? what.find(": ") + 2 : dash + 3);
    return problem.substr(0, problem.find("; last read: "));
}

/// A key as an error names it: a hostile one may be long.
std::string shown_key(const std::string& key) {
    constexpr std::size_t longest = 80;
    return shortened(key, longest);
}

/// Refuses what nlohmann would let through: deep nesting, and duplicate keys, of which the last would silently win.
class StrictnessCheck {
public:
    bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
        if (depth > deepest_level) {
            problem = "more than " + std::to_string(deepest_level) + " levels of nesting";
        } else if (event == Json::parse_event_t::object_start) {
            keys_.emplace_back();
        } else if (event == Json::parse_event_t::object_end) {
            keys_.pop_back();
        } else if (event == Json::parse_event_t::key && !keys_.back().insert(parsed.get<std::string>()).second) {
            problem = "the key \"" + shown_key(parsed.get<std::string>()) + "\" stands there twice";
        }
        if (!problem.empty()) {
            throw Refused{};
        }
        return true;
    }
    struct Refused {};
    std::string problem;

private:
    std::vector<std::set<std::string>> keys_;
};

/// Walks valid JSON text to the value at a path. It skips; it does not check.
class Locator {
public:
    explicit Locator(std::string_view text) : text_(text) {}

    std::size_t find(const std::vector<std::string>& path) {
        skip_space();
        for (const std::string& step : path) {
            if (!enter(step)) {
                return std::string_view::npos;
            }
        }
        return position_;
    }

private:
    [[nodiscard]] char peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }
    void skip_space() { position_ = std::min(text_.find_first_not_of(" \t\r\n,:", position_), text_.size()); }

    bool enter(const std::string& step) {
        const char opening = peek();
        const char closing = opening == '{' ? '}' : ']';
        if (opening != '{' && opening != '[') {
            return false;
        }
        ++position_;
        for (std::size_t index = 0;; ++index) {
            skip_space();
            if (peek() == closing || peek() == '\0') {
                return false;
            }
            const std::string name = opening == '{' ? read_key() : std::to_string(index);
            skip_space();
            if (name == step) {
                return true;
            }
            skip_value();
        }
    }

    std::string read_key() {
        const std::size_t begin = position_;
        skip_string();
        const Json key = parse_json(text_.substr(begin, position_ - begin));
        return key.is_string() ? key.get<std::string>() : "";
    }

    void skip_string() {
        for (++position_; position_ < text_.size() && text_[position_] != '"'; ++position_) {
            position_ += text_[position_] == '\\' ? 1U : 0U;
        }
        ++position_;
    }

    void skip_value() {
        int depth = 0;
        do {
            const char c = peek();
            if (c == '"') {
                skip_string();
            } else if (c == '{' || c == '[') {
                ++depth;
                ++position_;
            } else if (c == '}' || c == ']') {
                --depth;
                ++position_;
            } else {
                position_ = std::min(text_.find_first_of(" \t\r\n,:{}[]\"", position_ + 1), text_.size());
            }
            if (depth > 0) {
                skip_space();
            }
        } while (depth > 0 && position_ < text_.size());
    }

    std::string_view text_;
    std::size_t position_ = 0;
};

}  // namespace

JsonDocument JsonDocument::parse(std::string text, std::string origin, std::string error_code) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    text.erase(0, text.starts_with(byte_order_mark) ? byte_order_mark.size() : 0);
    JsonDocument document{std::move(origin), std::move(error_code), std::move(text), {}, {}, {}};
    const auto refuse = [&](std::size_t byte, const std::string& why) {
        throw permanent_error(document.error_code,
                              document.origin + ":" + std::to_string(line_at(document.text, byte)) + ": " + why,
                              "correct the JSON (`jq . FILE` checks the syntax)");
    };
    StrictnessCheck check;
    try {
        document.root = Json::parse(document.text, std::ref(check));
    } catch (const StrictnessCheck::Refused&) {
        // nlohmann does not say where a callback threw; the key's first place is what a person looks for.
        throw permanent_error(document.error_code, document.origin + ": " + check.problem,
                              "keep one of them, or nest less");
    } catch (const Json::parse_error& error) {
        refuse(error.byte == 0 ? 0 : error.byte - 1, "not valid JSON: " + syntax_problem(error.what()));
    } catch (const Json::out_of_range&) {
        // Its message quotes the number, and does not say where it stands.
        throw permanent_error(document.error_code, document.origin + ": a number is too large",
                              "write a smaller number, or a string");
    }
    if (!document.root.is_object()) {
        refuse(0, "the top level must be a JSON object, but it is " + std::string(document.root.type_name()));
    }
    return document;
}

Error JsonDocument::error_at(const Path& path, const std::string& why, const std::string& advice) const {
    Path shown = above;
    shown.insert(shown.end(), path.begin(), path.end());
    const auto noted = lines.find(shown);
    const std::size_t line = noted != lines.end() ? noted->second : text.empty() ? 0 : line_of(text, path);
    std::transform(shown.begin(), shown.end(), shown.begin(), shown_key);
    const std::string place = origin + (line > 0 ? ":" + std::to_string(line) : "");
    return permanent_error(error_code, place + ": " + joined(shown, ".") + ": " + why, advice);
}

const Json* ObjectReader::find(const std::string& key, bool (Json::*is_right_type)() const noexcept,
                               const std::string& wanted) {
    known_.push_back(key);
    const auto found = object_->find(key);
    if (found == object_->end()) {
        return nullptr;
    }
    if (is_right_type != nullptr && !((*found).*is_right_type)()) {
        throw error(key, "expected " + wanted + ", but it is " + found->type_name(), "write " + wanted);
    }
    return &*found;
}

std::optional<std::string> ObjectReader::string(const std::string& key) {
    const Json* found = find(key, &Json::is_string, "a string");
    return found == nullptr ? std::nullopt : std::optional(found->get<std::string>());
}

std::optional<bool> ObjectReader::boolean(const std::string& key) {
    const Json* found = find(key, &Json::is_boolean, "true or false");
    return found == nullptr ? std::nullopt : std::optional(found->get<bool>());
}

std::optional<int> ObjectReader::integer(const std::string& key, int lowest, int highest) {
    const std::string wanted = "a whole number from " + std::to_string(lowest) + " to " + std::to_string(highest);
    const Json* found = find(key, &Json::is_number_integer, wanted);
    if (found == nullptr) {
        return std::nullopt;
    }
    // Compared as a double, since an unsigned value beyond 2^63 would wrap.
    if (found->get<double>() < lowest || found->get<double>() > highest) {
        throw error(key, "expected " + wanted + ", but it is " + found->dump(), "write " + wanted);
    }
    return found->get<int>();
}

std::optional<std::chrono::milliseconds> ObjectReader::duration(const std::string& key) {
    const std::string wanted = R"(a duration such as "30s", "5m" or "2h")";
    const Json* found = find(key, &Json::is_string, wanted);
    if (found == nullptr) {
        return std::nullopt;
    }
    const auto parsed = parse_duration(found->get_ref<const std::string&>());
    if (!parsed) {
        throw error(key, "expected " + wanted, "write a whole number and one of ms, s, m, h, d");
    }
    return parsed;
}

std::optional<std::chrono::milliseconds> ObjectReader::positive_duration(const std::string& key) {
    const auto value = duration(key);
    if (value && value->count() == 0) {
        throw error(key, "must be longer than nothing", R"(write a duration such as "30s")");
    }
    return value;
}

std::optional<std::size_t> ObjectReader::choice(const std::string& key, const std::vector<std::string>& words) {
    const auto value = string(key);
    if (!value) {
        return std::nullopt;
    }
    const auto found = std::find(words.begin(), words.end(), *value);
    if (found == words.end()) {
        throw error(key, "not one of its words", "write one of " + joined(words, ", "));
    }
    return static_cast<std::size_t>(found - words.begin());
}

std::optional<std::vector<std::string>> ObjectReader::strings(const std::string& key) {
    const std::string wanted = "a list of strings";
    const Json* found = find(key, &Json::is_array, wanted);
    if (found == nullptr) {
        return std::nullopt;
    }
    if (!std::all_of(found->begin(), found->end(), [](const Json& item) { return item.is_string(); })) {
        throw error(key, "expected " + wanted, "write " + wanted);
    }
    return found->get<std::vector<std::string>>();
}

std::optional<ObjectReader> ObjectReader::object(const std::string& key) {
    const Json* found = find(key, &Json::is_object, "an object");
    if (found == nullptr) {
        return std::nullopt;
    }
    auto path = path_;
    path.push_back(key);
    return ObjectReader(*document_, *found, std::move(path));
}

std::optional<std::vector<ObjectReader>> ObjectReader::objects(const std::string& key) {
    const std::string wanted = "a list of objects";
    const Json* found = find(key, &Json::is_array, wanted);
    if (found == nullptr) {
        return std::nullopt;
    }
    std::vector<ObjectReader> readers;
    for (const Json& item : *found) {
        if (!item.is_object()) {
            throw error(key, "expected " + wanted, "write " + wanted);
        }
        auto path = path_;
        path.insert(path.end(), {key, std::to_string(readers.size())});
        readers.push_back(ObjectReader(*document_, item, std::move(path)));
    }
    return readers;
}

void ObjectReader::finish() const {
    for (const auto& [key, unused] : object_->items()) {
        if (std::find(known_.begin(), known_.end(), key) != known_.end()) {
            continue;
        }
        const auto meant = nearest(key, known_);
        throw error(key, "unknown key",
                    meant ? "did you mean \"" + *meant + "\"?" : "known here: " + joined(known_, ", "));
    }
}

Error ObjectReader::error(const std::string& key, const std::string& why, const std::string& advice) const {
    auto path = path_;
    path.push_back(key);
    return document_->error_at(path, why, advice);
}

Json::json_pointer pointer_to(std::string_view key) {
    std::string pointer = "/" + std::string(key);
    std::replace(pointer.begin(), pointer.end(), '.', '/');
    return Json::json_pointer(pointer);
}

std::size_t line_of(std::string_view text, const std::vector<std::string>& path) {
    const std::size_t offset = Locator(text).find(path);
    return offset == std::string_view::npos ? 0 : line_at(text, offset);
}

Json to_json(const Error& error) {
    Json json{
        {"kind", to_string(error.kind)}, {"code", error.code}, {"message", error.message}, {"advice", error.advice}};
    if (error.retry_after) {
        json["retry_after_ms"] = std::max<long long>(error.retry_after->count(), 0);
    }
    return json;
}

Error error_from_json(const Json& json) {
    const std::string kind = string_at(json, "kind");
    const auto text_or = [&](const char* key, const char* otherwise) {
        const std::string text = string_at(json, key);
        return text.empty() ? otherwise : text;
    };
    Error error{kind == "permanent" ? ErrorKind::permanent
                : kind == "stopped" ? ErrorKind::stopped
                                    : ErrorKind::transient,
                text_or("code", "internal"), text_or("message", "an error without a message"),
                text_or("advice", "report this as a defect of bootwright")};
    if (const auto wish = number_at(json, "retry_after_ms"); wish > 0) {
        constexpr std::uint64_t a_day = 86'400'000;
        error.retry_after = std::chrono::milliseconds(std::min(wish, a_day));
    }
    return error;
}

Json parse_json(std::string_view text) {
    constexpr int deepest = 100;  // more than any program here writes, or any cloud answers
    struct TooDeep {};
    const auto check = [](int depth, Json::parse_event_t, const Json&) {
        if (depth > deepest) {
            throw TooDeep{};
        }
        return true;
    };
    try {
        return Json::parse(text, check, false);
    } catch (const TooDeep&) {
        return Json(Json::value_t::discarded);
    }
}

const Json& member_at(const Json& object, const char* key) {
    static const Json null;
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found == object.end() ? null : *found;
}

std::string string_at(const Json& object, const char* key) {
    const Json& member = member_at(object, key);
    return member.is_string() ? member.get<std::string>() : "";
}

std::uint64_t number_at(const Json& object, const char* key) {
    const Json& member = member_at(object, key);
    const bool is_natural =
        member.is_number_unsigned() || (member.is_number_integer() && member.get<std::int64_t>() > 0);
    return is_natural ? member.get<std::uint64_t>() : 0;
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

std::string to_line(const Json& json) {
    return printable_json(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string to_text(const Json& json) {
    return printable_json(json.dump(2, ' ', false, Json::error_handler_t::replace)) + "\n";
}

}  // namespace bootwright
