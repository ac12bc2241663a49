#include "agent/puppet/puppet_program.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/processes/search_path.hpp"

#include <algorithm>
#include <optional>
#include <system_error>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

/// The gem that is named where the start that RubyGems writes looks for the gem's own: activate_bin_path('puppet', …
std::string gem_of(std::string_view text) {
    constexpr std::string_view call = "activate_bin_path('";
    const std::size_t found = text.find(call);
    if (found == std::string_view::npos) {
        return "";
    }
    text.remove_prefix(found + call.size());
    return std::string(text.substr(0, text.find('\'')));
}

/// "/usr/bin/ruby" of "#!/usr/bin/ruby" or "#!/usr/bin/env ruby", if that is all the line says.
std::optional<fs::path> ruby_of(const System& system, std::string_view text) {
    const std::string_view line = trimmed(text.substr(0, text.find('\n')));
    if (line == "#!/usr/bin/env ruby") {
        return find_program("ruby", puppet_environment().at("PATH"), system.root);
    }
    const fs::path ruby = line.starts_with("#!/") ? line.substr(2) : "";
    return ruby.filename().string().starts_with("ruby") && line.find(' ') == std::string_view::npos
               ? std::optional(ruby)
               : std::nullopt;
}

/// True if this Ruby knows the flag: since 3.1 it brings the library that it turns off.
bool knows_error_highlight(const fs::path& ruby) {
    std::error_code error;
    const fs::path libraries = fs::canonical(ruby, error).parent_path().parent_path() / "lib/ruby";
    const fs::directory_iterator versions(libraries, error);
    return std::any_of(begin(versions), end(versions), [&](const fs::directory_entry& version) {
        return fs::exists(version.path() / "error_highlight.rb", error);
    });
}

void look_for_ruby(const System& system, PuppetProgram& program) {
    const std::string text = read_file_start(program.path, 4096).value_or("");
    const std::string gem = gem_of(text);
    const bool is_gem = gem == "puppet" || gem == "openvox";
    const bool is_puppet = is_gem || text.find("puppet/util/command_line") != std::string::npos;
    const auto ruby = is_puppet ? ruby_of(system, text) : std::nullopt;
    std::error_code error;
    if (!ruby || !fs::exists(system.path(ruby->string()), error)) {
        return;
    }
    program.gem = is_gem ? gem : "";
    program.ruby = system.path(ruby->string());
    program.flags = {knows_error_highlight(program.ruby) ? "--disable=did_you_mean,error_highlight"
                                                         : "--disable=did_you_mean"};
}

}  // namespace

std::map<std::string, std::string> puppet_environment() {
    return {{"PATH", "/opt/puppetlabs/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
            {"HOME", "/root"},
            {"LC_ALL", "C.UTF-8"}};
}

std::vector<std::string> PuppetProgram::by_ruby(const fs::path& script) const {
    std::vector<std::string> arguments{ruby.string()};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    arguments.push_back(script.string());
    return arguments;
}

PuppetProgram find_puppet(const System& system, const AgentConfig& config) {
    std::vector<fs::path> candidates{"/opt/puppetlabs/bin/puppet", "/usr/bin/puppet", "/usr/local/bin/puppet"};
    if (!config.puppet.path.empty()) {
        candidates = {config.puppet.path};
    }
    std::string tried;
    for (const fs::path& candidate : candidates) {
        std::error_code error;
        const fs::path found = system.path(candidate.string());
        if (!fs::exists(found, error)) {
            tried += (tried.empty() ? "" : ", ") + candidate.string();
            continue;
        }
        // In the packages of Puppet and OpenVox this is a shell script, which takes RUBYOPT and other variables away and then
        // runs the program itself, beside its Ruby.
        const fs::path unwrapped = system.path("/opt/puppetlabs/puppet/bin/puppet");
        PuppetProgram program{candidate == "/opt/puppetlabs/bin/puppet" && fs::exists(unwrapped, error) ? unwrapped
                                                                                                        : found};
        look_for_ruby(system, program);
        return program;
    }
    throw permanent_error(
        "puppet.not_installed", "there is no Puppet at " + tried,
        "install the package puppet-agent or openvox-agent in the image, or set puppet.path in agent.json");
}

}  // namespace bootwright
