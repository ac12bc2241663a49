#include "agent/repository/sources/downloader.hpp"

#include "agent/servers/credentials.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/sandbox/user.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/fetch_world.hpp"
#include "test/fakes/fixtures.hpp"
#include "test/fakes/git_program.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <utility>
#include <vector>

using namespace bootwright;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr const char* https_url = "https://git.example.com/puppet.git";
constexpr const char* ssh_url = "ssh://git@git.example.com/puppet.git";
using Script = FakeProcesses::Script;
using End = ProcessResult::End;

/// A control repository at one place of the network.
struct World : FetchWorld {
    explicit World(const std::string& url = https_url) {
        request.name_url = url;
        set_places({url});
        downloads.serve(url, git_server(root.path() / "server"));
    }
    void answer(const FakeDownloads::Server& server) { downloads.serve(request.places[0].for_transfer(), server); }
    [[nodiscard]] Json git_answer() const {
        return {{"git", to_json(GitAnswer{.commit = request.revision, .has_pack = true})}};
    }
    [[nodiscard]] const DownloadRequest& asked() const { return downloads.requests.back(); }
    /// The one folder of the transfer that is under way.
    [[nodiscard]] fs::path pack() const { return fs::directory_iterator(request.downloads)->path() / "download"; }
    [[nodiscard]] std::string good_pack() const { return pack_of(root.path() / "server", {request.revision}); }
    /// What the program does beside what it says.
    Error failure_where(std::function<void()> work) {
        const std::size_t size = good_pack().size();
        answer([=, this](const DownloadRequest& download) {
            Script script = gives(download, "", git_answer());
            script.lines = {to_line({{"received", size}}), to_line(git_answer())};
            script.work = [=](const ProcessRequest&) { work(); };
            return script;
        });
        return failure();
    }
};

ReadyCredential password_for(const std::string& host, const std::string& password) {
    return {.credential = {.host = host, .user = "u", .password = SecretSource{"file", "/token"}},
            .password = password};
}

}  // namespace

TEST_CASE("the program is asked on its standard input, in its own folder, with what the image says") {
    World world;
    world.root.write("/ca.pem", "the CA");
    world.root.write("/certificate.pem", "the certificate");
    world.root.write("/key.pem", "the key", 0600);
    auto& settings = world.request.settings;
    settings.ca_file = world.root.path() / "ca.pem";
    settings.client_certificate = world.root.path() / "certificate.pem";
    settings.client_key = world.root.path() / "key.pem";
    settings.proxy = "http://u:hunter2@proxy:3128";
    settings.no_proxy = "a,b";
    settings.stall = 7s;
    settings.least_rate = 99;
    world.fetch();
    const DownloadRequest& asked = world.asked();
    CHECK(asked.kind == DownloadRequest::Kind::git);
    CHECK(asked.url == https_url);
    CHECK(asked.wish.revision == world.request.revision);
    CHECK(asked.folder.parent_path() == world.request.downloads);
    CHECK(asked.trust.ca_pem == "the CA");
    CHECK(asked.trust.client_certificate == "the certificate");
    CHECK(asked.trust.client_key == "the key");
    CHECK(asked.trust.proxy == settings.proxy);
    CHECK(asked.trust.no_proxy == "a,b");
    CHECK(asked.patience.stall == 7s);
    CHECK(asked.least_rate == 99);
    CHECK(world.root.mode("/state/download") == 0700);
    const ProcessRequest& process = world.downloads.processes.back();
    CHECK(process.arguments == std::vector<std::string>{"/usr/lib/bootwright/bootwright-download"});
    CHECK(process.silence > 7s);
    for (const auto& [name, value] : process.environment) {
        CHECK((name == "PATH" || name == "LC_ALL" || name == "GNUTLS_NO_IMPLICIT_INIT"));
    }
}

TEST_CASE("nothing that was downloaded is left behind") {
    World world;
    world.root.write("/state/download/old", "x");
    world.root.write("/state/download/killed/ssh_key", "x");
    world.fetch();
    CHECK(fs::is_empty(world.request.downloads));
}

