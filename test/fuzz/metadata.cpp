// Every platform's reading. An input is a line "PLATFORM N" and a body: the machine and the service are those of the
// platform's fixture, but that the N-th answer has this body.

#include "agent/platform/detection.hpp"
#include "agent/platform/platform.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "test/fakes/answers.hpp"
#include "test/fakes/fixtures.hpp"
#include "test/fuzz/fuzz.hpp"

#include <map>
#include <memory>
#include <utility>

using namespace bootwright;

namespace {

/// Counts what is asked of the fixture's service and programs, and puts one body in the place of another.
class OneOther final : public HttpClient, public ProcessRunner {
public:
    OneOther(FakeSystem& fake, std::size_t chosen, std::string body)
        : fake_(fake), chosen_(chosen), body_(std::move(body)) {}

    HttpRace race(const std::vector<HttpRequest>& requests, std::chrono::milliseconds stagger, const Accepts& accepts,
                  std::stop_token stop) override {
        if (asked_++ != chosen_) {
            return fake_.http.race(requests, stagger, accepts, std::move(stop));
        }
        const Accepts other = [&](std::size_t i, const HttpResponse& response) {
            return accepts(i, with_body(response));
        };
        HttpRace race = fake_.http.race(requests, stagger, other, std::move(stop));
        if (race.winner) {
            race.responses[*race.winner] = with_body(*race.responses[*race.winner]);
        }
        return race;
    }

    ProcessResult run(const ProcessRequest& request, const ProcessEvents& events, std::stop_token stop) override {
        if (asked_++ != chosen_) {
            return fake_.processes.run(request, events, std::move(stop));
        }
        for (const std::string& line : split(body_, '\n')) {
            events.line(line);
        }
        return {};
    }

private:
    [[nodiscard]] HttpResponse with_body(const HttpResponse& response) const {
        HttpResponse other = response;
        other.status = 200;
        other.body = body_;
        return other;
    }

    FakeSystem& fake_;
    std::size_t chosen_;
    std::size_t asked_ = 0;
    std::string body_;
};

/// The machine of a platform's fixture; nothing for a name that has none.
FakeSystem* machine_of(const std::string& name) {
    static std::map<std::string, std::unique_ptr<FakeSystem>> machines;
    const auto known = platforms();
    const bool is_platform =
        std::any_of(known.begin(), known.end(), [&](const Platform* platform) { return platform->name() == name; });
    const auto about = fixture_path(name) / "fixture.json";
    if (!is_platform || !std::filesystem::exists(about)) {
        return nullptr;
    }
    auto& machine = machines[name];
    if (!machine) {
        machine = std::make_unique<FakeSystem>();
        replay(*machine, name + "/" + Json::parse(read_file(about, 1 << 20U)).at("root").get<std::string>());
    }
    machine->http.requests.clear();
    machine->processes.requests.clear();
    return machine.get();
}

void check(const InstanceMetadata& metadata) {
    require(!metadata.instance_id.empty(), "an instance without an id", metadata.platform);
    require(!to_json(metadata).contains("user_data"), "user-data in the fact", metadata.platform);
    static_cast<void>(to_line(to_json(metadata)));
    static_cast<void>(to_line(shown_json(metadata)));
    const auto stored = metadata_from_stored(Json::parse(to_line(stored_json(metadata))));
    require(stored && fingerprint(*stored) == fingerprint(metadata), "another instance once it was stored", "");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string input(reinterpret_cast<const char*>(data), size);
    const std::size_t end = std::min(input.find('\n'), input.size());
    const std::size_t space = std::min(input.find(' '), end);
    FakeSystem* machine = machine_of(input.substr(0, space));
    if (machine == nullptr) {
        return -1;  // not worth keeping
    }
    const std::string body = input.substr(std::min(end + 1, input.size()));
    OneOther other(*machine, static_cast<std::size_t>(std::atoi(input.substr(space, end - space).c_str())), body);
    const System system{.http = other,
                        .processes = other,
                        .clock = machine->clock,
                        .random = machine->system.random,
                        .root = machine->system.root,
                        .fetch_program = {},
                        .ruby_folder = {},
                        .environment = {}};
    const AgentConfig config{.platform = input.substr(0, space)};
    const Detection found = find_platform(system, config, {});
    fuzz([&] { check(read_instance(found, system, config, {})); },
         [](const Error& error) { return error.code.starts_with("platform.") || error.code.starts_with("http."); });
    static_cast<void>(found.platform->proves({.status = 200, .body = body}));
    return 0;
}
