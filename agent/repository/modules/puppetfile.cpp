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

/// Why a declaration is of no use.
struct Unfit {
    std::string why;
};

std::string string_of(const PuppetfileStatement& mod, const std::string& option) {
    const PuppetfileValue& value = mod.options.at(option);
    if (value.kind != PuppetfileValue::Kind::string) {
        throw Unfit{"the option " + option + " is no string"};
    }
    return value.text;
}

/// Refuses an option that might change what is fetched in a way that is not known here.
void check_options(const PuppetfileStatement& mod, const std::vector<std::string>& known) {
    for (const auto& [option, value] : mod.options) {
        if (std::find(known.begin(), known.end(), option) == known.end()) {
            throw Unfit{"the option " + shortened(option, longest_quoted) +
                        " is not known here, and it is not vendored"};
        }
    }
}

std::string type_of(const PuppetfileStatement& mod) {
    const auto type = mod.options.find("type");
    return type == mod.options.end() ? "" : type->second.text;
}

Url url_of(const PuppetfileStatement& mod) {
    const std::string type = type_of(mod);
    if ((!type.empty() && type != "git") || (mod.has("git") && mod.has("source"))) {
        throw Unfit{"it names two origins"};
    }
    if (!mod.has("git") && !mod.has("source")) {
        throw Unfit{"its type is git, but it has no source"};
    }
    check_options(mod, {"git", "type", "source", "version", "commit", "ref", "tag", "branch", "default_branch",
                        "install_path", "local", "exclude_spec"});
    const std::string url = as_git_url(string_of(mod, mod.has("git") ? "git" : "source"));
    if (const auto why = why_url_is_refused(url)) {
        throw Unfit{*why};
    }
    return url;
}

/// A name as it goes to a git server.
std::string name_of(const PuppetfileStatement& mod, const std::string& option) {
    constexpr std::size_t longest = 250;
    const std::string name = string_of(mod, option);
    if (name.empty() || name.size() > longest || !is_visible(name)) {
        throw Unfit{"its " + option + " is no name of a branch or tag, and no commit id"};
    }
    return name;
}

bool is_control_branch(const PuppetfileValue& value) {
    return value.kind == PuppetfileValue::Kind::symbol && value.text == "control_branch";
}

void read_revision(const PuppetfileStatement& mod, PuppetfileDeclaration& module) {
    using By = PuppetfileDeclaration::By;
    constexpr std::array<const char*, 5> all{"commit", "ref", "version", "tag", "branch"};
    std::string given;
    for (const char* option : all) {
        if (mod.has(option) && !given.empty()) {
            throw Unfit{"it names two revisions: " + given + " and " + option};
        }
        given = mod.has(option) ? option : given;
    }
    module.default_branch = mod.has("default_branch") ? name_of(mod, "default_branch") : "";
    if (given.empty()) {
        return;
    }
    if (is_control_branch(mod.options.at(given))) {
        module.by = By::control_branch;
        return;
    }
    module.revision = name_of(mod, given);
    const bool is_id = is_commit_id(lower(module.revision));
    if (given == "tag" || given == "branch") {
        module.by = given == "tag" ? By::tag : By::branch;
    } else {
        module.by = is_id ? By::commit : By::ref;
        module.revision = is_id ? lower(module.revision) : module.revision;
    }
}

/// Reads which release of the Forge it is. The lines `forge` and `:source` say nothing to r10k either.
void read_release(const PuppetfileStatement& mod, PuppetfileDeclaration& module) {
    constexpr std::size_t longest = 100;
    if (module.author.empty()) {
        throw Unfit{"it comes from the Forge, and its author is not named"};
    }
    if (mod.values.size() > 2 || (mod.values.size() == 2 && mod.has("version"))) {
        throw Unfit{"it names two versions"};
    }
    const auto option = mod.options.find("version");
    const PuppetfileValue version = mod.values.size() == 2        ? mod.values[1]
                                    : option != mod.options.end() ? option->second
                                                                  : PuppetfileValue{PuppetfileValue::Kind::word, "nil"};
    const bool is_newest = (version.kind == PuppetfileValue::Kind::symbol && version.text == "latest") ||
                           (version.kind == PuppetfileValue::Kind::word && version.text == "nil");
    if (!is_newest && (version.kind != PuppetfileValue::Kind::string || !is_made_of(version.text, ".-+", longest))) {
        throw Unfit{"its version is none, such as '1.2.3' or :latest"};
    }
    module.revision = is_newest ? "" : version.text;
    if (mod.has("sha256sum")) {
        module.sha256 = lower(string_of(mod, "sha256sum"));
        if (!is_sha256(module.sha256)) {
            throw Unfit{"its sha256sum is not 64 hexadecimal digits"};
        }
    }
}

