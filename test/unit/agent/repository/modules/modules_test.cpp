#include "agent/repository/modules/modules.hpp"

#include "agent/repository/modules/module_lock.hpp"
#include "common/base/error.hpp"
#include "common/files/file.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fetch_world.hpp"
#include "test/fakes/git_library.hpp"
#include "test/fakes/git_program.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

/// A control repository that needs others.
struct World : FetchWorld {
    /// Pins the commit of a submodule at a path, and names its URL.
    static std::string with_submodule(const std::string& path, const std::string& url, const std::string& commit) {
        return "printf '[submodule \"" + path + "\"]\\n\\tpath = " + path + "\\n\\turl = " + url +
               "\\n' >> .gitmodules; git add .gitmodules; git update-index --add --cacheinfo 160000," + commit + "," +
               path + "\n";
    }
    void pin(const std::string& script) {
        request.revision = server(script + "\ngit commit -q -m more; git rev-parse HEAD");
    }
    void pin_puppetfile(const std::string& text) {
        root.write("/server/Puppetfile", text);
        pin("git add Puppetfile*");
    }
    std::string git_module(const std::string& name, const std::string& commit) const {
        return "mod '" + name + "', :git => '" + url_of(name) + "', :commit => '" + commit + "'\n";
    }
};

}  // namespace

TEST_CASE("a submodule stands in its folder, as its parent pins it, and theirs in theirs") {
    World world;
    const std::string inner = world.make_repository("inner");
    const std::string outer = world.make_repository("outer", World::with_submodule("deep/in", "../inner", inner));
    world.pin(World::with_submodule("modules/out", world.url_of("outer"), outer));
    const Checkout checkout = world.fetch();
    CHECK(world.read("modules/out/file") == "outer\n");
    CHECK(world.read("modules/out/deep/in/file") == "inner\n");
    CHECK(world.read("manifests/site.pp") == "one\n");
    REQUIRE(world.heard.size() == 3);
    CHECK(world.heard[0].module.empty());
    CHECK(world.heard[1].module == "modules/out");
    CHECK(world.heard[2].module == "modules/out/deep/in");
    world.heard.clear();
    CHECK(world.fetch().folder == checkout.folder);
    CHECK(world.heard.empty());
}

TEST_CASE("a module that somebody changed is put right with its checkout") {
    World world;
    world.pin(World::with_submodule("modules/m", "../m", world.make_repository("m")));
    const fs::path folder = world.fetch().folder;
    const char* damage =
        GENERATE("echo changed > file", "rm file", "touch more", "rm -r ../m", "rm -r ../m; ln -s /etc ../m");
    CAPTURE(damage);
    shell_with_git(folder / "modules/m", damage);
    world.fetch();
    CHECK(fs::is_directory(fs::symlink_status(folder / "modules/m")));
    CHECK(world.read("modules/m/file") == "m\n");
    CHECK_FALSE(fs::exists(folder / "modules/m/more"));
}

TEST_CASE("the repository of a module is called after its URL, as far as a file's name goes") {
    World world;
    const std::string name = std::string(40, 'm') + "-and-so-on";
    world.pin(World::with_submodule("modules/m", world.url_of(name), world.make_repository(name)));
    world.fetch();
    CHECK_NOTHROW(world.repository(std::string(40, 'm')));
}

TEST_CASE("a submodule's commit that its own place does not have is an error of that place") {
    World world;
    world.make_repository("m");
    world.pin(World::with_submodule("modules/m", "../m", std::string(40, 'a')));
    const Error error = world.failure();
    CHECK(error.code == "git.revision_not_found");
    CHECK(error.message.starts_with("modules/m (.gitmodules, line 3), from " + world.url_of("m") + ": "));
    CHECK(error.message.find(std::string(40, 'a')) != std::string::npos);
    CHECK(error.advice.find("repository.revision") == std::string::npos);
    CHECK(error.advice.find(".gitmodules, line 3") != std::string::npos);
    CHECK(world.checkouts().empty());
}

