#include "agent/doctor/examination.hpp"

#include <utility>

namespace bootwright {

Finding good(std::string what) { return {Finding::State::good, std::move(what), ""}; }

Finding bad(std::string what, std::string advice) { return {Finding::State::bad, std::move(what), std::move(advice)}; }

Finding not_known(std::string what, std::string advice) {
    return {Finding::State::not_known, std::move(what), std::move(advice)};
}

Finding finding_of(const Error& error) {
    if (error.kind == ErrorKind::stopped) {
        return not_known("this took too long to be known", "look again; `systemd-cgtop` and `iotop` show what is busy");
    }
    if (error.code == "io.not_permitted") {
        return not_known(error.message, "call `bootwright doctor` as root");
    }
    return bad(error.message + " (" + error.code + ")", error.advice);
}

std::string_view to_string(Finding::State state) {
    switch (state) {
        case Finding::State::good: return "good";
        case Finding::State::bad: return "bad";
        case Finding::State::not_known: break;
    }
    return "not_known";
}

}  // namespace bootwright
