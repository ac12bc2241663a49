#include "agent/repository/modules/module_lock.hpp"

#include "test/fakes/errors.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

const std::string commit(40, 'a');
const std::string tree(40, 'b');

std::vector<PuppetfileDeclaration> read(const std::string& text) {
    return read_puppetfile(text, [](const std::string&) { return false; });
}

/// A lock of all that the Puppetfile declares.
ModuleLock lock_of(const std::string& puppetfile) {
    ModuleLock lock;
    for (const PuppetfileDeclaration& module : read(puppetfile)) {
        lock.modules.push_back({module.path, module.name, declared(module), commit, tree});
        if (module.kind == PuppetfileDeclaration::Kind::forge) {
            lock.modules.back().commit.clear();
            lock.modules.back().release = LockedRelease{"1.0.0", "https://f/v3/files/x.tar.gz", std::string(64, 'd')};
        }
    }
    return lock;
}

std::vector<std::string> differ(const std::string& puppetfile, const ModuleLock& lock) {
    return differences(read(puppetfile), lock, [](const std::string& path) { return path == "modules/vendored"; });
}

std::string git(const std::string& name, const std::string& more = "") {
    return "mod '" + name + "', :git => 'https://u:hunter2@h/" + name + ".git'" + more + "\n";
}

}  // namespace

TEST_CASE("a lock is read as it was written") {
    const ModuleLock lock = lock_of(git("a", ", :tag => 'v1'") + git("b"));
    const std::string text = to_text(lock);
    CHECK(text.find("hunter2") == std::string::npos);
    const ModuleLock back = read_module_lock(text);
    CHECK(to_text(back) == text);
    REQUIRE(back.modules.size() == 2);
    CHECK(back.modules[0].path == "modules/a");
    CHECK(back.modules[0].name == "a");
    CHECK(back.modules[0].commit == commit);
    CHECK(back.modules[0].tree == tree);
    CHECK(back.modules[0].declared == Json{{"git", "https://h/a.git"}, {"tag", "v1"}});
}

TEST_CASE("what a Puppetfile says of a module, for comparison") {
    struct Row {
        std::string options;
        Json declared;
    };
    for (const Row& row : std::vector<Row>{
             {"", {}},
             {", :tag => 'v1'", {{"tag", "v1"}}},
             {", :branch => 'main'", {{"branch", "main"}}},
             {", :branch => :control_branch, :default_branch => 'main'",
              {{"branch", ":control_branch"}, {"default_branch", "main"}}},
             {", :ref => 'abc1234'", {{"ref", "abc1234"}}},
             {", :commit => 'abc1234'", {{"ref", "abc1234"}}},
             {", :ref => '" + commit + "'", {{"commit", commit}}},
         }) {
        INFO(row.options);
        Json expected{{"git", "https://h/m.git"}};
        expected.update(row.declared.is_null() ? Json::object() : row.declared);
        CHECK(declared(read(git("m", row.options)).at(0)) == expected);
    }
}

TEST_CASE("bytes, comments, order and passwords of a Puppetfile do not matter to its lock") {
    const ModuleLock lock = lock_of(git("a", ", :tag => 'v1'") + git("b"));
    CHECK(differ("# comment\n" + git("b") + "mod('x/a', git: 'https://h/a.git',\n  tag: \"v1\")\n", lock).empty());
    CHECK(differ(git("a", ", :tag => 'v1'") + git("b") + "mod 'l', :local => true\nmod 'm', :svn => 'x'\n", lock)
              .empty());
}

TEST_CASE("a lock of another Puppetfile says what differs") {
    const ModuleLock lock = lock_of(git("a", ", :tag => 'v1'") + git("b") + git("vendored"));
    CHECK(differ(git("a", ", :tag => 'v2'") + git("c"), lock) ==
          std::vector<std::string>{"line 1, modules/a is declared otherwise", "line 2, modules/c is not in the lock",
                                   "modules/b is in the lock, and is not declared"});
    CHECK(differ("moduledir 'other'\n" + git("a", ", :tag => 'v1'"), lock).size() == 3);
    const std::string pinned = git("m", ", :commit => '" + std::string(40, 'c') + "'");
    CHECK(differ(pinned, lock_of(pinned)) ==
          std::vector<std::string>{"line 1, modules/m is another commit in the lock"});
    const Error error =
        error_of([&] { require_same(read(git("c")), ModuleLock(), [](const std::string&) { return false; }); });
    CHECK(error.code == "repository.module_lock");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.advice.find("bootwright modules lock") != std::string::npos);
}

