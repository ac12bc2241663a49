#include "agent/config/config.hpp"

#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

using Repository = AgentConfig::Repository;

AgentConfig config_of(const std::string& agent_json) {
    const FakeSystem fake;
    fake.root.write("/etc/bootwright/agent.json", agent_json);
    return read_agent_config(fake.system);
}

Error error_for(const std::string& agent_json) {
    return error_of([&] { return config_of(agent_json); });
}

}  // namespace

TEST_CASE("without any file every setting has its default") {
    const FakeSystem fake;
    const AgentConfig config = read_agent_config(fake.system);
    CHECK(config.platform == "auto");
    CHECK_FALSE(config.allow_imdsv1);
    CHECK(config.metadata_timeout == 10s);
    CHECK(config.metadata_watch == 1min);
    CHECK_FALSE(config.repository.allow_branches_and_tags);
    CHECK(config.repository.timeout == 15min);
    CHECK(config.repository.stall == 30s);
    CHECK(config.repository.keep == 3);
    CHECK(config.repository.least_rate == 1024);
    CHECK(config.repository.proxy.empty());
    CHECK(config.repository.credentials.empty());
    CHECK(config.repository.seed == "/usr/share/bootwright/seed.git");
    CHECK(config.repository.verify == Repository::Verify::none);
    CHECK(config.repository.allowed_signers == "/etc/bootwright/allowed_signers");
    CHECK(config.repository.keyring == "/etc/bootwright/keyring.gpg");
    CHECK_FALSE(config.repository.allow_rewritten_branches);
    CHECK(config.repository.mirror_order == Repository::MirrorOrder::listed);
    CHECK(config.repository.puppetfile == Repository::Puppetfile::fetch);
    CHECK(config.s3.endpoint.empty());
    CHECK(config.secrets_endpoint.empty());
    CHECK(config.puppet.path.empty());
    CHECK(config.puppet.role_fact == "role");
    CHECK(config.puppet.timeout == 1h);
    CHECK(config.puppet.nice == 0);
    CHECK(config.puppet.io_class == ProcessLimits::IoClass::unchanged);
    CHECK(config.puppet.memory_high.bytes == 0);
    CHECK(config.puppet.memory_max.percent == 0);
    CHECK(config.puppet.reboots == 3);
    CHECK_FALSE(config.retry.platform);
    CHECK(config.retry.puppet.attempts == 3);
    CHECK(config.history_keep == 100);
    CHECK(config.role_defaults.empty());
}

TEST_CASE("what Puppet may use is read") {
    const auto puppet = [](const std::string& text) { return config_of("{\"puppet\": {" + text + "}}").puppet; };
    CHECK(puppet(R"("nice": -20)").nice == -20);
    CHECK(puppet(R"("io_class": "idle")").io_class == ProcessLimits::IoClass::idle);
    CHECK(puppet(R"("io_class": "best-effort")").io_class == ProcessLimits::IoClass::best_effort);
    CHECK(puppet(R"("memory_max": "512M")").memory_max.bytes == std::uint64_t{512} << 20U);
    CHECK(puppet(R"("memory_max": "2G")").memory_max.bytes == std::uint64_t{2} << 30U);
    CHECK(puppet(R"("memory_high": "65536K")").memory_high.bytes == std::uint64_t{64} << 20U);
    CHECK(puppet(R"("memory_high": "100000000")").memory_high.bytes == 100000000);
    CHECK(puppet(R"("memory_high": "25%")").memory_high.percent == 25);
    CHECK(puppet(R"("memory_high": "")").memory_high.bytes == 0);
    CHECK(puppet(R"("reboots": 0)").reboots == 0);
}

