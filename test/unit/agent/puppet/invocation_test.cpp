#include "agent/puppet/invocation.hpp"

#include "common/base/text.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

constexpr const char* revision = "0123456789abcdef0123456789abcdef01234567";

struct World {
    PuppetFiles files{"/var/lib/bootwright/runs/000042"};
    PuppetPlace place{.program = "/usr/bin/puppet",
                      .state = "/var/lib/bootwright/puppet",
                      .environment_name = "production",
                      .certname = "i-1234567890abcdef0",
                      .observer = "/usr/lib/bootwright/ruby/observe.rb",
                      .trusted_facts = "/usr/lib/bootwright/trusted-facts",
                      .proxy = {}};
    AgentConfig config{};
    InstanceMetadata instance{.platform = "ec2", .instance_id = "i-1234567890abcdef0"};
    RoleConfig role{.role = "web"};
    Checkout checkout{revision, std::string("/var/lib/bootwright/checkout/") + revision};

    [[nodiscard]] ProcessRequest request() const { return puppet_request(files, place, config, role, checkout); }
    [[nodiscard]] std::string file(const std::filesystem::path& path) const {
        for (const PreparedFile& prepared : prepared_files(files, place, config, instance, role, checkout)) {
            if (prepared.path == path) {
                return prepared.content;
            }
        }
        return "(not written)";
    }
};

bool has(const ProcessRequest& request, const std::string& argument) {
    return std::find(request.arguments.begin(), request.arguments.end(), argument) != request.arguments.end();
}

}  // namespace

TEST_CASE("each trap of puppet apply has its option") {
    struct Row {
        const char* trap;
        std::string option;
    };
    const std::string run = "/var/lib/bootwright/runs/000042";
    const Row row = GENERATE_COPY(values<Row>({
        {"without it a failed resource gives 0", "--detailed-exitcodes"},
        {"--vardir does not move it, and a stale summary would be read", "--publicdir=" + run},
        {"the image's own modules leak in", "--basemodulepath=/var/lib/bootwright/puppet/code/modules"},
        {"a script of the repository's own fails the run", std::string("--config_version=/bin/echo ") + revision},
        {"instance data is searched before the repository's", "--hiera_config=" + run + "/hiera.yaml"},
        {"external facts carry the role", "--pluginfactdest=" + run + "/facts"},
        {"the image's puppet.conf must not count", "--confdir=/var/lib/bootwright/puppet/conf"},
        {"the image's state must not count", "--vardir=/var/lib/bootwright/puppet/var"},
        {"Debian keeps the state elsewhere", "--statedir=/var/lib/bootwright/puppet/var/state"},
        {"Debian keeps certificates elsewhere, and each run changes their folder",
         "--ssldir=/var/lib/bootwright/puppet/var/ssl"},
        {"and those of an authority", "--cadir=/var/lib/bootwright/puppet/var/ca"},
        {"$codedir would be the image's", "--codedir=/var/lib/bootwright/puppet/code"},
        {"manifests ask for $environment, which is not the revision", "--environment=production"},
        {"each run leaves a report that nobody ever removes", "--reports=none"},
        {"the environment is a link to the checkout", "--environmentpath=/var/lib/bootwright/puppet/code/environments"},
        {"the certname does not follow the host name", "--certname=i-1234567890abcdef0"},
        {"trusted.external is empty without it", "--trusted_external_command=/usr/lib/bootwright/trusted-facts"},
        {"errors with file and line as JSON", "--logdest=" + run + "/puppet.jsonl"},
        {"a compiled catalog is told from none", "--write_catalog_summary"},
        {"an empty catalog is told from a full one", "--resourcefile=" + run + "/resources.txt"},
        {"classes are handed over without touching the manifest", "--classfile=" + run + "/classes.txt"},
    }));
    CAPTURE(row.trap, row.option);
    CHECK(has(World().request(), row.option));
}

TEST_CASE("puppet apply gets its program, and no manifest: environment.conf says which") {
    const auto arguments = World().request().arguments;
    CHECK(arguments.front() == "/usr/bin/puppet");
    CHECK(arguments.at(1) == "apply");
    CHECK(std::all_of(arguments.begin() + 2, arguments.end(), [](const auto& word) { return word.starts_with("--"); }));
    CHECK(World().request().input.empty());
}