TEST_CASE("a lock that is damaged is refused, and never shown") {
    const std::string text = to_text(lock_of(git("a")));
    const auto with = [&](const std::string& old, const std::string& fresh) {
        std::string changed = text;
        changed.replace(changed.find(old), old.size(), fresh);
        return changed;
    };
    for (const std::string& damaged :
         {std::string(), text.substr(0, text.size() / 2), std::string("[]"), std::string("{\"schema\": 1}"),
          std::string("{\"modules\": []}"), with("\"schema\": 1", "\"schema\": 2"), with(commit, "abc"),
          with(commit, std::string(40, 'A')), with(tree, ""), with("modules/a", "../a"), with("modules/a", "/a"),
          with("modules/a", ".git/a"), with("\"kind\": \"git\"", "\"kind\": \"svn\""),
          with("\"kind\": \"git\"", "\"kind\": \"forge\""), with("\"kind\"", "\"more\": 1, \"kind\""),
          with("\"declared\": {", "\"declared\": [{")}) {
        INFO(damaged);
        const Error error = error_of([&] { read_module_lock(damaged); });
        CHECK(error.code == "repository.module_lock");
        CHECK(error.kind == ErrorKind::permanent);
        CHECK(error.message.starts_with(module_lock_name));
    }
    ModuleLock twice = lock_of(git("a"));
    twice.modules.push_back(twice.modules.front());
    CHECK(error_of([&] { read_module_lock(to_text(twice)); }).message.find("two modules") != std::string::npos);
}

TEST_CASE("a release of the Forge is read as it was written, and compared with what is declared") {
    const std::string sum = ", :sha256sum => '" + std::string(64, 'd') + "'";
    const std::string puppetfile = "mod 'acme/web', '1.0.0'" + sum + "\nmod 'acme-other', :latest\n";
    const ModuleLock lock = lock_of(puppetfile);
    const std::string text = to_text(lock);
    const ModuleLock back = read_module_lock(text);
    CHECK(to_text(back) == text);
    REQUIRE(back.modules.size() == 2);
    CHECK(back.modules[0].release->version == "1.0.0");
    CHECK(back.modules[0].release->url == "https://f/v3/files/x.tar.gz");
    CHECK(back.modules[0].commit.empty());
    CHECK(back.modules[0].declared ==
          Json{{"forge", "acme/web"}, {"version", "1.0.0"}, {"sha256sum", std::string(64, 'd')}});
    CHECK(back.modules[1].declared == Json{{"forge", "acme/other"}, {"version", "latest"}});
    CHECK(differ(puppetfile, back).empty());
    CHECK(differ("mod 'acme/web', '1.1.0'\nmod 'acme-other'\n", back) ==
          std::vector<std::string>{"line 1, modules/web is declared otherwise"});

    // Somebody has changed the lock, and what it says of the declaration is as before.
    ModuleLock changed = back;
    changed.modules[0].release->version = "0.9.0";
    CHECK(differ(puppetfile, changed) ==
          std::vector<std::string>{"line 1, modules/web is another release in the lock"});
    changed = back;
    changed.modules[0].release->sha256 = std::string(64, 'e');
    CHECK(differ(puppetfile, changed).size() == 1);
    changed = back;
    changed.modules[0].release.reset();
    CHECK(differ(puppetfile, changed).size() == 1);
    for (const auto& [old, fresh] : std::vector<std::pair<std::string, std::string>>{
             {"\"version\": \"1.0.0\"", "\"version\": \"../1\""}, {"https://f", "file:///f"}, {"dddd", "dddx"}}) {
        std::string damaged = text;
        damaged.replace(damaged.rfind(old), old.size(), fresh);
        CHECK(error_of([&] { read_module_lock(damaged); }).code == "repository.module_lock");
    }
}
