#include "test/fakes/fake_http.hpp"

#include <optional>
#include <utility>

namespace bootwright {

namespace {

/// Without scheme and host, but for IPv6: an instance has it only where a test says so.
std::string key_of(const HttpRequest& request) {
    const bool is_ipv6 = request.url.host().find(':') != std::string::npos;
    return request.method + " " + (is_ipv6 ? request.url.for_transfer() : request.url.target());
}

}  // namespace

void FakeHttp::answer(const std::string& key, std::vector<Answer> answers) { script_[key] = {std::move(answers), 0}; }

void FakeHttp::answer(const std::string& key, std::string body) {
    answer(key, std::vector<Answer>{HttpResponse{.status = 200, .body = std::move(body)}});
}

void FakeHttp::answer_status(const std::string& key, int status) {
    answer(key, std::vector<Answer>{HttpResponse{.status = status}});
}

HttpRace FakeHttp::race(const std::vector<HttpRequest>& racing, std::chrono::milliseconds, const Accepts& accepts,
                        std::stop_token stop) {
    HttpRace race;
    race.responses.resize(racing.size());
    race.errors.resize(racing.size());
    for (std::size_t i = 0; i < racing.size() && !race.winner; ++i) {
        try {
            race.responses[i] = reply(racing[i], stop);
            race.winner = accepts(i, *race.responses[i]) ? std::optional(i) : std::nullopt;
        } catch (const Error& error) {
            if (error.kind == ErrorKind::stopped) {
                throw;
            }
            race.errors[i] = error;
        }
    }
    return race;
}

std::vector<std::string> FakeHttp::asked() const {
    std::vector<std::string> keys;
    keys.reserve(requests.size());
    for (const HttpRequest& request : requests) {
        keys.push_back(key_of(request));
    }
    return keys;
}

HttpResponse FakeHttp::reply(const HttpRequest& request, const std::stop_token& stop) {
    requests.push_back(request);
    const std::string key = key_of(request);
    if (on_request) {
        on_request(key);
    }
    if (stop.stop_requested()) {
        throw stopped_error();
    }
    const auto found = script_.find(key);
    if (found == script_.end() || found->second.answers.empty()) {
        throw transient_error("http.unreachable", key + ": no route to host", "check the network");
    }
    Script& script = found->second;
    const Answer& next = script.answers[std::min(script.used++, script.answers.size() - 1)];
    if (const auto* error = std::get_if<Error>(&next)) {
        throw *error;
    }
    HttpResponse response = std::get<HttpResponse>(next);
    if (response.body.size() > request.max_bytes) {
        throw permanent_error("http.too_large", key + ": the answer is too large", "make it smaller");
    }
    return response;
}

}  // namespace bootwright
