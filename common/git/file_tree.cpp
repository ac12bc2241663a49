#include "common/git/file_tree.hpp"

#include "common/base/text.hpp"
#include "common/git/handles.hpp"
#include "common/git/tree.hpp"

#include <git2/sys/mempack.h>
#include <git2/sys/odb_backend.h>
#include <git2/sys/repository.h>

#include <map>
#include <utility>

namespace bootwright {

using namespace libgit2;

namespace {

using TreeBuilderHandle = Handle<git_treebuilder, git_treebuilder_free>;

std::string text_of_commit(const std::string& tree, const std::string& message) {
    const std::string nobody = "bootwright <> 0 +0000\n";
    return "tree " + tree + "\nauthor " + nobody + "committer " + nobody + "\n" + message + "\n";
}

Error misplaced(const std::string& path, const std::string& why) {
    return tree_refused("\"" + path + "\" " + why, "look at what made these files");
}

struct Folder {
    struct File {
        git_oid blob;
        git_filemode_t mode;
    };
    std::map<std::string, File> files{};
    std::map<std::string, Folder> folders{};
};

}  // namespace

std::string wrapping_commit_of(const std::string& tree, const std::string& message) {
    const std::string text = text_of_commit(tree, message);
    git_oid id{};
    check_local(git_odb_hash(&id, text.data(), text.size(), GIT_OBJECT_COMMIT), "a commit");
    return hex(id);
}

struct GitFileTree::State {
    OdbHandle odb{};
    git_odb_backend* memory = nullptr;  // the odb's
    RepositoryHandle repository{};
    Folder root{};

    // NOLINTNEXTLINE(misc-no-recursion): as deep as a path is long
    git_oid write(const Folder& folder, const std::string& path) {
        TreeBuilderHandle builder;
        check_local(git_treebuilder_new(out(builder), repository.get(), nullptr), "a tree");
        const auto insert = [&](const std::string& name, const git_oid& id, git_filemode_t mode) {
            if (git_treebuilder_insert(nullptr, builder.get(), name.c_str(), &id, mode) != 0) {
                throw misplaced(path + name, "is a name that git forbids");
            }
        };
        for (const auto& [name, file] : folder.files) {
            insert(name, file.blob, file.mode);
        }
        for (const auto& [name, below] : folder.folders) {
            insert(name, write(below, path + name + "/"), GIT_FILEMODE_TREE);
        }
        git_oid id{};
        check_local(git_treebuilder_write(&id, builder.get()), "a tree");
        return id;
    }
};

GitFileTree::GitFileTree() : state_(std::make_unique<State>()) {
    check_local(git_odb_new(out(state_->odb)), "an object database");
    check_local(git_mempack_new(&state_->memory), "an object database");
    check_local(git_odb_add_backend(state_->odb.get(), state_->memory, 1), "an object database");
    check_local(git_repository_wrap_odb(out(state_->repository), state_->odb.get()), "an object database");
}

GitFileTree::~GitFileTree() = default;

void GitFileTree::add(const std::string& path, bool is_executable, std::string_view content) {
    const std::vector<std::string> parts = split(path, '/');
    Folder* folder = &state_->root;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
        if (folder->files.contains(parts[i])) {
            throw misplaced(path, "lies below a file");
        }
        folder = &folder->folders[parts[i]];
    }
    if (folder->files.contains(parts.back()) || folder->folders.contains(parts.back())) {
        throw misplaced(path, "is there twice");
    }
    git_oid blob{};
    check_local(git_blob_create_from_buffer(&blob, state_->repository.get(), content.data(), content.size()), path);
    folder->files[parts.back()] = {blob, is_executable ? GIT_FILEMODE_BLOB_EXECUTABLE : GIT_FILEMODE_BLOB};
}

std::string GitFileTree::write_to(const GitRepository& repository, const std::string& message) {
    const std::string text = text_of_commit(hex(state_->write(state_->root, "")), message);
    git_oid commit{};
    check_local(git_odb_write(&commit, state_->odb.get(), text.data(), text.size(), GIT_OBJECT_COMMIT), "a commit");
    git_buf pack = GIT_BUF_INIT;
    check_local(git_mempack_dump(&pack, state_->repository.get(), state_->memory), "a pack");
    const std::unique_ptr<git_buf, Free<git_buf_dispose>> dispose(&pack);
    GitPackImport import(repository, [](std::string_view, std::uint64_t, std::uint64_t) {});
    import.append({pack.ptr, pack.size});
    import.finish();
    return hex(commit);
}

}  // namespace bootwright
