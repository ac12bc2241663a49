#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/commands/repository/fetching.hpp"
#include "agent/puppet/puppet_program.hpp"
#include "agent/repository/modules/module_lock.hpp"
#include "agent/repository/modules/module_needs.hpp"
#include "agent/repository/modules/puppetfile.hpp"
#include "agent/repository/modules_request.hpp"
#include "agent/repository/version_range.hpp"
#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

using Declarations = std::vector<PuppetfileDeclaration>;

constexpr std::size_t largest = std::size_t{1} << 20U;

bool nothing_is_vendored(const std::string&) { return false; }

/// The folder with the Puppetfile, and what is in it.
struct ControlRepository {
    fs::path folder;
    Declarations declarations{};
    std::optional<std::string> lock_text{};

    [[nodiscard]] fs::path lock_file() const { return folder / module_lock_name; }
};

ControlRepository control_repository(const CommandArguments& given) {
    ControlRepository repository{.folder = given.value("FOLDER", ".")};
    const auto text = read_file_if_exists(repository.folder / "Puppetfile", largest);
    if (!text) {
        throw permanent_error("repository.puppetfile", "there is no Puppetfile in " + repository.folder.string(),
                              "name the folder of the control repository: `bootwright modules lock FOLDER`");
    }
    repository.declarations = read_puppetfile(*text, nothing_is_vendored);
    repository.lock_text = read_file_if_exists(repository.lock_file(), largest);
    return repository;
}

/// What is there of the lock. One that cannot be read, as after a merge with conflicts, is made anew.
ModuleLock lock_before(const ControlRepository& repository) {
    try {
        return repository.lock_text ? read_module_lock(*repository.lock_text) : ModuleLock();
    } catch (const Error& error) {
        log(LogLevel::warning, "the lock is made anew: " + error.message);
        return {};
    }
}

/// The branch that the folder's git work tree is on, or "" if none: then HEAD names a commit.
std::string branch_of(const fs::path& folder) {
    constexpr std::size_t longest = 4096;
    fs::path git = folder / ".git";
    if (const auto link = fs::is_directory(git) ? std::nullopt : read_file_if_exists(git, longest)) {
        constexpr std::string_view key = "gitdir: ";  // gitrepository-layout(5)
        git = link->starts_with(key) ? folder / std::string(trimmed(link->substr(key.size()))) : git;
    }
    const std::string head(trimmed(read_file_if_exists(git / "HEAD", longest).value_or("")));
    constexpr std::string_view key = "ref: refs/heads/";
    return head.starts_with(key) ? head.substr(key.size()) : "";
}

