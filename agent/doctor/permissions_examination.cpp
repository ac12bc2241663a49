// Whether our files are for whom docs/files.md says.

#include "agent/doctor/examination.hpp"
#include "agent/doctor/patient.hpp"
#include "common/files/owner.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <string>
#include <utility>

namespace bootwright {

namespace {

namespace fs = std::filesystem;

std::string octal(mode_t mode) {
    std::string digits = "0000";
    for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, mode >>= 3U) {
        *digit = static_cast<char>('0' + (mode & 7U));
    }
    return digits;
}

/// What nobody but root may even read. Nothing if there is none.
void look_at_ours(const System& system, const std::string& path, mode_t most, std::vector<Finding>& findings) {
    const std::string file = system.path(path).string();
    struct stat status {};
    if (lstat(file.c_str(), &status) != 0) {
        if (errno != ENOENT) {
            findings.push_back(finding_of(system_call_error("look at", file, errno)));
        }
        return;
    }
    if (S_ISLNK(status.st_mode)) {
        findings.push_back(bad(file + " is a symbolic link", "remove it: the agent makes a file or folder of its own"));
    } else if (status.st_uid != 0 && status.st_uid != geteuid()) {
        findings.push_back(bad(file + " belongs to user " + std::to_string(status.st_uid), "chown root:root " + file));
    } else if ((status.st_mode & 07777U & ~most) != 0) {
        findings.push_back(bad(file + " has mode " + octal(status.st_mode & 07777U) + ", which lets others in",
                               "chmod " + octal(most) + " " + file));
    }
}

/// What everybody may read, and only root may change.
void look_at_word(const System& system, const fs::path& file, std::vector<Finding>& findings) {
    std::error_code error;
    if (fs::exists(fs::symlink_status(file, error)) && !is_roots_alone(system.root, file)) {
        findings.push_back(bad(
            "somebody else than root may change " + file.string() + ", or a folder above it, or it is a symbolic link",
            "chown root:root and chmod go-w what `namei -l " + file.string() + "` shows"));
    }
}

std::vector<Finding> look(const Patient& patient, std::stop_token) {
    constexpr std::array<std::pair<const char*, mode_t>, 11> ours{{{"/var/lib/bootwright", 0700},
                                                                   {"/var/lib/bootwright/past", 0700},
                                                                   {"/var/lib/bootwright/download", 0700},
                                                                   {"/var/lib/bootwright/history.jsonl", 0600},
                                                                   {"/var/lib/bootwright/instance.json", 0600},
                                                                   {"/var/lib/bootwright/last_good.json", 0600},
                                                                   {"/var/lib/bootwright/applying.json", 0600},
                                                                   {"/var/lib/bootwright/bad_revisions.json", 0600},
                                                                   {"/run/bootwright", 0755},
                                                                   {"/run/bootwright/status.json", 0644},
                                                                   {"/run/bootwright/run.lock", 0600}}};
    const System& system = patient.system;
    std::vector<Finding> findings;
    for (const auto& [path, most] : ours) {
        look_at_ours(system, path, most, findings);
    }
    for (const char* name : {"agent.json", "allowed_signers", "keyring.gpg", "known_hosts"}) {
        look_at_word(system, system.configuration() / name, findings);
    }
    for (const char* folder : {"agent.d", "hooks.d/before-run", "hooks.d/on-failure", "hooks.d/after-run"}) {
        std::error_code error;
        for (const auto& entry : fs::directory_iterator(system.configuration() / folder, error)) {
            look_at_word(system, entry.path(), findings);
        }
    }
    return findings.empty() ? std::vector{good("our files and folders are for whom they should be")} : findings;
}

const Examination permissions_examination{.key = "permissions", .limit = std::chrono::seconds(5), .look = look};
const Registered<Examination> registered(permissions_examination);

}  // namespace

}  // namespace bootwright
