#include "common/base/text.hpp"
#include "common/documents/duration.hpp"
#include "common/documents/json.hpp"

#include <algorithm>
#include <utility>

namespace bootwright {

namespace {

constexpr std::size_t most_mistakes = 200;  // more than anybody reads; to place one takes a walk through the document

}  // namespace

bool attempt(Mistakes* mistakes, const std::function<void()>& read) {
    if (mistakes == nullptr) {
        read();
        return true;
    }
    if (mistakes->size() >= most_mistakes) {
        return false;
    }
    const auto note = [&](Mistake made) {
        const auto is_same = [&](const Mistake& other) {
            const bool has_path = !made.path.empty() && other.origin == made.origin;
            return (has_path && other.path == made.path) || other.message == made.message;
        };
        if (std::none_of(mistakes->begin(), mistakes->end(), is_same)) {
            mistakes->push_back(std::move(made));
        }
        return false;
    };
    try {
        read();
        return true;
    } catch (const Mistake& made) {
        return note(made);
    } catch (const Error& error) {
        return note(Mistake(error));
    }
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
        attempt([&, key = key] {
            const auto meant = nearest(key, known_);
            throw error(key, "unknown key",
                        meant ? "did you mean \"" + *meant + "\"?" : "known here: " + joined(known_, ", "));
        });
    }
}

Mistake ObjectReader::error(const std::string& key, const std::string& why, const std::string& advice) const {
    auto path = path_;
    path.push_back(key);
    return document_->error_at(path, why, advice);
}

}  // namespace bootwright
