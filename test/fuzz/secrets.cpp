// The answers of secret stores. An input is a line "KIND STATUS" and a body.

#include "agent/servers/secrets/secret_store.hpp"
#include "test/fuzz/fuzz.hpp"

#include <algorithm>

using namespace bootwright;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string input(reinterpret_cast<const char*>(data), size);
    const std::size_t end = std::min(input.find('\n'), input.size());
    const std::size_t space = std::min(input.find(' '), end);
    const SecretStore* store = find_secret_store(input.substr(0, space));
    if (store == nullptr) {
        return -1;  // not worth keeping
    }
    const WebResponse response{.status = std::atoi(input.substr(space, end - space).c_str()),
                               .body = input.substr(std::min(end + 1, input.size()))};
    fuzz(
        [&] {
            const std::string secret = read_secret(*store, "name", response);
            require(response.status == 200, "a secret from a bad answer", "");
            require(!secret.empty() && secret.size() <= 65536, "a secret of that size", "");
            require(secret.back() != '\n' && secret.back() != '\r', "a secret with a line's end", "");
        },
        [](const Error& error) { return error.code.starts_with("repository.secret_"); });
    // As the name of a secret, which may come to stand in a URL.
    fuzz(
        [&] {
            const CloudIdentity identity{
                .access_key = "a", .secret_key = "s", .region = "eu-west-1", .bearer_token = "b"};
            const WebRequest request = secret_request(*store, response.body, identity, "");
            require(request.url.for_transfer().find_first_of(" \r\n#@\\") == std::string::npos,
                    "a URL that leads elsewhere", request.url.for_transfer());
            require(request.url.target().find("/../") == std::string::npos, "a URL that leads upwards",
                    request.url.for_transfer());
        },
        [](const Error& error) {
            return error.code == "repository.secret_name_invalid" || error.code == "server.url_invalid";
        });
    return 0;
}
