#include "agent/servers/advice.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace bootwright {

namespace {

struct Advice {
    std::string_view code;
    std::string_view advice;
};

constexpr std::string_view next_place = "nothing to do: the agent asks the next mirror, or tries again";
constexpr std::string_view smaller = "take large files out of the control repository";

constexpr std::array advices{
    Advice{"git.corrupt", "nothing to do: the agent sets the damaged repository aside and fetches it again"},
    Advice{"git.no_repository", "check repository.url and repository.mirrors of the role config"},
    Advice{"git.pack_damaged", next_place},
    Advice{"git.pack_too_large", smaller},
    Advice{"git.revision_not_found", "push it there, or correct repository.revision of the role config"},
    Advice{"git.snapshot_invalid",
           "make the file anew with \"bootwright snapshot make\" or \"git bundle create\", and check that the server "
           "gives that file and not a page about an error"},
    Advice{"git.too_much_memory", smaller},
    Advice{"server.not_trusted",
           "put the right CA into repository.ca_file of agent.json, or the name of the certificate into the URL"},
    Advice{"server.proxy_denied",
           "check user and password in repository.proxy of agent.json, or in https_proxy of the "
           "service's environment"},
    Advice{"server.redirects", "correct the URL in the role config"},
    Advice{"server.url_invalid", "check URLs, proxy and certificates in agent.json and the role config"},
};

}  // namespace

Error advised(Error error) {
    const auto* found =
        std::find_if(advices.begin(), advices.end(), [&](const Advice& advice) { return advice.code == error.code; });
    if (error.advice.empty() && found != advices.end()) {
        error.advice = found->advice;
    }
    return error;
}

}  // namespace bootwright
