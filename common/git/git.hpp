#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bootwright {

/// A branch, a tag or another reference; an annotated tag is peeled to its commit.
struct GitRef {
    std::string name;       ///< "refs/heads/main"
    std::string commit_id;  ///< 40 hex
    std::string tag_id{};   ///< the (outermost) tag object where the tag is annotated
};

/// `what` is "objects" (received) or "files" (checked out).
using GitProgress = std::function<void(std::string_view what, std::uint64_t done, std::uint64_t total)>;

/// Port: git (libgit2). One object a process: it initialises the library and its global settings. No configuration of
/// the machine's own (/etc/gitconfig, ~/.gitconfig) is read, so that the same image behaves alike everywhere.
class GitLibrary {
public:
    GitLibrary();
    GitLibrary(const GitLibrary&) = delete;
    GitLibrary& operator=(const GitLibrary&) = delete;
    ~GitLibrary();
};

/// A signature, and exactly the bytes that it is said to sign.
struct SignedText {
    std::string signature;  ///< armoured, of SSH or OpenPGP; not verified
    std::string payload;
    std::int64_t time;  ///< of the committer or tagger, as they claim it: seconds since 1970
};

/// What a commit says of itself, as it stands there.
struct CommitText {
    std::string subject;  ///< the first paragraph of the message, in one line
    std::string author;   ///< the name alone
    std::int64_t time;    ///< of the author: seconds since 1970
};

/// What lies between two commits, as far as their history is there. Each list begins at its commit and goes back.
struct CommitsBetween {
    std::vector<std::string> added;    ///< what only the later one comes from
    std::vector<std::string> removed;  ///< what only the earlier one comes from
    bool is_whole;                     ///< false: commits are missing here that may belong to it
};

/// A file that is another one in one tree than in the other.
struct FileChange {
    char kind;  ///< as git has it: A added, M modified, D deleted
    std::string path;
};

/// An annotated tag, and the tags that it leads through.
struct TagChain {
    std::vector<std::string> tags;  ///< outermost first; not more than 16
    std::string target;             ///< what the last of them names
};

/// Whether a commit descends from another one, as far as its history is there.
enum class Descent {
    shown,
    refuted,  ///< all of its history is there, and the other is not in it
    unknown,  ///< a part of its history is not there
};

struct UnconvertedFile {
    std::string path;
    std::string attribute;  ///< "filter=lfs", "working-tree-encoding=UTF-16LE"
};

struct Submodule {
    std::string path;
    std::string commit_id;
};

/// What a checkout of a tree takes.
struct TreeSize {
    std::uint64_t bytes = 0;
    std::uint64_t files = 0;  ///< symbolic links included, folders not
};

/// A bare repository on disk. Every method throws Error: repository.* (see docs/operations.md); git.corrupt if what is on
/// disk cannot be trusted any more. One process at a time may have it open.
///
/// What stands in it: packs; refs/bootwright/keep/COMMIT and refs/bootwright/tag/TAG for what is kept; `shallow`, as git
/// has it. git itself can read it, and `git fsck` finds nothing wrong.
class GitRepository {
public:
    /// Opens the bare repository at `folder`, or makes an empty one there. Removes what killed imports left there.
    /// Forgets a reference of `keep` whose object is lost; any other such reference is git.corrupt.
    /// @param alternates as for add_alternate; what is kept may live there alone
    static GitRepository open_or_create(const std::filesystem::path& folder,
                                        const std::vector<std::filesystem::path>& alternates = {});

    [[nodiscard]] const std::filesystem::path& folder() const;

    /// Finds the objects of another bare repository too, without copying anything or writing it down. It is no error if
    /// that repository is missing or cannot be read.
    void add_alternate(const std::filesystem::path& bare_repository);

    /// True if the commit's object is there (its tree may still lack something: is_complete tells).
    [[nodiscard]] bool has_commit(const std::string& commit_id) const;
    /// For an id that should be a commit's. @throws Error git.revision_invalid (permanent) if its object is there and
    /// is no commit; for an annotated tag the error names the commit
    void refuse_other_object(const std::string& id) const;
    /// True if the annotated tag's object is there.
    [[nodiscard]] bool has_tag(const std::string& tag_id) const;

    /// True if the commit is there, and each tree and blob that its tree needs; parents and commits of submodules are
    /// not needed. Reads and hashes trees. Of blobs it reads only the headers: what reads their content proves it
    /// (check_out, first_difference). Looks at each tree once, however often it occurs; tree_size, submodules,
    /// first_unconverted and check_out use what it finds.
    /// @throws Error (those too) git.tree_refused if git forbids the tree
    [[nodiscard]] bool is_complete(const std::string& commit_id) const;
    /// The first that is_complete misses: a path, or "" for the commit or its root.
    [[nodiscard]] std::optional<std::string> first_missing(const std::string& commit_id) const;

