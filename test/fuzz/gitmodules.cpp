// A .gitmodules file as anybody may push it, and the URLs that its submodules are fetched from.

#include "agent/repository/modules/gitmodules.hpp"
#include "agent/repository/modules/source_policy.hpp"
#include "test/fuzz/fuzz.hpp"

using namespace bootwright;

namespace {

const std::string parent = "https://bw:correct-horse@git.example.com/org/puppet.git";
const std::string host = "https://bw:correct-horse@git.example.com/";

bool is_expected(const Error& error) {
    return error.kind == ErrorKind::permanent && error.code == "repository.submodule" &&
           error.message.find("correct-horse") == std::string::npos;
}

void check_url(const std::string& text, const std::string& path, const std::string& written) {
    const Url read = submodule_source({text}, path, parent).url;
    const std::string& url = read.for_transfer();
    require(!why_not_fetched(read), "a URL that is refused elsewhere", url);
    require(!url.starts_with("file:"), "a file of this machine", url);
    const bool has_credentials = url.find("correct-horse") != std::string::npos;
    require(!has_credentials || url.starts_with(host) || written.find("correct-horse") != std::string::npos,
            "credentials for another host", url);
    require(!written.starts_with("../") || url.starts_with(host), "a relative URL that leaves the host", url);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    if (text.find("correct-horse") != std::string::npos) {
        return -1;  // libFuzzer sees it compared
    }
    fuzz(
        [&] {
            for (const auto& [path, named] : read_gitmodules({text})) {
                require(!why_path_is_refused(path), "a path that leaves the tree", path);
                fuzz([&, &path = path, &named = named] { check_url(text, path, named.written); }, is_expected);
            }
        },
        is_expected);
    return 0;
}
