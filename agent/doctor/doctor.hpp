#pragma once

#include "agent/config/system.hpp"
#include "agent/doctor/examination.hpp"
#include "common/documents/json.hpp"

#include <functional>
#include <string_view>

namespace bootwright {

/// A finding as `bootwright doctor --json` lists it.
Json to_json(std::string_view examination, const Finding& finding);

/// Examines the machine, each examination within its limit and all within two minutes. Changes nothing, and may be called
/// while a run is under way. @param tell gets each finding at once
void examine(const System& system, const std::function<void(std::string_view examination, const Finding&)>& tell);

}  // namespace bootwright
