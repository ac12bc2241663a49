#include "agent/puppet/warm.hpp"

#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <csignal>

using namespace bootwright;
using namespace std::chrono_literals;
using End = ProcessResult::End;
using Way = PuppetStart::Way;

namespace {

constexpr const char* packaged_script = "#!/usr/bin/ruby\nrequire 'puppet/util/command_line'\n";

/// A machine whose Ruby is a shell script: `waits` is what it does with warm.rb, and with Puppet it says "cold".
struct World {
    explicit World(const std::string& waits) {
        fake.root.write("/usr/bin/puppet", packaged_script, 0755);
        fake.root.write("/usr/bin/ruby",
                        "#!/bin/sh\nPATH=/usr/bin:/bin\ncd " + fake.root.path().string() +
                            "\ncase $2 in\n*/warm.rb)\n" + waits + "\n;;\n*) shift; echo cold \"$@\" ;;\nesac\n",
                        0755);
    }

    ProcessResult run(WarmPuppet& warm, std::stop_token stop = {}) {
        return warm.run(find_puppet(system, config), request,
                        {.started = [this](ProcessId) { ++started; },
                         .line = [this](std::string_view line) { lines.emplace_back(line); },
                         .error_line = [this](std::string_view line) { error_lines.emplace_back(line); }},
                        std::move(stop), start);
    }
    ProcessResult run(std::stop_token stop = {}) {
        WarmPuppet warm(system, config);
        return run(warm, std::move(stop));
    }
    [[nodiscard]] std::string puppet() const { return fake.root.path("/usr/bin/puppet").string(); }

    FakeSystem fake{};
    SystemProcessRunner processes{};
    System system{.http = fake.http,
                  .processes = processes,
                  .clock = fake.clock,
                  .random = [] { return 0.5; },
                  .root = fake.root.path(),
                  .fetch_program = {},
                  .ruby_folder = "/usr/lib/bootwright/ruby",
                  .environment = {}};
    AgentConfig config{};
    ProcessRequest request{
        .arguments = {puppet(), "apply", "--noop"}, .environment = {{"http_proxy", "http://p"}}, .timeout = 60s};
    int started = 0;
    std::vector<std::string> lines{};
    std::vector<std::string> error_lines{};
    PuppetStart start{};
};

}  // namespace

TEST_CASE("a waiting Puppet is told what to apply, and is the run from then on") {
    World world("message=$(cat); echo 'bootwright-warm applies'; echo \"$message\"; echo wrong >&2; exit 2");
    const ProcessResult result = world.run();
    CHECK(world.start.way == Way::warm);
    CHECK(world.start.reason.empty());
    CHECK(result.end == End::exited);
    CHECK(result.exit_code == 2);
    CHECK(world.started == 1);
    REQUIRE(world.lines.size() == 1);
    CHECK(parse_json(world.lines.front()) == Json{{"program", world.puppet()},
                                                  {"arguments", {"apply", "--noop"}},
                                                  {"environment", {{"http_proxy", "http://p"}}}});
    CHECK(world.error_lines == std::vector<std::string>{"wrong"});
}

TEST_CASE("where the waiting Puppet did not begin, a cold one runs, and the reason is told") {
    struct Row {
        const char* waits;
        const char* reason;
    };
    const auto row =
        GENERATE(Row{"cat >/dev/null; echo 'bootwright-warm refuses: a module replaces a type'; exit 0",
                     "a module replaces a type"},
                 Row{"echo 'bootwright-warm refuses: unknown version'", "unknown version"},
                 Row{"kill -9 $$", "was killed by signal 9"}, Row{"cat; kill -9 $$", "was killed by signal 9"},
                 Row{"exit 7", "ended with status 7"}, Row{"head -c 100000 /dev/urandom; cat", "ended with status 0"},
                 Row{"cat >&2; echo 'Bootwright-warm applies'; exit 0", "ended with status 0"});
    CAPTURE(row.waits);
    World world(row.waits);
    const ProcessResult result = world.run();
    CHECK(world.start.way == Way::cold);
    CHECK(world.start.reason.find(row.reason) != std::string::npos);
    CHECK(result.end == End::exited);
    CHECK(world.lines.back() == "cold " + world.puppet() + " apply --noop");
}

TEST_CASE("a Puppet that applies is recognised whatever was written before") {
    World world("cat; echo 'bootwright-warm applies'");
    world.run();
    CHECK(world.start.way == Way::warm);
}

TEST_CASE("a Puppet that died while it applied is not run again") {
    World world("cat >/dev/null; echo 'bootwright-warm applies'; kill -9 $$");
    const ProcessResult result = world.run();
    CHECK(world.start.way == Way::warm);
    CHECK(result.end == End::killed_by_signal);
    CHECK(result.signal == SIGKILL);
}

