// The lock of a Puppetfile as anybody may push it.

#include "agent/repository/modules/module_lock.hpp"
#include "agent/repository/modules/source_policy.hpp"
#include "common/base/text.hpp"
#include "test/fuzz/fuzz.hpp"

#include <set>

using namespace bootwright;

namespace {

void check(const ModuleLock& lock) {
    std::set<std::string> paths;
    for (const LockedModule& module : lock.modules) {
        const bool is_pinned = module.release ? is_sha256(module.release->sha256) : is_commit_id(module.commit);
        require(is_pinned && is_commit_id(module.tree), "a module without a pin", module.path);
        require(!why_path_is_refused(module.path), "a path that leaves the tree", module.path);
        require(paths.insert(module.path).second, "two modules at one path", module.path);
    }
    const std::string text = to_text(lock);
    require(to_text(read_module_lock(text)) == text, "a lock that is written otherwise than it is read", text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    fuzz([&] { check(read_module_lock(text)); },
         [](const Error& error) {
             return error.kind == ErrorKind::permanent && error.code == "repository.module_lock";
         });
    return 0;
}
