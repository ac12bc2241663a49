#include "agent/repository/fetch.hpp"

#include "common/error.hpp"
#include "common/file.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/git_library.hpp"
#include "test/fakes/git_program.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <sstream>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

/// A control repository on a server, and an instance that fetches from it.
struct World {
    TemporaryRoot root{};
    FetchRequest request{.repository = root.path() / "state/repository/puppet.git",
                         .checkouts = root.path() / "state/checkout",
                         .url = "file://" + (root.path() / "server").string(),
                         .known_hosts = root.path() / "known_hosts"};

    World() {
        root.make_folder("/server");
        request.revision = server(
            "git init -q -b main .; mkdir -p manifests modules; echo one > manifests/site.pp; "
            "ln -s manifests link; printf '#!/bin/sh\n' > run; chmod 755 run; "
            "git add -A; git commit -q -m one; git rev-parse HEAD");
    }

    std::string server(const std::string& script) const { return shell_with_git(root.path() / "server", script); }
    std::string push(const std::string& content) const {
        return server("echo " + content + " > manifests/site.pp; git commit -q -a -m " + content +
                      "; git rev-parse HEAD");
    }
    Checkout fetch() const { return fetch_checkout(request, no_progress); }
    Error failure() const {
        return error_of([&] { return fetch(); });
    }
    std::vector<std::string> checkouts() const {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator(request.checkouts)) {
            names.push_back(entry.path().filename());
        }
        std::sort(names.begin(), names.end());
        return names;
    }
    void switch_server_off() const { fs::rename(root.path() / "server", root.path() / "off"); }
    void switch_server_on() const { fs::rename(root.path() / "off", root.path() / "server"); }
};

/// Each object in a file of its own, so that one can be damaged.
void unpack_objects(const fs::path& repository) {
    shell_with_git(repository,
                   "mkdir -p ../unpack; mv objects/pack/*.pack ../unpack/; rm -f objects/pack/*; "
                   "for pack in ../unpack/*.pack; do git unpack-objects -q < $pack; done; rm -r ../unpack");
}

/// What is written to a standard stream while it lives.
class Captured {
public:
    explicit Captured(std::ostream& stream) : stream_(stream), before_(stream.rdbuf(text_.rdbuf())) {}
    Captured(const Captured&) = delete;
    Captured& operator=(const Captured&) = delete;
    ~Captured() { stream_.rdbuf(before_); }
    [[nodiscard]] std::string text() const { return text_.str(); }

private:
    std::ostringstream text_{};
    std::ostream& stream_;
    std::streambuf* before_;
};

/// What the child reads from standard input while it lives.
class Typed {
public:
    explicit Typed(const std::string& text) : text_(text), before_(std::cin.rdbuf(text_.rdbuf())) { std::cin.clear(); }
    Typed(const Typed&) = delete;
    Typed& operator=(const Typed&) = delete;
    ~Typed() { std::cin.rdbuf(before_); }

private:
    std::istringstream text_;
    std::streambuf* before_;
};

}  // namespace

TEST_CASE("a request survives the way to the child") {
    const FetchRequest request{.repository = "/a.git",
                               .checkouts = "/c",
                               .url = "https://user:pass@host/x@y.git",
                               .revision = "main",
                               .ca_file = "/ca",
                               .ssh_key = "/key",
                               .known_hosts = "/hosts",
                               .silence_ms = 7,
                               .keep = 2,
                               .protect = {"one", "two"}};
    const FetchRequest back = fetch_request_from_json(Json::parse(to_line(to_json(request))));
    CHECK(to_json(back) == to_json(request));
    CHECK(back.url == request.url);
    CHECK(back.protect == request.protect);
    CHECK_THROWS(fetch_request_from_json(Json::parse("{}")));
}

