#include "agent/commands/launch/checked_file.hpp"

#include "agent/platform/instance_metadata.hpp"
#include "agent/role/role_layers.hpp"
#include "agent/role/user_data.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace bootwright {

namespace {

/// That somebody else has to say what is missing.
bool is_lack(const Mistake& mistake) {
    constexpr std::array<std::string_view, 3> codes{"role.incomplete", "role.no_user_data", "role.user_data_not_ours"};
    return std::find(codes.begin(), codes.end(), mistake.code) != codes.end();
}

void check_role_config(CheckedFile& file, const AgentConfig& image) {
    const InstanceMetadata instance{.platform = "file",
                                    .instance_id = "validate",
                                    .user_data = file.text,
                                    .user_data_origin = file.path,
                                    .user_data_is_roots = file.kind == FileKind::role};
    attempt(&file.mistakes, [&] { file.role = read_role_config(image, instance, std::nullopt, "", &file.mistakes); });
    if (file.is_part) {
        std::erase_if(file.mistakes, is_lack);
    }
}

/// What the image's own layers of the role config say. The layers note their mistakes; what is left is about all of them.
void check_role_defaults(CheckedFile& last, const AgentConfig& image) {
    Mistakes mistakes;
    attempt(&mistakes, [&] {
        read_role_config(image, {.platform = "file", .instance_id = "validate"}, std::nullopt, "", &mistakes);
    });
    std::erase_if(mistakes, is_lack);
    last.mistakes.insert(last.mistakes.end(), mistakes.begin(), mistakes.end());
}

/// The image that the files of the kind `agent` are.
AgentConfig check_image(std::vector<CheckedFile>& files) {
    std::vector<JsonDocument> layers;
    CheckedFile* last = nullptr;
    for (CheckedFile& file : files) {
        if (file.kind != FileKind::agent) {
            continue;
        }
        last = &file;
        attempt(&file.mistakes, [&] {
            layers.push_back(parse_agent_config(file.text, file.path));
            layers.back().mistakes = &file.mistakes;
        });
    }
    AgentConfig image = read_agent_config(layers);
    check_role_defaults(*last, image);
    return image;
}

bool is_in_file(const CheckedFile& file, const Mistake& mistake) {
    return mistake.origin.starts_with(file.path) && !mistake.origin.ends_with(unpacked_suffix);
}

}  // namespace

AgentConfig check_files(const System& system, std::vector<CheckedFile>& files) {
    const bool has_image =
        std::any_of(files.begin(), files.end(), [](const auto& file) { return file.kind == FileKind::agent; });
    AgentConfig image = has_image ? check_image(files) : read_agent_config(system);
    for (CheckedFile& file : files) {
        if (file.kind != FileKind::agent) {
            check_role_config(file, image);
        }
        std::stable_sort(file.mistakes.begin(), file.mistakes.end(), [](const Mistake& one, const Mistake& other) {
            const auto order = [](const TextPlace& place) { return std::pair(place.line - 1, place.column); };
            return order(one.place) < order(other.place);  // 0 - 1 is the largest: those without a line come last
        });
    }
    return image;
}

std::string line_for(const CheckedFile& file, const Mistake& mistake) {
    if (mistake.origin.empty()) {
        const bool names_file = mistake.message.starts_with(file.path);
        return (names_file ? "" : file.path + ": ") + mistake.message + "; " + mistake.advice;
    }
    const bool is_in = is_in_file(file, mistake);
    const std::string part =
        is_in && mistake.origin.size() > file.path.size() + 2 ? mistake.origin.substr(file.path.size() + 2) + ": " : "";
    const std::string place =
        mistake.place.line == 0 ? ""
                                : ":" + std::to_string(mistake.place.line) + ":" + std::to_string(mistake.place.column);
    return (is_in ? file.path : mistake.origin) + place + ": " + part +
           (mistake.path.empty() ? "" : mistake.path + ": ") + mistake.why + "; " + mistake.advice;
}

Json to_json(const CheckedFile& file) {
    const auto number = [](std::size_t value) { return value == 0 ? Json() : Json(value); };
    Json mistakes = Json::array();
    for (const Mistake& mistake : file.mistakes) {
        mistakes.push_back({{"document", mistake.origin.empty() ? file.path : mistake.origin},
                            {"line", number(mistake.place.line)},
                            {"column", number(mistake.place.column)},
                            {"path", text_or_null(mistake.path)},
                            {"code", mistake.code},
                            {"why", mistake.why.empty() ? mistake.message : mistake.why},
                            {"advice", mistake.advice}});
    }
    return {
        {"file", file.path}, {"kind", to_string(file.kind)}, {"good", file.mistakes.empty()}, {"mistakes", mistakes}};
}

}  // namespace bootwright
