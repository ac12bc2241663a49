#include "agent/puppet/puppet.hpp"

#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_puppet.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

struct World {
    FakeSystem fake{};
    AgentConfig config{};
    InstanceMetadata instance{.platform = "ec2", .instance_id = "i-1"};
    RoleConfig role{.role = "web"};
    Checkout checkout{"0123456789abcdef0123456789abcdef01234567", fake.root.path() / "checkout/0123"};
    std::string run = "/var/lib/bootwright/runs/000042";
    std::vector<std::string> progress{};

    World() {
        fake.root.write("/usr/bin/puppet", "", 0755);
        fake.root.write("/checkout/0123/manifests/site.pp", "");
        fake.root.make_folder(run);
        fake.processes.answer("apply", recorded_puppet("changed"));
    }
    PuppetResult apply(std::stop_token stop = {}) {
        WarmPuppet warm(fake.system, config);
        return apply_puppet(
            fake.system, config, instance, role, checkout, fake.root.path(run), false, warm,
            [](CloudService) { return std::nullopt; },
            {.progress =
                 [this](std::string_view what, std::uint64_t done, std::uint64_t total) {
                     progress.push_back(std::string(what) + " " + std::to_string(done) + " of " +
                                        std::to_string(total));
                 },
             .child_started = [](ProcessId) {}},
            std::move(stop));
    }
    [[nodiscard]] const ProcessRequest& request() const { return fake.processes.requests.back(); }
    /// What Puppet finds as the environment of that name.
    [[nodiscard]] fs::path repository_seen(const std::string& environment) const {
        return fs::canonical(fs::path(option_of(request(), "environmentpath")) / environment);
    }
};

}  // namespace

TEST_CASE("a checkout is applied with the files that Puppet needs, and read") {
    World world;
    world.role.classes = {"role::web"};
    world.role.data = {{"profile::web::port", 8080}};
    const PuppetResult result = world.apply();
    CHECK(result.outcome == Outcome::changed);
    CHECK(world.fake.root.read(world.run + "/facts/bootwright.json").find("web") != std::string::npos);
    CHECK(world.fake.root.read(world.run + "/data.json").find("8080") != std::string::npos);
    CHECK(world.fake.root.read(world.run + "/classes.txt") == "role::web\n");
    CHECK(world.fake.root.mode(world.run + "/data.json") == 0600);
    CHECK(world.fake.root.mode(world.run + "/facts") == 0700);
    CHECK(world.fake.root.mode("/var/lib/bootwright/puppet") == 0700);
    CHECK(world.fake.root.exists("/var/lib/bootwright/puppet/conf"));
    CHECK(world.repository_seen("production") == fs::canonical(world.checkout.folder));
}

TEST_CASE("Puppet is looked for where its packages put it, or where configuration says") {
    World world;
    world.apply();
    CHECK(world.request().arguments.front() == world.fake.root.path("/usr/bin/puppet").string());
    world.fake.root.write("/opt/puppetlabs/bin/puppet", "", 0755);
    world.apply();
    CHECK(world.request().arguments.front() == world.fake.root.path("/opt/puppetlabs/bin/puppet").string());
    // The one in bin is a wrapper that takes RUBYOPT away.
    world.fake.root.write("/opt/puppetlabs/puppet/bin/puppet", "", 0755);
    world.apply();
    CHECK(world.request().arguments.front() == world.fake.root.path("/opt/puppetlabs/puppet/bin/puppet").string());
    world.config.puppet.path = "/srv/puppet";
    world.fake.root.write("/srv/puppet", "", 0755);
    world.apply();
    CHECK(world.request().arguments.front() == world.fake.root.path("/srv/puppet").string());
}

TEST_CASE("a machine without Puppet is permanent, and says where it was looked for") {
    World world;
    world.fake.root.remove("/usr/bin/puppet");
    Error error = error_of([&] { return world.apply(); });
    CHECK(error.code == "puppet.not_installed");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find("/opt/puppetlabs/bin/puppet, /usr/bin/puppet, /usr/local/bin/puppet") !=
          std::string::npos);
    world.config.puppet.path = "/srv/puppet";
    error = error_of([&] { return world.apply(); });
    CHECK(error.message.find("/srv/puppet") != std::string::npos);
    CHECK(world.fake.processes.requests.empty());
}

TEST_CASE("a manifest outside the checkout is not what is pinned") {
    World world;
    world.fake.root.write("/outside/site.pp", "");
    for (const std::string& outside :
         {world.fake.root.path("/outside/site.pp").string(), std::string("../../outside/site.pp")}) {
        world.fake.root.write("/checkout/0123/environment.conf", "manifest = " + outside + "\n");
        try {
            world.apply();
            CHECK(world.request().arguments.back().find("outside") == std::string::npos);
        } catch (const Error& error) {
            CHECK(error.kind == ErrorKind::permanent);
        }
    }
}