TEST_CASE("a pinned commit is fetched and checked out into a folder of its name") {
    const World world;
    const Checkout checkout = world.fetch();
    CHECK(checkout.revision == world.request.revision);
    CHECK(checkout.folder == world.request.checkouts / world.request.revision);
    CHECK(world.root.read("/state/checkout/" + checkout.revision + "/manifests/site.pp") == "one\n");
    CHECK(fs::is_symlink(checkout.folder / "link"));
    CHECK(world.checkouts() == std::vector{checkout.revision});
    CHECK(world.root.mode("/state/checkout") == 0700);
    CHECK(world.root.mode("/state/repository") == 0700);
}

TEST_CASE("a pin that is on disk needs no server") {
    const World world;
    world.fetch();
    world.switch_server_off();
    CHECK(world.fetch().revision == world.request.revision);
}

TEST_CASE("an older commit than the newest can be pinned") {
    World world;
    const std::string first = world.request.revision;
    world.push("two");
    world.push("three");
    CHECK(world.fetch().revision == first);
    CHECK(world.root.read("/state/checkout/" + first + "/manifests/site.pp") == "one\n");
}

TEST_CASE("a commit that only a tag reaches can be pinned") {
    World world;
    world.request.revision = world.server(
        "git checkout -q --detach; echo tagged > manifests/site.pp; git commit -q -a -m t; "
        "git tag only; id=$(git rev-parse HEAD); git checkout -q main; echo $id");
    CHECK(world.fetch().revision == world.request.revision);
}

TEST_CASE("a branch or tag is resolved to the commit that it names now") {
    World world;
    world.server("git tag -a -m release v1.0; git branch topic/one");
    const std::string first = world.request.revision;
    for (const char* name : {"main", "refs/heads/main", "v1.0", "refs/tags/v1.0", "topic/one", "HEAD"}) {
        CAPTURE(name);
        world.request.revision = name;
        CHECK(world.fetch().revision == first);
    }
    const std::string second = world.push("two");
    world.request.revision = "main";
    CHECK(world.fetch().revision == second);
    world.request.revision = "v1.0";
    CHECK(world.fetch().revision == first);
}

TEST_CASE("a branch that was rewritten is followed") {
    World world;
    world.request.revision = "main";
    world.fetch();
    const std::string rewritten = world.server(
        "echo other > manifests/site.pp; git commit -q -a --amend -m rewritten; "
        "git rev-parse HEAD");
    CHECK(world.fetch().revision == rewritten);
}

TEST_CASE("a name that is a branch and also a tag is refused, with the names to choose from") {
    World world;
    world.server("git tag main");
    world.request.revision = "main";
    const Error error = world.failure();
    CHECK(error.code == "repository.revision_ambiguous");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.advice.find("refs/heads/main or refs/tags/main") != std::string::npos);
    world.request.revision = "refs/tags/main";
    CHECK_NOTHROW(world.fetch());
}

TEST_CASE("a revision that is nowhere is an error that somebody has to mend") {
    World world;
    for (const std::string& revision : {std::string(40, '0'), std::string("no-such-branch")}) {
        CAPTURE(revision);
        world.request.revision = revision;
        const Error error = world.failure();
        CHECK(error.code == "repository.revision_not_found");
        CHECK(error.kind == ErrorKind::permanent);
        CHECK(error.message.find(revision) != std::string::npos);
    }
    CHECK(world.checkouts().empty());
}

TEST_CASE("a pin that is pushed later is found then") {
    World world;
    world.fetch();
    world.server("git clone -q . ../clone");
    const std::string later = shell_with_git(
        world.root.path() / "clone", "echo later > manifests/site.pp; git commit -q -a -m later; git rev-parse HEAD");
    world.request.revision = later;
    CHECK(world.failure().code == "repository.revision_not_found");
    world.server("git fetch -q ../clone main:later");
    CHECK(world.fetch().revision == later);
}

TEST_CASE("what is no commit cannot be pinned") {
    World world;
    world.request.revision = world.server("git rev-parse HEAD:manifests/site.pp");
    CHECK(world.failure().code == "repository.revision_not_found");
    world.request.revision = world.server("git tag -a -m x annotated; git rev-parse annotated");
    CHECK(world.failure().code == "repository.revision_not_found");
}

