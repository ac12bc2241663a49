#include "common/git/incoming.hpp"

#include "common/base/error.hpp"
#include "common/files/file.hpp"
#include "common/files/room.hpp"

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <system_error>
#include <utility>

namespace bootwright {

namespace fs = std::filesystem;

namespace libgit2 {

namespace {

/// The index comes last: a pack without one is not seen, and is removed at the next start. Packs of the same name are
/// the same to the bit (libgit2 names them by checksum), so one may replace the other.
void move_pack(const fs::path& pack, const fs::path& to) {
    for (const fs::path& file : {pack, fs::path(pack).replace_extension(".idx")}) {
        std::error_code error;
        fs::rename(file, to / file.filename(), error);
        if (error) {
            throw system_call_error("move a new pack into", to.string(), error.value());
        }
    }
}

}  // namespace

void remove_files(const fs::path& folder, const std::function<bool(const fs::path&)>& which) {
    std::error_code error;
    std::vector<fs::path> found;
    for (auto it = fs::recursive_directory_iterator(folder, error); !error && it != fs::recursive_directory_iterator();
         it.increment(error)) {
        if (which(it->path())) {
            found.push_back(it->path());
        }
    }
    std::for_each(found.begin(), found.end(), remove_tree);
}

void remove_left_overs(const GitRepository::Handles& repository) {
    remove_tree(repository.incoming());
    remove_files(repository.packs(), [](const fs::path& path) {
        const std::string name = path.filename();
        const bool is_half = (path.extension() == ".pack" && !fs::exists(fs::path(path).replace_extension(".idx"))) ||
                             (path.extension() == ".idx" && !fs::exists(fs::path(path).replace_extension(".pack")));
        return is_half || name.starts_with("tmp_") || name.starts_with("pack_") || name.starts_with(".tmp-") ||
               path.extension() == ".lock";
    });
    remove_files(repository.folder / "refs", [](const fs::path& path) { return path.extension() == ".lock"; });
    for (const char* name : {"packed-refs.lock", "HEAD.lock", "config.lock", "shallow.lock"}) {
        remove_tree(repository.folder / name);
    }
}

IncomingFolder::IncomingFolder(const GitRepository::Handles& repository) {
    make_folder(repository.incoming(), 0700);
    std::string pattern = repository.incoming() / "XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) {
        throw system_call_error("make a folder in", repository.incoming().string(), errno);
    }
    path_ = pattern;
}

IncomingFolder::~IncomingFolder() {
    try {
        remove_tree(path_);
    } catch (const Error&) {  // it is removed when the repository is opened next
        return;
    }
    std::error_code ignored;
    fs::remove(path_.parent_path(), ignored);  // unless another is in use
}

void publish_packs(const fs::path& folder, GitRepository::Handles& repository) {
    std::vector<fs::path> packs;
    bool replaces = false;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().extension() == ".pack") {
            packs.push_back(entry.path());
            replaces = replaces || fs::exists(repository.packs() / entry.path().filename());
        }
    }
    if (replaces) {
        // The older pack was damaged, else this one would not have been needed. libgit2 knows packs by their paths as
        // long as anything holds them, so everything is released before it looks again.
        repository.repository.reset();
    }
    for (const fs::path& pack : packs) {
        move_pack(pack, repository.packs());
    }
    if (repository.quarantine.empty()) {
        sync_folder(repository.packs());
    }
    if (replaces) {
        repository.repository = open_again(repository);
    } else {
        check_local(git_odb_refresh(repository.odb().get()), "the objects of the repository");
    }
}

}  // namespace libgit2

using namespace libgit2;

namespace {

using IndexerHandle = Handle<git_indexer, git_indexer_free>;

}  // namespace

struct GitPackImport::State {
    std::shared_ptr<GitRepository::Handles> repository;
    GitProgress progress;
    std::uint64_t max_bytes;
    IncomingFolder folder;
    IndexerHandle indexer{};
    std::uint64_t received = 0;
    std::uint64_t beyond = 0;  // bytes since the last object was there
    git_indexer_progress stats{};
    std::exception_ptr failure{};

