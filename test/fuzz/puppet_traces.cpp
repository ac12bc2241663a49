// What one `puppet apply` leaves, of which the code of the control repository decides much: the report's summary, the log, and what was
// observed from within; and how it ended.

#include "agent/puppet/result/reading.hpp"
#include "common/base/text.hpp"
#include "test/fuzz/fuzz.hpp"

#include <array>
#include <cmath>
#include <cstdint>

using namespace bootwright;
using End = ProcessResult::End;

namespace {

constexpr const char* secret = "s3cret-of-data";

void require_shown(const std::string& text) {
    constexpr std::size_t longest = 2500;  // messages, with what stands around them
    require(text.size() <= longest, "a text as long as its input", text);
    require(text.find(secret) == std::string::npos, "a secret that is shown", text);
}

void require_durations(const std::vector<Took>& durations, std::size_t most) {
    require(durations.size() <= most, "too many durations", "");
    for (const Took& took : durations) {
        require_shown(took.what);
        require(std::isfinite(took.seconds), "a duration that cannot be written as JSON", took.what);
    }
}

void check(const PuppetResult& result) {
    constexpr std::size_t most = 20;
    constexpr std::size_t most_slow = 10;
    const bool is_good = result.outcome == Outcome::unchanged || result.outcome == Outcome::changed;
    require(is_good == !result.error, "an error of a good run, or none of a bad one", to_string(result.outcome));
    if (result.error) {
        check_error(*result.error);
        require_shown(result.error->message);
    }
    require(result.failed_resources.size() <= most, "too many failed resources", "");
    for (const FailedResource& failed : result.failed_resources) {
        for (const std::string& text : {failed.resource, failed.message, failed.file}) {
            require_shown(text);
        }
    }
    require(result.warnings.size() <= most + 1, "too many warnings", "");
    for (const std::string& text : result.warnings) {
        require_shown(text);
    }
    require_shown(result.version);
    require_shown(result.catalog_digest);
    require_durations(result.phases, most_slow);
    require_durations(result.slowest, most_slow);
    require_durations(result.slow_facts, most_slow);
}

}  // namespace

/// A byte for the end, one for the exit status, and the files, with a line "====" between them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) {
        return 0;
    }
    constexpr std::string_view separator = "\n====\n";
    constexpr std::size_t most_files = 5;
    std::array<std::optional<std::string>, most_files> files{};
    std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
    for (auto& file : files) {
        const std::size_t end = std::min(rest.find(separator), rest.size());
        file = std::string(rest.substr(0, end)) + "\n";
        if (end == rest.size()) {
            break;
        }
        rest.remove_prefix(end + separator.size());
    }
    auto& [summary, log, observation, resources, output] = files;
    PuppetTraces traces{.summary = summary,
                        .resources = resources,
                        .log = log.value_or(""),
                        .observation = observation,
                        .output = output.value_or(""),
                        .noop = (data[0] & 0x80U) != 0,
                        .folders = {"/var/lib/bootwright/checkout/0123456789abcdef0123456789abcdef01234567"}};
    traces.process.end = std::array{End::exited,    End::exited, End::exited,  End::killed_by_signal,
                                    End::timed_out, End::silent, End::stopped, End::left}[data[0] % 8U];
    traces.process.exit_code = data[1];
    traces.process.signal = data[1] % 64;
    traces.process.out_of_memory = (data[0] & 0x40U) != 0 ? 1 : 0;
    traces.redactor.add(secret);
    fuzz([&] { check(read_puppet_result(traces)); }, [](const Error&) { return false; });
    return 0;
}