TEST_CASE("a server that is away is an error that passes, and nothing on disk is lost") {
    World world;
    world.fetch();
    world.request.revision = world.push("two");
    world.switch_server_off();
    const Error error = world.failure();
    CHECK(error.code != "repository.corrupt");
    CHECK_FALSE(world.root.exists("/state/repository/puppet.git.damaged"));
    CHECK(world.checkouts().size() == 1);
    world.switch_server_on();
    CHECK(world.fetch().revision == world.request.revision);
}

TEST_CASE("a server whose folder is there, but holds no repository, does not cost the repository on disk") {
    World world;
    world.fetch();
    world.request.revision = world.push("two");
    world.switch_server_off();
    world.root.make_folder("/server");  // a file system that is not mounted
    CHECK(world.failure().code != "repository.corrupt");
    CHECK_FALSE(world.root.exists("/state/repository/puppet.git.damaged"));
}

TEST_CASE("an existing checkout is verified and used as it is") {
    const World world;
    const fs::path folder = world.fetch().folder;
    const auto inode = [&] {
        struct stat status {};
        return stat((folder / "run").c_str(), &status) == 0 ? status.st_ino : 0;
    };
    const auto before = inode();
    CHECK(world.fetch().folder == folder);
    CHECK(inode() == before);
}

TEST_CASE("a checkout that somebody changed is replaced as a whole") {
    const World world;
    const fs::path folder = world.fetch().folder;
    const char* damage =
        GENERATE("echo changed > manifests/site.pp", "rm manifests/site.pp", "touch more", "chmod -x run",
                 "rm -r manifests; ln -s /etc manifests", "rm -rf manifests link run modules");
    CAPTURE(damage);
    shell_with_git(folder, damage);
    CHECK(world.fetch().folder == folder);
    CHECK(read_file(folder / "manifests/site.pp", 100) == "one\n");
    CHECK_FALSE(fs::exists(folder / "more"));
    CHECK(world.checkouts() == std::vector{world.request.revision});
}

TEST_CASE("a file, or a link to elsewhere, at the checkout's place is replaced") {
    const World world;
    world.fetch();
    const fs::path folder = world.request.checkouts / world.request.revision;
    fs::remove_all(folder);
    const std::string what = GENERATE("file", "link", "dangling link");
    CAPTURE(what);
    world.root.write("/elsewhere/precious", "x");
    if (what == "file") {
        write_file(folder, "x", 0644);
    } else {
        fs::create_symlink(world.root.path() / (what == "link" ? "elsewhere" : "nowhere"), folder);
    }
    CHECK(world.fetch().folder == folder);
    CHECK(fs::is_directory(fs::symlink_status(folder)));
    CHECK(read_file(folder / "manifests/site.pp", 100) == "one\n");
    CHECK(world.root.exists("/elsewhere/precious"));
}

TEST_CASE("what a killed checkout left behind does no harm") {
    const World world;
    world.root.write("/state/checkout/.new/half", "x");
    CHECK_NOTHROW(world.fetch());
    CHECK(world.checkouts() == std::vector{world.request.revision});
}

TEST_CASE("a damaged repository is set aside and fetched afresh") {
    const World world;
    const fs::path folder = world.fetch().folder;
    const std::string what = GENERATE("HEAD", "HEAD^{tree}", "HEAD:manifests", "HEAD:manifests/site.pp");
    CAPTURE(what);
    unpack_objects(world.request.repository);
    const std::string id = world.server("git rev-parse '" + what + "'");
    const fs::path object = world.request.repository / "objects" / id.substr(0, 2) / id.substr(2);
    fs::permissions(object, fs::perms::owner_all);
    write_file(object, "damaged", 0644);
    fs::remove_all(folder);  // so that the objects are needed
    const Captured errors(std::cerr);
    CHECK(world.fetch().folder == folder);
    CHECK(read_file(folder / "manifests/site.pp", 100) == "one\n");
    CHECK(world.root.exists("/state/repository/puppet.git.damaged"));
    CHECK(errors.text().find("set aside") != std::string::npos);
}

