#include "common/git_handles.hpp"
#include "common/git_incoming.hpp"

#include "common/error.hpp"
#include "common/file.hpp"
#include "common/new_folder.hpp"
#include "common/text.hpp"
#include "common/tree_fingerprint.hpp"
#include "common/work_queue.hpp"

#include <git2/sys/errors.h>
#include <git2/sys/path.h>
#include <git2/sys/repository.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <set>
#include <system_error>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace bootwright {

namespace fs = std::filesystem;
using namespace libgit2;

namespace {

using CommitHandle = Handle<git_commit, git_commit_free>;
using TreeHandle = Handle<git_tree, git_tree_free>;
using TagHandle = Handle<git_tag, git_tag_free>;
using BlobHandle = Handle<git_blob, git_blob_free>;
using ReferenceHandle = Handle<git_reference, git_reference_free>;
using PackBuilderHandle = Handle<git_packbuilder, git_packbuilder_free>;

constexpr const char* keep_references = "refs/bootwright/keep/";
constexpr const char* tag_references = "refs/bootwright/tag/";
constexpr std::size_t longest_shallow_file = 64UL * 1024 * 1024;

CommitHandle find_commit(git_repository* repository, const std::string& commit_id) {
    const git_oid id = object_id(commit_id);
    git_commit* commit = nullptr;
    check_object(git_commit_lookup(&commit, repository, &id), repository, id, "commit " + commit_id);
    return CommitHandle(commit);
}

TreeHandle find_tree(git_repository* repository, const std::string& commit_id) {
    const CommitHandle commit = find_commit(repository, commit_id);
    git_tree* tree = nullptr;
    check_object(git_commit_tree(&tree, commit.get()), repository, *git_commit_tree_id(commit.get()),
                 "the tree of commit " + commit_id);
    return TreeHandle(tree);
}

ObjectHandle read_object(git_odb* odb, const git_oid& id, std::string_view what) {
    git_odb_object* object = nullptr;
    check_object(git_odb_read(&object, odb, &id), odb, id, what);
    return ObjectHandle(object);
}

std::string_view content_of(git_odb_object* object) {
    return {static_cast<const char*>(git_odb_object_data(object)), git_odb_object_size(object)};
}

bool is_content_of(const git_oid& blob, std::string_view content) {
    git_oid found{};
    return git_odb_hash(&found, content.data(), content.size(), GIT_OBJECT_BLOB) == 0 &&
           git_oid_equal(&found, &blob) != 0;
}

bool is_there(git_repository* repository, const git_oid& id, git_object_t type) {
    git_object* object = nullptr;
    const int code = git_object_lookup(&object, repository, &id, type);
    const Handle<git_object, git_object_free> owner(object);
    if (code != GIT_ENOTFOUND) {
        check_object(code, repository, id, "object " + hex(id));
    }
    return code == 0;
}

TagHandle find_tag(git_repository* repository, const std::string& tag_id) {
    const git_oid id = object_id(tag_id);
    git_tag* tag = nullptr;
    check_object(git_tag_lookup(&tag, repository, &id), repository, id, "tag " + tag_id);
    return TagHandle(tag);
}

TreeHandle find_subtree(git_repository* repository, const git_oid& id) {
    git_tree* tree = nullptr;
    check_object(git_tree_lookup(&tree, repository, &id), repository, id, "the tree " + hex(id));
    return TreeHandle(tree);
}

/// The parents that the commit itself names. libgit2 hides those of a commit that stands in `shallow`. Nothing where the
/// commit is not there.
std::optional<std::vector<git_oid>> parents_of(git_odb* odb, const git_oid& id) {
    if (!exists(odb, id)) {
        return std::nullopt;
    }
    const ObjectHandle object = read_object(odb, id, "commit " + hex(id));
    std::string_view text = content_of(object.get());
    std::vector<git_oid> parents;
    // "tree ID", then a line for each parent, then the author.
    for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
        text.remove_prefix(end + 1);
        constexpr std::string_view key = "parent ";
        git_oid parent{};
        if (!text.starts_with(key) || text.size() < key.size() + GIT_OID_SHA1_HEXSIZE ||
            git_oid_fromstrn(&parent, text.data() + key.size(), GIT_OID_SHA1_HEXSIZE) != 0) {
            break;
        }
        parents.push_back(parent);
    }
    return parents;
}

enum class Step { go_on, skip_folder, stop };

/// Each folder in each other costs a checkout a file descriptor, of which a process has 1024.
constexpr int deepest_folder = 400;

Error tree_refused(const std::string& what, const std::string& advice) {
    return permanent_error("repository.tree_refused", what, advice);
}

void refuse_depth(int depth) {
    if (depth > deepest_folder) {
        throw tree_refused("the tree has more than " + std::to_string(deepest_folder) + " folders in each other",
                           "remove them from the control repository");
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
        // A folder is ordered as "name/": between it and a file of that name only what begins with the name can stand.
        for (std::size_t j = i; j-- > 0 && !is_twice;) {
            const std::string_view earlier = git_tree_entry_name(git_tree_entry_byindex(tree, j));
            if (!earlier.starts_with(name)) {
                break;
            }
            is_twice = earlier == name;
        }
        if (is_forbidden(name, git_tree_entry_filemode(entry) == GIT_FILEMODE_LINK)) {
            throw tree_refused("the tree holds the name \"" + path + std::string(name) + "\", which git forbids",
                               "remove that name from the control repository");
        }
        if (is_twice || (before != nullptr && git_tree_entry_cmp(before, entry) >= 0)) {
            throw tree_refused(
                "the tree holds \"" + path + std::string(name) + "\" " + (is_twice ? "twice" : "out of order"),
                "make that commit anew with git itself: `git fsck` refuses this one");
        }
        before = entry;
    }
}

