#include "agent/commands/support/recorded_answers.hpp"

#include "agent/platform/instance_metadata.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/net/url.hpp"

#include <algorithm>

namespace bootwright {

namespace {

const Json* find_answer(const Json& answers, const std::string& method, const std::string& path) {
    const auto found = std::find_if(answers.begin(), answers.end(), [&](const Json& answer) {
        const std::string recorded = string_at(answer, "method");
        return (recorded.empty() ? "GET" : recorded) == method && string_at(answer, "path") == path;
    });
    return found == answers.end() ? nullptr : &*found;
}

std::string body_of(const Json& answer) {
    if (answer.contains("body_base64")) {
        return decode_base64(string_at(answer, "body_base64")).value_or("");
    }
    const auto body = answer.find("body");
    return body == answer.end() ? "" : body->is_string() ? body->get<std::string>() : to_line(*body);
}

Error not_recorded(const std::string& what) {
    return transient_error("http.unreachable", what + ": not among the recorded answers",
                           "this is a captured machine: capture it again on the live one");
}

bool is_secret_header(const std::string& name) {
    return (is_secret_name(name) && name.find("ttl") == std::string::npos) || lower(name) == "authorization";
}

Json headers_to_keep(const HttpRequest& request) {
    Json kept = Json::object();
    for (const auto& [name, value] : request.headers) {
        kept[name] = is_secret_header(name) ? "*" : value;
    }
    return kept;
}

void put_body(Json& answer, const std::string& body) {
    const bool is_shown_as_text = is_text(body);
    answer[is_shown_as_text ? "body" : "body_base64"] = is_shown_as_text ? body : encode_base64(body);
}

}  // namespace

std::optional<Json> read_recorded_answers(const std::filesystem::path& root) {
    constexpr std::size_t largest_record = std::size_t{16} << 20U;
    const auto text = read_file_if_exists(root / "metadata-answers.json", largest_record);
    const Json answers = parse_json(text.value_or(""));
    return answers.is_array() ? std::optional(answers) : std::nullopt;
}

HttpRace ReplayHttpClient::race(const std::vector<HttpRequest>& requests, std::chrono::milliseconds,
                                const Accepts& accepts, std::stop_token) {
    HttpRace race;
    race.responses.resize(requests.size());
    race.errors.resize(requests.size());
    for (std::size_t i = 0; i < requests.size() && !race.winner; ++i) {
        try {
            race.responses[i] = reply(requests[i]);
            race.winner = accepts(i, *race.responses[i]) ? std::optional(i) : std::nullopt;
        } catch (const Error& error) {
            race.errors[i] = error;
        }
    }
    return race;
}

HttpResponse ReplayHttpClient::reply(const HttpRequest& request) const {
    const std::string called = request.method + " " + request.url.shown();
    const Json* answer = find_answer(answers_, request.method, request.url.target());
    if (answer == nullptr || answer->contains("error")) {
        throw not_recorded(called);
    }
    const auto status = number_at(*answer, "status");
    HttpResponse response{.status = status == 0 ? 200 : static_cast<int>(status), .body = body_of(*answer)};
    const Json headers = answer->value("headers", Json::object());
    for (const auto& [name, value] : headers.items()) {
        response.headers[lower(name)] = value.is_string() ? value.get<std::string>() : "";
    }
    return response;
}

ProcessResult ReplayProcessRunner::run(const ProcessRequest& request, const ProcessEvents& events, std::stop_token) {
    const Json* answer = find_answer(answers_, "RUN", request.arguments.back());
    if (answer == nullptr) {
        throw not_recorded(request.arguments.back());
    }
    std::string body = body_of(*answer);
    body.resize(body.size() - (body.ends_with('\n') ? 1 : 0));
    for (const std::string& line : split(body, '\n')) {
        events.line(line);
    }
    return {.exit_code = static_cast<int>(number_at(*answer, "status"))};
}

HttpRace RecordingHttpClient::race(const std::vector<HttpRequest>& requests, std::chrono::milliseconds stagger,
                                   const Accepts& accepts, std::stop_token stop) {
    HttpRace race = client_.race(requests, stagger, accepts, std::move(stop));
    const std::size_t used = race.winner.value_or(0);
    const HttpRequest& request = requests.at(used);
    Json answer{{"method", request.method}, {"path", request.url.target()}, {"require", headers_to_keep(request)}};
    for (const auto& [name, value] : request.headers) {
        if (is_secret_header(name)) {
            sent_.add(value);  // a service may say again what it was sent
        }
    }
    if (race.responses[used]) {
        answer["status"] = race.responses[used]->status;
        answer["headers"] = Json::object();
        for (const auto& [name, value] : race.responses[used]->headers) {
            answer["headers"][name] = sent_.cleaned(value);
        }
        put_body(answer, sent_.cleaned(race.responses[used]->body));
    } else {
        answer["error"] = sent_.cleaned(race.errors[used] ? race.errors[used]->message : "not asked");
    }
    answers_.push_back(std::move(answer));
    return race;
}

ProcessResult RecordingProcessRunner::run(const ProcessRequest& request, const ProcessEvents& events,
                                          std::stop_token stop) {
    std::string output;
    ProcessEvents heard = events;
    heard.line = [&](std::string_view line) {
        output += std::string(line) + "\n";
        events.line(line);
    };
    heard.error_line = [&](std::string_view line) {
        output += std::string(line) + "\n";
        events.error_line(line);
    };
    const ProcessResult result = runner_.run(request, heard, std::move(stop));
    Json answer{{"method", "RUN"}, {"path", request.arguments.back()}, {"status", result.exit_code}};
    put_body(answer, output);
    // Where another program is asked the same after one has refused, its answer is the one that counts.
    std::erase_if(answers_.get_ref<Json::array_t&>(), [&](const Json& earlier) {
        return string_at(earlier, "method") == "RUN" && earlier.at("path") == answer.at("path");
    });
    answers_.push_back(std::move(answer));
    return result;
}

}  // namespace bootwright
