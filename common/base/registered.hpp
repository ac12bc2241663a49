#pragma once

#include <algorithm>
#include <vector>

namespace bootwright {

/// Makes a thing known to the program, so that adding one of its kind is one file. Define it at namespace scope, beside the
/// thing: `const Registered<Platform> registered(hetzner);`. CMake has to link such files as objects: of a library the linker
/// drops what nothing refers to.
template <typename Thing>
class Registered {
public:
    explicit Registered(const Thing& thing) { things().push_back(&thing); }

    /// All of this program, in no order that means anything.
    static const std::vector<const Thing*>& all() { return things(); }

    /// The same, in the order of their member `key`.
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
