#pragma once

#include "common/base/error.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

extern template class nlohmann::basic_json<>;  // made once, in json.cpp: saves a fifth of the time to compile all

namespace bootwright {

using Json = nlohmann::json;

/// Where something stands in a text, from 1 on; 0: not known.
struct TextPlace {
    std::size_t line = 0;
    std::size_t column = 0;  ///< in bytes
};

/// What is wrong at one place of a document that people wrote. Its message names origin, line and path.
struct Mistake : Error {
    explicit Mistake(const Error& error) : Error(error) {}

    std::string origin{};  ///< "" if it is about no one document
    TextPlace place{};
    std::string path{};  ///< "repository.revision"; "": the whole
    std::string why{};   ///< the message without origin, line and path
};
using Mistakes = std::vector<Mistake>;

/// Runs `read`. If `mistakes` is given, an Error is noted there and not thrown, unless one of the same path, or the same
/// message, is noted already: that may have caused it. Returns false for an Error.
bool attempt(Mistakes* mistakes, const std::function<void()>& read);

/// A JSON document that people wrote, kept with its text so that an error can name the line.
struct JsonDocument {
    std::string origin;      ///< what people know it by: a path, "user-data"
    std::string error_code;  ///< the stable code of every error in it
    std::string text;        ///< empty if the document was not JSON text
    Json root;

    using Path = std::vector<std::string>;
    Path above{};                        ///< where `root` stands in the whole document: {"bootwright"}
    std::map<Path, TextPlace> places{};  ///< of the keys of the whole document, if it was YAML
    Mistakes* mistakes = nullptr;        ///< where its readers note what is wrong, and go on; null: they throw

    /// Strict: an object at the top, no comments, no duplicate keys, at most 32 levels deep.
    /// @throws Mistake permanent with `error_code`, naming the line; it never quotes a value, since values may be secret
    static JsonDocument parse(std::string text, std::string origin, std::string error_code);

    /// What is wrong with the value at `path` ("repository.revision").
    [[nodiscard]] Mistake error_at(const Path& path, const std::string& why, const std::string& advice) const;
    /// The same at a place that is known. @param shown_path "": it is about the whole document
    [[nodiscard]] Mistake mistake(const TextPlace& place, const std::string& shown_path, const std::string& why,
                                  const std::string& advice) const;
};

/// Reads one object strictly: each accessor makes its key known, and finish() refuses the keys that nobody asked for.
/// An absent key is nullopt; a value of the wrong type is a Mistake that says what would be right, and is thrown.
class ObjectReader {
public:
    explicit ObjectReader(const JsonDocument& document) : ObjectReader(document, document.root, {}) {}

    std::optional<std::string> string(const std::string& key);
    std::optional<bool> boolean(const std::string& key);
    std::optional<int> integer(const std::string& key, int lowest, int highest);
    std::optional<std::chrono::milliseconds> duration(const std::string& key);
    std::optional<std::chrono::milliseconds> positive_duration(const std::string& key);
    /// Returns the index of the word in `words`.
    std::optional<std::size_t> choice(const std::string& key, const std::vector<std::string>& words);
    std::optional<std::vector<std::string>> strings(const std::string& key);
    std::optional<ObjectReader> object(const std::string& key);
    std::optional<std::vector<ObjectReader>> objects(const std::string& key);

    /// @throws Mistake for a key that no accessor asked for
    void finish() const;

    /// Runs `read`, which reads a part of the document, as attempt() with the document's `mistakes`.
    bool attempt(const std::function<void()>& read) const { return bootwright::attempt(document_->mistakes, read); }

    [[nodiscard]] const Json& json() const { return *object_; }
    /// The error for `key` of this object.
    [[nodiscard]] Mistake error(const std::string& key, const std::string& why, const std::string& advice) const;

private:
    ObjectReader(const JsonDocument& document, const Json& object, std::vector<std::string> path)
        : document_(&document), object_(&object), path_(std::move(path)) {}
    const Json* find(const std::string& key, bool (Json::*is_right_type)() const noexcept, const std::string& wanted);

    const JsonDocument* document_;
    const Json* object_;
    std::vector<std::string> path_;
    std::vector<std::string> known_;
};

/// The JSON pointer to a key's value: /repository/url for "repository.url".
Json::json_pointer pointer_to(std::string_view key);

/// Where the key at the end of `path`, or the entry of a list, begins in `text`, which must be valid JSON.
TextPlace place_of(std::string_view text, const std::vector<std::string>& path);

/// An Error as it stands in status.json and is handed from a child to its parent: {kind, code, message, advice}.
Json to_json(const Error& error);
/// The reverse. Fills in whatever is missing; without a kind the Error is transient.
Error error_from_json(const Json& json);

/// Parses what a program wrote. Returns a discarded value, which is no object, array or string, if `text` is not JSON,
/// or is nested so deeply that walking through it or writing it would use up the stack.
Json parse_json(std::string_view text);

/// The member of an object that a program wrote. Returns null if there is none, or if it is no object.
const Json& member_at(const Json& object, const char* key);

/// The string at `key` of an object that a program wrote, or "" if there is none.
std::string string_at(const Json& object, const char* key);

/// The same for a number that is not negative; 0 if there is none.
std::uint64_t number_at(const Json& object, const char* key);

/// `text`, or null for "".
Json text_or_null(const std::string& text);

/// One line of JSON that never throws: invalid UTF-8 becomes U+FFFD.
std::string to_line(const Json& json);
/// The same, indented for files that people read.
std::string to_text(const Json& json);

}  // namespace bootwright
