#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// Where a repository is fetched from and with what trust.
struct GitSource {
    std::string url;                  ///< http, https, ssh or file
    std::filesystem::path ca_file{};  ///< PEM; empty: the system's certificates
    std::filesystem::path ssh_key{};  ///< private key without passphrase (ed25519: libssh2 signs RSA with SHA-1)
};

/// A branch or tag of the remote; an annotated tag is peeled to its commit.
struct GitRef {
    std::string name;       ///< "refs/heads/main"
    std::string commit_id;  ///< 40 hex
};

/// `what` is "objects" (received) or "files" (checked out).
using GitProgress = std::function<void(std::string_view what, std::uint64_t done, std::uint64_t total)>;

struct GitSettings {
    std::filesystem::path home;       ///< its .ssh/known_hosts is the only one that is believed
    std::filesystem::path ca_file{};  ///< as in GitSource
    int connect_timeout_ms = 10000;
    int silence_timeout_ms = 30000;
};

/// Port: git (libgit2). One object a process: it initialises the library and its global settings. No configuration of
/// the machine's own (/etc/gitconfig, ~/.gitconfig) is read, so that the same image behaves alike everywhere.
class GitLibrary {
public:
    explicit GitLibrary(const GitSettings& settings);
    GitLibrary(const GitLibrary&) = delete;
    GitLibrary& operator=(const GitLibrary&) = delete;
    ~GitLibrary();
};

/// A bare repository on disk. Every method throws Error: repository.* (see docs/errors.md); repository.corrupt where what
/// is on disk cannot be trusted any more.
class GitRepository {
public:
    /// Opens the bare repository at `folder`, or makes an empty one there.
    static GitRepository open_or_create(const std::filesystem::path& folder);

    /// True if the commit's object is there (its tree may still lack something: check_out finds that).
    [[nodiscard]] bool has_commit(const std::string& commit_id) const;

    /// Writes the commit's tree into `folder`, which must be empty.
    void check_out(const std::string& commit_id, const std::filesystem::path& folder, const GitProgress& progress);

    /// The first path below `folder` that is not exactly as in the commit (content, kind, executable bit, missing,
    /// too many), or nothing.
    [[nodiscard]] std::optional<std::string> first_difference(const std::string& commit_id,
                                                              const std::filesystem::path& folder) const;

    /// The first submodule of the commit's tree, or nothing.
    [[nodiscard]] std::optional<std::string> first_submodule(const std::string& commit_id) const;

    struct Handles;

private:
    explicit GitRepository(std::shared_ptr<Handles> handles) : handles_(std::move(handles)) {}
    friend class GitRemote;
    std::shared_ptr<Handles> handles_;
};

/// The other side of a fetch.
class GitRemote {
public:
    GitRemote(const GitRepository& repository, GitSource source, GitProgress progress);

    /// What the server offers. The connection stays open for a fetch.
    std::vector<GitRef> refs();

    enum class Depth { only_the_commit, with_history };

    /// Fetches `refspecs`. History that an earlier fetch left out is completed where it is asked for.
    void fetch(const std::vector<std::string>& refspecs, Depth depth);

    [[nodiscard]] std::uint64_t received_bytes() const;

    struct Handles;

private:
    std::shared_ptr<Handles> handles_;
};

}  // namespace bootwright
