#include "common/sandbox/sandbox.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/sandbox/restrictions.hpp"
#include "common/sandbox/user.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

// --- The user

Error cannot_become(const std::string& name, const std::string& why) {
    return permanent_error(
        "sandbox.failed", "what speaks with the network cannot become the user " + name + ": " + why,
        "the user must be one without rights, and the agent needs CAP_SETUID and CAP_SETGID: look at "
        "`getent passwd " +
            name + "`, and in a container at the user ids that it maps");
}

/// Changes from root to the user, without a way back. The capabilities go with the last user id of root.
void become(const User& user, const std::string& name) {
    if (user.uid == 0 || user.gid == 0) {
        throw cannot_become(name, "it is root, or in root's group");
    }
    if (setgroups(0, nullptr) != 0 || setresgid(user.gid, user.gid, user.gid) != 0 ||
        setresuid(user.uid, user.uid, user.uid) != 0) {
        throw cannot_become(name, reason(errno));
    }
    constexpr auto keep = static_cast<uid_t>(-1);
    if (setresuid(keep, 0, keep) == 0 || setresgid(keep, 0, keep) == 0 || geteuid() != user.uid ||
        getegid() != user.gid) {
        throw cannot_become(name, "there is a way back to root");
    }
}

// --- Capabilities

/// Call it as root: what is started later then cannot get a capability from a file.
void empty_bounding_set(Words& missing) {
    for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
            missing.push_back("the bounding set keeps capabilities: " + reason(errno));
            return;
        }
    }
}

/// Clears this process's own sets: another user has only what was inheritable left.
void drop_capabilities(Words& missing) {
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
    if (syscall(SYS_capset, &header, none.data()) != 0) {
        missing.push_back("the process keeps its capabilities: " + reason(errno));
    }
}

// --- The rest

void set_limit(decltype(RLIMIT_CORE) resource, rlim_t value, Words& missing) {
    rlimit limit{};
    getrlimit(resource, &limit);
    limit.rlim_max = std::min(limit.rlim_max, value);
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(resource, &limit) != 0) {
        missing.push_back("a resource limit cannot be set: " + reason(errno));
    }
}

void enter(const fs::path& folder) {
    if (chdir(folder.c_str()) != 0) {
        throw permanent_error("sandbox.failed",
                              "what speaks with the network cannot enter the folder that it writes in, " +
                                  folder.string() + ": " + reason(errno),
                              "the agent makes this folder: check the file system that holds it");
    }
}

}  // namespace

std::vector<std::string> confine(const Confinement& confinement) {
    Words missing;
    // What needs root's rights or the whole file system comes first: the names of users, and the folders to open.
    const bool root = geteuid() == 0;
    const std::optional<User> user = root ? find_user(confinement.user) : std::nullopt;
    if (root && !user) {
        missing.push_back("no user " + confinement.user + ": runs as nobody (65534)");
    }
    constexpr rlim_t most_open_files = 256;
    set_limit(RLIMIT_CORE, 0, missing);
    set_limit(RLIMIT_NOFILE, most_open_files, missing);
    umask(077);
    enter(confinement.writable);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        missing.push_back("setuid programs keep their rights: " + reason(errno));
    }
    restrict_files(confinement, missing);
    if (root) {
        empty_bounding_set(missing);
        become(user.value_or(nobody), confinement.user);
    } else {
        missing.emplace_back("not started as root: stays the user that it is");
    }
    drop_capabilities(missing);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // no other process of this user looks into its memory
    restrict_system_calls(confinement, missing);
    return missing;
}

}  // namespace bootwright
