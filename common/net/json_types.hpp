#pragma once

#include "common/documents/json.hpp"
#include "common/net/url.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace bootwright {

/// The names of an enum's values, in the order of their declaration. Specialize it for each enum that is sent.
template <typename Enum>
constexpr std::nullptr_t names_in_json = nullptr;

}  // namespace bootwright

// How the messages between our programs become JSON and come back, beyond what nlohmann-json itself does. Strict: what
// is missing, or of another type, throws. Not for what people read or write.

/// By name. nlohmann-json itself has only bare numbers, or a table in which an unknown name stands for the first value.
/// An enum without names does not compile.
template <typename Enum>
requires std::is_enum_v<Enum>
struct nlohmann::adl_serializer<Enum> {
    static void to_json(json& json, Enum value) {
        json = bootwright::names_in_json<Enum>.at(static_cast<std::size_t>(value));
    }
    static void from_json(const json& json, Enum& value) {
        const auto& names = bootwright::names_in_json<Enum>;
        const auto found = std::find(names.begin(), names.end(), json.get_ref<const std::string&>());
        if (found == names.end()) {
            throw std::invalid_argument("a name that none of the values has");
        }
        value = static_cast<Enum>(found - names.begin());
    }
};

/// nullopt is null.
template <typename Value>
struct nlohmann::adl_serializer<std::optional<Value>> {
    static void to_json(json& json, const std::optional<Value>& value) {
        json = value ? nlohmann::json(*value) : nlohmann::json();
    }
    static void from_json(const json& json, std::optional<Value>& value) {
        value = json.is_null() ? std::nullopt : std::optional(json.get<Value>());
    }
};

template <>
struct nlohmann::adl_serializer<std::chrono::milliseconds> {
    static void to_json(json& json, std::chrono::milliseconds time) { json = time.count(); }
    static void from_json(const json& json, std::chrono::milliseconds& time) {
        time = std::chrono::milliseconds(json.get<std::chrono::milliseconds::rep>());
    }
};

/// With its credentials: the child needs them.
template <>
struct nlohmann::adl_serializer<bootwright::Url> {
    static void to_json(json& json, const bootwright::Url& url) { json = url.for_transfer(); }
    static void from_json(const json& json, bootwright::Url& url) { url = json.get_ref<const std::string&>(); }
};

/// Error has no default constructor, so from_json() returns it.
template <>
struct nlohmann::adl_serializer<bootwright::Error> {
    static void to_json(json& json, const bootwright::Error& error) { json = bootwright::to_json(error); }
    static bootwright::Error from_json(const json& json) { return bootwright::error_from_json(json); }
};
