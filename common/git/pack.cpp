#include "common/git/pack.hpp"

#include "common/files/file.hpp"
#include "common/git/references.hpp"
#include "common/git/tree.hpp"

#include <git2/sys/repository.h>

#include <algorithm>
#include <exception>
#include <system_error>

namespace bootwright {

namespace fs = std::filesystem;

namespace libgit2 {

PackBuilderHandle new_pack(git_repository* repository) {
    PackBuilderHandle pack;
    check_local(git_packbuilder_new(out(pack), repository), "a new pack");
    return pack;
}

void insert_commit(git_packbuilder* pack, git_repository* repository, const std::string& commit_id,
                   const Wanted& wanted) {
    const auto insert = [&](const git_oid& id, const char* name) {
        if (wanted(id)) {
            check_local(git_packbuilder_insert(pack, &id, name), "object " + hex(id));
        }
    };
    insert(object_id(commit_id), nullptr);
    const TreeHandle tree = find_tree(repository, commit_id);
    insert(*git_tree_id(tree.get()), "");
    IdSet seen;
    walk_tree(repository, tree.get(), [&](const std::string& path, const git_tree_entry* entry) {
        const git_filemode_t mode = git_tree_entry_filemode(entry);
        const git_oid& id = *git_tree_entry_id(entry);
        if (mode == GIT_FILEMODE_COMMIT) {
            return Step::go_on;
        }
        insert(id, path.c_str());
        return mode == GIT_FILEMODE_TREE && !seen.insert(id).second ? Step::skip_folder : Step::go_on;
    });
}

void insert_tag(git_packbuilder* pack, git_repository* repository, const std::string& tag_id, const Wanted& wanted) {
    for (std::optional<std::string> next = tag_id; next;) {
        const TagHandle tag = find_tag(repository, *next);
        if (const git_oid& id = *git_tag_id(tag.get()); wanted(id)) {
            check_local(git_packbuilder_insert(pack, &id, nullptr), "tag " + *next);
        }
        const bool is_nested = git_tag_target_type(tag.get()) == GIT_OBJECT_TAG;
        next = is_nested ? std::optional(hex(*git_tag_target_id(tag.get()))) : std::nullopt;
    }
}

void pack_without_deltas(git_repository* repository, const IncomingFolder& folder) {
    // libgit2 makes no delta of what is larger than core.bigFileThreshold, which 1.8 reads from pack.deltaCacheSize by
    // mistake; and it reads configuration only from files.
    const fs::path file = folder.path() / "config";
    write_file(file, "[core]\n\tbigFileThreshold = 1\n[pack]\n\tdeltaCacheSize = 1\n", 0600);
    Handle<git_config, git_config_free> config;
    check_local(git_config_new(out(config)), "a configuration");
    check_local(git_config_add_file_ondisk(config.get(), file.c_str(), GIT_CONFIG_LEVEL_LOCAL, nullptr, 0),
                "a configuration");
    check_local(git_repository_set_config(repository, config.get()), "a configuration");
}

void build(git_packbuilder* pack, const std::function<void(std::string_view)>& sink) {
    struct Target {
        const std::function<void(std::string_view)>& sink;
        std::exception_ptr failure;
    } target{sink, nullptr};
    const auto callback = [](void* bytes, std::size_t size, void* user) noexcept -> int {
        auto& to = *static_cast<Target*>(user);
        try {
            to.sink(std::string_view(static_cast<const char*>(bytes), size));
            return 0;
        } catch (...) {
            to.failure = std::current_exception();
            return GIT_EUSER;
        }
    };
    const int code = git_packbuilder_foreach(pack, callback, &target);
    if (target.failure) {
        std::rethrow_exception(target.failure);
    }
    check_local(code, "a new pack");
}

}  // namespace libgit2

using namespace libgit2;

namespace {

struct Packs {
    std::size_t count = 0;
    std::uint64_t bytes = 0;
};

Packs packs_in(const fs::path& folder) {
    Packs packs;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        if (entry.path().extension() == ".pack") {
            ++packs.count;
            packs.bytes += entry.file_size();
        }
    }
    return packs;
}

std::uint64_t size_of_checkouts(const GitRepository& kept) {
    std::uint64_t bytes = 0;
    for (const std::string& commit : kept.kept()) {
        bytes = saturated_sum(bytes, kept.tree_size(commit).bytes);
    }
    return bytes;
}

/// Writes the pack of what is kept and only in the repository itself. Returns its name, empty if there is none.
std::string pack_kept(const GitRepository& kept, GitRepository::Handles& handles) {
    OdbHandle own;
    check_local(git_odb_open(out(own), (handles.folder / "objects").c_str()), "the objects of the repository");
    const OdbHandle all = handles.odb();
    // Missing objects are wanted too: then the pack fails before anything is removed.
    const auto is_own = [&](const git_oid& id) { return exists(own.get(), id) || !exists(all.get(), id); };
    const RepositoryHandle owner = open_again(handles);
    git_repository* repository = owner.get();
    const IncomingFolder incoming(handles);
    pack_without_deltas(repository, incoming);
    const PackBuilderHandle pack = new_pack(repository);
    for (const std::string& commit_id : kept.kept()) {
        insert_commit(pack.get(), repository, commit_id, is_own);
    }
    for (const std::string& name : reference_names(repository, std::string(tag_references) + "*")) {
        insert_tag(pack.get(), repository, name.substr(std::string_view(tag_references).size()), is_own);
    }
    if (git_packbuilder_object_count(pack.get()) == 0) {
        return "";
    }
    check_local(git_packbuilder_write(pack.get(), incoming.path().c_str(), 0, nullptr, nullptr), "a new pack");
    publish_packs(incoming.path(), handles);
    return std::string("pack-") + git_packbuilder_name(pack.get());
}

/// Removes every object but those in the pack `name`. An index goes before its pack: one without the other is not seen.
void remove_other_objects(const fs::path& objects, const std::string& name) {
    remove_tree(objects / "pack/multi-pack-index");
    remove_tree(objects / "info/commit-graph");
    remove_tree(objects / "info/commit-graphs");
    const auto is_other = [&](const fs::path& path) { return name.empty() || path.stem() != name; };
    remove_files(objects / "pack", [&](const fs::path& path) { return path.extension() == ".idx" && is_other(path); });
    remove_files(objects / "pack", is_other);
    constexpr std::size_t length_of_loose_folder = 2;
    std::vector<fs::path> loose;
    for (const auto& entry : fs::directory_iterator(objects)) {
        if (entry.path().filename().native().size() == length_of_loose_folder) {
            loose.push_back(entry.path());
        }
    }
    std::for_each(loose.begin(), loose.end(), remove_tree);
}

}  // namespace

