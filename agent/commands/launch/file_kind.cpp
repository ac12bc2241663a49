#include "agent/commands/launch/file_kind.hpp"

#include "agent/config/agent_keys.hpp"
#include "agent/role/keys/role_keys.hpp"
#include "common/base/text.hpp"
#include "common/documents/json.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace bootwright {

namespace {

constexpr std::array<std::pair<FileKind, std::string_view>, 3> words{
    {{FileKind::agent, "agent"}, {FileKind::role, "role"}, {FileKind::user_data, "user-data"}}};

/// How many of these keys the document has.
template <typename Key>
std::ptrdiff_t keys_in(const Json& document, const std::vector<Key>& keys) {
    return std::count_if(keys.begin(), keys.end(),
                         [&](const Key& key) { return document.contains(pointer_to(key.name)); });
}

}  // namespace

std::string_view to_string(FileKind kind) {
    return std::find_if(words.begin(), words.end(), [&](const auto& each) { return each.first == kind; })->second;
}

std::optional<FileKind> file_kind(std::string_view word) {
    const auto* found = std::find_if(words.begin(), words.end(), [&](const auto& each) { return each.second == word; });
    return found == words.end() ? std::nullopt : std::optional(found->first);
}

std::optional<FileKind> kind_of(const std::filesystem::path& file, const std::string& text) {
    const std::string name = file.filename().string();
    if (name == "agent.json" || (file.parent_path().filename() == "agent.d" && file.extension() == ".json")) {
        return FileKind::agent;
    }
    if (name == "role.json") {
        return FileKind::role;
    }
    // An agent.json is an object of JSON, and nothing else.
    const Json document = parse_json(text);
    if (name.starts_with("user-data") || !document.is_object()) {
        return FileKind::user_data;
    }
    const auto of_agent = keys_in(document, agent_keys());
    const auto of_role = keys_in(document, role_keys());
    if (of_agent == of_role) {
        return std::nullopt;
    }
    return of_agent > of_role ? FileKind::agent : FileKind::user_data;
}

}  // namespace bootwright
