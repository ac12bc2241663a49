#include "common/git/tree.hpp"

#include "common/base/text.hpp"

#include <git2/sys/errors.h>
#include <git2/sys/path.h>

#include <utility>

namespace bootwright::libgit2 {

Error tree_refused(const std::string& what, const std::string& advice) {
    return permanent_error("git.tree_refused", what, advice);
}

namespace {

/// Each level of folders costs a checkout a file descriptor, of which a process has 1024.
constexpr int deepest_folder = 400;

void refuse_depth(int depth) {
    if (depth > deepest_folder) {
        throw tree_refused("the tree has more than " + std::to_string(deepest_folder) + " folders in each other",
                           "remove them from the repository");
    }
}

/// What git never writes into a work tree (path.c of git, verify_path): what leads elsewhere, its own folder by any name that
/// some file system takes for that, and a link that would stand for .gitmodules. And what no file system of Linux can hold.
bool is_forbidden(std::string_view name, bool is_link) {
    constexpr std::size_t longest = 255;
    if (name.empty() || name.size() > longest || name == "." || name == ".." ||
        name.find('/') != std::string_view::npos) {
        return true;
    }
    if (name.front() != '.' && name.front() != 'g' && name.front() != 'G') {
        return false;
    }
    const std::string low = lower(name);
    for (const std::string_view own : {".git", "git~1"}) {
        // NTFS drops dots and spaces at the end, and what follows a colon names a stream of the same file.
        const std::size_t end = low.starts_with(own) ? low.find_first_not_of(". ", own.size()) : 0;
        if (end == std::string::npos || (end > 0 && (low[end] == ':' || low[end] == '\\'))) {
            return true;
        }
    }
    return is_link &&
           git_path_is_gitfile(low.data(), low.size(), GIT_PATH_GITFILE_GITMODULES, GIT_PATH_FS_GENERIC) != 0;
}

/// Trees are in git's order, each name stands there once, and none is one that git forbids: `git fsck` calls any other an
/// error. libgit2 takes it, then misses names in it, or writes one thing through another.
void refuse_disorder(const git_tree* tree, const std::string& path) {
    const git_tree_entry* before = nullptr;
    for (std::size_t i = 0; i < git_tree_entrycount(tree); ++i) {
        const git_tree_entry* entry = git_tree_entry_byindex(tree, i);
        const std::string_view name = git_tree_entry_name(entry);
        bool is_twice = false;
        // A folder is ordered as "name/": between it and a file of that name only names that begin with it can be.
        for (std::size_t j = i; j-- > 0 && !is_twice;) {
            const std::string_view earlier = git_tree_entry_name(git_tree_entry_byindex(tree, j));
            if (!earlier.starts_with(name)) {
                break;
            }
            is_twice = earlier == name;
        }
        if (is_forbidden(name, git_tree_entry_filemode(entry) == GIT_FILEMODE_LINK)) {
            throw tree_refused("the tree holds the name \"" + path + std::string(name) + "\", which git forbids",
                               "remove that name from the repository");
        }
        if (is_twice || (before != nullptr && git_tree_entry_cmp(before, entry) >= 0)) {
            throw tree_refused(
                "the tree holds \"" + path + std::string(name) + "\" " + (is_twice ? "twice" : "out of order"),
                "make that commit anew with git itself: `git fsck` refuses this one");
        }
        before = entry;
    }
}

// NOLINTNEXTLINE(misc-no-recursion): refuse_depth() ends it
Step walk_below(git_repository* repository, const git_tree* tree, std::string& path, int depth, const Visit& visit) {
    refuse_depth(depth);
    refuse_disorder(tree, path);
    const std::size_t count = git_tree_entrycount(tree);
    const std::size_t length = path.size();
    for (std::size_t i = 0; i < count; ++i) {
        const git_tree_entry* entry = git_tree_entry_byindex(tree, i);
        path += git_tree_entry_name(entry);
        const Step step = visit(std::as_const(path), entry);
        if (step == Step::stop) {
            return step;
        }
        if (step == Step::go_on && git_tree_entry_filemode(entry) == GIT_FILEMODE_TREE) {
            path += '/';
            const TreeHandle below = find_subtree(repository, *git_tree_entry_id(entry));
            if (walk_below(repository, below.get(), path, depth + 1, visit) == Step::stop) {
                return Step::stop;
            }
        }
        path.resize(length);
    }
    return Step::go_on;
}

class Survey {
public:
    Survey(git_repository* repository, KnownTrees& known)
        : repository_(repository), odb_(objects_of(repository)), known_(known) {}