TEST_CASE("what is wrong with a module's place is said of the line that names it, not of the role config") {
    const char* code = GENERATE("repository.credential_exposed", "server.redirects", "server.url_invalid");
    CAPTURE(code);
    World world;
    const std::string inner = world.make_repository("inner");
    const std::string one = world.make_repository("one", World::with_submodule("in", "../inner", inner));
    const GitLibrary library;
    GitRepository repository = GitRepository::open_or_create(world.root.path() / "ours.git");
    GitRepository of_one = GitRepository::open_or_create(world.root.path() / "one.git");
    world.pin_puppetfile("\n" + world.git_module("one", one));
    repository.copy_commit_from(world.root.path() / "server", world.request.revision, {}, no_progress);
    of_one.copy_commit_from(world.root.path() / "one", one, {}, no_progress);
    std::string failing = one;
    const auto obtain = [&](const WantedModule& module) {
        if (module.commit == failing) {
            throw permanent_error(code, "it says no", "check repository.url of the role config");
        }
        return std::optional(of_one);
    };
    const auto gathered = [&] {
        return gather_modules(repository, world.request.revision, "file:///srv/puppet", true, obtain);
    };
    const Error error = error_of(gathered);
    CHECK(error.code == code);
    CHECK(error.message == "modules/one (Puppetfile, line 2): it says no");
    CHECK(error.advice.find("Puppetfile, line 2") != std::string::npos);
    CHECK(error.advice.find("repository.url") == std::string::npos);
    failing = inner;
    CHECK(error_of(gathered).message == "modules/one/in (modules/one/.gitmodules, line 3): it says no");
}

TEST_CASE("a stop is no error of the module that was being fetched") {
    World world;
    world.pin(World::with_submodule("modules/m", "../m", world.make_repository("m")));
    const GitLibrary library;
    GitRepository repository = GitRepository::open_or_create(world.root.path() / "ours.git");
    repository.copy_commit_from(world.root.path() / "server", world.request.revision, {}, no_progress);
    const ObtainModule obtain = [](const WantedModule&) -> std::optional<GitRepository> { throw stopped_error(); };
    const Error error = error_of(
        [&] { return gather_modules(repository, world.request.revision, "file:///srv/puppet", true, obtain); });
    CHECK(error.kind == ErrorKind::stopped);
    CHECK(error.message == stopped_error().message);
}

TEST_CASE("a submodule without a URL, or with one that is not allowed, is refused") {
    const char* url = GENERATE("", "ext::sh -c id", "-x");
    CAPTURE(url);
    World world;
    world.pin(World::with_submodule("modules/m", url, world.make_repository("m")));
    const Error error = world.failure();
    CHECK(error.code == "repository.submodule");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find("modules/m") != std::string::npos);
    CHECK(world.checkouts().empty());
}

TEST_CASE("a repository of the network does not lead to files of this machine") {
    World world;
    world.pin(World::with_submodule("modules/m", world.url_of("m"), world.make_repository("m")));
    world.request.name_url = "https://git.example.com/puppet.git";
    world.set_places({world.request.name_url});
    world.downloads.serve(world.request.name_url.for_transfer(), git_server(world.root.path() / "server"));
    CHECK(world.failure().code == "repository.submodule");
}

TEST_CASE("a relative submodule of a repository of the network is asked for at the same server") {
    World world;
    const std::string commit = world.make_repository("m");
    world.pin(World::with_submodule("modules/m", "../m.git", commit));
    world.request.name_url = "https://git.example.com/org/puppet.git";
    world.set_places({"https://mirror.example.com/x.git"});
    world.downloads.serve("https://mirror.example.com/x.git", git_server(world.root.path() / "server"));
    world.downloads.serve("https://git.example.com/org/m.git", git_server(world.root.path() / "m"));
    world.fetch();
    CHECK(world.read("modules/m/file") == "m\n");
    CHECK(world.downloads.asked() ==
          std::vector<std::string>{"https://mirror.example.com/x.git", "https://git.example.com/org/m.git"});
}