/// True for what may be the beginning of a commit's id.
bool is_short_id(const std::string& text) {
    constexpr std::size_t shortest = 4;  // as git has it
    return text.size() >= shortest && lower(text).find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// What is asked of the module's repository, as r10k looks it up.
ModuleWish wish_for(const PuppetfileDeclaration& module, const std::string& control_branch, const Url& forge) {
    using By = PuppetfileDeclaration::By;
    if (module.kind == PuppetfileDeclaration::Kind::forge) {
        return {.url = forge,
                .release = module.author + "-" + module.name + (module.revision.empty() ? "" : "-" + module.revision),
                .sha256 = module.sha256};
    }
    const std::string branches = "refs/heads/";
    ModuleWish wish{.url = module.url};
    switch (module.by) {
        case By::commit: wish.revisions = {module.revision}; break;
        case By::tag: wish.revisions = {"refs/tags/" + module.revision}; break;
        case By::branch: wish.revisions = {branches + module.revision}; break;
        case By::control_branch: wish.revisions = {branches + control_branch}; break;
        case By::ref:
            wish.revisions = {"refs/tags/" + module.revision, branches + module.revision};
            wish.short_commit = is_short_id(module.revision) ? lower(module.revision) : "";
            break;
        case By::nothing: break;
    }
    if (!module.default_branch.empty()) {
        wish.revisions.push_back(branches + module.default_branch);
    } else if (module.by == By::nothing) {
        wish.revisions.emplace_back("HEAD");
    }
    return wish;
}

std::string place_of(const PuppetfileDeclaration& module) {
    return "line " + std::to_string(module.line) + ", " + module.path;
}

LockedModule locked(const PuppetfileDeclaration& module, const ResolvedModule& resolved) {
    LockedModule locked{module.path, module.name, declared(module), resolved.commit, resolved.tree};
    if (!resolved.version.empty()) {
        locked.commit.clear();  // it follows from the tree
        locked.release = LockedRelease{resolved.version, resolved.url, resolved.sha256};
    }
    return locked;
}

/// What a module is now, and what it says of itself.
struct FoundModule {
    LockedModule locked;
    ModuleMetadata metadata{};
};

/// Asks the modules' servers. @throws Error of the first that cannot be had, which names all such
std::vector<FoundModule> resolve(const System& system, const CommandArguments& given, const Declarations& modules,
                                 const std::string& branch) {
    if (modules.empty()) {
        return {};
    }
    const WorkFolder work;
    ModulesRequest request{.fetch = fetch_request_in(system, work, given)};
    const Url forge = given.value("--forge", "https://forgeapi.puppet.com");
    for (const PuppetfileDeclaration& module : modules) {
        request.modules.push_back(wish_for(module, branch, forge));
    }
    const Redactor redactor = secrets_of(request);
    const auto read = [&](std::string_view line, const FetchEvents& events, FetchOutcome& answer) {
        const FetchEvents heard{.progress = events.progress, .heard = [](const PlaceAnswer& place) {
                                    log(LogLevel::warning, place.place + ": " + place.said);
                                }};
        read_fetch_event(line, request, redactor, heard, answer);
        return answer.modules.size() == request.modules.size();
    };
    const FetchOutcome answer = ask_fetch_program(system, to_json(request), redactor, read);
    std::vector<FoundModule> found;
    std::optional<Error> problem;
    for (std::size_t i = 0; i < modules.size(); ++i) {
        const ResolvedModule& resolved = answer.modules[i];
        if (!resolved.problem) {
            found.push_back({locked(modules[i], resolved), resolved.metadata.value_or(ModuleMetadata())});
            continue;
        }
        const std::string said = place_of(modules[i]) + ": " + resolved.problem->message;
        if (!problem) {
            problem = *resolved.problem;
            problem->message = "Puppetfile, " + said;
            if (problem->code == "git.revision_not_found") {
                problem->advice = "correct the Puppetfile, or push to the module's repository";
            }
        } else {
            problem->message += "; " + said;
        }
    }
    if (problem) {
        throw Error(*problem);
    }
    return found;
}

std::string shown(const LockedModule& module) {
    constexpr std::size_t short_id = 12;
    if (module.release) {
        return module.release->version + " (" + module.tree.substr(0, short_id) + ")";
    }
    std::string text = module.commit.substr(0, short_id);
    for (const auto& [key, value] : module.declared.items()) {
        text += key == "git" || key == "commit" || !value.is_string() ? "" : " " + key + " " + value.get<std::string>();
    }
    return text;
}

/// A line for each module that is not the same in both.
void print_changes(const ModuleLock& before, const ModuleLock& after) {
    for (const LockedModule& module : after.modules) {
        const LockedModule* old = find_locked(before, module.path);
        if (old == nullptr) {
            print_line("+ " + module.path + "  " + shown(module));
        } else if (old->tree != module.tree || old->commit != module.commit || old->declared != module.declared) {
            print_line("~ " + module.path + "  " + shown(*old) + " -> " + shown(module));
        }
    }
    for (const LockedModule& module : before.modules) {
        if (find_locked(after, module.path) == nullptr) {
            print_line("- " + module.path + "  " + shown(module));
        }
    }
}

/// Says which modules no lock can name: they have to be vendored.
void warn_of_others(const Declarations& declarations) {
    for (const PuppetfileDeclaration& module : declarations) {
        if (!is_lockable(module)) {
            log(LogLevel::warning, "Puppetfile, " + place_of(module) + " is not locked: " + why_not_fixed(module));
        }
    }
}

int check(const ControlRepository& repository) {
    if (!repository.lock_text) {
        throw permanent_error("repository.module_lock", "there is no " + repository.lock_file().string(),
                              "run `bootwright modules lock`, and commit the file");
    }
    require_same(repository.declarations, read_module_lock(*repository.lock_text), nothing_is_vendored);
    print_line(repository.lock_file().string() + " is of this Puppetfile");
    return exit_ok;
}

/// True for what lies in a folder of the control repository, "site-modules/profile" for instance.
bool is_part_of(const ControlRepository& repository, const std::string& name) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(repository.folder, error)) {
        if (entry.is_directory(error) && fs::is_directory(entry.path() / name, error)) {
            return true;
        }
    }
    return false;
}

