#pragma once

#include <algorithm>
#include <vector>

namespace bootwright {

/// Registers a thing with the program, so that a new one of its kind takes one file. Define it at namespace scope,
/// beside the thing: `const Registered<Platform> registered(hetzner);`. CMake must link such files as objects: from a
/// library, the linker drops what nothing refers to.
template <typename Thing>
class Registered {
public:
    explicit Registered(const Thing& thing) { things().push_back(&thing); }

    /// All that are registered, in no particular order.
    static const std::vector<const Thing*>& all() { return things(); }

    /// The same, sorted by their member `key`.
    static std::vector<const Thing*> by_key() {
        std::vector<const Thing*> sorted = all();
        std::sort(sorted.begin(), sorted.end(),
                  [](const Thing* left, const Thing* right) { return left->key < right->key; });
        return sorted;
    }

private:
    static std::vector<const Thing*>& things() {
        static std::vector<const Thing*> list;
        return list;
    }
};

}  // namespace bootwright
