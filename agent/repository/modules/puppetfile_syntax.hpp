#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// A value as it is written.
struct PuppetfileValue {
    enum class Kind { string, symbol, word };  ///< a word: true, false or nil
    Kind kind;
    std::string text;
};

/// `forge`, `moduledir` or `mod`, with its arguments.
struct PuppetfileStatement {
    int line = 0;
    std::string what;
    std::vector<PuppetfileValue> values{};             ///< 'name', '1.2.3'
    std::map<std::string, PuppetfileValue> options{};  ///< :git => 'https://…', or git: 'https://…'

    [[nodiscard]] std::string name() const { return values.empty() ? "" : values.front().text; }
    [[nodiscard]] bool has(const std::string& option) const { return options.contains(option); }
};

/// Reads the statements of a Puppetfile, a small part of Ruby's grammar, and refuses the rest.
/// @throws Error repository.puppetfile, which names the line; what `take` throws
void read_puppetfile_statements(std::string_view text, const std::function<void(const PuppetfileStatement&)>& take);

/// What follows the last "/" or "-" of 'author/name'. Returns nullopt if it is no module's name.
std::optional<std::string> module_folder_of(const std::string& name);

/// The advice for a module that is not fetched.
constexpr const char* vendor_the_module =
    "what comes from git or the Forge: run `bootwright modules lock` in the control repository, and commit the file "
    "that "
    "it writes. Anything else: vendor the module: put its files into the control repository itself (`git add --force`, "
    "where a .gitignore hides them). Or, where r10k is installed, set repository.puppetfile to \"r10k\" in agent.json";

/// @param module not shown if it is no module's name: it may be a URL in the wrong place
/// @throws Error repository.puppetfile (permanent)
[[noreturn]] void refuse_puppetfile(int line, const std::string& module, const std::string& why,
                                    const std::string& advice = vendor_the_module);

}  // namespace bootwright