TEST_CASE("what an earlier attempt left is never read as this one's") {
    World world;
    CHECK(world.apply().outcome == Outcome::changed);
    // Puppet ends without writing anything: a full disk, or a crash at the start.
    world.fake.processes.answer("apply", {.result = {.exit_code = 2}});
    CHECK(world.apply().error->code == "puppet.no_summary");
    CHECK(world.fake.root.read(world.run + "/puppet.jsonl").empty());
    world.fake.processes.answer("apply", {.result = {.exit_code = 1}});
    CHECK_FALSE(world.apply().resources);
}

TEST_CASE("a limit of the image's that does not hold is a warning") {
    World world;
    FakeProcesses::Script script = recorded_puppet("changed");
    script.result.unmet_limits = {"memory.max: there is no memory controller"};
    world.fake.processes.answer("apply", script);
    const std::vector<std::string> warnings = world.apply().warnings;
    CHECK(std::any_of(warnings.begin(), warnings.end(), [](const std::string& warning) {
        return warning.ends_with("memory.max: there is no memory controller");
    }));
}

TEST_CASE("classes that an earlier attempt recorded are not loaded by the next one") {
    World world;
    world.fake.root.write(world.run + "/classes.txt", "stale\n");
    world.apply();
    CHECK_FALSE(world.fake.root.exists(world.run + "/classes.txt"));
}

TEST_CASE("progress is read from the hook's lines, and other output is kept apart") {
    World world;
    FakeProcesses::Script script = recorded_puppet("changed");
    script.lines = {"bootwright-progress 1 9", "Notice: bootwright-progress 5 9", "bootwright-progress",
                    "bootwright-progress 1",   "bootwright-progress 1 2 3",       "bootwright-progress 9 9"};
    world.fake.processes.answer("apply", script);
    world.apply();
    CHECK(world.progress == std::vector<std::string>{"resources 1 of 9", "resources 9 of 9"});
}

TEST_CASE("a line that only looks like progress does no harm") {
    World world;
    FakeProcesses::Script script = recorded_puppet("changed");
    script.lines = {"bootwright-progress x y", "bootwright-progress -1 99999999999999999999"};
    world.fake.processes.answer("apply", script);
    CHECK(world.apply().outcome == Outcome::changed);
}

TEST_CASE("what Puppet wrote before its log was open gives the reason") {
    World world;
    world.fake.processes.answer("apply",
                                {.result = {.exit_code = 1},
                                 .lines = {"Notice: x"},
                                 .error_lines = {"/usr/lib/ruby/x.rb: cannot load such file -- puppet (LoadError)"}});
    CHECK(world.apply().error->message.find("cannot load such file") != std::string::npos);
}

TEST_CASE("a long backtrace does not push the reason out") {
    // Ruby names the reason first, and then a hundred callers.
    World world;
    const FakeProcesses::Script script = recorded_puppet("disk_full_at_start");
    REQUIRE(script.error_lines.size() > 100);
    world.fake.processes.answer("apply", script);
    CHECK(world.apply().error->message.find("No space left on device") != std::string::npos);
}

TEST_CASE("endless output is not kept") {
    World world;
    FakeProcesses::Script script{.result = {.exit_code = 1}};
    script.error_lines.assign(100, std::string(65536, 'x'));
    world.fake.processes.answer("apply", script);
    CHECK(world.apply().error->message.size() < 2000);
}

TEST_CASE("the values of data are cut out of everything that is shown") {
    World world;
    world.role.data = {
        {"profile::db::password", "hunter2-secret"}, {"deep", {{"list", {"other-secret", 7}}}}, {"short", "abc"}};
    FakeProcesses::Script script = recorded_puppet("secret");
    script.error_lines = {"other-secret abc"};
    world.fake.processes.answer("apply", script);
    PuppetResult result = world.apply();
    REQUIRE_FALSE(result.failed_resources.empty());
    CHECK(result.failed_resources[0].resource.find("hunter2-secret") == std::string::npos);
    CHECK(result.error->message.find("hunter2-secret") == std::string::npos);
    world.fake.processes.answer("apply", {.result = {.exit_code = 1}, .error_lines = {"other-secret abc"}});
    result = world.apply();
    CHECK(result.error->message.find("other-secret") == std::string::npos);
    CHECK(result.error->message.find("abc") != std::string::npos);  // too short: it would blot out innocent text
}

