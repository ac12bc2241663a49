#include "agent/repository/repository.hpp"

#include "agent/repository/fetch_request.hpp"
#include "agent/repository/proof/seal.hpp"
#include "common/files/file.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/repository_stage_world.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>

using namespace bootwright;
using namespace bootwright::repository_tests;
using namespace std::chrono_literals;

TEST_CASE("the child is asked on its standard input, never by arguments or environment") {
    World world;
    world.fake.root.write("/etc/bootwright/token", "token-secret\n", 0600);
    world.fake.root.write("/etc/bootwright/s3.json", R"({"access_key": "AKIA", "secret_key": "s3-secret"})", 0600);
    world.config.repository.timeout = 7min;
    world.config.repository.stall = 20s;
    world.config.repository.proxy = "http://u:proxy-secret@proxy:3128";
    world.config.repository.credentials = {
        {.host = "git.example.com", .user = "u", .password = SecretSource{"file", "/etc/bootwright/token"}}};
    world.config.s3.keys_file = "/etc/bootwright/s3.json";
    world.pin.mirrors = {"s3://bucket/prefix"};
    CHECK(world.prepare().revision == revision);

    const ProcessRequest& request = world.fake.processes.requests.at(0);
    CHECK(request.arguments == std::vector<std::string>{"/usr/lib/bootwright/bootwright-fetch"});
    for (const auto& [name, value] : request.environment) {
        CHECK((name == "PATH" || name == "LC_ALL"));
        CHECK(value.find("secret") == std::string::npos);
    }
    for (const char* secret : {"hunter2", "token-secret", "s3-secret", "proxy-secret"}) {
        CAPTURE(secret);
        CHECK(request.input.find(secret) != std::string::npos);
    }
    CHECK(request.timeout == 7min);
    CHECK(request.silence > 20s);
    CHECK(request.ends_family);
    CHECK(world.child == 4242);
}

TEST_CASE("the child is told where all is, on this machine's disk") {
    World world;
    world.config.repository.keep = 5;
    world.config.repository.ca_file = "/etc/ssl/ours.pem";
    world.pin.mirrors = {"https://mirror.example.com/puppet.git", "s3://bucket/prefix"};
    const FetchRequest asked = world.asked();
    const auto& root = world.fake.root;
    CHECK(asked.places ==
          std::vector<Url>{world.pin.url, "https://mirror.example.com/puppet.git", "s3://bucket/prefix"});
    CHECK(asked.name_url == world.pin.url);
    CHECK(asked.revision == revision);
    CHECK(asked.protect == std::vector<std::string>{"last-good"});
    CHECK(asked.repositories == world.fake.system.state() / "repository");
    CHECK(asked.checkouts == world.fake.system.state() / "checkout");
    CHECK(asked.other_checkouts == std::vector{world.fake.system.state() / "configuration"});
    CHECK(asked.downloads == world.fake.system.state() / "download");
    CHECK(asked.download_program == "/usr/lib/bootwright/bootwright-download");
    CHECK(asked.settings.keep == 5);
    CHECK(asked.settings.ca_file == root.path() / "etc/ssl/ours.pem");
    CHECK(asked.settings.known_hosts == root.path() / "etc/bootwright/known_hosts");
    CHECK(asked.settings.seed == root.path() / "usr/share/bootwright/seed.git");
    CHECK(asked.settings.allowed_signers == root.path() / "etc/bootwright/allowed_signers");
    CHECK_FALSE(asked.policy.empty());
    world.pin.checkouts = "configuration";
    CHECK(world.asked().checkouts == world.fake.system.state() / "configuration");
    for (const char* name : {"data", "secrets"}) {
        world.fake.root.make_folder(std::string("/var/lib/bootwright/repositories/") + name);
    }
    world.pin.checkouts = "repositories/data";
    auto others = world.asked().other_checkouts;
    std::sort(others.begin(), others.end());
    const auto state = world.fake.system.state();
    CHECK(others == std::vector{state / "checkout", state / "configuration", state / "repositories/secrets"});
}

TEST_CASE("files that the image does not name stay unnamed") {
    World world;
    world.config.repository.seed = "";
    const FetchRequest asked = world.asked();
    CHECK(asked.settings.ca_file.empty());
    CHECK(asked.settings.client_certificate.empty());
    CHECK(asked.settings.client_key.empty());
    CHECK(asked.settings.seed.empty());
}

TEST_CASE("a stall limit of many days reaches the child as one that it can count") {
    World world;
    world.config.repository.stall = 24h * 30;  // more milliseconds than 31 bits hold
    CHECK(world.asked().settings.stall == 24h);
}

TEST_CASE("places are asked in the order of the list, or shuffled by the system's random numbers") {
    using MirrorOrder = AgentConfig::Repository::MirrorOrder;
    World world;
    world.pin.url = "https://a/x";
    world.pin.mirrors = {"https://b/x", "https://c/x"};
    const auto order = [&](double random) {
        world.fake.random = random;
        std::string letters;
        for (const Url& place : world.asked().places) {
            letters += place.host();
        }
        return letters;
    };
    CHECK(order(0) == "abc");
    CHECK(order(0.999) == "abc");
    world.config.repository.mirror_order = MirrorOrder::shuffled;
    CHECK(order(0.999) == "abc");
    CHECK(order(0) == "bca");
    CHECK(order(0.5) == "acb");
    CHECK(order(1) == "abc");  // it is said to be below 1, but nothing may break
    CHECK(world.asked().name_url == "https://a/x");
}

