#include "test/fakes/answers.hpp"

#include "common/base/encoding.hpp"
#include "common/base/text.hpp"
#include "test/fakes/fixtures.hpp"

#include <string>

namespace bootwright {

HttpResponse response_of(const Json& answer) {
    HttpResponse response{.status = answer.value("status", 200)};
    const Json headers = answer.value("headers", Json::object());
    for (const auto& [name, value] : headers.items()) {
        response.headers[lower(name)] = value.get<std::string>();
    }
    if (answer.contains("body_base64")) {
        response.body = decode_base64(string_at(answer, "body_base64")).value();
    } else if (const auto body = answer.find("body"); body != answer.end()) {
        response.body = body->is_string() ? body->get<std::string>() : to_line(*body);
    }
    return response;
}

void replay(FakeSystem& fake, std::string_view name) {
    fake.root.copy(fixture_path(name));
    const Json answers = Json::parse(fixture(std::string(name) + "/metadata-answers.json"));
    for (const Json& answer : answers) {
        const std::string method = answer.value("method", "GET");
        if (method == "RUN") {
            fake.processes.answer(string_at(answer, "path"),
                                  {.lines = split(trimmed(string_at(answer, "body")), '\n')});
        } else {
            fake.http.answer(method + " " + string_at(answer, "path"), {response_of(answer)});
        }
    }
}

}  // namespace bootwright