TEST_CASE("more than a thousand modules are refused, however they stand in each other") {
    const World world;
    const GitLibrary library;
    GitRepository repository = GitRepository::open_or_create(world.root.path() / "ours.git");
    const auto with_modules = [&](int count, const std::string& commit) {
        const std::string made = world.server(
            "rm -f ../tree ../gitmodules; for i in $(seq " + std::to_string(count) + "); do printf '160000 commit " +
            commit +
            "\\tm%s\\n' $i >> ../tree; printf '[submodule \"m%s\"]\\n\\tpath = m%s\\n\\turl = ../m\\n' $i $i >> "
            "../gitmodules; done; printf '100644 blob %s\\t.gitmodules\\n' $(git hash-object -w ../gitmodules) >> "
            "../tree; git commit-tree -m x $(git mktree --missing < ../tree)");
        repository.copy_commit_from(world.root.path() / "server", made, {}, no_progress);
        return made;
    };
    repository.copy_commit_from(world.root.path() / "server", world.request.revision, {}, no_progress);
    const auto gathered = [&](int count) {
        const std::string commit = with_modules(count, with_modules(count, world.request.revision));
        return gather_modules(repository, commit, "https://git.example.com/x.git", false,
                              [](const WantedModule&) { return std::nullopt; });
    };
    CHECK(gathered(31).size() == 31 + 31 * 31);
    const Error error = error_of([&] { return gathered(32); });
    CHECK(error.code == "repository.submodule");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message == "more than 1000 modules");
}

TEST_CASE("submodules that go too deep are refused") {
    World world;
    std::string commit = world.make_repository("m0");
    for (int depth = 1; depth <= 11; ++depth) {
        const std::string below = "m" + std::to_string(depth - 1);
        commit = world.make_repository("m" + std::to_string(depth), World::with_submodule("s", "../" + below, commit));
    }
    world.pin(World::with_submodule("s", "../m11", commit));
    const Error error = world.failure();
    CHECK(error.code == "repository.submodule");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find("deeper than 10") != std::string::npos);
    world.request.revision = world.server(
        "git rm -q --cached .gitmodules s 2>/dev/null; rm -f .gitmodules\n" +
        World::with_submodule("s", "../m9", shell_with_git(world.root.path() / "m9", "git rev-parse HEAD")) +
        "git commit -q -m less; git rev-parse HEAD");
    CHECK_NOTHROW(world.fetch());
    CHECK(world.read("s/s/s/s/s/s/s/s/s/s/file") == "m0\n");
}

TEST_CASE("a module that a snapshot brought along is used without asking anybody") {
    World world;
    const std::string commit = world.make_repository("m");
    world.pin(World::with_submodule("modules/m", "https://nowhere.example.com/m.git", commit));
    // The bundle holds both commits: they must be in one repository to be packed.
    world.server("git fetch -q ../m main:m");
    const std::string url = "https://cdn.example.com/" + world.request.revision + ".bundle";
    world.set_places({"https://cdn.example.com/{revision}.bundle"});
    world.downloads.serve(
        url, snapshot_server(world.root.path() / "server", {{world.request.revision, "refs/bootwright/snapshot/a"},
                                                            {commit, "refs/bootwright/snapshot/b"}}));
    world.fetch();
    CHECK(world.read("modules/m/file") == "m\n");
    CHECK(world.downloads.asked() == std::vector<std::string>{url});
}