TEST_CASE("a repository that lost its objects is fetched afresh") {
    const World world;
    world.fetch();
    const char* damage =
        GENERATE("rm objects/pack/*.idx", "rm objects/pack/*", "rm -r objects", "rm HEAD", "printf rubbish > HEAD",
                 "printf '[' > config", "printf rubbish > shallow", "printf rubbish > packed-refs");
    CAPTURE(damage);
    shell_with_git(world.request.repository, damage);
    const LeaksOfLibgit2 ignored;
    fs::remove_all(world.request.checkouts / world.request.revision);
    const Captured errors(std::cerr);
    CHECK(world.fetch().revision == world.request.revision);
}

TEST_CASE("a file at the repository's place is set aside too") {
    const World world;
    world.root.write("/state/repository/puppet.git", "no repository");
    const Captured errors(std::cerr);
    CHECK(world.fetch().revision == world.request.revision);
}

TEST_CASE("a damaged repository is not lost where the server is away") {
    const World world;
    const fs::path folder = world.fetch().folder;
    unpack_objects(world.request.repository);
    const std::string id = world.server("git rev-parse HEAD:manifests/site.pp");
    fs::remove(world.request.repository / "objects" / id.substr(0, 2) / id.substr(2));
    write_file(folder / "manifests/site.pp", "changed", 0644);
    world.switch_server_off();
    const Captured errors(std::cerr);
    CHECK(world.failure().code != "repository.corrupt");
    world.switch_server_on();
    CHECK_NOTHROW(world.fetch());
}

TEST_CASE("old checkouts are pruned: the newest stay, and the protected ones") {
    World world;
    world.request.keep = 2;
    std::vector<std::string> revisions{world.request.revision};
    for (const char* content : {"two", "three", "four", "five"}) {
        revisions.push_back(world.push(content));
    }
    world.request.protect = {revisions[0], ""};
    auto time = fs::file_time_type::clock::now() - std::chrono::hours(10);
    for (const std::string& revision : revisions) {
        world.request.revision = revision;
        const fs::path folder = world.fetch().folder;
        fs::last_write_time(folder, time += std::chrono::hours(1));  // no two in the same moment
    }
    std::vector<std::string> expected{revisions[0], revisions[3], revisions[4]};
    std::sort(expected.begin(), expected.end());
    CHECK(world.checkouts() == expected);
}

TEST_CASE("a checkout that is asked for again counts as new") {
    World world;
    world.request.keep = 2;
    const std::string first = world.request.revision;
    fs::last_write_time(world.fetch().folder, fs::file_time_type::clock::now() - std::chrono::hours(9));
    world.request.revision = world.push("two");
    fs::last_write_time(world.fetch().folder, fs::file_time_type::clock::now() - std::chrono::hours(8));
    world.request.revision = first;
    world.fetch();
    world.request.revision = world.push("three");
    world.fetch();
    const auto names = world.checkouts();
    CHECK(std::count(names.begin(), names.end(), first) == 1);
    CHECK(names.size() == 2);
}

TEST_CASE("keeping one checkout keeps the present one") {
    World world;
    world.request.keep = 1;
    world.fetch();
    world.request.revision = world.push("two");
    world.fetch();
    CHECK(world.checkouts() == std::vector{world.request.revision});
}

TEST_CASE("what is no checkout is never pruned") {
    World world;
    world.request.keep = 1;
    world.root.write("/state/checkout/notes/file", "x");
    world.root.write("/state/checkout/README", "x");
    world.fetch();
    CHECK(world.root.exists("/state/checkout/notes/file"));
    CHECK(world.root.exists("/state/checkout/README"));
}