TEST_CASE("modules of the image count where agent.json names their folders") {
    World world;
    const auto allowed = [&] { return Json::parse(world.file(world.files.allowed())); };
    CHECK(allowed() == Json::array({world.checkout.folder.string()}));
    world.config.puppet.modulepath = {"/usr/share/puppet/modules", "/opt/modules"};
    CHECK(has(world.request(),
              "--basemodulepath=/var/lib/bootwright/puppet/code/modules:/usr/share/puppet/modules:/opt/modules"));
    CHECK(allowed() == Json::array({"/usr/share/puppet/modules", "/opt/modules", world.checkout.folder.string()}));
}

TEST_CASE("noop and classes are passed only where they are asked for") {
    World world;
    CHECK_FALSE(has(world.request(), "--noop"));
    CHECK_FALSE(has(world.request(), "--loadclasses"));
    CHECK(world.file(world.files.classes()) == "(not written)");
    world.role.puppet.noop = true;
    world.role.classes = {"role::web", "profile::base"};
    CHECK(has(world.request(), "--noop"));
    CHECK(has(world.request(), "--loadclasses"));
    CHECK(world.file(world.files.classes()) == "role::web\nprofile::base\n");
}

TEST_CASE("the time limit is the role config's, else the image's") {
    World world;
    world.config.puppet.timeout = 2h;
    CHECK(world.request().timeout == 2h);
    world.role.puppet.timeout = 5min;
    CHECK(world.request().timeout == 5min);
    CHECK(world.request().silence == 0ms);  // a long package installation says nothing
}

TEST_CASE("the environment is made anew, with the proxies that the agent was given") {
    World world;
    world.place.proxy = {{"https_proxy", "http://10.0.0.1:3128"}};
    const auto environment = world.request().environment;
    CHECK(environment.at("https_proxy") == "http://10.0.0.1:3128");
    CHECK(environment.at("HOME") == "/root");
    CHECK(environment.at("LC_ALL") == "C.UTF-8");
    CHECK(environment.at("PATH").find("/opt/puppetlabs/bin") != std::string::npos);
    CHECK(environment.at("RUBYOPT") == "-r/usr/lib/bootwright/ruby/observe.rb");
    CHECK(environment.at("BOOTWRIGHT_RUN_FOLDER") == "/var/lib/bootwright/runs/000042");
}

TEST_CASE("nothing of the role config is in the arguments or the environment") {
    World world;
    world.role.data = {{"profile::db::password", "hunter2"}};
    world.role.facts = {{"secretish", "hunter2"}};
    world.role.repository.url = "https://user:hunter2@h/x";
    const ProcessRequest request = world.request();
    CHECK(joined(request.arguments, " ").find("hunter2") == std::string::npos);
    for (const auto& [name, value] : request.environment) {
        CHECK(value.find("hunter2") == std::string::npos);
    }
    CHECK(request.input.empty());
}

TEST_CASE("role and facts become one external fact file, the role under the configured name") {
    World world;
    world.role.facts = {{"datacenter", "eu"}, {"rack", 7}};
    const Json cloud{{"platform", "ec2"},      {"provider", "aws"},         {"id", "i-1234567890abcdef0"},
                     {"hostname", nullptr},    {"region", nullptr},         {"zone", nullptr},
                     {"type", nullptr},        {"image", nullptr},          {"account", nullptr},
                     {"tags", Json::object()}, {"addresses", Json::array()}};
    const auto facts = [&] { return Json::parse(world.file(world.files.facts() / "bootwright.json")); };
    CHECK(facts() == Json{{"role", "web"},
                          {"datacenter", "eu"},
                          {"rack", 7},
                          {"cloud", cloud},
                          {"bootwright", {{"revision", revision}}}});
    CHECK(Json::parse(world.file(world.place.state / "trusted.json")) == Json{{"cloud", cloud}});
    world.config.puppet.role_fact = "puppet_role";
    CHECK(facts().at("puppet_role") == "web");
    world.role.role.clear();
    CHECK(facts() ==
          Json{{"datacenter", "eu"}, {"rack", 7}, {"cloud", cloud}, {"bootwright", {{"revision", revision}}}});
}

TEST_CASE("data is kept as it is for the top layer of Hiera") {
    World world;
    world.role.data = {{"profile::web::port", 8080}, {"text", "ü \"quoted\"\n"}};
    CHECK(Json::parse(world.file(world.files.data())) == world.role.data);
}

TEST_CASE("without data there is an empty layer, not none") {
    CHECK(Json::parse(World().file(PuppetFiles("/var/lib/bootwright/runs/000042").data())) == Json::object());
}