/// Calls `visit(path, entry)`, which returns a Step, for everything below the tree, a folder before what is in it.
template <typename Visit>
Step walk_below(git_repository* repository, const git_tree* tree, std::string& path, int depth, Visit& visit) {
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

template <typename Visit>
void walk_tree(git_repository* repository, const git_tree* tree, Visit visit) {
    std::string path;
    walk_below(repository, tree, path, 0, visit);
}

/// The names of all references that match.
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
    git_reference* reference = nullptr;
    check_local(git_reference_create(&reference, repository, name.c_str(), &id, 1, nullptr), "reference " + name);
    const ReferenceHandle owner(reference);
}

/// Every reference must lead to an object that is there: a fetch trusts that, and would bring nothing. What was kept in an
/// alternate may have gone with it.
void check_references(git_repository* repository) {
    git_reference* head = nullptr;  // it leads nowhere, but without it git takes this for no repository
    check_local(git_reference_lookup(&head, repository, "HEAD"), "HEAD of the repository");
    git_reference_free(head);
    const OdbHandle odb = objects_of(repository);
    for (const std::string& name : reference_names(repository, "*")) {
        git_reference* found = nullptr;
        check_local(git_reference_lookup(&found, repository, name.c_str()), "reference " + name);
        const ReferenceHandle reference(found);
        const git_oid* target = git_reference_target(found);
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

/// Objects are not hashed as they are read, for as long as this lives. Nothing that was read meanwhile may be trusted, nor
/// what libgit2 remembers of it.
class WithoutHashVerification {
public:
    WithoutHashVerification() { git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 0); }
    WithoutHashVerification(const WithoutHashVerification&) = delete;
    WithoutHashVerification& operator=(const WithoutHashVerification&) = delete;
    ~WithoutHashVerification() { git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1); }
};

std::string_view content_of(git_blob* blob) {
    return {static_cast<const char*>(git_blob_rawcontent(blob)), static_cast<std::size_t>(git_blob_rawsize(blob))};
}

BlobHandle find_blob(git_repository* repository, const git_oid& id, const std::string& path) {
    git_blob* blob = nullptr;
    check_object(git_blob_lookup(&blob, repository, &id), repository, id, "file " + path);
    return BlobHandle(blob);
}

/// Looks at a tree as a whole, each of its trees once, however often it occurs: a small pack can unfold to billions of files.
/// Of blobs only the headers are read.
class Survey {
public:
    Survey(git_repository* repository, KnownTrees& known)
        : repository_(repository), odb_(objects_of(repository)), known_(known) {}

    /// Nothing where something is missing.
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

    /// False where the entry's object is missing.
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

    /// One that is no file could be anything.
    void read_attributes(const git_tree_entry* entry, TreeFacts& facts) {
        const git_filemode_t mode = git_tree_entry_filemode(entry);
        const bool is_file = mode != GIT_FILEMODE_TREE && mode != GIT_FILEMODE_LINK;
        const BlobHandle blob = is_file ? find_blob(repository_, *git_tree_entry_id(entry), path_) : nullptr;
        const auto says = [&](std::string_view word) { return !blob || contains(content_of(blob.get()), word); };
        facts.is_filtered =
            facts.is_filtered || says("text") || says("eol") || says("crlf") || says("ident") || says("[attr]");
        facts.has_lfs = facts.has_lfs || says("filter=lfs");
    }

    git_repository* repository_;
    OdbHandle odb_;
    KnownTrees& known_;
    std::string path_{};
    std::string missing_{};
};

/// Compares one folder with one tree.
class Comparison {
public:
    Comparison(git_repository* repository, const fs::path& folder, const std::vector<std::string>& elsewhere)
        : repository_(repository),
          folder_(folder),
          root_(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)),
          elsewhere_(elsewhere.begin(), elsewhere.end()) {
        for (const std::string& path : elsewhere) {
            for (std::size_t end = path.find('/'); end != std::string::npos; end = path.find('/', end + 1)) {
                expected_.insert(path.substr(0, end));
            }
        }
    }

    std::optional<std::string> first_difference(const git_tree* tree) {
        walk_tree(repository_, tree, [this](const std::string& path, const git_tree_entry* entry) {
            expected_.insert(path);
            if (!is_same(path, entry)) {
                difference_ = path;
            }
            return difference_ ? Step::stop : Step::go_on;
        });
        return difference_ ? difference_ : first_surplus();
    }

