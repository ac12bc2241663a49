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
    std::string signature;  ///< armoured, of SSH or OpenPGP; nothing is said about its truth
    std::string payload;
    std::int64_t time;  ///< of the committer or tagger, as they claim it: seconds since 1970
};

/// An annotated tag, and the tags that it leads over.
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

struct Submodule {
    std::string path;
    std::string commit_id;
};

/// What a checkout of a tree takes.
struct TreeSize {
    std::uint64_t bytes = 0;
    std::uint64_t files = 0;  ///< symbolic links included, folders not
};

/// A bare repository on disk. Every method throws Error: repository.* (see docs/errors.md); git.corrupt where what
/// is on disk cannot be trusted any more. One process at a time may have it open.
///
/// What stands in it: packs; refs/bootwright/keep/COMMIT and refs/bootwright/tag/TAG for what is kept; `shallow`, as git
/// has it. git itself can read it, and `git fsck` finds nothing wrong.
class GitRepository {
public:
    /// Opens the bare repository at `folder`, or makes an empty one there. What killed imports left there is removed. A
    /// reference of `keep` whose object is lost is forgotten; any other such reference is git.corrupt.
    /// @param alternates as for add_alternate; what is kept may live there alone
    static GitRepository open_or_create(const std::filesystem::path& folder,
                                        const std::vector<std::filesystem::path>& alternates = {});

    [[nodiscard]] const std::filesystem::path& folder() const;

    /// The objects of another bare repository are found too, and nothing is copied nor written down. It is no error if
    /// there is none, or none that can be read.
    void add_alternate(const std::filesystem::path& bare_repository);

    /// True if the commit's object is there (its tree may still lack something: is_complete tells).
    [[nodiscard]] bool has_commit(const std::string& commit_id) const;
    /// For an id that was taken for that of a commit. @throws Error git.revision_invalid (permanent) where its object is
    /// there and is none; for an annotated tag it names the commit
    void refuse_other_object(const std::string& id) const;
    /// True if the annotated tag's object is there.
    [[nodiscard]] bool has_tag(const std::string& tag_id) const;

    /// True if the commit is there, and each tree and blob that its tree needs; commits of submodules and parents are not
    /// needed. Trees are read and hashed; of blobs only the headers are read, their content is proven by what reads it
    /// (check_out, first_difference). This looks at each tree once, however often it occurs, and what it finds serves
    /// tree_size, submodules, first_lfs_pointer and check_out too.
    /// @throws Error (those too) git.tree_refused where the tree is one that git forbids
    [[nodiscard]] bool is_complete(const std::string& commit_id) const;
    /// The first that is_complete misses: a path, or "" for the commit or its root.
    [[nodiscard]] std::optional<std::string> first_missing(const std::string& commit_id) const;

    /// The commit survives repack() from now on, as do these tag objects of it. Where a parent is missing the commit is
    /// written to `shallow`; a commit there whose history has arrived is taken out. All of them must be there already.
    void keep(const std::string& commit_id, const std::vector<std::string>& tag_ids = {});
    /// The kept commits, sorted.
    [[nodiscard]] std::vector<std::string> kept() const;
    /// The tag objects that were kept with the commit.
    [[nodiscard]] std::vector<std::string> kept_tags(const std::string& commit_id) const;
    /// The commit, and tags that were kept with it, are no longer kept. Their objects stay until a repack.
    void forget(const std::string& commit_id);
    /// True if the commit is written down as one whose parents are left out.
    [[nodiscard]] bool is_shallow(const std::string& commit_id) const;

    /// Where more than `most_packs` packs have gathered, or they take `most_else` bytes more than checkouts of what is kept
    /// (a place may give more than it was asked for): one new pack of exactly what the kept commits and tags need, each
    /// commit with its tree and without history, then all else goes, also references that keep() did not make. What an
    /// alternate has is not copied. A crash at any point loses nothing that is kept. Returns whether it was done.
    bool repack(std::size_t most_packs = 20, std::uint64_t most_else = std::uint64_t{64} << 20U);

    /// Writes a snapshot: a git bundle (v2) of each commit with its tree, without history, and of the tag objects. The
    /// file appears as a whole, with mode 0644. It has no prerequisites, so any git lists, verifies and fetches it; but a
    /// git that fetches it needs the commits in its `shallow` file first, where they have parents (docs/snapshots.md).
    void write_bundle(const std::vector<std::string>& commit_ids, const std::vector<std::string>& tag_ids,
                      const std::filesystem::path& file) const;

    /// Copies what is missing here of the commit and its tree, and the tag objects, from another repository on this
    /// machine, bare or with a .git, at the cost of the tree and not of its history. Nothing is kept yet. Nothing of the
    /// other's configuration is obeyed but where its objects are.
    /// @throws Error git.no_repository, git.revision_not_found, and git.pack_damaged where the other is
    void copy_commit_from(const std::filesystem::path& repository, const std::string& commit_id,
                          const std::vector<std::string>& tag_ids, const GitProgress& progress);

