// A bootwright-download that a server has taken over: confined as the real one is, and from then on as bad as it can. What it
// does is ordered by /etc/taken_over.json: {"do": NAME, "say": [LINE…]}.

#include "common/files/file.hpp"
#include "common/sandbox/sandbox.hpp"

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <map>
#include <string>
#include <system_error>

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

void say(const std::string& line) { std::cout << line << std::endl; }

std::string error_line(const std::string& message) {
    return Json{
        {"error", {{"kind", "transient"}, {"code", "server.unreachable"}, {"message", message}, {"advice", "a"}}}}
        .dump();
}

/// Takes the result of a call that the sandbox may refuse: what was refused is seen from outside.
void attempt(long /*result*/) {}

/// A daemon that hears nothing, holds nothing open, and goes on for half an hour.
void become_daemon() {
    setsid();
    for (int number = 1; number < 32; ++number) {
        signal(number, SIG_IGN);
    }
    for (int fd = 0; fd < 3; ++fd) {
        close(fd);
        attempt(open("/dev/null", O_RDWR));
    }
}

constexpr int moments = 180'000;
constexpr useconds_t moment = 10'000;

/// Says where it was let to make a process at all.
void live_on() {
    const pid_t child = fork();
    if (child == 0) {
        if (fork() == 0) {
            become_daemon();
            for (int i = 0; i < moments; ++i) {
                usleep(moment);
            }
        }
        _exit(0);
    }
    say(error_line(child < 0 ? "no process" : "a process"));
}

/// Ever new processes, each of which is soon gone.
void multiply() {
    for (int copies = 0; copies < 20; ++copies) {
        if (fork() == 0) {
            become_daemon();
            for (int i = 0; i < moments; ++i) {
                if (fork() != 0) {
                    _exit(0);
                }
                usleep(200);
            }
            _exit(0);
        }
    }
    say(error_line("many processes"));
}

/// Leaves copies of the key that it was given for this transfer wherever it can.
void keep_key(const std::string& key) {
    for (const char* path : {"./key", "../key", "../partial/key", "/tmp/key", "/var/tmp/key", "/dev/shm/key"}) {
        const int file = open(path, O_WRONLY | O_CREAT, 0666);
        attempt(write(file, key.data(), key.size()));
        close(file);
    }
    attempt(link("./key", "../linked"));
    say(error_line("it was here"));
}

/// Says what it finds of others.
void spy() {
    std::string found;
    std::error_code error;
    for (const char* folder : {".", "..", "../partial", "/tmp", "/var/tmp", "/dev/shm", "/var/lib/bootwright",
                               "/var/lib/bootwright/download"}) {
        for (const auto& entry : fs::directory_iterator(folder, error)) {
            found += " " + entry.path().string();
        }
    }
    for (const char* file : {"./key", "../key", "../linked", "/tmp/key", "/etc/bootwright/ssh_key", "ssh_key"}) {
        found += access(file, R_OK) == 0 ? std::string(" may read ") + file : "";
    }
    say(error_line("found:" + found));
}

void make_deep() {
    for (int i = 0; i < 1200; ++i) {
        attempt(mkdir("d", 0700));
        attempt(symlink("/", "link"));
        attempt(chdir("d"));
    }
    say(error_line("deep"));
}

/// Something else than a file where the pack should be.
void put(const std::string& what) {
    if (what == "link") {
        attempt(symlink("/etc/shadow", "download"));
    } else if (what == "fifo") {
        attempt(mkfifo("download", 0600));
    } else if (what == "device") {
        attempt(mknod("download", S_IFCHR | 0666, makedev(1, 5)));
    } else {
        attempt(mkdir("download", 0700));
    }
    say(R"({"received": 4096})");
}

[[noreturn]] void flood(const std::string& text) {
    for (;;) {
        std::cout << text;
    }
}

}  // namespace

int main() {
    const Json request = Json::parse(std::string(std::istreambuf_iterator<char>(std::cin), {}));
    constexpr std::size_t largest = 1U << 20U;
    const Json orders = Json::parse(bootwright::read_file("/etc/taken_over.json", largest));
    const std::string key = request.at("ssh_key");
    bootwright::confine({.writable = request.at("folder").get<std::string>(), .may_start_programs = !key.empty()});
    const std::string what = orders.at("do");
    const std::map<std::string, void (*)()> deeds{
        {"live on", live_on}, {"multiply", multiply}, {"spy", spy}, {"make deep", make_deep}};
    if (const auto deed = deeds.find(what); deed != deeds.end()) {
        deed->second();
    } else if (what == "keep key") {
        keep_key(key);
    } else if (what.starts_with("put ")) {
        put(what.substr(4));
    } else if (what == "lines without end") {
        flood("{\"received\": 0}\n");
    } else if (what == "a line without end") {
        flood("{\"received\": 0");
    }
    for (const Json& line : orders.at("say")) {
        say(line);
    }
    return 1;
}