TEST_CASE("the timeout of a waiting Puppet begins when it applies, and ends it") {
    World world("cat >/dev/null; echo 'bootwright-warm applies'; exec sleep 1000");
    world.request.timeout = 50ms;
    CHECK(world.run().end == End::timed_out);
}

TEST_CASE("a stop ends a Puppet that applies, and no other is started") {
    World world("cat >/dev/null; echo 'bootwright-warm applies'; echo here; exec sleep 1000");
    std::stop_source stop;
    WarmPuppet warm(world.system, world.config);
    const ProcessResult result =
        warm.run(find_puppet(world.system, world.config), world.request,
                 {.line = [&](std::string_view) { stop.request_stop(); }}, stop.get_token(), world.start);
    CHECK(result.end == End::stopped);
    CHECK(world.start.way == Way::warm);
}

TEST_CASE("an event that throws ends the Puppet that applies, and is thrown on") {
    World world("cat >/dev/null; echo 'bootwright-warm applies'; echo here; exec sleep 1000");
    WarmPuppet warm(world.system, world.config);
    CHECK_THROWS_AS(warm.run(find_puppet(world.system, world.config), world.request,
                             {.line = [](std::string_view) { throw std::runtime_error("full"); }}, {}, world.start),
                    std::runtime_error);
}

TEST_CASE("a Puppet that waits in vain is ended, and has done nothing") {
    World world("message=$(cat); touch ended; [ -z \"$message\" ] || touch applied");
    { const WarmPuppet warm(world.system, world.config); }
    CHECK_FALSE(world.fake.root.exists("/applied"));
}

TEST_CASE("only the first run of Puppet can be a warm one") {
    World world("cat >/dev/null; echo 'bootwright-warm applies'");
    WarmPuppet warm(world.system, world.config);
    world.run(warm);
    CHECK(world.start.way == Way::warm);
    world.run(warm);
    CHECK(world.start.way == Way::cold);
    CHECK(world.start.reason.find("once already") != std::string::npos);
}

TEST_CASE("nothing is started ahead where the image says so, or Puppet is not as its packages make it") {
    World world("cat >/dev/null; echo 'bootwright-warm applies'");
    SECTION("agent.json") {
        world.config.puppet.warm = false;
        world.run();
        CHECK(world.start.reason.find("puppet.warm") != std::string::npos);
        CHECK(world.lines.back() == "cold " + world.puppet() + " apply --noop");
    }
    SECTION("another program") {
        world.fake.root.write("/usr/bin/puppet", "#!/bin/sh\necho own \"$@\"\n", 0755);
        world.run();
        CHECK(world.start.reason.find("not as Puppet's packages make it") != std::string::npos);
        CHECK(world.lines.back() == "own apply --noop");
    }
    SECTION("a Ruby that is not there") {
        world.fake.root.remove("/usr/bin/ruby");
        world.fake.root.write("/usr/bin/puppet", packaged_script, 0644);
        CHECK(error_of([&] { world.run(); }).code == "process.cannot_start");
    }
    CHECK(world.start.way == Way::cold);
}

TEST_CASE("what was compiled ahead is thrown away where the waiting Puppet died, and nowhere else") {
    struct Row {
        const char* waits;
        bool stays;
    };
    const auto row = GENERATE(Row{"kill -9 $$", false}, Row{"exit 1", false},
                              Row{"cat >/dev/null; echo 'bootwright-warm refuses: a module'", true},
                              Row{"cat >/dev/null; echo 'bootwright-warm applies'; kill -9 $$", true});
    CAPTURE(row.waits);
    World world(std::string("cp \"$3\" given\n") + row.waits);
    world.fake.root.write("/var/cache/bootwright/puppet.compiled", "programs", 0600);
    world.run();
    CHECK(world.fake.root.read("/given") == "programs");
    CHECK(world.fake.root.exists("/var/cache/bootwright/puppet.compiled") == row.stays);
}

