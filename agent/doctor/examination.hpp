#pragma once

#include "common/base/error.hpp"
#include "common/base/registered.hpp"

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

struct Patient;

/// What an examination has found: a line of `bootwright doctor`. It never holds a secret.
struct Finding {
    enum class State { good, bad, not_known };
    State state = State::good;
    std::string what{};
    std::string advice{};  ///< what to do next; "" if nothing is to be done
};

Finding good(std::string what);
Finding bad(std::string what, std::string advice);
Finding not_known(std::string what, std::string advice);
/// Bad, as the error says; not known if this user may not look, or if the time was over.
Finding finding_of(const Error& error);

/// "good", "bad", "not_known"
std::string_view to_string(Finding::State state);

/// One question to the machine, which changes nothing there. One file each, agent/doctor/NAME_examination.cpp, which registers
/// it.
struct Examination {
    std::string_view key;  ///< "disk"
    std::chrono::milliseconds limit;
    /// Returns soon after `stop` is requested, which is at `limit`, and waits for nothing else without a limit of its own.
    /// @throws Error what finding_of() takes
    std::vector<Finding> (*look)(const Patient& patient, std::stop_token stop);
};

}  // namespace bootwright