TEST_CASE("a commit with a submodule is refused, and says what to do") {
    World world;
    world.request.revision = world.server("git update-index --add --cacheinfo 160000," + world.request.revision +
                                          ",modules/stdlib; git commit -q -m sub; git rev-parse HEAD");
    const Error error = world.failure();
    CHECK(error.code == "repository.submodule");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find("modules/stdlib") != std::string::npos);
    CHECK(world.checkouts().empty());
}

TEST_CASE("a repository without any commit has no revision") {
    World world;
    world.server("rm -rf .git manifests modules link run; git init -q -b main .");
    CHECK(world.failure().code == "repository.revision_not_found");
    world.request.revision = "main";
    CHECK(world.failure().code == "repository.revision_not_found");
}

TEST_CASE("two fetches never work on one repository at once") {
    const World world;
    world.fetch();
    const auto lock = FileLock::try_take(world.request.repository.string() + ".lock");
    REQUIRE(lock);
    const Error error = world.failure();
    CHECK(error.code == "repository.busy");
    CHECK(error.kind == ErrorKind::transient);
}

TEST_CASE("a path with signs that mean something in a URL can be fetched from") {
    World world;
    fs::rename(world.root.path() / "server", world.root.path() / "a@b+c~d,e;f");
    world.request.url = "file://" + (world.root.path() / "a@b+c~d,e;f").string();
    CHECK(world.fetch().revision == world.request.revision);
}

TEST_CASE("ssh needs a key that is private, and known hosts") {
    World world;
    world.request.url = "ssh://git@127.0.0.1:1/x.git";
    world.request.ssh_key = world.root.path() / "key";
    CHECK(world.failure().code == "repository.no_ssh_key");
    world.root.write("/key", "key", 0640);
    CHECK(world.failure().code == "repository.ssh_key_exposed");
    world.root.write("/key", "key", 0600);
    const Error error = world.failure();
    CHECK(error.code == "repository.no_known_hosts");
    CHECK(error.kind == ErrorKind::permanent);
}

TEST_CASE("only the configured known hosts are believed") {
    World world;
    world.request.url = "ssh://git@127.0.0.1:1/x.git";
    world.request.ssh_key = world.root.path() / "key";
    world.root.write("/key", "key", 0600);
    world.root.write("/known_hosts", "git.example.com ssh-ed25519 AAAA\n");
    CHECK(world.failure().kind == ErrorKind::transient);  // nobody listens there
    CHECK(world.root.read("/state/repository/home/.ssh/known_hosts") == "git.example.com ssh-ed25519 AAAA\n");
}

TEST_CASE("the child reads its request and answers with events, a JSON object a line") {
    const World world;
    const Typed input(to_line(to_json(world.request)));
    const Captured output(std::cout);
    CHECK(run_fetch_child() == 0);
    std::istringstream lines(output.text());
    std::string line;
    Json last;
    while (std::getline(lines, line)) {
        last = Json::parse(line);
        CHECK((last.contains("progress") || last.contains("checkout")));
    }
    CHECK(last.at("checkout").at("revision") == world.request.revision);
    CHECK(last.at("checkout").at("folder") == (world.request.checkouts / world.request.revision).string());
}

TEST_CASE("the child hands its error on") {
    World world;
    world.request.revision = std::string(40, '0');
    const Typed input(to_line(to_json(world.request)));
    const Captured output(std::cout);
    CHECK(run_fetch_child() == 1);
    const std::string text = output.text();
    const Json last = Json::parse(text.substr(text.rfind('\n', text.size() - 2) + 1));
    CHECK(last.at("error").at("code") == "repository.revision_not_found");
    CHECK(last.at("error").at("kind") == "permanent");
}

TEST_CASE("a request that makes no sense is answered with an error too") {
    for (const char* text : {"", "rubbish", "{}", "[]"}) {
        CAPTURE(text);
        const Typed input(text);
        const Captured output(std::cout);
        CHECK(run_fetch_child() == 1);
        CHECK(Json::parse(output.text()).at("error").at("code") == "repository.fetch_crashed");
    }
}