    /// Keeps the commit and these tag objects of it: they survive repack() from now on. Adds the commit to `shallow` if
    /// a parent is missing; removes from it the commits whose history has arrived. The objects must be there already.
    void keep(const std::string& commit_id, const std::vector<std::string>& tag_ids = {});
    /// The kept commits, sorted.
    [[nodiscard]] std::vector<std::string> kept() const;
    /// The tag objects that were kept with the commit.
    [[nodiscard]] std::vector<std::string> kept_tags(const std::string& commit_id) const;
    /// No longer keeps the commit, and the tags that were kept with it. Their objects stay until a repack.
    void forget(const std::string& commit_id);
    /// True if `shallow` lists the commit as one whose parents are left out.
    [[nodiscard]] bool is_shallow(const std::string& commit_id) const;

    /// Acts if there are more than `most_packs` packs, or if they take `most_else` bytes more than checkouts of what is
    /// kept (a place may give more than it was asked for). Makes one new pack of exactly what the kept commits and tags
    /// need, each commit with its tree and without history. Then removes all else, also references that keep() did not
    /// make. Does not copy what an alternate has. A crash loses nothing that is kept. Returns whether it acted.
    bool repack(std::size_t most_packs = 20, std::uint64_t most_else = std::uint64_t{64} << 20U);

    /// Writes a snapshot: a git bundle (v2) of each commit with its tree, without history, and of the tag objects. The
    /// file appears as a whole, with mode 0644. It has no prerequisites, so any git lists, verifies and fetches it; but
    /// before a git fetches it, commits that have parents must be in its `shallow` file (docs/snapshots.md).
    void write_bundle(const std::vector<std::string>& commit_ids, const std::vector<std::string>& tag_ids,
                      const std::filesystem::path& file) const;

    /// Copies what is missing here of the commit, its tree and the tag objects from another repository on this machine,
    /// bare or with a .git. That costs as much as the tree, not the history. Keeps nothing yet. Obeys nothing of the
    /// other's configuration but where its objects are.
    /// @throws Error git.no_repository, git.revision_not_found, and git.pack_damaged if the other is damaged
    void copy_commit_from(const std::filesystem::path& repository, const std::string& commit_id,
                          const std::vector<std::string>& tag_ids, const GitProgress& progress);

    /// Writes the commit's tree into `folder`, which must be empty. Hashes each file on its way; if a .gitattributes
    /// changes what is written (line endings), compares it afterwards. So the folder holds exactly the commit
    /// (docs/decisions/0011). Flushes nothing. Returns its tree_fingerprint(). @throws Error also git.checkout_differs
    std::uint64_t check_out(const std::string& commit_id, const std::filesystem::path& folder,
                            const GitProgress& progress);

    /// The first path below `folder` that is not exactly as in the commit (content, kind, executable bit, missing, too
    /// many), or nullopt. Hashes every file and every tree.
    /// @param elsewhere folders, relative to `folder`, that hold what other commits say: they are skipped
    [[nodiscard]] std::optional<std::string> first_difference(const std::string& commit_id,
                                                              const std::filesystem::path& folder,
                                                              const std::vector<std::string>& elsewhere = {}) const;

    /// What a checkout takes. A tree that occurs repeatedly counts as often as a checkout would write it.
    [[nodiscard]] TreeSize tree_size(const std::string& commit_id) const;

    /// The first file of which git's own checkout would write something else, by a program or an encoding that its
    /// .gitattributes name (gitattributes(5)): a pointer of Git LFS, what git-crypt has encrypted, and whatever has another
    /// filter or an encoding beside UTF-8. check_out writes it as it is.
    [[nodiscard]] std::optional<UnconvertedFile> first_unconverted(const std::string& commit_id) const;

    /// The submodules, as the tree pins them; .gitmodules says where they come from.
    [[nodiscard]] std::vector<Submodule> submodules(const std::string& commit_id) const;

    /// The file of the commit's tree. Returns nullopt if there is none, or if it is a link or a folder.
    /// @throws Error io.too_large beyond `cap` bytes
    [[nodiscard]] std::optional<std::string> read_file_of(const std::string& commit_id, const std::string& path,
                                                          std::size_t cap) const;
    /// The names in a folder of the commit's tree ("" is its root); none if there is no such folder.
    [[nodiscard]] std::vector<std::string> names_in(const std::string& commit_id, const std::string& path) const;

    /// The id of the commit's tree. The commit must be there.
    [[nodiscard]] std::string tree_of(const std::string& commit_id) const;
    /// The full id of the commit that is cut short to `beginning`, 4 to 40 hex digits. Returns nullopt if there is none,
    /// or more than one.
    [[nodiscard]] std::optional<std::string> find_commit_by(const std::string& beginning) const;

