#include "agent/doctor/doctor.hpp"

#include "agent/doctor/patient.hpp"
#include "common/base/clock.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace bootwright {

namespace {

using std::chrono::milliseconds;

/// Requests a stop when the time is over.
class Deadline {
public:
    explicit Deadline(milliseconds limit)
        : timer_([this, limit](const std::stop_token& done) {
              std::mutex mutex;
              std::unique_lock lock(mutex);
              std::condition_variable_any().wait_for(lock, done, limit, [] { return false; });
              if (!done.stop_requested()) {
                  source_.request_stop();
              }
          }) {}
    [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

private:
    std::stop_source source_{};
    std::jthread timer_;
};

std::vector<Finding> look(const Examination& examination, const Patient& patient, milliseconds limit) {
    try {
        return examination.look(patient, Deadline(limit).token());
    } catch (const Error& error) {
        return {finding_of(error)};
    }
}

}  // namespace

Json to_json(std::string_view examination, const Finding& finding) {
    return {{"examination", examination},
            {"state", to_string(finding.state)},
            {"found", finding.what},
            {"do", text_or_null(finding.advice)}};
}

void examine(const System& system, const std::function<void(std::string_view, const Finding&)>& tell) {
    constexpr milliseconds whole = std::chrono::minutes(2);
    constexpr milliseconds meeting = std::chrono::seconds(15);
    const auto end = system.clock.now().since_boot + whole;
    const Patient patient = meet(system, Deadline(meeting).token());
    for (const Examination* examination : Registered<Examination>::by_key()) {
        const milliseconds left = end - system.clock.now().since_boot;
        if (left.count() <= 0) {
            tell(examination->key, finding_of(stopped_error()));
            continue;
        }
        for (const Finding& finding : look(*examination, patient, std::min(left, examination->limit))) {
            tell(examination->key, finding);
        }
    }
}

}  // namespace bootwright
