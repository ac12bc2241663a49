#include "agent/repository/modules/puppetfile.hpp"

#include "agent/repository/modules/puppetfile_syntax.hpp"
#include "agent/repository/modules/source_policy.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <set>
#include <utility>

namespace bootwright {

namespace {

constexpr std::size_t largest = std::size_t{1} << 20U;
constexpr std::size_t most_modules = 1000;
constexpr std::size_t longest_quoted = 100;

/// `folder` without "." and doubled slashes, and with `name` in it. An absolute one stays absolute.
std::string path_in(const std::string& folder, const std::string& name) {
    if (folder.starts_with('/')) {
        return folder + "/" + name;
    }
    std::string path;
    for (const std::string& component : split(folder, '/')) {
        if (!component.empty() && component != ".") {
            path += component + "/";
        }
    }
    return path + name;
}

class Interpreter {
public:
    explicit Interpreter(const std::function<bool(const std::string&)>& is_vendored) : is_vendored_(is_vendored) {}

    void add(const PuppetfileStatement& statement) {
        if (statement.what == "mod") {
            add_module(statement);
        } else if (statement.values.size() != 1 || !statement.options.empty()) {
            refuse_puppetfile(statement.line, "", statement.what + " takes one string and nothing else");
        } else if (statement.what == "moduledir") {
            module_folder_ = statement.values.front().text;
        }  // forge: nothing is fetched from there
    }

    /// The modules to fetch. @throws Error repository.puppetfile if one is inside another
    std::vector<PuppetfileModule> modules() && {
        std::set<std::string> fetched;
        for (const PuppetfileModule& module : modules_) {
            fetched.insert(module.path);
        }
        for (const PuppetfileModule& module : modules_) {
            for (std::size_t slash = module.path.find('/'); slash != std::string::npos;
                 slash = module.path.find('/', slash + 1)) {
                if (fetched.contains(module.path.substr(0, slash))) {
                    refuse_puppetfile(module.line, module.name, "its folder lies inside another module's folder");
                }
            }
        }
        return std::move(modules_);
    }

private:
    void add_module(const PuppetfileStatement& mod) {
        if (paths_.size() == most_modules) {
            refuse_puppetfile(mod.line, mod.name(), "there are more than 1000 modules");
        }
        const auto name = module_folder_of(mod.name());
        if (!name) {
            refuse_puppetfile(mod.line, "", "what follows mod is no module's name, such as 'author/name'");
        }
        const std::string path = path_in(install_folder(mod), *name);
        if (const auto why = why_path_is_refused(path)) {
            refuse_puppetfile(mod.line, mod.name(), *why);
        }
        if (!paths_.insert(path).second) {
            refuse_puppetfile(mod.line, mod.name(), "a module at the same path is declared above");
        }
        if (!is_local(mod) && !is_vendored_(path)) {
            modules_.push_back({*name, url_of(mod), revision_of(mod), path, mod.line});
        }
    }

    [[nodiscard]] std::string install_folder(const PuppetfileStatement& mod) const {
        return mod.has("install_path") ? string_of(mod, "install_path") : module_folder_;
    }

    static bool is_local(const PuppetfileStatement& mod) {
        const auto local = mod.options.find("local");
        return local != mod.options.end() && local->second.kind == PuppetfileValue::Kind::word &&
               local->second.text == "true";
    }

    static std::string string_of(const PuppetfileStatement& mod, const std::string& option) {
        const PuppetfileValue& value = mod.options.at(option);
        if (value.kind != PuppetfileValue::Kind::string) {
            refuse_puppetfile(mod.line, mod.name(), "the option " + option + " is no string");
        }
        return value.text;
    }

    static Url url_of(const PuppetfileStatement& mod) {
        const auto type = mod.options.find("type");
        const bool is_other_type = type != mod.options.end() && type->second.text != "git";
        if (mod.has("svn") || (is_other_type && type->second.text == "svn")) {
            refuse_puppetfile(mod.line, mod.name(), "it comes from Subversion, and is not vendored");
        }
        if (!mod.has("git") && !(mod.has("type") && !is_other_type)) {
            check_options(mod, {"type", "version", "source", "install_path", "local"});
            refuse_puppetfile(mod.line, mod.name(),
                              is_other_type && type->second.text != "forge"
                                  ? "its type is neither git nor forge, and it is not vendored"
                                  : "it comes from the Forge, and is not vendored");
        }
        if (is_other_type || (mod.has("git") && mod.has("source"))) {
            refuse_puppetfile(mod.line, mod.name(), "it names two origins");
        }
        if (!mod.has("git") && !mod.has("source")) {
            refuse_puppetfile(mod.line, mod.name(), "its type is git, but it has no source");
        }
        check_options(mod, {"git", "type", "source", "version", "commit", "ref", "tag", "branch", "default_branch",
                            "install_path", "local", "exclude_spec"});
        const std::string url = as_git_url(string_of(mod, mod.has("git") ? "git" : "source"));
        if (const auto why = why_url_is_refused(url)) {
            refuse_puppetfile(mod.line, mod.name(), *why);
        }
        return url;
    }

    /// Refuses an option that might change what is fetched in a way that is not known here.
    static void check_options(const PuppetfileStatement& mod, const std::vector<std::string>& known) {
        for (const auto& [option, value] : mod.options) {
            if (std::find(known.begin(), known.end(), option) == known.end()) {
                refuse_puppetfile(
                    mod.line, mod.name(),
                    "the option " + shortened(option, longest_quoted) + " is not known here, and it is not vendored");
            }
        }
    }

    static std::string revision_of(const PuppetfileStatement& mod) {
        constexpr std::array<const char*, 5> all{"commit", "ref", "version", "tag", "branch"};
        std::string given;
        for (const char* option : all) {
            if (mod.has(option) && !given.empty()) {
                refuse_puppetfile(mod.line, mod.name(), "it names two revisions: " + given + " and " + option);
            }
            given = mod.has(option) ? option : given;
        }
        if (given.empty()) {
            refuse_puppetfile(mod.line, mod.name(), "it comes from git, but without a commit");
        }
        if (given == "tag" || given == "branch") {
            refuse_puppetfile(mod.line, mod.name(), "it is pinned by a " + given + ", which may move");
        }
        std::string revision = lower(string_of(mod, given));
        if (!is_commit_id(revision)) {
            refuse_puppetfile(mod.line, mod.name(), "its " + given + " is no full commit id of 40 hexadecimal digits");
        }
        return revision;
    }

    const std::function<bool(const std::string&)>& is_vendored_;
    std::string module_folder_ = "modules";
    std::vector<PuppetfileModule> modules_;
    std::set<std::string> paths_;
};

}  // namespace

std::vector<PuppetfileModule> read_puppetfile(const std::string& text,
                                              const std::function<bool(const std::string&)>& is_vendored) {
    if (text.size() > largest) {
        refuse_puppetfile(1, "", "the file is larger than 1 MiB");
    }
    Interpreter interpreter(is_vendored);
    read_puppetfile_statements(text, [&](const PuppetfileStatement& statement) { interpreter.add(statement); });
    return std::move(interpreter).modules();
}

}  // namespace bootwright
