// Writes trees, and compares them.

#include "common/base/error.hpp"
#include "common/base/work_queue.hpp"
#include "common/files/file.hpp"
#include "common/files/new_folder.hpp"
#include "common/files/tree_fingerprint.hpp"
#include "common/git/tree.hpp"

#include <git2/sys/errors.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <system_error>
#include <unordered_set>
#include <utility>

namespace bootwright {

namespace fs = std::filesystem;
using namespace libgit2;

namespace {

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
        find_blob(repository_, wanted, path);  // throws if the repository is to blame
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

/// Writes the blobs as they are, each hashed on its way. One thread takes them out of the packs: libgit2 locks a pack so often
/// that two are slower than one. All of them hash, and make files, which is more of the work.
class PlainCheckout {
public:
    PlainCheckout(git_repository* repository, std::uint64_t files, const GitProgress& progress)
        : repository_(repository), odb_(objects_of(repository)), files_(files), progress_(progress) {}

    /// Writes a tree that was surveyed. Returns the tree_fingerprint() of what it has written.
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

    /// A batch is of one folder: two threads that make files in the same folder wait for each other.
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
                               "remove it from the repository");
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

/// Lets libgit2 write line endings and the like. Objects are not hashed on the way: the result must be compared.
void check_out_filtered(const GitRepository::Handles& handles, const std::string& commit_id, const fs::path& folder,
                        const GitProgress& progress) {
    git_checkout_options options = GIT_CHECKOUT_OPTIONS_INIT;
    options.checkout_strategy =
        GIT_CHECKOUT_FORCE | GIT_CHECKOUT_NO_REFRESH | GIT_CHECKOUT_DONT_UPDATE_INDEX | GIT_CHECKOUT_DONT_WRITE_INDEX;
    options.progress_cb = on_checkout;
    options.progress_payload = const_cast<GitProgress*>(&progress);  // libgit2's void*; only ever read
    // A repository object of its own, since what is read here unproven must not be remembered. A checkout must not
    // leave its index behind either, since the repository serves many.
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
    const std::uint64_t fingerprint = tree_fingerprint(folder);  // notices what changes during the comparison
    if (const auto difference = first_difference(commit_id, folder)) {
        throw transient_error("git.checkout_differs",
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

}  // namespace bootwright
