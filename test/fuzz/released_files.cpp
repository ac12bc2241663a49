// The files of a release, as whoever has taken over the program without rights may hand them over.

#include "agent/servers/released_files.hpp"
#include "test/fuzz/fuzz.hpp"

using namespace bootwright;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const ArchiveLimits limits{.files = 5, .bytes = 1000, .bytes_of_file = 500, .path = 50};
    fuzz(
        [&] {
            ReleasedFilesReader reader(limits);
            std::string written;
            reader.feed(bytes, [&](const ArchivedFile& file) {
                require(file.content.size() <= limits.bytes_of_file, "a file beyond the limit", file.path);
                written += frame_of(file);
            });
            reader.finish();
            require(written.size() <= size, "more files than were handed over", bytes);
        },
        [](const Error& error) { return error.code == "repository.fetch_crashed"; });
    return 0;
}