/// The version of the Puppet of this machine; "" if there is none, or if it does not say it.
std::string installed_puppet(const System& system) {
    constexpr std::chrono::seconds longest{30};
    std::string version;
    try {
        const ProcessRequest process{.arguments = {find_puppet(system, {}).path.string(), "--version"},
                                     .environment = puppet_environment(),
                                     .timeout = longest,
                                     .ends_family = true};
        const ProcessEvents events{
            .line = [&](std::string_view line) { version = version.empty() ? trimmed(line) : version; }};
        system.processes.run(process, events, {});
    } catch (const Error&) {  // no Puppet, no word about it
        return "";
    }
    return SemanticVersion::parse(version) ? version : "";
}

/// Warns of what the modules that were asked for need, and what is not there.
void warn_of_needs(const System& system, const CommandArguments& given, const ControlRepository& repository,
                   const ModuleLock& lock, const std::vector<FoundModule>& found) {
    std::vector<DeclaredModule> modules;
    for (const PuppetfileDeclaration& declaration : repository.declarations) {
        DeclaredModule module{.place = "Puppetfile, " + place_of(declaration), .name = declaration.name};
        const auto fresh = std::find_if(found.begin(), found.end(),
                                        [&](const FoundModule& one) { return one.locked.path == declaration.path; });
        if (fresh != found.end()) {
            module.metadata = fresh->metadata;
            module.version = module.metadata.version;
        }
        const LockedModule* locked = find_locked(lock, declaration);
        if (locked != nullptr && locked->release) {
            module.version = locked->release->version;
        }
        modules.push_back(std::move(module));
    }
    std::string puppet = given.value("--puppet");
    if (puppet.empty() && ask_for_puppet(modules)) {
        puppet = installed_puppet(system);
    }
    const auto is_there = [&](const std::string& name) { return is_part_of(repository, name); };
    for (const std::string& unmet : unmet_needs(modules, puppet, is_there)) {
        log(LogLevel::warning, unmet);
    }
}

struct Choice {
    bool all = false;    ///< asks also for what is locked already
    std::string only{};  ///< of that one alone; "": of each
};

/// The lock of the Puppetfile as it is now. What is in `before` stays, unless `choice` says otherwise.
ModuleLock lock_of(const System& system, const CommandArguments& given, const ControlRepository& repository,
                   const ModuleLock& before, const Choice& choice) {
    using By = PuppetfileDeclaration::By;
    std::string branch = given.value("--branch");
    ModuleLock lock;
    Declarations asked;
    branch = branch.empty() ? branch_of(repository.folder) : branch;
    for (const PuppetfileDeclaration& module : repository.declarations) {
        if (!is_lockable(module)) {
            continue;
        }
        const LockedModule* locked = find_locked(before, module);
        if (locked != nullptr && !(choice.all && (choice.only.empty() || choice.only == module.name))) {
            lock.modules.push_back(*locked);
            continue;
        }
        if (module.by == By::control_branch && branch.empty()) {
            throw UsageError{
                place_of(module) +
                " follows the control repository's branch, and HEAD is on none here: name it with --branch"};
        }
        asked.push_back(module);
    }
    const auto found = resolve(system, given, asked, branch);
    for (const FoundModule& module : found) {
        lock.modules.push_back(module.locked);
    }
    std::sort(lock.modules.begin(), lock.modules.end(),
              [](const LockedModule& one, const LockedModule& other) { return one.path < other.path; });
    warn_of_needs(system, given, repository, lock, found);
    return lock;
}