TEST_CASE("each transfer has a folder of its own, in which there is nothing of another") {
    World world;
    world.set_places({https_url, "https://b.example.com/puppet.git"});
    std::vector<fs::path> folders;
    for (const Url& place : world.request.places) {
        world.downloads.serve(place.for_transfer(), [&](const DownloadRequest& request) {
            CHECK(fs::is_empty(request.folder));
            struct stat status {};
            CHECK(stat(request.folder.c_str(), &status) == 0);
            CHECK((status.st_mode & 07777U) == 0700);
            folders.push_back(request.folder);
            write_file(request.folder / "ssh_key", "of this transfer only", 0600);
            return fails_with(transient_error("server.unreachable", "no", "x"))(request);
        });
    }
    world.failure();
    REQUIRE(folders.size() == 2);
    CHECK(folders[0] != folders[1]);
    CHECK(fs::is_empty(world.request.downloads));
}

TEST_CASE("the program ends with all that it has started") {
    World world;
    world.fetch();
    CHECK(world.downloads.processes.back().ends_family);
}

TEST_CASE("the first credential of the host counts, and no other") {
    World world;
    world.request.credentials = {password_for("other.example.com", "wrong"), password_for("git.example.com", "right"),
                                 password_for("git.example.com", "second")};
    world.fetch();
    CHECK(world.asked().user == "u");
    CHECK(world.asked().password == "right");
    CHECK(world.asked().ssh_key.empty());
    CHECK(world.asked().known_hosts.empty());
}

TEST_CASE("without a credential of the host none is sent") {
    World world;
    world.request.credentials = {password_for("other.example.com", "wrong"),
                                 password_for("git.example.com:8443", "wrong")};
    world.request.credentials[0].problem = permanent_error("repository.credential_missing", "x", "y");
    world.fetch();
    CHECK(world.asked().user.empty());
    CHECK(world.asked().password.empty());
}

TEST_CASE("a credential is never sent over http") {
    World world("http://git.example.com/puppet.git");
    world.request.credentials = {password_for("git.example.com", "hunter2")};
    const Error error = world.failure();
    CHECK(error.code == "repository.credential_exposed");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find("hunter2") == std::string::npos);
    CHECK(world.downloads.requests.empty());
}

TEST_CASE("a credential that could not be read is the place's error, and the next place is asked") {
    World world;
    world.request.credentials = {password_for("git.example.com", "")};
    world.request.credentials[0].problem = permanent_error("repository.credential_missing", "there is no /token", "x");
    CHECK(world.failure().code == "repository.credential_missing");
    world.set_places({https_url, "https://open.example.com/puppet.git"});
    world.downloads.serve("https://open.example.com/puppet.git", git_server(world.root.path() / "server"));
    CHECK_NOTHROW(world.fetch());
}

TEST_CASE("each file of this machine that holds a secret is read only where nobody else may read it") {
    FakeSystem fake;
    struct Row {
        const char* key;  // of agent.json, or of the role config
        const char* code;
        std::function<void(const fs::path& file)> read;
    };
    const auto fetches = [](const std::string& url, fs::path AgentConfig::Repository::*setting) {
        return [=](const fs::path& file) {
            World world(url);
            world.root.write("/known_hosts", "x");
            world.request.settings.*setting = file;
            world.fetch();
        };
    };
    const auto source = [&](const fs::path& file) {
        read_local_secret(fake.system, {"file", "/" + file.filename().string()});
    };
    const std::vector<Row> rows{
        {"repository.ssh_key", "repository.ssh_key_exposed", fetches(ssh_url, &AgentConfig::Repository::ssh_key)},
        {"repository.client_key", "repository.credential_exposed",
         fetches(https_url, &AgentConfig::Repository::client_key)},
        {"repository.credentials[].from.file, .ssh_key_from.file; announce.webhook.token_from.file",
         "repository.credential_exposed", source},
        {"s3.keys_file", "repository.credential_exposed",
         [&](const fs::path& file) { read_s3_keys(fake.system, "/" + file.filename().string()); }},
    };
    for (const Row& row : rows) {
        CAPTURE(row.key);
        fake.root.write("/secret", R"({"access_key": "a", "secret_key": "b"})", 0600);
        const fs::path file = fake.root.path("/secret");
        CHECK_NOTHROW(row.read(file));
        for (const mode_t mode : {0640U, 0604U, 0620U, 0602U}) {
            REQUIRE(chmod(file.c_str(), mode) == 0);
            const Error error = error_of([&] { return row.read(file), 0; });
            CHECK(error.code == row.code);
            CHECK(error.kind == ErrorKind::permanent);
        }
        if (geteuid() == 0) {
            REQUIRE(chmod(file.c_str(), 0600) == 0);
            REQUIRE(chown(file.c_str(), nobody.uid, nobody.gid) == 0);
            CHECK(error_of([&] { return row.read(file), 0; }).code == row.code);
        }
        fs::remove(file);
    }
}

