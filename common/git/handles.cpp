#include "common/git/handles.hpp"

#include <array>
#include <cerrno>
#include <system_error>

namespace bootwright {

namespace fs = std::filesystem;

namespace libgit2 {

std::string last_message() {
    const git_error* error = git_error_last();
    return error == nullptr || error->message == nullptr ? "no details" : error->message;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

bool is_disk_full() { return contains(last_message(), "No space left on device"); }

bool is_out_of_memory() {
    const git_error* error = git_error_last();
    return error != nullptr && error->klass == GIT_ERROR_NOMEMORY;
}

Error corrupt(std::string_view what) {
    return transient_error("git.corrupt", std::string(what) + ": " + last_message(), "");
}

Error too_much_memory(const std::string& what) {
    return permanent_error(
        "git.too_much_memory",
        what + " takes more than the memory that is allowed here: " + std::to_string(most_memory >> 20U) +
            " MiB in all, " + std::to_string(largest_object >> 20U) + " MiB for one file",
        "");
}

void check_local(int code, std::string_view what) {
    if (code >= 0) {
        return;
    }
    if (contains(last_message(), "invalid path")) {
        throw permanent_error("git.tree_refused", std::string(what) + " is refused: " + last_message(),
                              "remove that name from the repository: git itself does not allow it");
    }
    if (is_out_of_memory()) {
        throw too_much_memory(std::string(what));
    }
    throw is_disk_full() ? system_call_error("finish", what, ENOSPC) : corrupt(what);
}

void check_object(int code, git_odb* odb, const git_oid& id, std::string_view what) {
    if (code >= 0) {
        return;
    }
    try {
        check_local(code, what);
    } catch (const Error& error) {
        if (error.code != "git.corrupt") {
            throw;
        }
        const std::string why = last_message();
        ObjectHandle object;
        const bool is_what_its_id_says = git_odb_read(out(object), odb, &id) == 0;  // hashes it
        if (is_what_its_id_says) {
            throw permanent_error("git.object_invalid", std::string(what) + " is none that git can read: " + why,
                                  "make that commit anew with git itself: `git fsck` refuses this one");
        }
        if (is_out_of_memory()) {
            throw too_much_memory(std::string(what));
        }
        throw DamagedObject(error, id);
    }
}

void check_object(int code, git_repository* repository, const git_oid& id, std::string_view what) {
    if (code < 0) {
        check_object(code, objects_of(repository).get(), id, what);
    }
}

git_oid object_id(const std::string& hex) {
    git_oid id{};
    if (git_oid_fromstr(&id, hex.c_str()) != 0) {
        throw permanent_error("git.revision_invalid", "\"" + hex + "\" is not a full commit id",
                              "give all 40 hexadecimal digits");
    }
    return id;
}

std::string hex(const git_oid& id) {
    std::array<char, GIT_OID_MAX_HEXSIZE + 1> text{};
    git_oid_tostr(text.data(), text.size(), &id);
    return text.data();
}

OdbHandle objects_of(git_repository* repository) {
    OdbHandle odb;
    check_local(git_repository_odb(out(odb), repository), "the objects of the repository");
    return odb;
}

bool exists(git_odb* odb, const git_oid& id) { return git_odb_exists_ext(odb, &id, GIT_ODB_LOOKUP_NO_REFRESH) == 1; }

RepositoryHandle open_again(const GitRepository::Handles& handles) {
    RepositoryHandle repository;
    check_local(git_repository_open_bare(out(repository), handles.folder.c_str()),
                "the repository " + handles.folder.string());
    handles.add_alternates(repository.get());
    return repository;
}

}  // namespace libgit2

void GitRepository::Handles::add_alternates(git_repository* to) const {
    const libgit2::OdbHandle odb = libgit2::objects_of(to);
    std::vector<fs::path> folders = alternates;
    if (!quarantine.empty()) {
        folders.push_back(quarantine);
    }
    for (const fs::path& folder_of_objects : folders) {
        std::error_code ignored;
        if (fs::is_directory(folder_of_objects / "objects", ignored)) {
            git_odb_add_disk_alternate(odb.get(), (folder_of_objects / "objects").c_str());
        }
    }
}

}  // namespace bootwright
