#include "agent/puppet/result/missing_modules.hpp"

#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <set>
#include <string_view>

namespace bootwright {

namespace {

constexpr std::size_t largest = std::size_t{1} << 20U;
constexpr std::size_t most_modules = 1000;
constexpr std::size_t longest_list = 300;

/// Puppet's words for what it does not find, up to its name. They do not depend on the locale: the agent starts it with C.UTF-8.
/// https://github.com/puppetlabs/puppet/blob/7.23.0/lib/puppet: parser/compiler.rb, resource.rb, pops/issues.rb, …
constexpr std::array<std::string_view, 8> before_names{"Could not find class ",     "Could not find declared class ",
                                                       "Unknown function: ",        "Unknown resource type: ",
                                                       "Resource type not found: ", "Unknown resource type ",
                                                       "Could not find template ",  "Invalid resource type "};

bool is_of_name(char c) { return is_alphanumeric(c) || c == '_' || c == ':' || c == '/'; }

/// "nginx::server" of "Could not find class ::nginx::server for …", lower case; nullopt: it is about nothing of the kind.
std::optional<std::string> missing_name(const std::string& reason) {
    for (const std::string_view words : before_names) {
        const std::size_t found = reason.find(words);
        if (found == std::string::npos) {
            continue;
        }
        const std::size_t begin = std::min(reason.find_first_not_of(":'\"", found + words.size()), reason.size());
        const auto from = reason.begin() + static_cast<std::ptrdiff_t>(begin);
        const std::string name(from, std::find_if_not(from, reason.end(), is_of_name));
        return name.empty() ? std::nullopt : std::optional(lower(name));
    }
    return std::nullopt;
}

std::string named(const MissingModule& module) { return module.name + " (line " + std::to_string(module.line) + ")"; }

/// The first argument of a line `mod 'puppetlabs/nginx', …` or `moduledir 'external'`; "": the line is another.
std::string first_argument(std::string_view line, std::string_view method) {
    line = trimmed(line);
    if (!line.starts_with(method)) {
        return {};
    }
    line.remove_prefix(method.size());
    const std::size_t begin = line.find_first_not_of(" \t(");
    if (begin == std::string_view::npos || begin == 0 || (line[begin] != '\'' && line[begin] != '"')) {
        return {};
    }
    const std::size_t end = line.find(line[begin], begin + 1);
    return end == std::string_view::npos ? "" : std::string(line.substr(begin + 1, end - begin - 1));
}

}  // namespace

std::vector<MissingModule> missing_modules(const Checkout& checkout) {
    std::vector<MissingModule> modules;
    const std::string text = read_file_start(checkout.folder / "Puppetfile", largest).value_or("");
    std::string folder = "modules";
    int number = 0;
    for (const std::string& line : split(text, '\n')) {
        ++number;
        if (const std::string moved = first_argument(line, "moduledir"); !moved.empty()) {
            folder = moved;
        }
        const std::string whole = first_argument(line, "mod");
        const std::string name = whole.substr(whole.find_last_of("/-") + 1);  // of 'puppetlabs/nginx'
        std::error_code error;
        if (is_name(name) && modules.size() < most_modules &&
            !std::filesystem::exists(checkout.folder / folder / name, error)) {
            modules.push_back({name, number});
        }
    }
    return modules;
}

std::string listed(const std::vector<MissingModule>& modules) {
    std::vector<std::string> all;
    all.reserve(modules.size());
    for (const MissingModule& each : modules) {
        all.push_back(named(each));
    }
    return shortened(joined(all, ", "), longest_list);
}

std::string missing_behind(const std::string& reason, const std::vector<MissingModule>& modules) {
    const auto name = missing_name(reason);
    if (!name || modules.empty()) {
        return {};
    }
    const std::string module = name->substr(0, name->find_first_of(":/"));
    const auto declared =
        std::find_if(modules.begin(), modules.end(), [&](const MissingModule& other) { return other.name == module; });
    if (declared != modules.end()) {
        return "declares the module " + named(*declared);
    }
    // A function or type of a module need not begin with its name; a class does.
    const bool is_in_any = module == *name && reason.find(" class ") == std::string::npos;
    if (!is_in_any) {
        return {};
    }
    return "declares modules that may have it: " + listed(modules);
}

}  // namespace bootwright
