#pragma once

#include "agent/config/system.hpp"
#include "common/documents/json.hpp"
#include "common/net/http.hpp"
#include "common/net/redactor.hpp"
#include "common/processes/process.hpp"

#include <filesystem>
#include <string>

namespace bootwright {

// What a metadata service and its programs answered, in metadata-answers.json of a captured machine: a list of
// {"method", "path", "require": {HEADER: VALUE}, "status", "headers", "body" or "body_base64"}. A program's run is
// {"method": "RUN", "path": its last argument, "status": its exit code, "body": its standard output}; an answer that
// did not come has "error". A "require" of "*" stands for a secret.

/// Reads those of a captured tree. Returns nullopt if there are none. @throws Error io.*
std::optional<Json> read_recorded_answers(const std::filesystem::path& root);

/// Answers only from the record: anything else cannot be reached.
class ReplayHttpClient final : public HttpClient {
public:
    explicit ReplayHttpClient(const Json& answers) : answers_(answers) {}
    HttpRace race(const std::vector<HttpRequest>& requests, std::chrono::milliseconds stagger, const Accepts& accepts,
                  std::stop_token stop) override;

private:
    [[nodiscard]] HttpResponse reply(const HttpRequest& request) const;
    const Json& answers_;
};

/// The same for programs: never runs one.
class ReplayProcessRunner final : public ProcessRunner {
public:
    explicit ReplayProcessRunner(const Json& answers) : answers_(answers) {}
    ProcessResult run(const ProcessRequest& request, const ProcessEvents& events, std::stop_token stop) override;

private:
    const Json& answers_;
};

/// Hands on what `client` answers, and adds it to `answers`.
class RecordingHttpClient final : public HttpClient {
public:
    RecordingHttpClient(HttpClient& client, Json& answers) : client_(client), answers_(answers) {}
    HttpRace race(const std::vector<HttpRequest>& requests, std::chrono::milliseconds stagger, const Accepts& accepts,
                  std::stop_token stop) override;

private:
    HttpClient& client_;
    Json& answers_;
    Redactor sent_{};  ///< knows the tokens that went along with requests
};

class RecordingProcessRunner final : public ProcessRunner {
public:
    RecordingProcessRunner(ProcessRunner& runner, Json& answers) : runner_(runner), answers_(answers) {}
    ProcessResult run(const ProcessRequest& request, const ProcessEvents& events, std::stop_token stop) override;

private:
    ProcessRunner& runner_;
    Json& answers_;
};

}  // namespace bootwright
