#include "agent/puppet/package_manager.hpp"

#include "common/files/file.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

constexpr const char* frontend = "/var/lib/dpkg/lock-frontend";

/// Another process that holds a lock of apt's kind, until it is ended.
class Holder {
public:
    explicit Holder(const std::filesystem::path& path) {
        std::array<int, 2> ready{};
        REQUIRE(pipe(ready.data()) == 0);
        pid_ = fork();
        if (pid_ == 0) {  // only what is safe after a fork
            const int fd = open(path.c_str(), O_RDWR);
            struct flock lock {};
            lock.l_type = F_WRLCK;
            lock.l_whence = SEEK_SET;
            const char answer = fcntl(fd, F_SETLK, &lock) == 0 ? 'y' : 'n';
            [[maybe_unused]] const auto written = write(ready[1], &answer, 1);
            while (true) {
                pause();
            }
        }
        char answer = 0;
        REQUIRE(read(ready[0], &answer, 1) == 1);
        REQUIRE(answer == 'y');
        close(ready[0]);
        close(ready[1]);
    }
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    ~Holder() { end(); }

    void end() {
        if (pid_ > 0) {
            kill(pid_, SIGKILL);
            waitpid(pid_, nullptr, 0);
            pid_ = 0;
        }
    }
    [[nodiscard]] pid_t pid() const { return pid_; }

private:
    pid_t pid_ = 0;
};

struct World {
    FakeSystem fake{};
    AgentConfig config{};
    bool noop = false;
    std::vector<std::string> waited_for{};
    std::vector<std::string> warnings{};

    World() {
        fake.root.write("/usr/bin/dpkg", "", 0755);
        for (const char* lock :
             {frontend, "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock"}) {
            fake.root.write(lock, "");
        }
        fake.root.make_folder("/var/lib/dpkg/updates");
    }
    StageEvents events() {
        return {.progress = [](std::string_view, std::uint64_t, std::uint64_t) {},
                .child_started = [](ProcessId) {},
                .waiting = [this](const std::string& what, std::chrono::milliseconds) { waited_for.push_back(what); },
                .warning = [this](const std::string& text) { warnings.push_back(text); }};
    }
    void prepare(const std::stop_token& stop = {}) {
        prepare_package_manager(fake.system, config, noop, events(), stop);
    }
    Error failure(const std::stop_token& stop = {}) {
        return error_of([&] { return prepare(stop), 0; });
    }
    /// What `dpkg --configure -a` does: it removes the sign, or not.
    void dpkg(bool mends, FakeProcesses::Script script = {}) {
        script.work = [this, mends](const ProcessRequest&) {
            if (mends) {
                fake.root.remove("/var/lib/dpkg/updates/0003");
            }
        };
        fake.processes.answer("--configure", std::move(script));
    }
};

}  // namespace

TEST_CASE("each lock of dpkg and apt is waited for, and the status is told who holds it") {
    const std::string path = GENERATE(values<std::string>(
        {frontend, "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock"}));
    CAPTURE(path);
    World world;
    Holder holder(world.fake.root.path(path));
    const std::string holds = "(process " + std::to_string(holder.pid()) + "), which holds " + path;
    world.fake.clock.on_sleep = [&](std::size_t number) {
        if (number == 3) {
            holder.end();
        }
    };
    world.prepare();
    CHECK(world.fake.clock.slept == std::vector<std::chrono::milliseconds>(3, 1s));
    REQUIRE(world.waited_for.size() == 4);
    CHECK(world.waited_for.front().find(holds) != std::string::npos);
    CHECK(world.waited_for.front().starts_with("unit_tests"));
    CHECK(world.waited_for.back().empty());
}

TEST_CASE("a lock that is never given up is an error that names its holder, and asking takes no lock") {
    World world;
    world.config.puppet.package_lock_timeout = 2500ms;
    const Holder holder(world.fake.root.path(frontend));
    const Error error = world.failure();
    CHECK(error.code == "puppet.package_lock");
    CHECK(error.kind == ErrorKind::transient);
    CHECK(error.message.find("process " + std::to_string(holder.pid())) != std::string::npos);
    CHECK(world.fake.clock.slept == std::vector<std::chrono::milliseconds>{1s, 1s, 500ms});
    const Holder second(world.fake.root.path("/var/lib/dpkg/lock"));  // is still to be had
}

TEST_CASE("a stop ends the wait for a lock") {
    World world;
    const Holder holder(world.fake.root.path(frontend));
    std::stop_source stop;
    world.fake.clock.on_sleep = [&](std::size_t) { stop.request_stop(); };
    CHECK(world.failure(stop.get_token()).kind == ErrorKind::stopped);
}