    /// Returns nullopt if something is missing.
    std::optional<TreeFacts> of(const git_oid& tree) {
        if (!exists(odb_.get(), tree)) {
            missing_ = "";
            return std::nullopt;
        }
        return look_at(tree, 0);
    }
    [[nodiscard]] const std::string& missing() const { return missing_; }

private:
    // NOLINTNEXTLINE(misc-no-recursion): `deepest_folder` ends it
    std::optional<TreeFacts> look_at(const git_oid& id, int depth) {
        if (const auto known = known_.find(id); known != known_.end()) {
            refuse_depth(depth + known->second.depth);
            return known->second;
        }
        refuse_depth(depth);
        const TreeHandle tree = find_subtree(repository_, id);
        refuse_disorder(tree.get(), path_);
        TreeFacts facts;
        const std::size_t length = path_.size();
        for (std::size_t i = 0; i < git_tree_entrycount(tree.get()); ++i) {
            const git_tree_entry* entry = git_tree_entry_byindex(tree.get(), i);
            path_ += git_tree_entry_name(entry);
            if (!add_entry(entry, depth, facts)) {
                return std::nullopt;
            }
            path_.resize(length);
        }
        known_.emplace(id, facts);
        return facts;
    }

    /// False if the entry's object is missing.
    // NOLINTNEXTLINE(misc-no-recursion)
    bool add_entry(const git_tree_entry* entry, int depth, TreeFacts& facts) {
        const git_oid& id = *git_tree_entry_id(entry);
        const git_filemode_t mode = git_tree_entry_filemode(entry);
        if (mode == GIT_FILEMODE_COMMIT) {
            facts.submodules = saturated_sum(facts.submodules, 1);
            return true;
        }
        std::size_t bytes = 0;
        git_object_t type = GIT_OBJECT_INVALID;
        const int code = git_odb_read_header(&bytes, &type, odb_.get(), &id);
        if (code == GIT_ENOTFOUND) {
            missing_ = path_;
            return false;
        }
        check_object(code, odb_.get(), id, "\"" + path_ + "\" of the tree");
        if (bytes > largest_object) {
            throw too_much_memory("\"" + path_ + "\" of the tree");
        }
        if (type != (mode == GIT_FILEMODE_TREE ? GIT_OBJECT_TREE : GIT_OBJECT_BLOB)) {
            read_object(odb_.get(), id, "\"" + path_ + "\" of the tree");  // hashes it: the disk may be to blame
            throw tree_refused("the tree says of \"" + path_ + "\" that it is what it is not",
                               "make that commit anew with git itself: `git fsck` refuses this one");
        }
        if (std::string_view(".gitattributes") == git_tree_entry_name(entry)) {
            read_attributes(entry, facts);
        }
        if (mode != GIT_FILEMODE_TREE) {
            facts.size = {saturated_sum(facts.size.bytes, bytes), saturated_sum(facts.size.files, 1)};
            return true;
        }
        path_ += '/';
        const auto below = look_at(id, depth + 1);
        if (below) {
            facts.add(*below);
        }
        return below.has_value();
    }

    /// An entry that is no file could be anything.
    void read_attributes(const git_tree_entry* entry, TreeFacts& facts) {
        const git_filemode_t mode = git_tree_entry_filemode(entry);
        const bool is_file = mode != GIT_FILEMODE_TREE && mode != GIT_FILEMODE_LINK;
        const BlobHandle blob = is_file ? find_blob(repository_, *git_tree_entry_id(entry), path_) : nullptr;
        const auto says = [&](std::string_view word) { return !blob || contains(content_of(blob.get()), word); };
        facts.is_filtered =
            facts.is_filtered || says("text") || says("eol") || says("crlf") || says("ident") || says("[attr]");
        facts.may_be_converted = facts.may_be_converted || says("filter=") || says("working-tree-encoding");
    }

    git_repository* repository_;
    OdbHandle odb_;
    KnownTrees& known_;
    std::string path_{};
    std::string missing_{};
};

}  // namespace

void walk_tree(git_repository* repository, const git_tree* tree, const Visit& visit) {
    std::string path;
    walk_below(repository, tree, path, 0, visit);
}

Surveyed survey(GitRepository::Handles& handles, const std::string& commit_id) {
    git_repository* repository = handles.repository.get();
    Survey whole(repository, handles.known_trees);
    const auto facts = whole.of(*git_commit_tree_id(find_commit(repository, commit_id).get()));
    return {facts, whole.missing()};
}

TreeFacts facts_of(GitRepository::Handles& handles, const std::string& commit_id) {
    const Surveyed surveyed = survey(handles, commit_id);
    if (!surveyed.facts) {
        git_error_set_str(GIT_ERROR_ODB, "an object is missing");
        throw corrupt("\"" + surveyed.missing + "\" of commit " + commit_id);
    }
    return *surveyed.facts;
}

}  // namespace bootwright::libgit2