TEST_CASE("a snapshot alone leads to no repository beside it, and a git repository among its places does") {
    World world;
    const std::string commit = world.make_repository("m");
    world.pin(World::with_submodule("modules/m", "../m.git", commit));
    const std::string place = "https://cdn.example.com/{revision}.bundle";
    world.request.name_url = place;
    world.set_places({place});
    world.downloads.serve("https://cdn.example.com/" + world.request.revision + ".bundle",
                          snapshot_server(world.root.path() / "server", {{world.request.revision, "refs/x"}}));
    const Error error = world.failure();
    CHECK(error.code == "repository.submodule");
    CHECK(error.message.starts_with("modules/m (.gitmodules, line 3): "));
    CHECK(error.message.find("invalid") == std::string::npos);  // the host that stands for none
    world.set_places({place, "https://git.example.com/puppet.git"});
    world.downloads.serve("https://git.example.com/m.git", git_server(world.root.path() / "m"));
    world.fetch();
    CHECK(world.read("modules/m/file") == "m\n");
}

TEST_CASE("what a Puppetfile pins stands where it says, with its submodules") {
    World world;
    const std::string inner = world.make_repository("inner");
    const std::string one = world.make_repository("one", World::with_submodule("in", "../inner", inner));
    const std::string two = world.make_repository("two");
    world.pin_puppetfile(world.git_module("one", one) + "moduledir 'other'\n" + world.git_module("two", two));
    world.fetch();
    CHECK(world.read("modules/one/file") == "one\n");
    CHECK(world.read("modules/one/in/file") == "inner\n");
    CHECK(world.read("other/two/file") == "two\n");
}

TEST_CASE("a module that is vendored is used as it is, and one that cannot be had is an error") {
    World world;
    world.root.write("/server/modules/vendored/init.pp", "x");
    world.server("git add modules");
    world.pin_puppetfile("mod 'puppetlabs/vendored', '1.0.0'\n");
    CHECK_NOTHROW(world.fetch());
    CHECK(world.read("modules/vendored/init.pp") == "x");
    world.pin_puppetfile("mod 'puppetlabs/stdlib', '1.0.0'\n");
    const Error error = world.failure();
    CHECK(error.code == "repository.puppetfile");
    CHECK(error.kind == ErrorKind::permanent);
}

TEST_CASE("a Puppetfile is not read where the image says so") {
    using Puppetfile = AgentConfig::Repository::Puppetfile;
    World world;
    world.pin_puppetfile("mod 'puppetlabs/stdlib', '1.0.0'\n");
    world.request.settings.puppetfile = Puppetfile::ignore;
    CHECK_NOTHROW(world.fetch());
    CHECK(world.read("Puppetfile") == "mod 'puppetlabs/stdlib', '1.0.0'\n");
}

TEST_CASE("no module stands behind a link or a file of the tree") {
    const char* name = GENERATE("link-in", "link-out", "file");
    CAPTURE(name);
    World world;
    const std::string commit = world.make_repository("m");
    world.root.make_folder("/elsewhere");
    world.root.write("/server/file", "x");
    fs::create_symlink("manifests", world.root.path() / "server/link-in");
    fs::create_symlink(world.root.path() / "elsewhere", world.root.path() / "server/link-out");
    world.server("git add -A");
    world.pin_puppetfile("moduledir '" + std::string(name) + "'\n" + world.git_module("m", commit));
    const Error error = world.failure();
    CHECK(error.code == "repository.submodule");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find(std::string(name) + "/m (Puppetfile, line 2)") != std::string::npos);
    CHECK(fs::is_empty(world.root.path() / "elsewhere"));
    CHECK_FALSE(fs::exists(world.request.checkouts / world.request.revision));
}

TEST_CASE("no module stands among the files of another") {
    World world;
    const std::string whole = world.make_repository("whole", "mkdir m; echo x > m/x; git add -A");
    const std::string commit = world.make_repository("m");
    world.server(World::with_submodule("modules", world.url_of("whole"), whole));
    world.pin_puppetfile(world.git_module("m", commit));
    const Error error = world.failure();
    CHECK(error.code == "repository.submodule");
    CHECK(error.message.find("modules/m") != std::string::npos);
    CHECK(world.checkouts() == std::vector<std::string>{".new"});
}

