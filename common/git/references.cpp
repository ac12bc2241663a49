#include "common/git/references.hpp"

#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <git2/sys/errors.h>

#include <algorithm>
#include <string_view>

namespace bootwright {

namespace fs = std::filesystem;

namespace libgit2 {

namespace {

using ReferenceHandle = Handle<git_reference, git_reference_free>;
constexpr std::size_t longest_shallow_file = 64UL * 1024 * 1024;

/// Whether all history of the commit is there, up to the commits in `shallow`. Unknown beyond so many commits.
bool has_history(git_odb* odb, const git_oid& commit, const Shallow& shallow) {
    constexpr std::size_t most_commits = 100'000;
    IdSet seen{commit};
    std::vector<git_oid> open{commit};
    while (!open.empty()) {
        const git_oid id = open.back();
        open.pop_back();
        const auto parents = parents_of(odb, id);
        if (!parents || seen.size() > most_commits) {
            return false;
        }
        for (const git_oid& parent : *parents) {
            if (seen.insert(parent).second && !(shallow.contains(hex(parent)) && exists(odb, parent))) {
                open.push_back(parent);
            }
        }
    }
    return true;
}

}  // namespace

std::vector<std::string> reference_names(git_repository* repository, const std::string& glob) {
    std::vector<std::string> names;
    const auto callback = [](const char* name, void* user) noexcept -> int {
        try {
            static_cast<std::vector<std::string>*>(user)->emplace_back(name);
            return 0;
        } catch (...) {
            return GIT_ERROR;  // no exception may cross libgit2
        }
    };
    check_local(git_reference_foreach_glob(repository, glob.c_str(), callback, &names),
                "the references of the repository");
    std::sort(names.begin(), names.end());
    return names;
}

void remove_reference(git_repository* repository, const std::string& name) {
    check_local(git_reference_remove(repository, name.c_str()), "the removal of reference " + name);
}

void set_reference(git_repository* repository, const std::string& name, const git_oid& id) {
    ReferenceHandle reference;
    check_local(git_reference_create(out(reference), repository, name.c_str(), &id, 1, nullptr), "reference " + name);
}

void check_references(git_repository* repository) {
    ReferenceHandle head;  // it leads nowhere, but git takes a folder without it for no repository
    check_local(git_reference_lookup(out(head), repository, "HEAD"), "HEAD of the repository");
    const OdbHandle odb = objects_of(repository);
    for (const std::string& name : reference_names(repository, "*")) {
        ReferenceHandle found;
        check_local(git_reference_lookup(out(found), repository, name.c_str()), "reference " + name);
        const git_oid* target = git_reference_target(found.get());
        if (target == nullptr || git_odb_exists(odb.get(), target) == 1) {
            continue;
        }
        if (!name.starts_with("refs/bootwright/")) {
            git_error_set_str(GIT_ERROR_REFERENCE, "its object is missing");
            throw corrupt("reference " + name);
        }
        remove_reference(repository, name);
    }
}

Shallow read_shallow(const fs::path& repository) {
    Shallow commits;
    for (const std::string& line :
         split(read_file_if_exists(repository / "shallow", longest_shallow_file).value_or(""), '\n')) {
        if (is_commit_id(line)) {
            commits.insert(line);
        } else if (!line.empty()) {
            git_error_set_str(GIT_ERROR_GRAFTS, "a line is no commit id");
            throw corrupt("the file shallow of the repository");
        }
    }
    return commits;
}

void write_shallow(const fs::path& repository, const Shallow& commits) {
    if (commits == read_shallow(repository)) {
        return;
    }
    if (commits.empty()) {
        remove_tree(repository / "shallow");
        return sync_folder(repository);
    }
    std::string text;
    for (const std::string& commit : commits) {
        text.append(commit).append("\n");
    }
    write_file(repository / "shallow", text, 0644);
}

Shallow without_complete(git_odb* odb, const Shallow& shallow) {
    Shallow left = shallow;
    std::erase_if(left, [&](const std::string& id) {
        return exists(odb, object_id(id)) && has_history(odb, object_id(id), shallow);
    });
    return left;
}

}  // namespace libgit2

using namespace libgit2;

void GitRepository::keep(const std::string& commit_id, const std::vector<std::string>& tag_ids) {
    git_repository* repository = handles_->repository.get();
    find_commit(repository, commit_id);
    const OdbHandle odb = handles_->odb();
    Shallow shallow = read_shallow(handles_->folder);
    shallow.insert(commit_id);
    // Before the reference, so that history that is left out is no damage.
    write_shallow(handles_->folder, without_complete(odb.get(), shallow));
    for (const std::string& tag_id : tag_ids) {
        find_tag(repository, tag_id);
        set_reference(repository, tag_references + tag_id, object_id(tag_id));
    }
    set_reference(repository, keep_references + commit_id, object_id(commit_id));
}

std::vector<std::string> GitRepository::kept() const {
    std::vector<std::string> commits;
    for (const std::string& name : reference_names(handles_->repository.get(), std::string(keep_references) + "*")) {
        commits.push_back(name.substr(std::string_view(keep_references).size()));
    }
    return commits;
}

std::vector<std::string> GitRepository::kept_tags(const std::string& commit_id) const {
    git_repository* repository = handles_->repository.get();
    const git_oid id = object_id(commit_id);
    constexpr std::string_view prefix = tag_references;
    std::vector<std::string> tags;
    for (const std::string& name : reference_names(repository, std::string(prefix) + "*")) {
        ReferenceHandle found;
        check_local(git_reference_lookup(out(found), repository, name.c_str()), "reference " + name);
        AnyHandle commit;
        const int code = git_reference_peel(out(commit), found.get(), GIT_OBJECT_COMMIT);
        if (code == 0 && git_oid_equal(git_object_id(commit.get()), &id) != 0) {
            tags.push_back(name.substr(prefix.size()));
        }
    }
    return tags;
}

void GitRepository::forget(const std::string& commit_id) {
    git_repository* repository = handles_->repository.get();
    for (const std::string& tag : kept_tags(commit_id)) {
        remove_reference(repository, tag_references + tag);
    }
    for (const std::string& name : reference_names(repository, keep_references + commit_id)) {
        remove_reference(repository, name);
    }
}

bool GitRepository::is_shallow(const std::string& commit_id) const {
    return read_shallow(handles_->folder).contains(commit_id);
}

}  // namespace bootwright