TEST_CASE("the environment's proxy counts where the configuration names none") {
    struct Row {
        const char* configured;
        std::map<std::string, std::string> environment;
        const char* proxy;
        const char* no_proxy;
    };
    const Row row = GENERATE(values<Row>({
        {"", {}, "", ""},
        {"", {{"https_proxy", "http://p:1"}, {"no_proxy", "a,b"}}, "http://p:1", "a,b"},
        {"", {{"HTTPS_PROXY", "http://P:1"}, {"NO_PROXY", "A"}}, "http://P:1", "A"},
        {"", {{"https_proxy", "http://p:1"}, {"HTTPS_PROXY", "http://P:1"}}, "http://p:1", ""},
        {"", {{"http_proxy", "http://p:1"}}, "", ""},
        {"http://c:1", {{"https_proxy", "http://p:1"}, {"no_proxy", "a,b"}}, "http://c:1", ""},
    }));
    World world;
    world.config.repository.proxy = row.configured;
    world.fake.system.environment = row.environment;
    const FetchRequest asked = world.asked();
    CHECK(asked.settings.proxy == row.proxy);
    CHECK(asked.settings.no_proxy == row.no_proxy);
}

TEST_CASE("an identity is asked for only where something needs it") {
    struct Row {
        const char* name;
        const char* mirror;
        const char* keys_file;
        const char* secret_kind;
        std::vector<CloudService> services;
    };
    const Row row = GENERATE(values<Row>({
        {"a git server", "https://mirror.example.com/x.git", "", "", {}},
        {"a static server", "https://cdn.example.com/{revision}.bundle", "", "file", {}},
        {"S3", "s3://bucket/prefix", "", "", {CloudService::object_store}},
        {"S3 with keys", "s3://bucket/prefix", "/etc/bootwright/s3.json", "", {}},
        {"Google", "gs://bucket/prefix", "/etc/bootwright/s3.json", "", {CloudService::object_store}},
        {"Azure", "az://account/container", "", "credential", {CloudService::object_store}},
        {"a secret store", "https://mirror.example.com/x.git", "", "aws_secret", {CloudService::secret_store}},
        {"both", "s3://bucket/x", "", "aws_secret", {CloudService::secret_store, CloudService::object_store}},
    }));
    CAPTURE(row.name);
    World world;
    world.fake.root.write("/etc/bootwright/s3.json", R"({"access_key": "K", "secret_key": "S"})", 0600);
    world.pin.mirrors = {row.mirror};
    world.config.s3.keys_file = row.keys_file;
    if (*row.secret_kind != '\0') {
        world.config.repository.credentials = {
            {.host = "git.example.com", .password = SecretSource{row.secret_kind, "name"}}};
    }
    const FetchRequest asked = world.asked();
    CHECK(world.proven_to == row.services);
    const auto has = [&](CloudService service) {
        return std::find(row.services.begin(), row.services.end(), service) != row.services.end();
    };
    CHECK(asked.stores.identity.has_value() == has(CloudService::object_store));
    CHECK(asked.secrets_identity.has_value() == has(CloudService::secret_store));
    CHECK(asked.stores.s3_keys.has_value() == (*row.keys_file != '\0'));
}

TEST_CASE("an identity that cannot be had is no end: what needs it says so, and the other places are asked") {
    World world;
    world.pin.mirrors = {"s3://bucket/prefix"};
    world.no_identity = transient_error("platform.no_answer", "the metadata service is away", "wait");
    CHECK_FALSE(world.asked().stores.identity);
    world.no_identity.reset();
    world.identity.reset();
    CHECK_FALSE(world.asked().stores.identity);
    world.no_identity = stopped_error();
    CHECK(world.failure().kind == ErrorKind::stopped);
}

TEST_CASE("secrets in files are read, and one that cannot be read is handed on as the error that it is") {
    World world;
    world.fake.root.write("/etc/bootwright/token", "token\n", 0600);
    world.fake.root.write("/etc/bootwright/key", "key\n", 0600);
    world.fake.root.write("/etc/bootwright/open", "token\n", 0644);
    world.config.repository.credentials = {
        {.host = "a", .user = "u", .password = SecretSource{"file", "/etc/bootwright/token"}},
        {.host = "b", .ssh_key = SecretSource{"file", "/etc/bootwright/key"}},
        {.host = "c", .password = SecretSource{"file", "/etc/bootwright/absent"}},
        {.host = "d", .password = SecretSource{"file", "/etc/bootwright/open"}},
        {.host = "e", .password = SecretSource{"aws_secret", "git/token"}}};
    const auto ready = world.asked().credentials;
    REQUIRE(ready.size() == 5);
    CHECK(ready[0].credential.host == "a");
    CHECK(ready[0].credential.user == "u");
    CHECK(ready[0].password == "token");
    CHECK(ready[1].ssh_key->starts_with("key"));
    CHECK_FALSE(ready[1].problem);
    REQUIRE(ready[2].problem);
    CHECK(ready[2].problem->code == "repository.credential_missing");
    REQUIRE(ready[3].problem);
    CHECK(ready[3].problem->code == "repository.credential_exposed");
    CHECK_FALSE(ready[4].problem);
    CHECK_FALSE(ready[4].password);
    CHECK(ready[4].credential.password->name == "git/token");
}

