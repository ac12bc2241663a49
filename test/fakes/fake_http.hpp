#pragma once

#include "common/base/error.hpp"
#include "common/net/http.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

namespace bootwright {

/// An HTTP server by script. Whatever has no script cannot be reached.
class FakeHttp final : public HttpClient {
public:
    using Answer = std::variant<HttpResponse, Error>;

    std::vector<HttpRequest> requests{};
    /// Is told "GET /latest/user-data" before the answer.
    std::function<void(const std::string& key)> on_request{};

    /// What "GET /latest/user-data" is answered: one after the other, the last one for ever.
    void answer(const std::string& key, std::vector<Answer> answers);
    void answer(const std::string& key, std::string body);
    void answer_status(const std::string& key, int status);

    /// One request after the other, without waiting.
    HttpRace race(const std::vector<HttpRequest>& racing, std::chrono::milliseconds stagger, const Accepts& accepts,
                  std::stop_token stop) override;

    /// "GET /latest/user-data" for each request.
    [[nodiscard]] std::vector<std::string> asked() const;

private:
    HttpResponse reply(const HttpRequest& request, const std::stop_token& stop);

    struct Script {
        std::vector<Answer> answers;
        std::size_t used = 0;
    };

    std::map<std::string, Script> script_;
};

}  // namespace bootwright