TEST_CASE("no lock is waited for where configuration says so, under noop, and where there is no dpkg") {
    World world;
    const Holder holder(world.fake.root.path(frontend));
    const std::string why = GENERATE("configuration", "noop", "no dpkg");
    CAPTURE(why);
    world.config.puppet.package_lock_timeout = why == "configuration" ? 0ms : 10min;
    world.noop = why == "noop";
    if (why == "no dpkg") {
        world.fake.root.remove("/usr/bin/dpkg");
    }
    world.prepare();
    CHECK(world.fake.clock.slept.empty());
    CHECK(world.fake.processes.requests.empty());
    CHECK(world.warnings.empty());
}

TEST_CASE("a dpkg that was not interrupted is left alone") {
    World world;
    world.fake.root.write("/var/lib/dpkg/updates/tmp.i", "");  // dpkg's own, of the next one
    world.prepare();
    CHECK(world.fake.processes.requests.empty());
    world.fake.root.remove("/var/lib/dpkg");
    world.prepare();
    CHECK(world.fake.processes.requests.empty());
}

TEST_CASE("an interrupted dpkg is completed, without questions and in its own root, with a warning") {
    World world;
    world.fake.root.write("/var/lib/dpkg/updates/0003", "Package: x\n");
    world.dpkg(true, {.lines = {"Setting up x (1.0) ..."}, .error_lines = {"odd\x1b[31m"}});
    world.prepare();
    REQUIRE(world.fake.processes.requests.size() == 1);
    const ProcessRequest& request = world.fake.processes.requests.front();
    CHECK(request.arguments == std::vector<std::string>{world.fake.root.path("/usr/bin/dpkg").string(), "--configure",
                                                        "-a", "--force-confdef", "--force-confold",
                                                        "--root=" + world.fake.root.path().string()});
    CHECK(request.environment.at("DEBIAN_FRONTEND") == "noninteractive");
    CHECK(request.timeout > 0ms);
    CHECK(request.input.empty());
    REQUIRE(world.warnings.size() == 1);
    CHECK(world.warnings.front().find("has completed it; it says: Setting up x (1.0) ...; odd?[31m") !=
          std::string::npos);
    CHECK(world.waited_for.back().empty());
}

TEST_CASE("a package that cannot be configured is Puppet's affair; a journal that stays is an error") {
    World world;
    world.fake.root.write("/var/lib/dpkg/updates/0003", "Package: x\n");
    SECTION("a package") {
        world.dpkg(true, {.result = {.exit_code = 1}, .error_lines = {"x: postinst failed"}});
        world.prepare();
        REQUIRE(world.warnings.size() == 1);
        CHECK(world.warnings.front().find("could not configure all of it; it says: x: postinst failed") !=
              std::string::npos);
    }
    SECTION("the journal") {
        world.dpkg(false, {.result = {.exit_code = 2}, .error_lines = {std::string(3000, 'a'), "disk broken"}});
        const Error error = world.failure();
        CHECK(error.code == "puppet.dpkg_interrupted");
        CHECK(error.kind == ErrorKind::transient);
        CHECK(error.message.find("disk broken") != std::string::npos);
        CHECK(error.message.size() < 1500);
        CHECK(error.advice.find("dpkg --configure -a") != std::string::npos);
        CHECK(world.warnings.empty());
    }
    SECTION("a stop") {
        world.dpkg(false);
        std::stop_source stop;
        stop.request_stop();
        CHECK(world.failure(stop.get_token()).kind == ErrorKind::stopped);
    }
    SECTION("noop") {
        world.noop = true;
        world.prepare();
        CHECK(world.fake.processes.requests.empty());
        REQUIRE(world.warnings.size() == 1);
        CHECK(world.warnings.front().find("noop") != std::string::npos);
    }
}

TEST_CASE("an apt that cannot be told to wait is a warning, and no reason not to apply") {
    World world;
    world.fake.root.write("/run/bootwright", "a file");
    CHECK(apt_variables(world.fake.system, world.events()).empty());
    REQUIRE(world.warnings.size() == 1);
    CHECK(world.warnings[0].find("apt does not wait") != std::string::npos);
}

TEST_CASE("apt is told to wait for its lock, beside what the image tells it") {
    World world;
    make_folder(world.fake.system.runtime(), 0755);
    const std::string file = world.fake.root.path("/run/bootwright/apt.conf").string();
    CHECK(apt_variables(world.fake.system, world.events()) == std::map<std::string, std::string>{{"APT_CONFIG", file}});
    CHECK(world.fake.root.read("/run/bootwright/apt.conf") == "DPkg::Lock::Timeout \"300\";\n");
    CHECK(world.fake.root.mode("/run/bootwright/apt.conf") == 0644);
    world.fake.system.environment["APT_CONFIG"] = "/etc/image-apt.conf";
    apt_variables(world.fake.system, world.events());
    CHECK(world.fake.root.read("/run/bootwright/apt.conf") ==
          "DPkg::Lock::Timeout \"300\";\n#include \"/etc/image-apt.conf\";\n");
    world.fake.root.remove("/usr/bin/dpkg");
    CHECK(apt_variables(world.fake.system, world.events()).empty());
}