TEST_CASE("a checkout that was proven, and that nobody has touched, needs no child") {
    World world;
    const std::string policy = world.asked().policy;
    const auto folder = world.seal_a_checkout(policy, "ann@example.com");
    const auto long_ago = std::filesystem::file_time_type::clock::now() - 24h;
    std::filesystem::last_write_time(folder, long_ago);
    const std::size_t before = world.children();
    world.pin.mirrors = {"s3://bucket/prefix"};
    const Checkout checkout = world.prepare();
    CHECK(world.children() == before);
    CHECK(world.proven_to.empty());
    CHECK(checkout.revision == revision);
    CHECK(checkout.folder == folder);
    CHECK(checkout.signer == "ann@example.com");
    CHECK(checkout.words.subject == "one");
    CHECK(std::filesystem::last_write_time(folder) > long_ago + 1h);  // the next to be pruned is another
}

TEST_CASE("what changed since a revision is told only while the machine has been nowhere else since") {
    struct Row {
        const char* name;
        std::string last_good;
        bool is_told;
    };
    const Row row = GENERATE(values<Row>({{"it replaces the last good one", std::string(40, 'f'), true},
                                          {"it is the last good one itself", revision, true},
                                          {"the machine comes back from another one", std::string(40, 'e'), false},
                                          {"no run was good yet", "", false}}));
    CAPTURE(row.name);
    World world;
    world.pin.protect = {row.last_good};
    REQUIRE(std::filesystem::exists(world.seal_a_checkout(world.asked().policy)));
    CHECK(world.prepare().words.before.empty() != row.is_told);
}

TEST_CASE("a checkout that is not as it was proven, or not proven as is asked now, is left to the child") {
    using std::filesystem::path;
    struct Row {
        const char* name;
        std::function<void(World&, const path& folder)> change;
    };
    const Row row = GENERATE(values<Row>({
        {"a changed file", [](World&, const path& folder) { write_file(folder / "manifests/site.pp", "two", 0644); }},
        {"a file more", [](World&, const path& folder) { write_file(folder / "more", "", 0644); }},
        {"no seal", [](World&, const path& folder) { std::filesystem::remove(seal_of(folder)); }},
        {"a damaged seal", [](World&, const path& folder) { write_file(seal_of(folder), "{", 0600); }},
        {"a link in its place",
         [](World& world, const path& folder) {
             std::filesystem::rename(folder, world.fake.root.path() / "elsewhere");
             std::filesystem::create_symlink(world.fake.root.path() / "elsewhere", folder);
         }},
        {"a signature is asked for",
         [](World& world, const path&) { world.config.repository.verify = AgentConfig::Repository::Verify::commit; }},
        {"another way with Puppetfiles",
         [](World& world, const path&) {
             world.config.repository.puppetfile = AgentConfig::Repository::Puppetfile::ignore;
         }},
        {"nothing may run before a commit",
         [](World& world, const path&) { world.config.repository.not_before = std::string(40, 'b'); }},
        {"another revision",
         [](World& world, const path&) {
             world.pin.revision = std::string(40, 'a');
             world.fake.processes.answer("bootwright-fetch", {.lines = {checkout_line(world.pin.revision)}});
         }},
        {"a branch", [](World& world, const path&) { world.pin.revision = "main"; }},
        {"checkouts of another kind", [](World& world, const path&) { world.pin.checkouts = "configuration"; }},
    }));
    CAPTURE(row.name);
    World world;
    const std::string policy = world.asked().policy;
    const path folder = world.seal_a_checkout(policy);
    const std::size_t before = world.children();
    row.change(world, folder);
    world.prepare();
    CHECK(world.children() == before + 1);
}

TEST_CASE("each repository has a commit of its own before which nothing runs") {
    World world;
    world.config.repository.not_before = std::string(40, 'a');
    world.config.repository.configuration_not_before = std::string(40, 'b');
    CHECK(world.asked().settings.not_before == std::string(40, 'a'));
    world.pin.checkouts = "configuration";
    CHECK(world.asked().settings.not_before == std::string(40, 'b'));
}

TEST_CASE("other keys ask for another proof, where signatures are asked for") {
    World world;
    const auto policy = [&](const std::string& keys) {
        world.fake.root.write("/etc/bootwright/allowed_signers", keys);
        return world.asked().policy;
    };
    CHECK(policy("ann") == policy("ben"));
    world.config.repository.verify = AgentConfig::Repository::Verify::tag;
    CHECK(policy("ann") != policy("ben"));
    CHECK(policy("ann") == policy("ann"));
}