private:
    bool is_same(const std::string& path, const git_tree_entry* entry) {
        struct stat status {};
        if (fstatat(root_.get(), path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
            return false;
        }
        const git_filemode_t mode = git_tree_entry_filemode(entry);
        switch (mode) {
            case GIT_FILEMODE_TREE:
            case GIT_FILEMODE_COMMIT: return S_ISDIR(status.st_mode);
            case GIT_FILEMODE_LINK: return S_ISLNK(status.st_mode) && is_link(path, *git_tree_entry_id(entry));
            default: {
                const bool executable = mode == GIT_FILEMODE_BLOB_EXECUTABLE;
                return S_ISREG(status.st_mode) && ((status.st_mode & S_IXUSR) != 0) == executable &&
                       (is_blob(path, status.st_size, *git_tree_entry_id(entry)) ||
                        is_filtered_blob(path, status.st_size, *git_tree_entry_id(entry)));
            }
        }
    }

    bool is_link(const std::string& path, const git_oid& wanted) {
        std::error_code error;
        const std::string target = fs::read_symlink(folder_ / path, error);
        if (!error && is_content_of(wanted, target)) {
            return true;
        }
        find_blob(repository_, wanted, path);  // throws where the repository is to blame
        return false;
    }

    /// Small files are hashed from one buffer that is used again and again: libgit2's own way costs more than the hash.
    bool is_blob(const std::string& path, off_t size, const git_oid& wanted) {
        if (size >= static_cast<off_t>(buffer_.size())) {
            git_oid found{};
            return git_odb_hashfile(&found, (folder_ / path).c_str(), GIT_OBJECT_BLOB) == 0 &&
                   git_oid_equal(&found, &wanted) != 0;
        }
        const UniqueFd file(openat(root_.get(), path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
        std::size_t length = 0;
        ssize_t count = 1;
        // One byte more than the file had: it may have grown.
        const std::size_t most = static_cast<std::size_t>(size) + 1;
        while (file && count > 0 && length < most) {
            count = read(file.get(), buffer_.data() + length, most - length);
            length += static_cast<std::size_t>(std::max<ssize_t>(count, 0));
            if (length + 1 == most) {
                break;  // all of it; a byte more would have come along
            }
        }
        return file && count >= 0 && is_content_of(wanted, {buffer_.data(), length});
    }

    /// Whether the file is what a checkout makes of the blob by the tree's own .gitattributes (line endings, $Id$).
    bool is_filtered_blob(const std::string& path, off_t size, const git_oid& wanted) {
        const BlobHandle blob = find_blob(repository_, wanted, path);
        git_buf content = GIT_BUF_INIT;
        const std::unique_ptr<git_buf, void (*)(git_buf*)> owner(&content, git_buf_dispose);
        git_blob_filter_options options = GIT_BLOB_FILTER_OPTIONS_INIT;
        check_local(git_blob_filter(&content, blob.get(), path.c_str(), &options), "file " + path);
        git_oid expected{};
        return git_odb_hash(&expected, content.ptr, content.size, GIT_OBJECT_BLOB) == 0 &&
               is_blob(path, size, expected);
    }

    std::optional<std::string> first_surplus() {
        std::error_code error;
        const std::size_t prefix = (folder_ / "").native().size();
        for (auto it = fs::recursive_directory_iterator(folder_, error); it != fs::recursive_directory_iterator();
             it.increment(error)) {
            const std::string path = it->path().native().substr(prefix);
            if (elsewhere_.contains(path)) {
                it.disable_recursion_pending();
            } else if (error || !expected_.contains(path)) {
                return path;
            }
        }
        return error ? std::optional<std::string>(folder_) : std::nullopt;
    }

    static constexpr std::size_t buffer_size = 1U << 20U;

    git_repository* repository_;
    fs::path folder_;
    UniqueFd root_;
    std::vector<char> buffer_ = std::vector<char>(buffer_size);
    std::unordered_set<std::string> elsewhere_;
    std::unordered_set<std::string> expected_;
    std::optional<std::string> difference_;
};

// A C callback: it lets no exception out.
void on_checkout(const char*, std::size_t done, std::size_t total, void* user) noexcept {
    try {
        (*static_cast<const GitProgress*>(user))("files", done, total);
    } catch (...) {  // NOLINT(bugprone-empty-catch): progress that cannot be shown is no reason to stop
    }
}

using Shallow = std::set<std::string>;

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

/// Whether all history of the commit is there, up to what stands in `shallow`. Of more than so many commits it is not known.
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

/// Without those whose history has arrived.
Shallow without_complete(git_odb* odb, const Shallow& shallow) {
    Shallow left = shallow;
    std::erase_if(left, [&](const std::string& id) {
        return exists(odb, object_id(id)) && has_history(odb, object_id(id), shallow);
    });
    return left;
}

/// Adds to the pack what `wanted(id)`, of the commit and all of its tree, without parents.
template <typename Wanted>
void insert_commit(git_packbuilder* pack, git_repository* repository, const std::string& commit_id, Wanted wanted) {
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

/// The same for a tag object, and those that it names in turn.
template <typename Wanted>
void insert_tag(git_packbuilder* pack, git_repository* repository, const std::string& tag_id, Wanted wanted) {
    for (std::optional<std::string> next = tag_id; next;) {
        const TagHandle tag = find_tag(repository, *next);
        if (const git_oid& id = *git_tag_id(tag.get()); wanted(id)) {
            check_local(git_packbuilder_insert(pack, &id, nullptr), "tag " + *next);
        }
        const bool is_nested = git_tag_target_type(tag.get()) == GIT_OBJECT_TAG;
        next = is_nested ? std::optional(hex(*git_tag_target_id(tag.get()))) : std::nullopt;
    }
}

constexpr auto everything = [](const git_oid&) { return true; };

PackBuilderHandle new_pack(git_repository* repository) {
    git_packbuilder* pack = nullptr;
    check_local(git_packbuilder_new(&pack, repository), "a new pack");
    return PackBuilderHandle(pack);
}

/// Packs of this repository object are made without deltas: to search for them takes seconds for ten thousand files, and
/// libgit2 cannot take over those that are there. It leaves out what is larger than core.bigFileThreshold, which 1.8 reads
/// from pack.deltaCacheSize by mistake; and configuration only from files.
void pack_without_deltas(git_repository* repository, const IncomingFolder& folder) {
    const fs::path file = folder.path() / "config";
    write_file(file, "[core]\n\tbigFileThreshold = 1\n[pack]\n\tdeltaCacheSize = 1\n", 0600);
    git_config* config = nullptr;
    check_local(git_config_new(&config), "a configuration");
    const Handle<git_config, git_config_free> owner(config);
    check_local(git_config_add_file_ondisk(config, file.c_str(), GIT_CONFIG_LEVEL_LOCAL, nullptr, 0),
                "a configuration");
    check_local(git_repository_set_config(repository, config), "a configuration");
}

/// Hands the bytes of the pack to `sink`, whose exceptions come out here.
template <typename Sink>
void build(git_packbuilder* pack, Sink sink) {
    struct Target {
        Sink& sink;
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

RepositoryHandle open_other(const fs::path& path) {
    git_repository* repository = nullptr;
    const int code = git_repository_open_ext(&repository, path.c_str(), GIT_REPOSITORY_OPEN_NO_SEARCH, nullptr);
    if (code < 0) {
        throw permanent_error("repository.not_found",
                              "there is no git repository at " + path.string() + ": " + last_message(),
                              "check repository.url and repository.mirrors of the role config");
    }
    return RepositoryHandle(repository);
}

/// The commit that a tag object leads to; "" for what leads to none that is there.
std::string peeled(git_repository* repository, const git_oid& id) {
    git_object* object = nullptr;
    git_object* commit = nullptr;
    const bool leads_there = git_object_lookup(&object, repository, &id, GIT_OBJECT_ANY) == 0 &&
                             git_object_peel(&commit, object, GIT_OBJECT_COMMIT) == 0;
    const Handle<git_object, git_object_free> owner(object);
    const Handle<git_object, git_object_free> commit_owner(commit);
    return leads_there ? hex(*git_object_id(commit)) : "";
}

void refuse_other_object(git_repository* repository, const std::string& id) {
    const git_oid object = object_id(id);
    std::size_t bytes = 0;
    git_object_t type = GIT_OBJECT_INVALID;
    const int code = git_odb_read_header(&bytes, &type, objects_of(repository).get(), &object);
    if (code == GIT_ENOTFOUND || type == GIT_OBJECT_COMMIT) {
        return;
    }
    check_local(code, "object " + id);
    if (type != GIT_OBJECT_TAG) {
        throw permanent_error("repository.revision_invalid",
                              id + " is a " + git_object_type2string(type) + ", not a commit",
                              "pin the commit that holds it: `git log --all --find-object=" + id + "`");
    }
    const std::string commit = peeled(repository, object);
    throw permanent_error("repository.revision_invalid",
                          id + " is an annotated tag" + (commit.empty() ? ", not a commit" : " of commit " + commit),
                          commit.empty() ? "pin the commit that it leads to: `git rev-parse " + id + "^{commit}`"
                                         : "pin that commit: " + commit);
}

void require_there(git_repository* repository, const fs::path& path, const std::string& id, git_object_t type) {
    if (!is_there(repository, object_id(id), type)) {
        throw permanent_error("repository.revision_not_found",
                              "the repository " + path.string() + " has no " + git_object_type2string(type) + " " + id,
                              "push it there, or correct repository.revision of the role config");
    }
}

/// Runs `action`, which reads another repository than our own: damage is that one's.
template <typename Action>
void blame(const fs::path& other, Action action) {
    try {
        action();
    } catch (const Error& error) {
        if (error.code != "repository.corrupt") {
            throw;
        }
        throw transient_error("repository.pack_damaged",
                              "the repository " + other.string() + " is damaged or incomplete: " + error.message,
                              "nothing to do: the agent asks the next mirror, or tries again");
    }
}

std::string text_of(const git_buf& buffer) { return {buffer.ptr, buffer.size}; }

/// Where the signature of a tag's text begins: at the last line that could begin one, as git has it (gpg-interface.c). Its
/// end where there is none.
std::size_t start_of_signature(std::string_view text) {
    std::size_t start = text.size();
    for (std::size_t line = 0; line < text.size(); line = std::min(text.find('\n', line), text.size() - 1) + 1) {
        for (const std::string_view mark : {"-----BEGIN PGP SIGNATURE-----", "-----BEGIN PGP MESSAGE-----",
                                            "-----BEGIN SIGNED MESSAGE-----", "-----BEGIN SSH SIGNATURE-----"}) {
            if (text.substr(line).starts_with(mark)) {
                start = line;
            }
        }
    }
    return start;
}

/// The entry of the commit's tree, or nothing where there is none.
using EntryHandle = Handle<git_tree_entry, git_tree_entry_free>;
EntryHandle find_entry(const git_tree* tree, const std::string& path) {
    git_tree_entry* entry = nullptr;
    const int code = git_tree_entry_bypath(&entry, tree, path.c_str());
    if (code != GIT_ENOTFOUND) {
        check_local(code, "\"" + path + "\" of the tree");
    }
    return EntryHandle(entry);
}

/// libgit2 looks for .gitattributes in the folder, where they are not yet when it asks, and then in the index. git itself
/// obeys those of the tree, as this makes libgit2 do; the index stays in memory.
void obey_attributes_of(const git_tree* tree, git_repository* repository) {
    git_index* index = nullptr;
    check_local(git_index_new(&index), "a new index");
    const Handle<git_index, git_index_free> owner(index);
    check_local(git_index_read_tree(index, tree), "the tree " + hex(*git_tree_id(tree)));
    check_local(git_repository_set_index(repository, index), "a new index");
}

}  // namespace

GitRepository GitRepository::open_or_create(const fs::path& folder, const std::vector<fs::path>& alternates) {
    auto handles = std::make_shared<Handles>(Handles{.folder = folder, .alternates = alternates});
    if (!fs::exists(folder / "HEAD")) {
        git_repository* created = nullptr;
        const int code = git_repository_init(&created, folder.c_str(), 1);
        const RepositoryHandle owner(created);
        check_local(code, "the repository " + folder.string());
    }
    remove_left_overs(*handles);
    handles->repository = open_again(*handles);
    check_references(handles->repository.get());
    return GitRepository(std::move(handles));
}

const fs::path& GitRepository::folder() const { return handles_->folder; }

void GitRepository::add_alternate(const fs::path& bare_repository) {
    handles_->alternates.push_back(bare_repository);
    handles_->repository = open_again(*handles_);
}

bool GitRepository::has_commit(const std::string& commit_id) const {
    return is_there(handles_->repository.get(), object_id(commit_id), GIT_OBJECT_COMMIT);
}

void GitRepository::refuse_other_object(const std::string& id) const {
    bootwright::refuse_other_object(handles_->repository.get(), id);
}

bool GitRepository::has_tag(const std::string& tag_id) const {
    return is_there(handles_->repository.get(), object_id(tag_id), GIT_OBJECT_TAG);
}

bool GitRepository::is_complete(const std::string& commit_id) const { return !first_missing(commit_id); }

std::optional<std::string> GitRepository::first_missing(const std::string& commit_id) const {
    if (!has_commit(commit_id)) {
        return "";
    }
    git_repository* repository = handles_->repository.get();
    Survey survey(repository, handles_->known_trees);
    return survey.of(*git_commit_tree_id(find_commit(repository, commit_id).get())) ? std::nullopt
                                                                                    : std::optional(survey.missing());
}

void GitRepository::keep(const std::string& commit_id, const std::vector<std::string>& tag_ids) {
    git_repository* repository = handles_->repository.get();
    find_commit(repository, commit_id);
    const OdbHandle odb = handles_->odb();
    Shallow shallow = read_shallow(handles_->folder);
    shallow.insert(commit_id);
    // Before the reference: history that is left out is no damage then.
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
        git_reference* found = nullptr;
        check_local(git_reference_lookup(&found, repository, name.c_str()), "reference " + name);
        const ReferenceHandle reference(found);
        git_object* commit = nullptr;
        const int code = git_reference_peel(&commit, found, GIT_OBJECT_COMMIT);
        const Handle<git_object, git_object_free> owner(commit);
        if (code == 0 && git_oid_equal(git_object_id(commit), &id) != 0) {
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

/// Writes the pack of what is kept and is nowhere but in the repository itself. Returns its name, empty if there is none.
std::string pack_kept(const GitRepository& kept, GitRepository::Handles& handles) {
    git_odb* found = nullptr;
    check_local(git_odb_open(&found, (handles.folder / "objects").c_str()), "the objects of the repository");
    const OdbHandle own(found);
    const OdbHandle all = handles.odb();
    // What is nowhere is wanted too: the pack fails then, before anything is removed.
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
    write_shallow(handles_->folder, shallow);  // before history goes: it is no damage then
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

void GitRepository::copy_commit_from(const fs::path& repository, const std::string& commit_id,
                                     const std::vector<std::string>& tag_ids, const GitProgress& progress) {
    const RepositoryHandle other = open_other(repository);
    OdbHandle odb = handles_->odb();
    const auto is_missing = [&](const git_oid& id) { return !exists(odb.get(), id); };
    blame(repository, [&] {
        bootwright::refuse_other_object(other.get(), commit_id);
        require_there(other.get(), repository, commit_id, GIT_OBJECT_COMMIT);
        const IncomingFolder folder(*handles_);
        pack_without_deltas(other.get(), folder);
        const PackBuilderHandle pack = new_pack(other.get());
        insert_commit(pack.get(), other.get(), commit_id, is_missing);
        for (const std::string& tag_id : tag_ids) {
            require_there(other.get(), repository, tag_id, GIT_OBJECT_TAG);
            insert_tag(pack.get(), other.get(), tag_id, is_missing);
        }
        if (git_packbuilder_object_count(pack.get()) > 0) {
            GitPackImport import(*this, progress);
            build(pack.get(), [&](std::string_view bytes) { import.append(bytes); });
            odb.reset();  // nothing may hold a damaged pack that is replaced now
            import.finish();
        }
    });
}

std::vector<GitRef> local_refs(const fs::path& repository) {
    const RepositoryHandle other = open_other(repository);
    std::vector<std::string> names;
    blame(repository, [&] { names = reference_names(other.get(), "*"); });
    names.insert(names.begin(), "HEAD");
    std::vector<GitRef> refs;
    for (std::string& name : names) {
        git_oid target{};
        git_object* object = nullptr;
        git_object* commit = nullptr;
        if (git_reference_name_to_id(&target, other.get(), name.c_str()) == 0 &&
            git_object_lookup(&object, other.get(), &target, GIT_OBJECT_ANY) == 0 &&
            git_object_peel(&commit, object, GIT_OBJECT_COMMIT) == 0) {
            const bool is_tag = git_object_type(object) == GIT_OBJECT_TAG;
            refs.push_back({std::move(name), hex(*git_object_id(commit)), is_tag ? hex(target) : ""});
        }
        git_object_free(commit);
        git_object_free(object);
    }
    return refs;
}

std::string origin_of(const fs::path& repository) {
    const RepositoryHandle other = open_other(repository);
    git_remote* origin = nullptr;
    if (git_remote_lookup(&origin, other.get(), "origin") != 0) {
        return "";
    }
    const char* url = git_remote_url(origin);
    std::string result = url == nullptr ? "" : url;
    git_remote_free(origin);
    return result;
}

namespace {

/// Of a commit that is complete.
TreeFacts facts_of(GitRepository::Handles& handles, const std::string& commit_id) {
    Survey survey(handles.repository.get(), handles.known_trees);
    const auto facts = survey.of(*git_commit_tree_id(find_commit(handles.repository.get(), commit_id).get()));
    if (!facts) {
        git_error_set_str(GIT_ERROR_ODB, "an object is missing");
        throw corrupt("\"" + survey.missing() + "\" of commit " + commit_id);
    }
    return *facts;
}

/// Writes the blobs as they are, each hashed on its way. One thread takes them out of the packs: libgit2 locks a pack so often
/// that two are slower than one. All of them hash, and make files, which is more of the work.
class PlainCheckout {
public:
    PlainCheckout(git_repository* repository, std::uint64_t files, const GitProgress& progress)
        : repository_(repository), odb_(objects_of(repository)), files_(files), progress_(progress) {}

    /// Of a tree that was surveyed. Returns the tree_fingerprint() of what it has written.
    std::uint64_t write(const git_tree* tree, const fs::path& folder) {
        write_tree(tree, std::make_shared<const NewFolder>(folder, fingerprint_));
        queue_.finish();
        return fingerprint_;
    }

private:
    using SharedFolder = std::shared_ptr<const NewFolder>;

    struct File {
        std::string name;
        git_oid id;
        git_filemode_t mode;
        ObjectHandle object;
    };
    struct Batch {
        std::vector<File> files{};
        std::size_t bytes = 0;
    };

    // NOLINTNEXTLINE(misc-no-recursion): the survey ends it
    void write_tree(const git_tree* tree, const SharedFolder& folder) {
        Batch batch;
        for (std::size_t i = 0; i < git_tree_entrycount(tree); ++i) {
            const git_tree_entry* entry = git_tree_entry_byindex(tree, i);
            const git_filemode_t mode = git_tree_entry_filemode(entry);
            const std::string name = git_tree_entry_name(entry);
            if (mode == GIT_FILEMODE_COMMIT) {
                folder->make_folder(name);
            } else if (mode == GIT_FILEMODE_TREE) {
                hand_over(std::exchange(batch, {}), folder);
                write_tree(find_subtree(repository_, *git_tree_entry_id(entry)).get(), folder->make_folder(name));
            } else {
                add({name, *git_tree_entry_id(entry), mode, read(entry)}, batch, folder);
            }
        }
        hand_over(std::move(batch), folder);
    }

    [[nodiscard]] ObjectHandle read(const git_tree_entry* entry) const {
        const WithoutHashVerification not_here;  // in make()
        return read_object(odb_.get(), *git_tree_entry_id(entry), std::string("file ") + git_tree_entry_name(entry));
    }

    /// A batch is of one folder: two threads that make files in the same one wait for each other.
    void add(File file, Batch& batch, const SharedFolder& folder) {
        constexpr std::size_t most_files = 64;
        constexpr std::size_t most_bytes = std::size_t{128} << 10U;
        const std::size_t bytes = content_of(file.object.get()).size();
        if (bytes > most_bytes) {
            progress_("files", ++read_, files_);
            return make(file, *folder);  // memory for one such at a time
        }
        batch.bytes += bytes;
        batch.files.push_back(std::move(file));
        if (batch.files.size() >= most_files || batch.bytes >= most_bytes) {
            hand_over(std::exchange(batch, {}), folder);
        }
    }

    void hand_over(Batch batch, const SharedFolder& folder) {
        if (batch.files.empty()) {
            return;
        }
        read_ += batch.files.size();
        progress_("files", read_, files_);
        queue_.add([files = std::make_shared<const std::vector<File>>(std::move(batch.files)), folder] {
            for (const File& file : *files) {
                make(file, *folder);
            }
        });
    }

    static void make(const File& file, const NewFolder& folder) {
        const std::string_view content = content_of(file.object.get());
        if (!is_content_of(file.id, content)) {
            git_error_set_str(GIT_ERROR_ODB, "its content has another hash");
            throw corrupt("file " + file.name);
        }
        if (file.mode != GIT_FILEMODE_LINK) {
            return folder.make_file(file.name, content, file.mode == GIT_FILEMODE_BLOB_EXECUTABLE);
        }
        if (content.empty() || content.size() >= PATH_MAX || content.find('\0') != std::string_view::npos) {
            throw tree_refused("the link \"" + file.name + "\" of the tree is one that no file system can hold",
                               "remove it from the control repository");
        }
        folder.make_link(file.name, std::string(content));
    }

    git_repository* repository_;
    OdbHandle odb_;
    std::uint64_t files_;
    std::uint64_t read_ = 0;
    const GitProgress& progress_;
    std::atomic<std::uint64_t> fingerprint_ = 0;
    WorkQueue queue_{};  // the last one, as its work uses the others
};

/// Line endings and the like are libgit2's to write. Objects are not hashed on the way: it has to be compared.
void check_out_filtered(const GitRepository::Handles& handles, const std::string& commit_id, const fs::path& folder,
                        const GitProgress& progress) {
    git_checkout_options options = GIT_CHECKOUT_OPTIONS_INIT;
    options.checkout_strategy =
        GIT_CHECKOUT_FORCE | GIT_CHECKOUT_NO_REFRESH | GIT_CHECKOUT_DONT_UPDATE_INDEX | GIT_CHECKOUT_DONT_WRITE_INDEX;
    options.progress_cb = on_checkout;
    options.progress_payload = const_cast<GitProgress*>(&progress);  // libgit2's void*; only ever read
    // What is read here unproven must not be remembered: it is a repository object of its own. Nor may a checkout leave
    // its index behind, as the repository serves many.
    const RepositoryHandle repository = open_again(handles);
    const WithoutHashVerification fast;
    check_local(git_repository_set_workdir(repository.get(), folder.c_str(), 0), "the folder " + folder.string());
    const CommitHandle commit = find_commit(repository.get(), commit_id);
    obey_attributes_of(find_tree(repository.get(), commit_id).get(), repository.get());
    check_local(git_checkout_tree(repository.get(), reinterpret_cast<const git_object*>(commit.get()), &options),
                "the checkout of " + commit_id + " into " + folder.string());
}

}  // namespace

std::uint64_t GitRepository::check_out(const std::string& commit_id, const fs::path& folder,
                                       const GitProgress& progress) {
    const TreeFacts facts = facts_of(*handles_, commit_id);
    const TreeHandle tree = find_tree(handles_->repository.get(), commit_id);
    if (!facts.is_filtered) {
        return PlainCheckout(handles_->repository.get(), facts.size.files, progress).write(tree.get(), folder);
    }
    check_out_filtered(*handles_, commit_id, folder, progress);
    const std::uint64_t fingerprint =
        tree_fingerprint(folder);  // what changes while it is compared does not go unnoticed
    if (const auto difference = first_difference(commit_id, folder)) {
        throw transient_error("repository.checkout_differs",
                              "the new checkout of " + commit_id + " differs from the commit at " + *difference,
                              "check the disk (`dmesg`); if it persists, the tree holds names that this file system "
                              "cannot store");
    }
    return fingerprint;
}

std::optional<std::string> GitRepository::first_difference(const std::string& commit_id, const fs::path& folder,
                                                           const std::vector<std::string>& elsewhere) const {
    git_repository* repository = handles_->repository.get();
    const TreeHandle tree = find_tree(repository, commit_id);
    // Line endings and the like are undone by the .gitattributes of the checkout itself.
    check_local(git_repository_set_workdir(repository, folder.c_str(), 0), "the folder " + folder.string());
    return Comparison(repository, folder, elsewhere).first_difference(tree.get());
}

TreeSize GitRepository::tree_size(const std::string& commit_id) const { return facts_of(*handles_, commit_id).size; }

std::optional<std::string> GitRepository::first_lfs_pointer(const std::string& commit_id) const {
    // Git LFS's own specification (docs/spec.md): a pointer is smaller than 1024 bytes and begins with its version.
    constexpr std::size_t largest_pointer = 1024;
    constexpr std::string_view start = "version https://git-lfs.github.com/spec/v1";
    if (!facts_of(*handles_, commit_id).has_lfs) {
        return std::nullopt;
    }
    git_repository* repository = handles_->repository.get();
    const OdbHandle odb = handles_->odb();
    std::optional<std::string> found;
    IdSet seen;
    walk_tree(
        repository, find_tree(repository, commit_id).get(), [&](const std::string& path, const git_tree_entry* entry) {
            std::size_t bytes = 0;
            git_object_t type = GIT_OBJECT_INVALID;
            const git_oid* id = git_tree_entry_id(entry);
            if (git_tree_entry_type(entry) == GIT_OBJECT_BLOB) {
                check_local(git_odb_read_header(&bytes, &type, odb.get(), id), "file " + path);
                if (bytes < largest_pointer && content_of(find_blob(repository, *id, path).get()).starts_with(start)) {
                    found = path;
                }
                return found ? Step::stop : Step::go_on;
            }
            return seen.insert(*id).second ? Step::go_on : Step::skip_folder;
        });
    return found;
}

std::vector<Submodule> GitRepository::submodules(const std::string& commit_id) const {
    constexpr std::uint64_t most = 10'000;
    const std::uint64_t count = facts_of(*handles_, commit_id).submodules;
    if (count > most) {
        throw tree_refused(
            "the tree of commit " + commit_id + " holds more than " + std::to_string(most) + " submodules",
            "vendor them: put their files into the control repository itself");
    }
    git_repository* repository = handles_->repository.get();
    std::vector<Submodule> found;
    if (count == 0) {
        return found;
    }
    walk_tree(repository, find_tree(repository, commit_id).get(),
              [&](const std::string& path, const git_tree_entry* entry) {
                  const git_oid& id = *git_tree_entry_id(entry);
                  if (git_tree_entry_filemode(entry) == GIT_FILEMODE_COMMIT) {
                      found.push_back({path, hex(id)});
                  }
                  const auto below = handles_->known_trees.find(id);
                  const bool has_none = below != handles_->known_trees.end() && below->second.submodules == 0;
                  return has_none ? Step::skip_folder : Step::go_on;
              });
    return found;
}

std::optional<std::string> GitRepository::read_file_of(const std::string& commit_id, const std::string& path,
                                                       std::size_t cap) const {
    git_repository* repository = handles_->repository.get();
    const EntryHandle entry = find_entry(find_tree(repository, commit_id).get(), path);
    if (!entry || git_tree_entry_type(entry.get()) != GIT_OBJECT_BLOB ||
        git_tree_entry_filemode(entry.get()) == GIT_FILEMODE_LINK) {
        return std::nullopt;
    }
    std::size_t bytes = 0;
    git_object_t type = GIT_OBJECT_INVALID;
    const git_oid& id = *git_tree_entry_id(entry.get());
    check_local(git_odb_read_header(&bytes, &type, handles_->odb().get(), &id), "file " + path);
    if (bytes > cap) {
        throw permanent_error(
            "io.too_large",
            path + " of commit " + commit_id + " is larger than the " + std::to_string(cap) + " bytes allowed here",
            "make the file smaller");
    }
    return std::string(content_of(find_blob(repository, id, path).get()));
}

std::vector<std::string> GitRepository::names_in(const std::string& commit_id, const std::string& path) const {
    git_repository* repository = handles_->repository.get();
    TreeHandle tree = find_tree(repository, commit_id);
    if (!path.empty()) {
        const EntryHandle entry = find_entry(tree.get(), path);
        if (!entry || git_tree_entry_type(entry.get()) != GIT_OBJECT_TREE) {
            return {};
        }
        tree = find_subtree(repository, *git_tree_entry_id(entry.get()));
    }
    std::vector<std::string> names;
    for (std::size_t i = 0; i < git_tree_entrycount(tree.get()); ++i) {
        names.emplace_back(git_tree_entry_name(git_tree_entry_byindex(tree.get(), i)));
    }
    return names;
}

bool GitRepository::descends_from(const std::string& commit_id, const std::string& ancestor) const {
    return descent(commit_id, ancestor) == Descent::shown;
}

Descent GitRepository::descent(const std::string& commit_id, const std::string& ancestor) const {
    Descent otherwise = Descent::refuted;
    const OdbHandle odb = handles_->odb();
    const git_oid wanted = object_id(ancestor);
    IdSet seen{object_id(commit_id)};
    std::vector<git_oid> open(seen.begin(), seen.end());
    while (!open.empty()) {
        const git_oid id = open.back();
        open.pop_back();
        if (git_oid_equal(&id, &wanted) != 0) {
            return Descent::shown;
        }
        const auto parents = parents_of(odb.get(), id);
        otherwise = parents ? otherwise : Descent::unknown;
        for (const git_oid& parent : parents.value_or(std::vector<git_oid>())) {
            if (seen.insert(parent).second) {
                open.push_back(parent);
            }
        }
    }
    return otherwise;
}

std::optional<SignedText> GitRepository::commit_signature(const std::string& commit_id) const {
    git_repository* repository = handles_->repository.get();
    const CommitHandle commit = find_commit(repository, commit_id);
    git_oid id = object_id(commit_id);
    git_buf signature = GIT_BUF_INIT;
    git_buf payload = GIT_BUF_INIT;
    const std::unique_ptr<git_buf, void (*)(git_buf*)> signature_owner(&signature, git_buf_dispose);
    const std::unique_ptr<git_buf, void (*)(git_buf*)> payload_owner(&payload, git_buf_dispose);
    const int code = git_commit_extract_signature(&signature, &payload, repository, &id, nullptr);
    if (code == GIT_ENOTFOUND) {
        return std::nullopt;
    }
    check_object(code, repository, object_id(commit_id), "the signature of commit " + commit_id);
    return SignedText{text_of(signature), text_of(payload), git_commit_time(commit.get())};
}

std::optional<SignedText> GitRepository::tag_signature(const std::string& tag_id) const {
    const TagHandle tag = find_tag(handles_->repository.get(), tag_id);
    const OdbHandle odb = handles_->odb();
    const ObjectHandle object = read_object(odb.get(), *git_tag_id(tag.get()), "tag " + tag_id);
    const std::string_view text = content_of(object.get());
    const std::size_t start = start_of_signature(text);
    if (start == text.size()) {
        return std::nullopt;
    }
    const git_signature* tagger = git_tag_tagger(tag.get());
    return SignedText{std::string(text.substr(start)), std::string(text.substr(0, start)),
                      tagger == nullptr ? 0 : tagger->when.time};
}

TagChain GitRepository::follow_tag(const std::string& tag_id) const {
    constexpr std::size_t most = 16;
    TagChain chain{{}, tag_id};
    for (git_object_t type = GIT_OBJECT_TAG; type == GIT_OBJECT_TAG && chain.tags.size() < most;) {
        chain.tags.push_back(chain.target);
        const TagHandle tag = find_tag(handles_->repository.get(), chain.target);
        type = git_tag_target_type(tag.get());
        chain.target = hex(*git_tag_target_id(tag.get()));
    }
    return chain;
}

std::string GitRepository::tag_name(const std::string& tag_id) const {
    return git_tag_name(find_tag(handles_->repository.get(), tag_id).get());
}

}  // namespace bootwright