bool GitRepository::repack(std::size_t most_packs, std::uint64_t most_else) {
    const Packs packs = packs_in(handles_->packs());
    const bool is_much = packs.bytes > most_else && packs.bytes > saturated_sum(most_else, size_of_checkouts(*this));
    if (packs.count <= most_packs && !is_much) {
        return false;
    }
    const std::string pack = pack_kept(*this, *handles_);
    handles_->known_trees.clear();
    for (const std::string& name : reference_names(handles_->repository.get(), "*")) {
        if (!name.starts_with(keep_references) && !name.starts_with(tag_references)) {
            remove_reference(handles_->repository.get(), name);
        }
    }
    Shallow shallow = read_shallow(handles_->folder);
    for (const std::string& commit_id : kept()) {
        if (!parents_of(handles_->odb().get(), object_id(commit_id)).value_or(std::vector<git_oid>()).empty()) {
            shallow.insert(commit_id);
        }
    }
    write_shallow(handles_->folder, shallow);  // before history is removed, so that its lack is no damage
    remove_other_objects(handles_->folder / "objects", pack);
    handles_->repository = open_again(*handles_);
    const OdbHandle odb = handles_->odb();
    std::erase_if(shallow, [&](const std::string& id) { return !exists(odb.get(), object_id(id)); });
    write_shallow(handles_->folder, without_complete(odb.get(), shallow));
    return true;
}

void GitRepository::write_bundle(const std::vector<std::string>& commit_ids, const std::vector<std::string>& tag_ids,
                                 const fs::path& file) const {
    git_repository* repository = handles_->repository.get();
    const auto everything = [](const git_oid&) { return true; };
    const PackBuilderHandle pack = new_pack(repository);
    git_packbuilder_set_threads(pack.get(), 0);  // one a core, for the search for deltas
    std::string header = "# v2 git bundle\n";
    for (const std::string& id : commit_ids) {
        insert_commit(pack.get(), repository, id, everything);
        header.append(id).append(" refs/bootwright/snapshot/").append(id).append("\n");
    }
    for (const std::string& id : tag_ids) {
        insert_tag(pack.get(), repository, id, everything);
        header.append(id).append(" ").append(tag_references).append(id).append("\n");
    }
    FileReplacement bundle(file, 0644);
    bundle.append(header + "\n");
    build(pack.get(), [&](std::string_view bytes) { bundle.append(bytes); });
    bundle.finish();
}

}  // namespace bootwright