TEST_CASE("every key is read") {
    const AgentConfig config = config_of(R"({
        "platform": "ec2",
        "ec2": {"allow_imdsv1": true},
        "metadata": {"timeout": "2s", "watch": "0s"},
        "file": {"path": "/srv/role.json"},
        "repository": {"allow_branches_and_tags": true, "ca_file": "/ca", "known_hosts": "/hosts", "ssh_key": "/key",
                       "timeout": "1m", "stall": "10s", "keep": 7},
        "puppet": {"path": "/opt/puppet", "role_fact": "puppet_role", "timeout": "2h"},
        "retry": {"platform": {"attempts": 2, "base": "3s", "cap": "4s"}, "role": {"attempts": 3, "base": "1s", "cap": "2s"},
                  "repository": {"attempts": 4, "base": "5s", "cap": "6s"}, "puppet": {"attempts": 5, "base": "7s", "cap": "8s"},
                  "run": {"base": "9s", "cap": "10s"}, "permanent": {"base": "11s", "cap": "12s"}},
        "history": {"keep": 9},
        "role_config": {"role": "web"}
    })");
    CHECK(config.platform == "ec2");
    CHECK(config.allow_imdsv1);
    CHECK(config.metadata_timeout == 2s);
    CHECK(config.metadata_watch == 0s);
    CHECK(config.role_file == "/srv/role.json");
    CHECK(config.repository.allow_branches_and_tags);
    CHECK(config.repository.ca_file == "/ca");
    CHECK(config.repository.known_hosts == "/hosts");
    CHECK(config.repository.ssh_key == "/key");
    CHECK(config.repository.timeout == 1min);
    CHECK(config.repository.stall == 10s);
    CHECK(config.repository.keep == 7);
    CHECK(config.puppet.path == "/opt/puppet");
    CHECK(config.puppet.role_fact == "puppet_role");
    CHECK(config.puppet.timeout == 2h);
    CHECK(config.retry.platform->attempts == 2);
    CHECK(config.retry.platform->base == 3s);
    CHECK(config.retry.platform->cap == 4s);
    CHECK(config.retry.role.attempts == 3);
    CHECK(config.retry.repository.cap == 6s);
    CHECK(config.retry.puppet.base == 7s);
    CHECK(config.retry.run.base == 9s);
    CHECK(config.retry.run.cap == 10s);
    CHECK(config.retry.permanent.base == 11s);
    CHECK(config.retry.permanent.cap == 12s);
    CHECK(config.history_keep == 9);
    REQUIRE(config.role_defaults.size() == 1);
    CHECK(config.role_defaults[0].root.at("role_config").at("role") == "web");
}

TEST_CASE("every key of where a repository comes from is read") {
    const AgentConfig config = config_of(R"({
        "repository": {
            "credentials": [
                {"host": "Git.example.com", "user": "x-access-token", "from": {"file": "/etc/bootwright/token"}},
                {"host": "git.example.com:8443", "user": "git", "from": {"credential": "git.token"}},
                {"host": "[fd00::1]:22", "ssh_key_from": {"azure_secret": "vault/key"}},
                {"host": "forge.example.com", "from": {"file": "/etc/bootwright/forge"}}],
            "client_certificate": "/cert.pem", "client_key": "/key.pem",
            "proxy": "http://user:pass@proxy.example.com:3128", "no_proxy": "localhost,.example.com",
            "verify": "both", "allowed_signers": "/signers", "keyring": "/ring.gpg", "allow_rewritten_branches": true,
            "not_before": "0123456789012345678901234567890123456789", "insecure": ["Git.example.com", "[fd00::1]:80"],
            "configuration_not_before": "abcdefabcdefabcdefabcdefabcdefabcdefabcd",
            "mirror_order": "shuffled", "puppetfile": "r10k", "seed": "", "least_rate": 4096},
        "s3": {"endpoint": "http://minio.example.com:9000/", "region": "eu-west-1", "keys_file": "/keys.json"},
        "secrets": {"endpoint": "https://vpce-1.example.com"},
        "modules": {"mirrors": ["https://mirror.example.com/releases", "file:///srv/releases", "s3://bucket/a"]}
    })");
    const Repository& repository = config.repository;
    REQUIRE(repository.credentials.size() == 4);
    CHECK(repository.credentials[3].user.empty());
    CHECK(repository.credentials[3].password->name == "/etc/bootwright/forge");
    CHECK(repository.credentials[0].host == "git.example.com");
    CHECK(repository.credentials[0].user == "x-access-token");
    CHECK(repository.credentials[0].password->kind == "file");
    CHECK(repository.credentials[0].password->name == "/etc/bootwright/token");
    CHECK_FALSE(repository.credentials[0].ssh_key);
    CHECK(repository.credentials[1].password->kind == "credential");
    CHECK(repository.credentials[2].host == "[fd00::1]:22");
    CHECK(repository.credentials[2].ssh_key->kind == "azure_secret");
    CHECK(repository.credentials[2].ssh_key->name == "vault/key");
    CHECK_FALSE(repository.credentials[2].password);
    CHECK(repository.client_certificate == "/cert.pem");
    CHECK(repository.client_key == "/key.pem");
    CHECK(repository.proxy == "http://user:pass@proxy.example.com:3128");
    CHECK(repository.no_proxy == "localhost,.example.com");
    CHECK(repository.verify == Repository::Verify::both);
    CHECK(repository.allowed_signers == "/signers");
    CHECK(repository.keyring == "/ring.gpg");
    CHECK(repository.allow_rewritten_branches);
    CHECK(repository.not_before == "0123456789012345678901234567890123456789");
    CHECK(repository.configuration_not_before == "abcdefabcdefabcdefabcdefabcdefabcdefabcd");
    CHECK(repository.insecure == std::vector<std::string>{"git.example.com", "[fd00::1]:80"});
    CHECK(repository.mirror_order == Repository::MirrorOrder::shuffled);
    CHECK(repository.puppetfile == Repository::Puppetfile::r10k);
    CHECK(repository.seed.empty());
    CHECK(repository.least_rate == 4096);
    CHECK(config.s3.endpoint == "http://minio.example.com:9000");
    CHECK(config.s3.region == "eu-west-1");
    CHECK(config.s3.keys_file == "/keys.json");
    CHECK(config.secrets_endpoint == "https://vpce-1.example.com");
    CHECK(config.modules.mirrors ==
          std::vector<Url>{"https://mirror.example.com/releases", "file:///srv/releases", "s3://bucket/a"});
}