TEST_CASE("ssh needs a key that is private, and known hosts") {
    World world(ssh_url);
    CHECK(world.failure().code == "repository.no_ssh_key");
    world.root.write("/ssh_key", "the key", 0640);
    CHECK(world.failure().code == "repository.ssh_key_exposed");
    world.root.write("/ssh_key", "the key", 0600);
    const Error error = world.failure();
    CHECK(error.code == "repository.no_known_hosts");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(world.downloads.requests.empty());
    world.root.write("/known_hosts", "git.example.com ssh-ed25519 AAAA\n");
    world.fetch();
    CHECK(world.asked().ssh_key == "the key\n");  // ssh reads no key without a line's end
    CHECK(world.asked().known_hosts == "git.example.com ssh-ed25519 AAAA\n");
    CHECK(world.asked().password.empty());
}

TEST_CASE("a host's own ssh key is offered instead of the image's") {
    World world(ssh_url);
    world.root.write("/known_hosts", "x");
    world.request.credentials = {
        {.credential = {.host = "git.example.com", .ssh_key = SecretSource{"file", "/key"}}, .ssh_key = "its own\n"}};
    world.fetch();
    CHECK(world.asked().ssh_key == "its own\n");
}

TEST_CASE("a secret of a store is asked for by the program, with the instance's identity, and then used") {
    World world;
    constexpr const char* store_url = "https://vpce.example.com/";
    world.request.secrets_endpoint = "https://vpce.example.com";
    world.request.secrets_identity =
        CloudIdentity{.access_key = "AKIA", .secret_key = "identity-secret", .region = "eu-west-1"};
    world.request.credentials = {
        {.credential = {.host = "git.example.com", .user = "u", .password = SecretSource{"aws_secret", "git/token"}}}};
    const Json recorded = Json::parse(fixture("secret_stores/aws_secret.json")).at(0);
    world.downloads.serve(store_url, answers(200, recorded.at("body").dump()));
    world.fetch();
    CHECK(world.downloads.asked() == std::vector<std::string>{store_url, https_url});
    const DownloadRequest& secret = world.downloads.requests.front();
    CHECK(secret.kind == DownloadRequest::Kind::answer);
    REQUIRE(secret.web.signature);
    CHECK(secret.web.signature->service == "secretsmanager");
    CHECK(secret.web.signature->secret_key == "identity-secret");
    CHECK(secret.password.empty());
    CHECK(world.asked().password == "hunter2");
}

TEST_CASE("a secret that the store does not give is the place's error, and shows nothing of the answer") {
    struct Row {
        int status;
        const char* body;
        const char* code;
    };
    const Row row = GENERATE(values<Row>({
        {400, R"({"__type": "ResourceNotFoundException", "message": "hunter2"})", "repository.secret_not_found"},
        {400, R"({"__type": "AccessDeniedException", "message": "hunter2"})", "repository.secret_denied"},
        {503, "hunter2", "repository.secret_unavailable"},
        {200, "hunter2", "repository.secret_unavailable"},
    }));
    World world;
    world.request.secrets_endpoint = "https://vpce.example.com";
    world.request.secrets_identity = CloudIdentity{.access_key = "A", .secret_key = "S", .region = "eu-west-1"};
    world.request.credentials = {
        {.credential = {.host = "git.example.com", .password = SecretSource{"aws_secret", "git/token"}}}};
    world.downloads.serve("https://vpce.example.com/", answers(row.status, row.body));
    const Error error = world.failure();
    CHECK(error.code == row.code);
    CHECK((error.message + error.advice).find("hunter2") == std::string::npos);
    CHECK(world.downloads.requests.size() == 1);
}

