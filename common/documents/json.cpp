#include "common/documents/json.hpp"

#include "common/base/encoding.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <set>

template class nlohmann::basic_json<>;

namespace bootwright {

namespace {

constexpr int deepest_level = 32;

TextPlace place_at(std::string_view text, std::size_t offset) {
    const std::string_view before = text.substr(0, offset);
    return {.line = 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')),
            .column = before.size() - (before.rfind('\n') + 1) + 1};  // npos + 1 is 0
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
        using Event = Json::parse_event_t;
        if (event != Event::key && event != Event::object_end && event != Event::array_end && !around_.empty() &&
            around_.back().is_list) {
            ++around_.back().entries;
        }
        if (depth > deepest_level) {
            problem = "more than " + std::to_string(deepest_level) + " levels of nesting";
        } else if (event == Event::object_start || event == Event::array_start) {
            around_.push_back({.is_list = event == Event::array_start});
        } else if (event == Event::object_end || event == Event::array_end) {
            around_.pop_back();
        } else if (event == Event::key) {
            around_.back().key = parsed.get<std::string>();
            if (!around_.back().keys.insert(around_.back().key).second) {
                problem = "the key \"" + shown_key(around_.back().key) + "\" stands there twice";
            }
        }
        if (!problem.empty()) {
            throw Refused{};
        }
        return true;
    }
    struct Refused {};
    std::string problem;

    /// Of what was read last. nlohmann does not say where a callback threw. A key's first place is what a person looks for.
    [[nodiscard]] JsonDocument::Path path() const {
        JsonDocument::Path path;
        for (const Around& each : around_) {
            path.push_back(each.is_list ? std::to_string(each.entries - 1) : each.key);
        }
        return path;
    }

private:
    /// An object or a list that is open.
    struct Around {
        bool is_list;
        std::size_t entries = 0;
        std::string key{};
        std::set<std::string> keys{};
    };
    std::vector<Around> around_;
};

/// Walks valid JSON text to the key or the entry at the end of a path. It skips; it does not check.
class Locator {
public:
    explicit Locator(std::string_view text) : text_(text) {}

    std::size_t find(const std::vector<std::string>& path) {
        skip_space();
        found_ = position_;
        for (const std::string& step : path) {
            if (!enter(step)) {
                return std::string_view::npos;
            }
        }
        return found_;
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
            found_ = position_;
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
    std::size_t found_ = 0;  ///< of the step that was entered last
};

}  // namespace

JsonDocument JsonDocument::parse(std::string text, std::string origin, std::string error_code) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    text.erase(0, text.starts_with(byte_order_mark) ? byte_order_mark.size() : 0);
    JsonDocument document{std::move(origin), std::move(error_code), std::move(text), {}, {}, {}};
    const auto refuse = [&](std::size_t byte, const std::string& why) {
        throw document.mistake(place_at(document.text, byte), "", why,
                               "correct the JSON (`jq . FILE` checks the syntax)");
    };
    StrictnessCheck check;
    try {
        document.root = Json::parse(document.text, std::ref(check));
    } catch (const StrictnessCheck::Refused&) {
        const std::size_t found = Locator(document.text).find(check.path());
        throw document.mistake(found == std::string::npos ? TextPlace{} : place_at(document.text, found), "",
                               check.problem, "keep one of them, or nest less");
    } catch (const Json::parse_error& error) {
        refuse(error.byte == 0 ? 0 : error.byte - 1, "not valid JSON: " + syntax_problem(error.what()));
    } catch (const Json::out_of_range&) {
        // Its message quotes the number, and does not say where it stands.
        throw document.mistake({}, "", "a number is too large", "write a smaller number, or a string");
    }
    if (!document.root.is_object()) {
        refuse(0, "the top level must be a JSON object, but it is " + std::string(document.root.type_name()));
    }
    return document;
}

Mistake JsonDocument::mistake(const TextPlace& place, const std::string& shown_path, const std::string& why,
                              const std::string& advice) const {
    const std::string line = place.line > 0 ? ":" + std::to_string(place.line) : "";
    const std::string path = shown_path.empty() ? "" : shown_path + ": ";
    Mistake made(permanent_error(error_code, origin + line + ": " + path + why, advice));
    made.origin = origin;
    made.place = place;
    made.path = shown_path;
    made.why = why;
    return made;
}

Mistake JsonDocument::error_at(const Path& path, const std::string& why, const std::string& advice) const {
    Path shown = above;
    shown.insert(shown.end(), path.begin(), path.end());
    TextPlace place;
    // What is not there is within something.
    for (Path known = path; place.line == 0 && !known.empty(); known.pop_back()) {
        Path whole = above;
        whole.insert(whole.end(), known.begin(), known.end());
        const auto noted = places.find(whole);
        place = noted != places.end() ? noted->second : text.empty() ? TextPlace{} : place_of(text, known);
    }
    std::transform(shown.begin(), shown.end(), shown.begin(), shown_key);
    return mistake(place, joined(shown, "."), why, advice);
}

Json::json_pointer pointer_to(std::string_view key) {
    std::string pointer = "/" + std::string(key);
    std::replace(pointer.begin(), pointer.end(), '.', '/');
    return Json::json_pointer(pointer);
}

TextPlace place_of(std::string_view text, const std::vector<std::string>& path) {
    const std::size_t offset = Locator(text).find(path);
    return offset == std::string_view::npos ? TextPlace{} : place_at(text, offset);
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