    /// Writes the commit's tree into `folder`, which must be empty. Each file is hashed on its way, or where a .gitattributes
    /// changes what is written (line endings) compared afterwards: what stands there is the commit (docs/decisions/0011).
    /// Nothing is flushed. Returns its tree_fingerprint(). @throws Error also git.checkout_differs
    std::uint64_t check_out(const std::string& commit_id, const std::filesystem::path& folder,
                            const GitProgress& progress);

    /// The first path below `folder` that is not exactly as in the commit (content, kind, executable bit, missing,
    /// too many), or nothing. Every file and every tree is hashed.
    /// @param elsewhere folders of it, from its root, that hold what other commits say: they are not looked into
    [[nodiscard]] std::optional<std::string> first_difference(const std::string& commit_id,
                                                              const std::filesystem::path& folder,
                                                              const std::vector<std::string>& elsewhere = {}) const;

    /// What a checkout takes. A tree of trees that repeat themselves is counted as often as a checkout would write it.
    [[nodiscard]] TreeSize tree_size(const std::string& commit_id) const;

    /// The first file that stands for one of Git LFS instead of holding its content, where a .gitattributes of the tree
    /// says that there are such.
    [[nodiscard]] std::optional<std::string> first_lfs_pointer(const std::string& commit_id) const;

    /// The submodules, as the tree pins them; where they come from says .gitmodules.
    [[nodiscard]] std::vector<Submodule> submodules(const std::string& commit_id) const;

    /// The file of the commit's tree. Returns nullopt if there is none, or if it is a link or a folder.
    /// @throws Error io.too_large beyond `cap` bytes
    [[nodiscard]] std::optional<std::string> read_file_of(const std::string& commit_id, const std::string& path,
                                                          std::size_t cap) const;
    /// The names in a folder of the commit's tree ("" is its root); none where there is no such folder.
    [[nodiscard]] std::vector<std::string> names_in(const std::string& commit_id, const std::string& path) const;

    /// A commit descends from another one if a way leads there over its parents; and from itself.
    [[nodiscard]] Descent descent(const std::string& commit_id, const std::string& ancestor) const;
    /// True if that is shown by the parents that are there.
    [[nodiscard]] bool descends_from(const std::string& commit_id, const std::string& ancestor) const;

    /// The signature of the commit. Returns nullopt if it has none.
    [[nodiscard]] std::optional<SignedText> commit_signature(const std::string& commit_id) const;
    /// The signature of the annotated tag. Returns nullopt if it has none.
    [[nodiscard]] std::optional<SignedText> tag_signature(const std::string& tag_id) const;
    /// The tag object, and those that it names in turn.
    [[nodiscard]] TagChain follow_tag(const std::string& tag_id) const;
    /// The name in the tag object itself ("v1.0"), which is signed, as the name of a reference is not.
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

/// Where a repository on this machine was cloned from ("origin"), as git's configuration has it; "" where that says nothing.
/// @throws Error git.no_repository
std::string origin_of(const std::filesystem::path& repository);

/// What has just arrived is judged apart, as git does it ("Quarantine environment", git-receive-pack(1)): it stands in an
/// object folder of its own below `incoming`, and the repository does not see it before publish(). What is not published is
/// removed with this object.
class GitQuarantine {
public:
    explicit GitQuarantine(const GitRepository& repository);
    GitQuarantine(const GitQuarantine&) = delete;
    GitQuarantine& operator=(const GitQuarantine&) = delete;
    ~GitQuarantine();

    /// Hands on the repository as it would be: what is imported into that one goes into quarantine, and is seen there beside
    /// all that is here. It lives no longer than the call.
    /// @throws Error what `judgement` does; but git.pack_damaged where an object is damaged or missing that the
    ///   repository itself does not have: git.corrupt is only what was published once
    void judge(const std::function<void(GitRepository& arrived)>& judgement);
    /// What has arrived is the repository's from now on. A crash at any point leaves all of a pack, or nothing.
    void publish();

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Takes a pack as it arrives, from whoever: it is trusted for nothing. Every object is hashed; what deltas lean on may
/// be in the repository already (a thin pack). Nothing is visible before finish(), and one that is dropped before it
/// leaves nothing behind. After an Error it is of no more use.
/// @throws Error git.pack_damaged (truncated, flipped bits, no pack at all), git.pack_too_large,
///   git.too_much_memory, io.no_space (also where too little of the disk stays free)
class GitPackImport {
public:
    /// @param max_bytes of the pack as it arrives; the disk takes that, the index, and the bases of a thin pack
    GitPackImport(const GitRepository& repository, GitProgress progress,
                  std::uint64_t max_bytes = std::uint64_t{4} << 30U);
    GitPackImport(const GitPackImport&) = delete;
    GitPackImport& operator=(const GitPackImport&) = delete;
    ~GitPackImport();

    void append(std::string_view bytes);
    /// The pack has come to its end: its objects are on disk and visible.
    void finish();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace bootwright