TEST_CASE("what stands in the pack's place and is no plain file is refused, and never waited for") {
    World world;
    world.root.write("/precious", world.good_pack());
    SECTION("a link") {
        const Error error =
            world.failure_where([&] { fs::create_symlink(world.root.path() / "precious", world.pack()); });
        CHECK(error.code == "repository.fetch_crashed");  // and no fault of this machine's disk
    }
    SECTION("a pipe") {
        const Error error = world.failure_where([&] { mkfifo(world.pack().c_str(), 0600); });
        CHECK(error.code == "repository.fetch_crashed");
    }
    SECTION("a folder") {
        const Error error = world.failure_where([&] { fs::create_directory(world.pack()); });
        CHECK(error.code == "repository.fetch_crashed");
    }
    SECTION("nothing") {
        CHECK(world.failure_where([] {}).code == "repository.fetch_crashed");
    }
    CHECK(world.checkouts().empty());
    CHECK(world.root.exists("/precious"));
}

TEST_CASE("a pack that is shorter than the program says, or damaged, is found out") {
    World world;
    const std::string pack = world.good_pack();
    std::string flipped = pack;
    flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
    const std::string bytes =
        GENERATE_COPY(values<std::string>({pack.substr(0, pack.size() - 1), flipped, "PACK", ""}));
    const Error error = world.failure_where([&] { write_file(world.pack(), bytes, 0600); });
    CHECK((error.code == "git.pack_damaged" || error.code == "repository.incomplete"));
    CHECK(error.kind == ErrorKind::transient);
    CHECK(world.checkouts().empty());
}

TEST_CASE("a program that says there is no pack, where there must be one, has given nothing") {
    World world;
    world.answer([&](const DownloadRequest&) -> Script {
        return {.lines = {to_line({{"git", to_json(GitAnswer{.commit = world.request.revision})}})}};
    });
    CHECK(world.failure().code == "repository.incomplete");
}

TEST_CASE("a program that ends without an answer is told with how it ended, and its last words") {
    struct Row {
        ProcessResult result;
        const char* how;
    };
    const Row row = GENERATE(values<Row>({
        {{.end = End::exited, .exit_code = 0}, "ended with status 0"},
        {{.end = End::exited, .exit_code = 127}, "ended with status 127"},
        {{.end = End::killed_by_signal, .signal = 31}, "killed by signal 31"},
        {{.end = End::silent}, "said nothing for too long"},
    }));
    World world;
    world.answer([&](const DownloadRequest&) -> Script {
        return {.result = row.result,
                .lines = {to_line({{"unconfined", {"no Landlock in this kernel"}}})},
                .error_lines = {"first", "out of\tmemory"}};
    });
    const Error error = world.failure();
    CAPTURE(error.message);
    CHECK(error.code == "repository.fetch_crashed");
    CHECK(error.kind == ErrorKind::transient);
    CHECK(error.message.find(row.how) != std::string::npos);
    CHECK(error.message.find("memory") != std::string::npos);
}

TEST_CASE("a program whose time is up is told as too slow a place, and the next one is asked") {
    World world;
    world.answer([](const DownloadRequest&) -> Script { return {.result = {.end = End::timed_out}}; });
    const Error error = world.failure();
    CHECK(error.code == "repository.timeout");
    CHECK(error.kind == ErrorKind::transient);
    world.set_places({https_url, world.url_of("server")});
    CHECK_NOTHROW(world.fetch());
}

TEST_CASE("a snapshot of a range is refused before its pack is read") {
    World world("https://cdn.example.com/{revision}.bundle");
    const std::string second = world.push("two");
    const std::string first = std::exchange(world.request.revision, second);
    world.downloads.serve("https://cdn.example.com/" + second + ".bundle", [&](const DownloadRequest& request) {
        return gives(request, "# v2 git bundle\n-" + first + " one\n" + second + " refs/x\n\nPACK",
                     {{"snapshot", Json::object()}});
    });
    const Error error = world.failure();
    CHECK(error.code == "git.snapshot_invalid");
    CHECK(error.message.find("leans on commit " + first) != std::string::npos);
}

TEST_CASE("an answer counts only from a program that came to its end") {
    World world;
    world.answer([&](const DownloadRequest& request) {
        Script script = gives(request, world.good_pack(), world.git_answer());
        script.result = {.end = End::killed_by_signal, .signal = 9};
        return script;
    });
    CHECK(world.failure().code == "repository.fetch_crashed");
}

