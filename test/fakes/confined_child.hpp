#pragma once

#include "common/base/error.hpp"
#include "common/files/file.hpp"
#include "common/sandbox/sandbox.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace bootwright::sandbox_tests {

inline const bool is_root = geteuid() == 0;
/// What confine() says on a system that has everything.
inline const std::string nothing_missing = is_root ? "" : "not started as root: stays the user that it is\n";

inline std::string lines(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) {
        text += word + "\n";
    }
    return text;
}

/// "ok", or the name of errno.
inline std::string result_of(long result) { return result >= 0 ? "ok" : strerrorname_np(errno); }

struct Pipe {
    Pipe() {
        std::array<int, 2> ends{};
        if (pipe2(ends.data(), O_CLOEXEC) != 0) {
            throw system_call_error("make", "a pipe", errno);
        }
        read = UniqueFd(ends[0]);
        write = UniqueFd(ends[1]);
    }
    UniqueFd read;
    UniqueFd write;
};

/// A process that confines itself, which is for life. It says what `action` returns.
class Child {
public:
    explicit Child(const std::function<std::string()>& action) {
        std::fflush(nullptr);  // or the child's end writes it a second time
        pid_ = fork();
        if (pid_ == 0) {
            alarm(60);  // whatever hangs ends
            dup2(said_.write.get(), STDOUT_FILENO);
            dup2(said_.write.get(), STDERR_FILENO);
            dup2(go_on_.read.get(), STDIN_FILENO);
            std::string said;
            try {
                said = action();
            } catch (const std::exception& error) {
                said = std::string("exception: ") + error.what();
            }
            const ssize_t written = write(STDOUT_FILENO, said.data(), said.size());
            _exit(written == static_cast<ssize_t>(said.size()) ? 0 : 1);
        }
        said_.write.reset();
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        if (pid_ > 0) {
            kill(pid_, SIGKILL);
            waitpid(pid_, nullptr, 0);
        }
    }

    [[nodiscard]] pid_t pid() const { return pid_; }

    std::string said() {
        std::string text = read_open_file(said_.read, "what the child says", 65536);
        waitpid(std::exchange(pid_, -1), &status_, 0);
        return text;
    }
    [[nodiscard]] int status() const { return status_; }

private:
    Pipe said_;
    Pipe go_on_;
    pid_t pid_ = -1;
    int status_ = 0;
};

inline std::string said_by_child(const std::function<std::string()>& action) { return Child(action).said(); }

/// The folder to write in, below one that is closed to everybody but its owner.
struct Place {
    Place() {
        root.make_folder("/work");
        if (is_root && chown(folder().c_str(), nobody.uid, nobody.gid) != 0) {
            throw system_call_error("give away", folder().string(), errno);
        }
        chmod(folder().c_str(), 0700);
    }
    [[nodiscard]] std::filesystem::path folder() const { return root.path("/work"); }
    /// The folder above is open, so that only the sandbox stands between.
    void open_the_way() const { chmod(root.path().c_str(), 0711); }
    [[nodiscard]] Confinement confinement() const { return {.user = "nobody", .writable = folder()}; }
    [[nodiscard]] Confinement with_programs() const {
        Confinement confinement = this->confinement();
        confinement.may_start_programs = true;
        return confinement;
    }

    TemporaryRoot root;
};

inline std::string opened(const std::filesystem::path& path, int flags) {
    return result_of(UniqueFd(open(path.c_str(), flags | O_CLOEXEC, 0666)).get());
}

inline std::string field_of(const std::string& status, const std::string& name) {
    const std::size_t start = status.find("\n" + name + ":\t");
    if (start == std::string::npos) {
        return "no such field";
    }
    const std::size_t value = start + name.size() + 3;
    return status.substr(value, status.find('\n', value) - value);
}

inline void check_without_rights(const std::string& status) {
    INFO(status);
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
        CHECK(field_of(status, set) == "0000000000000000");
    }
    CHECK(field_of(status, "NoNewPrivs") == "1");
    CHECK(field_of(status, "Seccomp") == "2");
    if (is_root) {
        CHECK(field_of(status, "CapBnd") == "0000000000000000");
        CHECK(field_of(status, "Uid") == "65534\t65534\t65534\t65534");
        CHECK(field_of(status, "Gid") == "65534\t65534\t65534\t65534");
        CHECK(field_of(status, "Groups").find_first_not_of(' ') == std::string::npos);
    }
}

/// The new process ends at once, and the old one says what came of it.
inline long started(long pid) { return pid == 0 ? (_exit(0), 0) : pid; }

}  // namespace bootwright::sandbox_tests
