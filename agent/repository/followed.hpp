#pragma once

#include "common/json.hpp"

#include <filesystem>
#include <string>

namespace bootwright {

/// The commits that branches and tags have led to, beside the repository (NAME.git.followed.json): what a place says of a name
/// is believed only where it goes on from there. It outlives the repository itself.
class Followed {
public:
    /// @throws Error io.*
    explicit Followed(const std::filesystem::path& repository);
    /// Where the name led; "" where it was never followed.
    [[nodiscard]] std::string commit_of(const std::string& name) const;
    /// For a commit that is proven and checked out, and for no other: whoever may set this can lock out all that is good.
    void set(const std::string& name, const std::string& commit);
    [[nodiscard]] const std::filesystem::path& file() const { return file_; }

private:
    std::filesystem::path file_;
    Json names_;
};

}  // namespace bootwright
