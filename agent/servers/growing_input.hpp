#pragma once

#include "common/files/file.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>

namespace bootwright {

/// Reads a file of a DownloadFolder while it grows. Its writer is not trusted: what is no plain file is refused.
class GrowingInput {
public:
    explicit GrowingInput(std::filesystem::path path) : path_(std::move(path)) {}

    /// Hands on what is new since the last call, up to `end` bytes from the beginning; less if the file is shorter.
    /// @throws Error repository.fetch_crashed (transient), io.*
    void read_to(std::uint64_t end, const std::function<void(std::string_view bytes)>& take);

private:
    void open_if_closed();

    std::filesystem::path path_;
    UniqueFd fd_{};
    std::uint64_t done_ = 0;
};

}  // namespace bootwright