    /// Throws on what the progress threw, else says what is wrong with the pack.
    void check(int code) {
        if (failure) {
            std::rethrow_exception(failure);
        }
        if (code >= 0) {
            return;
        }
        if (is_disk_full()) {
            throw system_call_error("write the pack into", folder.path().string(), ENOSPC);
        }
        if (is_out_of_memory()) {
            throw too_much_memory("what was received");
        }
        if (code == GIT_EMISMATCH) {
            throw corrupt("what the pack builds upon");
        }
        throw transient_error("git.pack_damaged", "what was received is no whole pack: " + last_message(), "");
    }
};

GitPackImport::GitPackImport(const GitRepository& repository, GitProgress progress, std::uint64_t max_bytes)
    : state_(new State{repository.handles_, std::move(progress), max_bytes, IncomingFolder(*repository.handles_)}) {
    git_indexer_options options = GIT_INDEXER_OPTIONS_INIT;
    options.progress_cb_payload = state_.get();
    options.progress_cb = [](const git_indexer_progress* stats, void* user) noexcept -> int {
        auto& state = *static_cast<State*>(user);
        try {
            state.progress("objects", stats->received_objects, stats->total_objects);
            return 0;
        } catch (...) {
            state.failure = std::current_exception();
            return GIT_EUSER;
        }
    };
    const OdbHandle odb = state_->repository->odb();
    const int code = git_indexer_new(out(state_->indexer), state_->folder.path().c_str(), 0, odb.get(), &options);
    state_->check(code);
}

GitPackImport::~GitPackImport() = default;

void GitPackImport::append(std::string_view bytes) {
    state_->received += bytes.size();
    if (state_->received > state_->max_bytes) {
        throw permanent_error(
            "git.pack_too_large",
            "the pack is larger than the " + std::to_string(state_->max_bytes) + " bytes allowed here", "");
    }
    require_room(state_->folder.path(), "after " + mebibytes(state_->received) + " of a pack, which goes on");
    // libgit2 would keep what follows the pack, however much that is.
    constexpr std::uint64_t checksum_bytes = 20;
    const bool has_all =
        state_->stats.total_objects > 0 && state_->stats.received_objects == state_->stats.total_objects;
    state_->beyond += has_all ? bytes.size() : 0;
    if (state_->beyond > checksum_bytes) {
        throw transient_error("git.pack_damaged", "what was received goes on after the end of its pack", "");
    }
    state_->check(git_indexer_append(state_->indexer.get(), bytes.data(), bytes.size(), &state_->stats));
}

void GitPackImport::finish() {
    state_->check(git_indexer_commit(state_->indexer.get(), &state_->stats));
    state_->indexer.reset();
    publish_packs(state_->folder.path(), *state_->repository);
}

struct GitQuarantine::State {
    std::shared_ptr<GitRepository::Handles> own;
    IncomingFolder folder;
    std::shared_ptr<GitRepository::Handles> arrived;
};

GitQuarantine::GitQuarantine(const GitRepository& repository)
    : state_(new State{repository.handles_, IncomingFolder(*repository.handles_), nullptr}) {
    fs::create_directories(state_->folder.path() / "objects/pack");  // libgit2 looks only if it exists already
    state_->arrived =
        std::make_shared<GitRepository::Handles>(GitRepository::Handles{.folder = state_->own->folder,
                                                                        .alternates = state_->own->alternates,
                                                                        .quarantine = state_->folder.path(),
                                                                        .known_trees = state_->own->known_trees});
    state_->arrived->repository = open_again(*state_->arrived);
}

GitQuarantine::~GitQuarantine() = default;

void GitQuarantine::judge(const std::function<void(GitRepository& arrived)>& judgement) {
    GitRepository arrived(state_->arrived);
    try {
        judgement(arrived);
    } catch (const DamagedObject& damage) {
        if (exists(state_->own->odb().get(), damage.id)) {
            throw;
        }
        throw transient_error("git.pack_damaged", "what was received cannot be used: " + damage.message, "");
    }
}

void GitQuarantine::publish() {
    state_->arrived->repository.reset();  // it knows the packs by their old paths
    publish_packs(state_->arrived->packs(), *state_->own);
    state_->own->known_trees = std::move(state_->arrived->known_trees);
}

}  // namespace bootwright