/// Reads where the module comes from.
void read_origin(const PuppetfileStatement& mod, PuppetfileDeclaration& module) {
    const std::string type = type_of(mod);
    if (mod.has("svn") || type == "svn") {
        throw Unfit{"it comes from Subversion, and is not vendored"};
    }
    if (mod.has("git") || type == "git") {
        module.url = url_of(mod);
        read_revision(mod, module);
        return;
    }
    check_options(mod, {"type", "version", "source", "install_path", "local", "sha256sum"});
    if (!type.empty() && type != "forge") {
        throw Unfit{"its type is neither git nor forge, and it is not vendored"};
    }
    module.kind = PuppetfileDeclaration::Kind::forge;
    read_release(mod, module);
}

/// "module puppetlabs/stdlib"
std::string shown(const PuppetfileDeclaration& module) {
    return shortened((module.author.empty() ? "" : module.author + "/") + module.name, longest_quoted);
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
    std::vector<PuppetfileDeclaration> modules() && {
        std::set<std::string> fetched;
        for (const PuppetfileDeclaration& module : modules_) {
            fetched.insert(module.path);
        }
        for (const PuppetfileDeclaration& module : modules_) {
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
            modules_.push_back(declared(mod, *name, path));
        }
    }

    static PuppetfileDeclaration declared(const PuppetfileStatement& mod, const std::string& name,
                                          const std::string& path) {
        PuppetfileDeclaration module{.name = name, .path = path, .line = mod.line};
        const std::string whole = mod.name();
        module.author = whole.size() > name.size() ? whole.substr(0, whole.size() - name.size() - 1) : "";
        try {
            read_origin(mod, module);
        } catch (const Unfit& unfit) {
            module.problem = unfit.why;
        }
        return module;
    }

    [[nodiscard]] std::string install_folder(const PuppetfileStatement& mod) const {
        try {
            return mod.has("install_path") ? string_of(mod, "install_path") : module_folder_;
        } catch (const Unfit& unfit) {
            refuse_puppetfile(mod.line, mod.name(), unfit.why);
        }
    }

    static bool is_local(const PuppetfileStatement& mod) {
        const auto local = mod.options.find("local");
        return local != mod.options.end() && local->second.kind == PuppetfileValue::Kind::word &&
               local->second.text == "true";
    }

    const std::function<bool(const std::string&)>& is_vendored_;
    std::string module_folder_ = "modules";
    std::vector<PuppetfileDeclaration> modules_;
    std::set<std::string> paths_;
};

}  // namespace

std::vector<PuppetfileDeclaration> read_puppetfile(const std::string& text,
                                                   const std::function<bool(const std::string&)>& is_vendored) {
    if (text.size() > largest) {
        refuse_puppetfile(1, "", "the file is larger than 1 MiB");
    }
    Interpreter interpreter(is_vendored);
    read_puppetfile_statements(text, [&](const PuppetfileStatement& statement) { interpreter.add(statement); });
    return std::move(interpreter).modules();
}

std::string why_not_fixed(const PuppetfileDeclaration& module) {
    if (!module.problem.empty()) {
        return module.problem;
    }
    if (module.kind == PuppetfileDeclaration::Kind::forge) {
        return "it comes from the Forge, and is neither locked nor vendored";
    }
    switch (module.by) {
        case PuppetfileDeclaration::By::commit: return "";
        case PuppetfileDeclaration::By::tag: return "it is pinned by a tag, which may move";
        case PuppetfileDeclaration::By::branch:
        case PuppetfileDeclaration::By::control_branch: return "it is pinned by a branch, which may move";
        case PuppetfileDeclaration::By::ref: return "its revision is no full commit id of 40 hexadecimal digits";
        case PuppetfileDeclaration::By::nothing: break;
    }
    return "it comes from git, but without a commit";
}

void refuse_modules(const std::vector<UnfitModule>& unfit) {
    const PuppetfileDeclaration& first = *unfit.front().declaration;
    if (unfit.size() == 1) {
        refuse_puppetfile(first.line, shown(first), unfit.front().why);
    }
    // Most of them for the same reason.
    std::vector<std::pair<std::string, std::string>> by_reason;
    for (const UnfitModule& module : unfit) {
        const auto has_reason = [&](const auto& row) { return row.first == module.why; };
        const auto found = std::find_if(by_reason.begin(), by_reason.end(), has_reason);
        const std::string named =
            shown(*module.declaration) + " (line " + std::to_string(module.declaration->line) + ")";
        if (found == by_reason.end()) {
            by_reason.emplace_back(module.why, named);
        } else {
            found->second += ", " + named;
        }
    }
    std::string all;
    for (const auto& [why, modules] : by_reason) {
        all += (all.empty() ? "" : "; ") + why + ": " + modules;
    }
    throw permanent_error("repository.puppetfile",
                          "Puppetfile, line " + std::to_string(first.line) +
                              " and others: " + std::to_string(unfit.size()) + " modules are not fetched: " + all,
                          vendor_the_module);
}

void require_fixed(const std::vector<PuppetfileDeclaration>& declarations) {
    std::vector<UnfitModule> unfit;
    for (const PuppetfileDeclaration& module : declarations) {
        if (const std::string why = why_not_fixed(module); !why.empty()) {
            unfit.push_back({&module, why});
        }
    }
    if (!unfit.empty()) {
        refuse_modules(unfit);
    }
}

}  // namespace bootwright