/// Writes the lock of a Puppetfile, or says how it stands. Needs neither root nor a configuration.
/// @throws Error repository.*, git.*, server.*, io.*
int run_lock(const System& system, const CommandArguments& given) {
    const bool updates = given.has("--update");
    const bool looks = given.has("--outdated");
    if ((given.has("--check") ? 1 : 0) + (updates ? 1 : 0) + (looks ? 1 : 0) > 1) {
        throw UsageError{"--check, --update and --outdated exclude each other"};
    }
    if (given.has("--module") && !updates && !looks) {
        throw UsageError{"--module goes with --update or --outdated"};
    }
    if (given.has("--puppet") && !SemanticVersion::parse(given.value("--puppet"))) {
        throw UsageError{"--puppet takes a version such as 8.10.0"};
    }
    const ControlRepository repository = control_repository(given);
    const Choice choice{.all = updates || looks, .only = given.value("--module")};
    const auto has_name = [&](const PuppetfileDeclaration& module) { return module.name == choice.only; };
    if (!choice.only.empty() &&
        std::none_of(repository.declarations.begin(), repository.declarations.end(), has_name)) {
        throw UsageError{"the Puppetfile declares no module " + choice.only};
    }
    if (given.has("--check")) {
        return check(repository);
    }
    warn_of_others(repository.declarations);
    const ModuleLock before = lock_before(repository);
    const ModuleLock after = lock_of(system, given, repository, before, choice);
    print_changes(before, after);
    if (looks) {
        print_line(to_text(before) == to_text(after) ? "nothing is newer than the lock"
                                                     : "`--update` takes what is newer");
        return exit_ok;
    }
    write_file(repository.lock_file(), to_text(after), 0644);
    print_line(repository.lock_file().string() + ": " + counted(after.modules.size(), "module"));
    return exit_ok;
}

const Command group{.name = "modules", .help = "Pin the modules of a Puppetfile"};
const Command lock{
    .name = "modules lock",
    .help = "Write what each module of a Puppetfile is now into Puppetfile.bootwright.json, to be committed",
    .options = {{CommandOption::Kind::argument, "FOLDER", "The folder with the Puppetfile; by default this one"},
                {CommandOption::Kind::flag, "--check", "Only say whether the lock is of this Puppetfile; asks nobody"},
                {CommandOption::Kind::flag, "--update", "Ask also for what is locked already"},
                {CommandOption::Kind::flag, "--outdated", "Only say what --update would change"},
                {.kind = CommandOption::Kind::option,
                 .name = "--module",
                 .help = "With --update or --outdated: this module alone",
                 .value = "NAME"},
                {.kind = CommandOption::Kind::option,
                 .name = "--forge",
                 .help = "Where the Forge's API is; by default https://forgeapi.puppet.com",
                 .value = "URL"},
                {.kind = CommandOption::Kind::option,
                 .name = "--puppet",
                 .help = "The version of Puppet that the modules have to know; by default that of this machine's",
                 .value = "VERSION"},
                credentials_option,
                {.kind = CommandOption::Kind::option,
                 .name = "--branch",
                 .help = "What :control_branch stands for; by default the branch that the folder is on",
                 .value = "BRANCH"}},
    .examples = {{"bootwright modules lock", "Pin what the Puppetfile of this folder names, then commit the file"},
                 {"bootwright modules lock --check", "In CI: is the lock of this Puppetfile?"},
                 {"bootwright modules lock --update --module apt", "Take the newest apt that the Puppetfile allows"}},
    .run = run_lock};
const Registered<Command> registered_lock(lock);
const Registered<Command> registered(group);

}  // namespace

}  // namespace bootwright