    /// Whether the commit descends from `ancestor`: is the same, or reaches it over its parents.
    [[nodiscard]] Descent descent(const std::string& commit_id, const std::string& ancestor) const;
    /// True if descent() is `shown`.
    [[nodiscard]] bool descends_from(const std::string& commit_id, const std::string& ancestor) const;

    /// One of the two need not be there: then it is where the history of the other one ends.
    [[nodiscard]] CommitsBetween commits_between(const std::string& before, const std::string& after) const;

    /// No more than the first 1000 bytes of each text.
    [[nodiscard]] CommitText commit_text(const std::string& commit_id) const;
    /// How many files are others in the one tree than in the other: added, removed, or with another content or kind. A
    /// submodule counts as a file. Reads no blob. Returns nullopt if one of the commits is not complete here.
    [[nodiscard]] std::optional<std::uint64_t> files_between(const std::string& commit_id,
                                                             const std::string& other_id) const;
    /// The same, by name, in the order of the tree. @param take gets each of them
    /// @return false if one of the commits is not complete here
    bool each_file_between(const std::string& commit_id, const std::string& other_id,
                           const std::function<void(const FileChange&)>& take) const;

    /// The signature of the commit. Returns nullopt if it has none.
    [[nodiscard]] std::optional<SignedText> commit_signature(const std::string& commit_id) const;
    /// The signature of the annotated tag. Returns nullopt if it has none.
    [[nodiscard]] std::optional<SignedText> tag_signature(const std::string& tag_id) const;
    /// The tag object, and those that it names in turn.
    [[nodiscard]] TagChain follow_tag(const std::string& tag_id) const;
    /// The name in the tag object itself ("v1.0"), which is signed, unlike the name of a reference.
    [[nodiscard]] std::string tag_name(const std::string& tag_id) const;

    struct Handles;

private:
    explicit GitRepository(std::shared_ptr<Handles> handles) : handles_(std::move(handles)) {}
    friend class GitPackImport;
    friend class GitQuarantine;
    std::shared_ptr<Handles> handles_;
};

/// The branches, tags and other references of a repository on this machine, bare or with a .git, and its HEAD.
/// @throws Error git.no_repository
std::vector<GitRef> local_refs(const std::filesystem::path& repository);

/// Where a repository on this machine was cloned from: "origin" in git's configuration, or "" if that has none.
/// @throws Error git.no_repository
std::string origin_of(const std::filesystem::path& repository);

/// Keeps what has just arrived apart until it is judged, as git does ("Quarantine environment", git-receive-pack(1)):
/// in an object folder of its own below `incoming`, which the repository does not see before publish(). Destruction
/// removes what is not published.
class GitQuarantine {
public:
    explicit GitQuarantine(const GitRepository& repository);
    GitQuarantine(const GitQuarantine&) = delete;
    GitQuarantine& operator=(const GitQuarantine&) = delete;
    ~GitQuarantine();

    /// Calls `judgement` with the repository as it would be: imports into `arrived` go into quarantine, and `arrived`
    /// sees them beside all that is here. It lives no longer than the call.
    /// @throws Error what `judgement` does; but git.pack_damaged if an object is damaged or missing that the repository
    ///   itself does not have: git.corrupt is only for what was published
    void judge(const std::function<void(GitRepository& arrived)>& judgement);
    /// Moves what has arrived into the repository. A crash at any point leaves all of a pack, or nothing.
    void publish();

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// The largest pack that is taken. Built for 32 bits, Debian's libgit2 opens no file of 2 GiB (docs/decisions/0038-thirty-two-bits.md).
inline constexpr std::uint64_t most_pack_bytes =
    sizeof(void*) == 4 ? (std::uint64_t{2} << 30U) - 1 : std::uint64_t{4} << 30U;

/// Takes a pack as it arrives, and trusts it for nothing: hashes every object. The bases of deltas may be in the
/// repository already (a thin pack). Nothing is visible before finish(), and nothing is left behind if the import is
/// dropped earlier. After an Error, do not use it.
/// @throws Error git.pack_damaged (truncated, flipped bits, no pack at all), git.pack_too_large, git.too_much_memory,
///   io.no_space (also if too little of the disk stays free)
class GitPackImport {
public:
    /// @param max_bytes of the pack as it arrives; on disk there are also the index, and the bases of a thin pack
    GitPackImport(const GitRepository& repository, GitProgress progress, std::uint64_t max_bytes = most_pack_bytes);
    GitPackImport(const GitPackImport&) = delete;
    GitPackImport& operator=(const GitPackImport&) = delete;
    ~GitPackImport();

    void append(std::string_view bytes);
    /// Ends the pack: its objects are then on disk and visible.
    void finish();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace bootwright