TEST_CASE("a module's Git LFS files are named with the module's folder") {
    World world;
    const std::string commit = world.make_repository(
        "m",
        "echo '*.bin filter=lfs' > .gitattributes; git config filter.lfs.clean cat; "
        "printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:0\\nsize 1\\n' > image.bin; git add -A");
    world.pin(World::with_submodule("modules/m", "../m", commit));
    const Error error = world.failure();
    CHECK(error.code == "repository.lfs");
    CHECK(error.message.find("modules/m/image.bin") != std::string::npos);
}

TEST_CASE("each URL has a repository of its own, whatever credentials it carries") {
    const TemporaryRoot root;
    const GitLibrary library;
    const FetchRequest request{.repositories = root.path() / "repository"};
    make_folder(request.repositories, 0700);
    const auto folder = [&](const std::string& url) { return open_source(request, url, {url}).folder; };
    const fs::path first = folder("https://git.example.com/a.git");
    CHECK(first.filename().string().starts_with("agit-"));
    CHECK(folder("https://token@git.example.com/a.git") == first);
    CHECK(folder("https://u:renewed@git.example.com/a.git") == first);
    CHECK(folder("https://git.example.com/b.git") != first);
    CHECK(folder("https://git.example.com/x/a.git") != first);
    CHECK(folder("https://other.example.com/a.git") != first);
    // A query may be a token, and errors name the folder.
    const std::string with_token = folder("https://git.example.com/a.git?access_token=/hunter2").filename();
    CHECK(with_token.starts_with("agit-"));
    CHECK(with_token.find("hunter2") == std::string::npos);
    // A hostile URL stays a file name.
    for (const char* url : {"https://h/../../etc", "https://h/", "file:///..", "https://h/%2e%2e"}) {
        CHECK(folder(url).parent_path() == request.repositories);
        CHECK(fs::exists(folder(url) / "HEAD"));
    }
    CHECK(folder("https://h/" + std::string(1900, 'x')).filename().string().size() < 100);
    CHECK(open_source(request, "https://h/a", {"https://x", "https://y"}).places ==
          std::vector<Url>{"https://x", "https://y"});
}

TEST_CASE("a module that its lock pins is checked out at the lock's commit, whatever its tag leads to now") {
    World world;
    const std::string commit = world.make_repository("m");
    const std::string tree = shell_with_git(world.root.path() / "m", "git rev-parse HEAD^{tree}");
    const std::string newer = shell_with_git(
        world.root.path() / "m", "echo newer > file; git commit -q -a -m newer; git tag v1; git rev-parse HEAD");
    const std::string declared = "mod 'm', :git => '" + world.url_of("m") + "', :tag => 'v1'\n";
    const auto lock = [&](const std::string& tag, const std::string& of_tree) {
        return to_text(
            ModuleLock{{{"modules/m", "m", {{"git", Url(world.url_of("m")).shown()}, {"tag", tag}}, commit, of_tree}}});
    };
    const auto pin = [&](const std::string& text) {
        world.root.write(std::string("/server/") + module_lock_name, text);
        world.pin_puppetfile(declared);
    };
    pin(lock("v1", tree));
    world.fetch();
    CHECK(world.read("modules/m/file") == "m\n");

    pin(lock("v2", tree));
    CHECK(world.failure().code == "repository.module_lock");
    CHECK(world.failure().message.find("line 1, modules/m is declared otherwise") != std::string::npos);
    pin(lock("v1", std::string(40, 'a')));
    CHECK(world.failure().message.find("the tree of modules/m is not that of its commit") != std::string::npos);
    pin("{}");
    CHECK(world.failure().code == "repository.module_lock");
}

TEST_CASE("what a lock does not pin has to be fixed by the Puppetfile itself") {
    World world;
    world.root.write(std::string("/server/") + module_lock_name, to_text(ModuleLock()));
    world.pin_puppetfile("mod 'puppetlabs/stdlib', :svn => 'https://h/x'\n");
    const Error error = world.failure();
    CHECK(error.code == "repository.puppetfile");
    CHECK(error.message.find("puppetlabs/stdlib") != std::string::npos);
}
