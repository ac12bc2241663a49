#pragma once

#include "common/documents/json.hpp"
#include "common/net/http.hpp"
#include "test/fakes/fake_system.hpp"

#include <string_view>

namespace bootwright {

/// One answer of metadata-answers.json.
HttpResponse response_of(const Json& answer);

/// Makes the fake machine the captured one at test/fixtures/NAME: its files, and the answers of its metadata service
/// (metadata-answers.json, as `bootwright capture` writes it).
void replay(FakeSystem& fake, std::string_view name);

}  // namespace bootwright
