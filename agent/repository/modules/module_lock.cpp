#include "agent/repository/modules/module_lock.hpp"

#include "agent/repository/modules/source_policy.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace bootwright {

namespace {

constexpr int schema = 1;
constexpr const char* how_to_mend = "run `bootwright modules lock` in the control repository, and commit the file";

std::string commit_id_at(ObjectReader& reader, const std::string& key) {
    const std::string id = reader.string(key).value_or("");
    if (!is_commit_id(id)) {
        throw reader.error(key, "must be 40 hexadecimal digits in lower case", how_to_mend);
    }
    return id;
}

LockedRelease read_release(ObjectReader& reader) {
    constexpr std::size_t longest_version = 100;
    LockedRelease release{.version = reader.string("version").value_or(""),
                          .url = Url::parse(reader.string("url").value_or("")).value_or(Url()),
                          .sha256 = reader.string("sha256").value_or("")};
    if (!is_made_of(release.version, ".-+", longest_version)) {
        throw reader.error("version", "must be a version, such as \"1.2.3\"", how_to_mend);
    }
    if (release.url.scheme() != "https" && release.url.scheme() != "http") {
        throw reader.error("url", "must be a URL of https or http", how_to_mend);
    }
    if (!is_sha256(release.sha256)) {
        throw reader.error("sha256", "must be 64 hexadecimal digits in lower case", how_to_mend);
    }
    return release;
}

LockedModule read_module(ObjectReader& reader) {
    const std::string kind = reader.string("kind").value_or("");
    if (kind != "git" && kind != "forge") {
        throw reader.error("kind", "must be \"git\" or \"forge\"", how_to_mend);
    }
    LockedModule module;
    module.path = reader.string("path").value_or("");
    if (const auto why = why_path_is_refused(module.path)) {
        throw reader.error("path", *why, how_to_mend);
    }
    module.name = reader.string("name").value_or("");
    reader.object("declared");
    module.declared = reader.json().value("declared", Json::object());
    if (kind == "forge") {
        module.release = read_release(reader);
    } else {
        module.commit = commit_id_at(reader, "commit");
    }
    module.tree = commit_id_at(reader, "tree");
    reader.finish();
    return module;
}

const char* key_of(PuppetfileDeclaration::By by) {
    switch (by) {
        case PuppetfileDeclaration::By::commit: return "commit";
        case PuppetfileDeclaration::By::tag: return "tag";
        case PuppetfileDeclaration::By::branch:
        case PuppetfileDeclaration::By::control_branch: return "branch";
        case PuppetfileDeclaration::By::ref:
        case PuppetfileDeclaration::By::nothing: break;
    }
    return "ref";
}

}  // namespace

Json declared(const PuppetfileDeclaration& module) {
    using By = PuppetfileDeclaration::By;
    if (module.kind == PuppetfileDeclaration::Kind::forge) {
        Json release{{"forge", module.author + "/" + module.name},
                     {"version", module.revision.empty() ? "latest" : module.revision}};
        if (!module.sha256.empty()) {
            release["sha256sum"] = module.sha256;
        }
        return release;
    }
    Json json{{"git", module.url.shown()}};
    if (module.by == By::control_branch) {
        json["branch"] = ":control_branch";  // no branch's name holds a colon (git-check-ref-format(1))
    } else if (module.by != By::nothing) {
        json[key_of(module.by)] = module.revision;
    }
    if (!module.default_branch.empty()) {
        json["default_branch"] = module.default_branch;
    }
    return json;
}

bool is_lockable(const PuppetfileDeclaration& module) { return module.problem.empty(); }

ModuleLock read_module_lock(const std::string& text) {
    const JsonDocument document = JsonDocument::parse(text, module_lock_name, "repository.module_lock");
    ObjectReader reader(document);
    if (reader.integer("schema", 0, 1'000'000) != schema) {
        throw reader.error("schema", "this bootwright reads schema 1",
                           "make the lock with the bootwright that the instances have, or upgrade theirs");
    }
    ModuleLock lock;
    std::set<std::string> paths;
    auto modules = reader.objects("modules");
    if (!modules) {
        throw reader.error("modules", "it is missing", how_to_mend);
    }
    for (ObjectReader& module : *modules) {
        lock.modules.push_back(read_module(module));
        if (!paths.insert(lock.modules.back().path).second) {
            throw module.error("path", "two modules have this path", how_to_mend);
        }
    }
    reader.finish();
    return lock;
}

std::string to_text(const ModuleLock& lock) {
    Json modules = Json::array();
    for (const LockedModule& module : lock.modules) {
        Json json{{"path", module.path},
                  {"name", module.name},
                  {"kind", module.release ? "forge" : "git"},
                  {"declared", module.declared},
                  {"tree", module.tree}};
        if (module.release) {
            json["version"] = module.release->version;
            json["url"] = module.release->url.shown();
            json["sha256"] = module.release->sha256;
        } else {
            json["commit"] = module.commit;
        }
        modules.push_back(std::move(json));
    }
    return to_text(Json{{"schema", schema}, {"modules", std::move(modules)}});
}

const LockedModule* find_locked(const ModuleLock& lock, const std::string& path) {
    const auto found = std::find_if(lock.modules.begin(), lock.modules.end(),
                                    [&](const LockedModule& module) { return module.path == path; });
    return found == lock.modules.end() ? nullptr : &*found;
}

const LockedModule* find_locked(const ModuleLock& lock, const PuppetfileDeclaration& declaration) {
    const LockedModule* module = find_locked(lock, declaration.path);  // no other has this path
    return module != nullptr && module->declared == declared(declaration) ? module : nullptr;
}

std::vector<std::string> differences(const std::vector<PuppetfileDeclaration>& declarations, const ModuleLock& lock,
                                     const std::function<bool(const std::string&)>& is_vendored) {
    std::vector<std::string> differences;
    std::set<std::string> paths;
    for (const PuppetfileDeclaration& module : declarations) {
        if (!is_lockable(module)) {
            continue;
        }
        paths.insert(module.path);
        const LockedModule* locked = find_locked(lock, module);
        const std::string where = "line " + std::to_string(module.line) + ", " + module.path;
        if (locked == nullptr) {
            differences.push_back(
                where + (find_locked(lock, module.path) != nullptr ? " is declared otherwise" : " is not in the lock"));
        } else if (module.kind == PuppetfileDeclaration::Kind::forge) {
            const bool is_of_it = locked->release &&
                                  (module.revision.empty() || module.revision == locked->release->version) &&
                                  (module.sha256.empty() || module.sha256 == locked->release->sha256);
            if (!is_of_it) {
                differences.push_back(where + " is another release in the lock");
            }
        } else if (locked->release) {
            differences.push_back(where + " is of another kind in the lock");
        } else if (module.by == PuppetfileDeclaration::By::commit && locked->commit != module.revision) {
            differences.push_back(where + " is another commit in the lock");
        }
    }
    for (const LockedModule& module : lock.modules) {
        if (!paths.contains(module.path) && !is_vendored(module.path)) {
            differences.push_back(module.path + " is in the lock, and is not declared");
        }
    }
    return differences;
}

void require_same(const std::vector<PuppetfileDeclaration>& declarations, const ModuleLock& lock,
                  const std::function<bool(const std::string&)>& is_vendored) {
    const auto all = differences(declarations, lock, is_vendored);
    if (!all.empty()) {
        throw permanent_error("repository.module_lock",
                              std::string(module_lock_name) + " is not of this Puppetfile: " + joined(all, "; "),
                              how_to_mend);
    }
}

}  // namespace bootwright