TEST_CASE("an environment has the name that the role config gives it") {
    World world;
    world.role.puppet.environment_name = "testing";
    world.apply();
    CHECK(option_of(world.request(), "environment") == "testing");
    CHECK(world.repository_seen("testing") == fs::canonical(world.checkout.folder));
    world.role.puppet.environment_name.clear();
    world.apply();
    CHECK(world.repository_seen("production") == fs::canonical(world.checkout.folder));
    CHECK_FALSE(world.fake.root.exists("/var/lib/bootwright/puppet/code/environments/testing"));
}

TEST_CASE("a repository with several environments is what a server has as its codedir") {
    World world;
    world.role.repository.environment = "staging";
    world.fake.root.write("/checkout/0123/environments/staging/manifests/site.pp", "");
    world.apply();
    CHECK(option_of(world.request(), "environment") == "staging");
    CHECK(world.repository_seen("staging") == fs::canonical(world.checkout.folder / "environments/staging"));
    const fs::path code = option_of(world.request(), "codedir");
    CHECK(fs::canonical(code) == fs::canonical(world.checkout.folder));
    CHECK(option_of(world.request(), "basemodulepath") == (code / "modules").string());
}

TEST_CASE("an environment that is not there is permanent, and says which are") {
    World world;
    world.role.repository.environment = "staging";
    Error error = error_of([&] { return world.apply(); });
    CHECK(error.code == "puppet.no_environment");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find("there is: none") != std::string::npos);
    world.fake.root.make_folder("/checkout/0123/environments/production");
    world.fake.root.write("/checkout/0123/environments/staging", "a file");
    error = error_of([&] { return world.apply(); });
    CHECK(error.code == "puppet.no_environment");
    CHECK(error.message.ends_with("there is: production"));
    CHECK(world.fake.processes.requests.empty());
}

TEST_CASE("an environment that is a link out of the checkout is not what is pinned") {
    World world;
    world.role.repository.environment = "staging";
    world.fake.root.write("/elsewhere/manifests/site.pp", "");
    world.fake.root.make_folder("/checkout/0123/environments");
    fs::create_directory_symlink(world.fake.root.path("/elsewhere"), world.checkout.folder / "environments/staging");
    CHECK(error_of([&] { return world.apply(); }).code == "puppet.no_environment");
    fs::remove(world.checkout.folder / "environments/staging");
    fs::create_directory_symlink("..", world.checkout.folder / "environments/staging");
    world.apply();
    CHECK(world.repository_seen("staging") == fs::canonical(world.checkout.folder));
}

TEST_CASE("the agent's proxies reach Puppet, and nothing else of its environment") {
    World world;
    world.fake.system.environment = {{"https_proxy", "http://10.0.0.1:3128"},
                                     {"NO_PROXY", "10.0.0.0/8"},
                                     {"CREDENTIALS_DIRECTORY", "/run/x"},
                                     {"NOTIFY_SOCKET", "/run/y"}};
    world.apply();
    const auto& environment = world.request().environment;
    CHECK(environment.at("https_proxy") == "http://10.0.0.1:3128");
    CHECK(environment.at("NO_PROXY") == "10.0.0.0/8");
    CHECK_FALSE(environment.contains("CREDENTIALS_DIRECTORY"));
    CHECK_FALSE(environment.contains("NOTIFY_SOCKET"));
}

TEST_CASE("a stop while Puppet works is an interrupted run") {
    World world;
    std::stop_source stop;
    world.fake.processes.answer("apply", {.work = [&](const ProcessRequest&) { stop.request_stop(); }});
    const PuppetResult result = world.apply(stop.get_token());
    CHECK(result.outcome == Outcome::interrupted);
    CHECK(result.error->kind == ErrorKind::stopped);
}

TEST_CASE("a folder that cannot be written is an error of the disk, and Puppet does not start") {
    World world;
    world.fake.root.write("/var/lib/bootwright/puppet", "a file where a folder should be");
    CHECK_THROWS_AS(world.apply(), Error);
    CHECK(world.fake.processes.requests.empty());
}

TEST_CASE("a Puppet log beyond all measure does not hide how Puppet ended") {
    World world;
    FakeProcesses::Script script = recorded_puppet("changed");
    script.work = [&](const ProcessRequest& request) {
        leave_traces("changed", request);
        fs::resize_file(option_of(request, "logdest"),
                        (std::size_t{64} << 20U) + 1);  // sparse: no such memory is written
    };
    world.fake.processes.answer("apply", script);
    CHECK(world.apply().outcome == Outcome::changed);
}