TEST_CASE("Puppet's Ruby is compiled ahead, or why not is said") {
    SECTION("compiled") {
        World world("[ \"$3\" = --compile ] && touch \"$4\" && echo 'bootwright-warm compiled: 9 files'");
        CHECK(compile_puppet(world.system, world.config) == "9 files");
        CHECK(world.fake.root.exists("/var/cache/bootwright/puppet.compiled"));
    }
    SECTION("not as Puppet's packages make it") {
        World world("");
        world.fake.root.write("/usr/bin/puppet", "#!/bin/sh\n", 0755);
        const Error error = error_of([&] { compile_puppet(world.system, world.config); });
        CHECK(error.code == "puppet.not_compiled");
        CHECK(error.message.find("not as Puppet's packages make it") != std::string::npos);
    }
    SECTION("refused, or died") {
        struct Row {
            const char* does;
            const char* said;
        };
        const auto row =
            GENERATE(Row{"echo 'bootwright-warm refuses: no space left'", "no space left"},
                     Row{"kill -9 $$", "Ruby was killed by signal 9"},
                     Row{"echo 'ruby: no such file' >&2; exit 3", "Ruby ended with status 3: ruby: no such file"});
        World world(row.does);
        const Error error = error_of([&] { compile_puppet(world.system, world.config); });
        CHECK(error.code == "puppet.not_compiled");
        CHECK(error.kind == ErrorKind::permanent);
        CHECK(error.message.find(row.said) != std::string::npos);
        CHECK_FALSE(world.fake.root.exists("/var/cache/bootwright/puppet.compiled"));
    }
}

TEST_CASE("Puppet's own Ruby is found, with the flags that it knows") {
    World world("");
    const auto path = [&](const char* absolute) { return world.fake.root.path(absolute); };
    PuppetProgram program = find_puppet(world.system, world.config);
    CHECK(program.ruby == path("/usr/bin/ruby"));
    CHECK(program.flags == std::vector<std::string>{"--disable=did_you_mean"});
    world.fake.root.write("/usr/lib/ruby/3.1.0/error_highlight.rb", "");
    program = find_puppet(world.system, world.config);
    CHECK(program.flags == std::vector<std::string>{"--disable=did_you_mean,error_highlight"});

    // The packages of Puppet and OpenVox have a shell script in front.
    world.fake.root.write("/opt/puppetlabs/bin/puppet", "#!/bin/sh\nexec /opt/puppetlabs/puppet/bin/puppet\n", 0755);
    CHECK_FALSE(find_puppet(world.system, world.config).is_known());
    world.fake.root.write("/opt/puppetlabs/puppet/bin/puppet",
                          "#!/opt/puppetlabs/puppet/bin/ruby\nrequire 'puppet/util/command_line'\n", 0755);
    world.fake.root.write("/opt/puppetlabs/puppet/bin/ruby", "", 0755);
    program = find_puppet(world.system, world.config);
    CHECK(program.ruby == path("/opt/puppetlabs/puppet/bin/ruby"));
    CHECK(program.path == path("/opt/puppetlabs/puppet/bin/puppet"));
}

TEST_CASE("a Ruby that is to be looked for is the first where Puppet finds programs") {
    World world("");
    world.fake.root.write("/usr/bin/puppet", "#!/usr/bin/env ruby\nrequire 'puppet/util/command_line'\n", 0755);
    CHECK(find_puppet(world.system, world.config).ruby == world.fake.root.path("/usr/bin/ruby"));
    world.fake.root.write("/usr/local/bin/ruby", "", 0755);
    CHECK(find_puppet(world.system, world.config).ruby == world.fake.root.path("/usr/local/bin/ruby"));
}

TEST_CASE("a Puppet that is a gem is loaded ahead from that gem") {
    const std::string gem = GENERATE("puppet", "openvox");
    World world("echo \"$@\" >given; cat >/dev/null; echo 'bootwright-warm applies'");
    world.fake.root.remove("/usr/bin/puppet");
    world.fake.root.write("/usr/local/bin/puppet",
                          "#!/usr/bin/ruby\nrequire 'rubygems'\nif Gem.respond_to?(:activate_bin_path)\n"
                          "load Gem.activate_bin_path('" +
                              gem + "', 'puppet', version)\nend\n",
                          0755);
    world.run();
    CHECK(world.start.way == Way::warm);
    CHECK(world.fake.root.read("/given").ends_with("puppet.compiled " + gem + "\n"));
}

TEST_CASE("a program that only looks like Puppet is left to start itself") {
    World world("");
    const char* text = GENERATE("", "#!/usr/bin/ruby", "#!/usr/bin/ruby -w\nrequire 'puppet/util/command_line'\n",
                                "#!/bin/sh\n# puppet/util/command_line\n", "#!ruby\npuppet/util/command_line",
                                "#!/usr/bin/env ruby\n", "#!/usr/bin/env -S ruby\nrequire 'puppet/util/command_line'\n",
                                "#!/usr/bin/ruby\nload Gem.activate_bin_path('rake', 'rake', version)\n",
                                "#!/usr/bin/ruby\nload Gem.activate_bin_path('puppet-lint', 'puppet-lint', version)\n");
    world.fake.root.write("/usr/bin/puppet", text, 0755);
    CHECK_FALSE(find_puppet(world.system, world.config).is_known());
}
