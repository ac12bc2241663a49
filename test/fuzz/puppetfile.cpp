// A Puppetfile as anybody may push it. Which of its modules are vendored is decided by their paths.

#include "agent/repository/modules/puppetfile.hpp"
#include "agent/repository/modules/source_policy.hpp"
#include "common/base/text.hpp"
#include "test/fuzz/fuzz.hpp"

#include <set>

using namespace bootwright;

namespace {

void check(const std::vector<PuppetfileDeclaration>& modules) {
    std::set<std::string> paths;
    for (const PuppetfileDeclaration& module : modules) {
        const bool is_fixed = why_not_fixed(module).empty();
        require(!is_fixed || is_commit_id(module.revision), "a module without a pin", module.name);
        const bool is_git = module.problem.empty() && module.kind == PuppetfileDeclaration::Kind::git;
        require(!is_git || !why_not_fetched(module.url), "a URL that is refused elsewhere", module.path);
        require(is_visible(module.revision) || module.revision.empty(), "a name that no server gets", module.name);
        require(!why_path_is_refused(module.path), "a path that leaves the tree", module.path);
        require(!module.path.ends_with("vendored"), "a vendored module is fetched", module.path);
        require(paths.insert(module.path).second, "two modules at one path", module.path);
        require(module.line > 0, "a module without a line", module.name);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    fuzz(
        [&] {
            const auto modules =
                read_puppetfile(text, [](const std::string& path) { return path.ends_with("vendored"); });
            check(modules);
            require_fixed(modules);
        },
        [](const Error& error) {
            return error.kind == ErrorKind::permanent && error.code == "repository.puppetfile" &&
                   error.message.find(":hunter2@") == std::string::npos;
        });
    return 0;
}
