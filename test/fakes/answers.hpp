#pragma once

#include "common/encoding.hpp"
#include "common/json.hpp"
#include "common/text.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/fixtures.hpp"

#include <string>
#include <string_view>

namespace bootwright {

/// Makes the fake machine the captured one at test/fixtures/NAME: its files, and the answers of its metadata service
/// (metadata-answers.json, as `bootwright capture` writes it).
inline void replay(FakeSystem& fake, std::string_view name) {
    fake.root.copy(fixture_path(name));
    const Json answers = Json::parse(fixture(std::string(name) + "/metadata-answers.json"));
    for (const Json& answer : answers) {
        HttpResponse response{.status = answer.value("status", 200)};
        const Json headers = answer.value("headers", Json::object());
        for (const auto& [header, value] : headers.items()) {
            response.headers[lower(header)] = value.get<std::string>();
        }
        if (answer.contains("body_base64")) {
            response.body = decode_base64(string_at(answer, "body_base64")).value();
        } else if (const auto body = answer.find("body"); body != answer.end()) {
            response.body = body->is_string() ? body->get<std::string>() : to_line(*body);
        }
        fake.http.answer(answer.value("method", "GET") + " " + string_at(answer, "path"), {response});
    }
}

}  // namespace bootwright