TEST_CASE("a commit that is none, and a host that is a URL, are refused") {
    for (const std::string value : {R"("not_before": "main")", R"("not_before": "0123456")",
                                    R"("configuration_not_before": "v1")", R"("insecure": ["http://git.example.com"])",
                                    R"("insecure": ["user@git.example.com"])", R"("insecure": [""])"}) {
        CAPTURE(value);
        CHECK(error_of([&] { config_of("{\"repository\": {" + value + "}}"); }).code == "config.invalid");
    }
    CHECK(config_of(R"({"repository": {"not_before": "", "insecure": []}})").repository.not_before.empty());
}

TEST_CASE("each word of a choice is that choice") {
    const auto verify = [](const char* word) {
        return config_of("{\"repository\": {\"verify\": \"" + std::string(word) + "\"}}").repository.verify;
    };
    CHECK(verify("none") == Repository::Verify::none);
    CHECK(verify("tag") == Repository::Verify::tag);
    CHECK(verify("commit") == Repository::Verify::commit);
    CHECK(verify("both") == Repository::Verify::both);
    const auto puppetfile = [](const char* word) {
        return config_of("{\"repository\": {\"puppetfile\": \"" + std::string(word) + "\"}}").repository.puppetfile;
    };
    CHECK(puppetfile("fetch") == Repository::Puppetfile::fetch);
    CHECK(puppetfile("ignore") == Repository::Puppetfile::ignore);
}

TEST_CASE("a later list of credentials stands for the earlier one") {
    const FakeSystem fake;
    const auto list = [](const char* host) {
        return R"({"repository": {"credentials": [{"host": ")" + std::string(host) +
               R"(", "user": "u", "from": {"file": "/t"}}]}})";
    };
    fake.root.write("/etc/bootwright/agent.json", list("first"));
    fake.root.write("/etc/bootwright/agent.d/1.json", list("second"));
    const AgentConfig config = read_agent_config(fake.system);
    REQUIRE(config.repository.credentials.size() == 1);
    CHECK(config.repository.credentials[0].host == "second");
}