TEST_CASE("an answer that makes no sense is an error, and no crash") {
    const Json answer = GENERATE(Json{{"unknown", 1}}, Json{{"git", 7}}, Json{{"git", Json::object()}},
                                 Json{{"snapshot", Json::object()}}, Json{{"git", {{"commit", 7}}}});
    CAPTURE(to_line(answer));
    World world;
    world.answer([&](const DownloadRequest&) -> Script { return {.lines = {to_line(answer)}}; });
    world.set_places({https_url, world.url_of("server")});
    CHECK_NOTHROW(world.fetch());  // the next place has it
    CHECK(world.heard.at(0).said.find("repository.fetch_crashed") != std::string::npos);
}

TEST_CASE("what came of a snapshot that broke off is kept for the next time, and what is of no use is not") {
    World world("https://cdn.example.com/{revision}.bundle");
    const std::string url = "https://cdn.example.com/" + world.request.revision + ".bundle";
    const auto kept = [&] {
        const fs::path partials = world.request.downloads / "partial";
        return fs::exists(partials) && !fs::is_empty(partials);
    };
    const auto bundle = snapshot_server(world.root.path() / "server", {{world.request.revision, "refs/x"}});
    world.downloads.serve(url, [&](const DownloadRequest& request) {
        Script script = bundle(request);
        script.lines = {to_line({{"received", 10}}),
                        to_line({{"error", to_json(transient_error("server.unreachable", "it broke off", "x"))}})};
        write_file(request.folder / "download.etag", "\"one\"", 0600);
        return script;
    });
    CHECK(world.failure().code == "server.unreachable");
    CHECK(kept());
    std::string came;
    world.downloads.serve(url, [&](const DownloadRequest& request) {
        came = read_file(request.folder / "download", 1U << 20U);
        CHECK(read_file(request.folder / "download.etag", 100) == "\"one\"");
        return gives(request, "no bundle at all\n", {{"snapshot", Json::object()}});
    });
    CHECK(world.failure().code == "git.snapshot_invalid");
    CHECK(came.starts_with("# v2 git bundle\n"));
    CHECK_FALSE(kept());
    world.downloads.serve(url, [&](const DownloadRequest& request) {
        CHECK(fs::is_empty(request.folder));
        return gives(request, "# v2 git bundle\n", {{"snapshot", Json::object()}});
    });
    CHECK(world.failure().code == "git.snapshot_invalid");
    world.downloads.serve(url, bundle);
    world.fetch();
    CHECK(fs::is_empty(world.request.downloads));
}

TEST_CASE("a snapshot's credential is that of its host, and its name hides no secret") {
    World world("https://cdn.example.com/{revision}.bundle");
    world.request.credentials = {password_for("cdn.example.com", "hunter2")};
    world.downloads.serve("https://cdn.example.com/" + world.request.revision + ".bundle",
                          snapshot_server(world.root.path() / "server", {{world.request.revision, "refs/x"}}));
    world.fetch();
    CHECK(world.asked().kind == DownloadRequest::Kind::snapshot);
    CHECK(world.asked().web.user == "u");
    CHECK(world.asked().web.password == "hunter2");
    CHECK(world.asked().file.find("hunter2") == std::string::npos);
}

TEST_CASE("what r10k installs stands in a folder of its user, which that user reaches, and goes after a failure") {
    World world;
    world.request.r10k = world.root.path("/cache/bootwright/r10k");
    make_folder(world.request.r10k.parent_path(), 0700);
    Downloader downloader(world.request, world.downloads, [](std::string_view, std::uint64_t, std::uint64_t) {});
    const auto installed = [&] { return downloader.install_modules("/usr/bin/r10k", "forge 'x'", ""); };
    world.downloads.serve("", [&](const DownloadRequest& asked) {
        CHECK(asked.program == "/usr/bin/r10k");
        CHECK(asked.puppetfile == "forge 'x'");
        CHECK(asked.folder == world.request.r10k);
        CHECK(world.root.mode("/cache/bootwright") == 0755);
        CHECK(world.root.mode("/cache/bootwright/r10k") == 0700);
        return gives(asked, "", {{"r10k", Json::object()}});
    });
    CHECK(installed().parent_path() == world.request.r10k);
    world.downloads.serve("", fails_with(transient_error("repository.r10k_failed", "no", "x")));
    CHECK(error_of(installed).code == "repository.r10k_failed");
    CHECK_FALSE(world.root.exists("/cache/bootwright/r10k"));
}
