#include "agent/repository/fetch/between.hpp"
#include "agent/repository/fetch/fetch.hpp"
#include "agent/repository/fetch/module_revisions.hpp"
#include "agent/repository/fetch/snapshot.hpp"
#include "agent/servers/child_protocol.hpp"
#include "common/documents/json.hpp"

#include <cstdint>
#include <string_view>

namespace bootwright {

namespace {

Json answer_to(const Json& request, const FetchEvents& events) {
    SystemProcessRunner processes;
    if (request.contains("snapshot")) {
        return {{"snapshot", to_json(take_snapshot(snapshot_request_from_json(request), processes, events))}};
    }
    if (request.contains("between")) {
        return {{"between", to_json(look_between(between_request_from_json(request), processes, events))}};
    }
    if (request.contains("modules")) {
        resolve_modules(modules_request_from_json(request), processes, events, [](const ResolvedModule& module) {
            write_event({{"module", to_json(module)}});
        });
        return Json::object();
    }
    const Checkout checkout = fetch_checkout(fetch_request_from_json(request), processes, events);
    return {{"checkout",
             {{"revision", checkout.revision}, {"signer", checkout.signer}, {"words", to_json(checkout.words)}}}};
}

}  // namespace

int run_fetch_child() {
    return run_child([](const Json& request) {
        EventPace pace;
        const FetchEvents events{
            .progress =
                [&](std::string_view what, std::uint64_t done, std::uint64_t total) {
                    if (pace.is_due(total > 0 && done >= total)) {
                        write_event({{"progress", {{"what", what}, {"done", done}, {"total", total}}}});
                    }
                },
            .heard =
                [](const PlaceAnswer& answer) {
                    write_event({{"place",
                                  {{"place", answer.place},
                                   {"said", answer.said},
                                   {"seconds", answer.seconds},
                                   {"module", answer.module}}}});
                }};
        return answer_to(request, events);
    });
}

}  // namespace bootwright