TEST_CASE("a credential that says too much or too little is named by its line and its place in the list") {
    struct Row {
        const char* entry;
        const char* where;
    };
    const Row row = GENERATE(values<Row>({
        {R"({"user": "u", "from": {"file": "/t"}})", "host"},
        {R"({"host": "", "user": "u", "from": {"file": "/t"}})", "host"},
        {R"({"host": "https://h", "user": "u", "from": {"file": "/t"}})", "host"},
        {R"({"host": "h/a", "user": "u", "from": {"file": "/t"}})", "host"},
        {R"({"host": "a@h", "user": "u", "from": {"file": "/t"}})", "host"},
        {R"({"host": "h", "user": "u"})", "from"},
        {R"({"host": "h", "user": "u", "ssh_key_from": {"file": "/t"}})", "user"},
        {R"({"host": "h", "user": "u", "from": {"file": "/t"}, "ssh_key_from": {"file": "/t"}})", "from"},
        {R"({"host": "h", "user": "u", "from": {}})", "from"},
        {R"({"host": "h", "user": "u", "from": {"file": "/t", "credential": "c"}})", "from"},
        {R"({"host": "h", "user": "u", "from": {"aws_secret": ""}})", "from"},
        {R"({"host": "h", "user": "u", "from": {"file": "relative"}})", "from.file"},
        {R"({"host": "h", "user": "u", "from": {"credential": "../c"}})", "from.credential"},
        {R"({"host": "h", "user": "u", "from": {"credential": ".c"}})", "from.credential"},
        {R"({"host": "h", "user": "u", "from": {"vault": "c"}})", "from.vault"},
        {R"({"host": "h", "user": "u", "from": "hunter2"})", "from"},
        {R"({"host": "h", "user": "u", "password": "hunter2"})", "password"},
    }));
    CAPTURE(row.entry);
    const Error error = error_for(
        "{\"repository\": {\n\"credentials\": [{\"host\": \"h\", \"user\": \"u\", \"from\": {\"file\": "
        "\"/t\"}},\n" +
        std::string(row.entry) + "]}}");
    CHECK(error.code == "config.invalid");
    CHECK(error.message.find("repository.credentials.1." + std::string(row.where) + ": ") != std::string::npos);
    CHECK((error.message.find("agent.json:3:") != std::string::npos || error.message.find("agent.json:0:") == 0 ||
           error.message.find("agent.json: ") != std::string::npos));
    CHECK(error.message.find("hunter2") == std::string::npos);
    CHECK(error.advice.find("hunter2") == std::string::npos);
}

TEST_CASE("agent.d is read after agent.json, in the order of its names, and wins key by key") {
    const FakeSystem fake;
    fake.root.write("/etc/bootwright/agent.json", R"({"platform": "ec2", "repository": {"keep": 2, "timeout": "1m"}})");
    fake.root.write("/etc/bootwright/agent.d/20-b.json",
                    R"({"repository": {"keep": 4}, "role_config": {"role": "b"}})");
    fake.root.write("/etc/bootwright/agent.d/10-a.json",
                    R"({"repository": {"keep": 3}, "role_config": {"role": "a"}})");
    fake.root.write("/etc/bootwright/agent.d/9-z.json", R"({"repository": {"keep": 5}})");
    fake.root.write("/etc/bootwright/agent.d/15-off.json.disabled", "rubbish");
    fake.root.write("/etc/bootwright/agent.d/README", "rubbish");
    const AgentConfig config = read_agent_config(fake.system);
    CHECK(config.platform == "ec2");
    CHECK(config.repository.timeout == 1min);
    CHECK(config.repository.keep == 5);  // "9-z" comes after "20-b", as `ls` shows them
    REQUIRE(config.role_defaults.size() == 2);
    CHECK(config.role_defaults[0].origin.ends_with("/etc/bootwright/agent.d/10-a.json"));
    CHECK(config.role_defaults[1].origin.ends_with("/etc/bootwright/agent.d/20-b.json"));
}

TEST_CASE("agent.d is read without an agent.json too") {
    const FakeSystem fake;
    fake.root.write("/etc/bootwright/agent.d/a.json", R"({"history": {"keep": 1}})");
    CHECK(read_agent_config(fake.system).history_keep == 1);
}

TEST_CASE("what is wrong is named by file, line and key") {
    const Error error = error_for("{\n  \"platform\": \"auto\",\n  \"repository\": {\n    \"kep\": 3\n  }\n}\n");
    CHECK(error.code == "config.invalid");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.ends_with("/etc/bootwright/agent.json:4: repository.kep: unknown key"));
    CHECK(error.advice == "did you mean \"keep\"?");

    const FakeSystem fake;
    fake.root.write("/etc/bootwright/agent.d/50.json", "{\n\"history\": []}");
    CHECK(error_of([&] {
              return read_agent_config(fake.system);
          }).message.ends_with("/etc/bootwright/agent.d/50.json:2: history: expected an object, but it is array"));
}

TEST_CASE("a value out of its limits, or of the wrong type, is refused") {
    const std::string text = GENERATE(values<std::string>({
        "",
        "[]",
        R"({"platform": 1})",
        R"({"platform": null})",
        R"({"ec2": {"allow_imdsv1": "true"}})",
        R"({"ec2": {"allow_imdsv1": 1}})",
        R"({"file": {"path": "relative"}})",
        R"({"repository": {"ca_file": "relative"}})",
        R"({"repository": {"ssh_key": 1}})",
        R"({"repository": {"timeout": "0s"}})",
        R"({"repository": {"timeout": 30}})",
        R"({"repository": {"timeout": "30"}})",
        R"({"repository": {"timeout": "-1s"}})",
        R"({"repository": {"stall": "0ms"}})",
        R"({"repository": {"keep": 0}})",
        R"({"repository": {"keep": 1001}})",
        R"({"repository": {"keep": 2.5}})",
        R"({"repository": {"credentials": {}}})",
        R"({"repository": {"credentials": ["h"]}})",
        R"({"repository": {"client_key": "relative"}})",
        R"({"repository": {"proxy": "proxy:3128"}})",
        R"({"repository": {"proxy": "http://proxy/path"}})",
        R"({"repository": {"proxy": "ftp://proxy"}})",
        R"({"repository": {"no_proxy": ["h"]}})",
        R"({"repository": {"verify": true}})",
        R"({"repository": {"verify": "all"}})",
        R"({"repository": {"verify": ""}})",
        R"({"repository": {"mirror_order": "random"}})",
        R"({"repository": {"puppetfile": "Fetch"}})",
        R"({"repository": {"seed": "seed.git"}})",
        R"({"repository": {"least_rate": 0}})",
        R"({"s3": {"endpoint": "minio.example.com"}})",
        R"({"s3": {"endpoint": "https://"}})",
        R"({"s3": {"endpoint": "https://h/path"}})",
        R"({"s3": {"endpoint": "https://user:pass@h"}})",
        R"({"s3": {"endpoint": "https://h?x"}})",
        R"({"s3": {"endpoint": "https://h h"}})",
        R"({"s3": {"keys_file": "relative"}})",
        R"({"s3": {"access_key": "x"}})",
        R"({"secrets": {"endpoint": "http://h"}})",
        R"({"modules": {"mirrors": "https://h"}})",
        R"({"modules": {"mirrors": ["mirror.example.com"]}})",
        R"({"modules": {"mirrors": ["ssh://git@h/a"]}})",
        R"({"modules": {"mirrors": ["http://user:pass@h/a"]}})",
        R"({"puppet": {"timeout": "0s"}})",
        R"({"puppet": {"nice": 20}})",
        R"({"puppet": {"io_class": "realtime"}})",
        R"({"puppet": {"memory_max": 1073741824}})",
        R"({"puppet": {"memory_max": "63M"}})",
        R"({"puppet": {"memory_max": "0"}})",
        R"({"puppet": {"memory_max": "1GB"}})",
        R"({"puppet": {"memory_max": "M"}})",
        R"({"puppet": {"memory_high": "101%"}})",
        R"({"puppet": {"memory_high": "-1G"}})",
        R"({"puppet": {"memory_high": "99999999999T"}})",
        R"({"puppet": {"reboots": -1}})",
        R"({"puppet": {"role_fact": ["role"]}})",
        R"({"retry": {"platform": {"attempts": 0}}})",
        R"({"retry": {"platform": {"attempts": 1001}}})",
        R"({"retry": {"platform": {"base": "0s"}}})",
        R"({"retry": {"run": {"attempts": 5}}})",
        R"({"retry": {"permanent": {"cap": "0s"}}})",
        R"({"retry": {"nonsense": {}}})",
        R"({"history": {"keep": 0}})",
        R"({"role_config": "web"})",
        R"({"nonsense": 1})",
        R"({"platform": "ec2", "platform": "gce"})",
    }));
    CAPTURE(text);
    const Error error = error_for(text);
    CHECK(error.code == "config.invalid");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find("agent.json") != std::string::npos);
}

TEST_CASE("the attempts of each policy can be set alone") {
    for (const char* stage : {"platform", "role", "repository", "puppet"}) {
        CAPTURE(stage);
        CHECK_NOTHROW(config_of("{\"retry\": {\"" + std::string(stage) + "\": {\"attempts\": 2}}}"));
    }
}

TEST_CASE("a fact's name that Puppet does not allow is refused where it is written") {
    for (const char* name : {"", "Role", "my role", "role'", "1role"}) {
        CAPTURE(name);
        CHECK_THROWS_AS(config_of("{\"puppet\": {\"role_fact\": \"" + std::string(name) + "\"}}"), Error);
    }
}

TEST_CASE("a configuration beyond a megabyte is refused") {
    CHECK(error_for("{\"platform\": \"" + std::string(1100000, 'x') + "\"}").code == "io.too_large");
}

TEST_CASE("a configuration that cannot be read is never taken for none") {
    const FakeSystem fake;
    fake.root.make_folder("/etc/bootwright/agent.json");
    CHECK_THROWS_AS(read_agent_config(fake.system), Error);
}

TEST_CASE("a damaged file of agent.d is not passed over") {
    const FakeSystem fake;
    fake.root.write("/etc/bootwright/agent.d/a.json", "{");
    CHECK(error_of([&] { return read_agent_config(fake.system); }).code == "config.invalid");
}
