// Whether a certificate ends soon: of each server of a repository, and those that the image's configuration names.

#include "agent/doctor/examination.hpp"
#include "agent/doctor/patient.hpp"
#include "agent/servers/exchange.hpp"
#include "common/base/clock.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/files/work_folder.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

namespace {

namespace fs = std::filesystem;

/// Soon: in the last third of its time, so that one of six days may be renewed each day, and within two weeks.
Finding judged(const Patient& patient, const std::string& called, const CertificateTerm& term, const char* advice) {
    constexpr std::chrono::days soon{14};
    const auto now = std::chrono::floor<std::chrono::seconds>(patient.system.clock.now().wall);
    const auto left = term.ends - now;
    const std::string at = ", at " + to_iso8601(term.ends);
    if (left.count() < 0) {
        return bad(called + " has ended by this machine's clock" + at, advice);
    }
    const std::string ends =
        called + " ends in " +
        counted(static_cast<std::uint64_t>(std::chrono::floor<std::chrono::days>(left).count()), "day") + at;
    return left < soon && left < (term.ends - term.begins) / 3 ? bad(ends, advice) : good(ends);
}

/// What `openssl x509 -dates` prints behind `name`.
std::optional<std::chrono::sys_seconds> date_in(std::string_view line, std::string_view name) {
    return line.starts_with(name) ? certificate_time(std::string(line.substr(name.size()))) : std::nullopt;
}

/// @param pem one certificate. nullopt: openssl does not read it @throws Error process.cannot_start
std::optional<CertificateTerm> term_of(const Patient& patient, const std::string& pem, const std::stop_token& stop) {
    std::optional<std::chrono::sys_seconds> begins;
    std::optional<std::chrono::sys_seconds> ends;
    const auto read = [&](std::string_view line) {
        begins = begins ? begins : date_in(line, "notBefore=");
        ends = ends ? ends : date_in(line, "notAfter=");
    };
    patient.system.processes.run({.arguments = {"/usr/bin/openssl", "x509", "-noout", "-dates"},
                                  .environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C"}},
                                  .input = pem,
                                  .timeout = std::chrono::seconds(5),
                                  .ends_family = true},
                                 {.line = read}, stop);
    return begins && ends ? std::optional(CertificateTerm{*begins, *ends}) : std::nullopt;
}

/// The certificates of a file, each in its own PEM. @throws Error io.*
std::vector<std::string> certificates_in(const fs::path& file) {
    constexpr std::size_t largest_pem = std::size_t{4} << 20U;
    constexpr std::string_view first = "-----BEGIN CERTIFICATE-----";
    constexpr std::string_view last = "-----END CERTIFICATE-----";
    const std::string text = read_file(file, largest_pem);
    std::vector<std::string> found;
    for (std::size_t at = text.find(first); at != std::string::npos; at = text.find(first, at + 1)) {
        const std::size_t end = std::min(text.find(last, at), text.size() - last.size()) + last.size();
        found.push_back(text.substr(at, end - at) + "\n");
    }
    return found;
}

/// Of several the one that ends last counts: an old one may stand beside the one that replaces it.
Finding look_at_file(const Patient& patient, const std::string& key, const fs::path& path,
                     const std::stop_token& stop) {
    constexpr std::size_t most = 20;
    const fs::path file = patient.system.path(path.string());
    const std::string called = key + " (" + path.string() + ")";
    const std::vector<std::string> certificates = certificates_in(file);
    if (certificates.empty()) {
        return bad(called + " holds no certificate", "put it there in PEM: lines from BEGIN CERTIFICATE on");
    }
    if (certificates.size() > most) {
        return good(called + " holds " + std::to_string(certificates.size()) +
                    " certificates, which are not looked at one by one");
    }
    std::optional<CertificateTerm> longest;
    for (const std::string& pem : certificates) {
        const auto term = term_of(patient, pem, stop);
        if (!term) {
            return bad(called + " holds what openssl does not read",
                       "look at it: `openssl x509 -noout -text -in " + path.string() + "`");
        }
        longest = longest && longest->ends > term->ends ? longest : term;
    }
    return judged(patient, called, *longest, "put a renewed one there: it comes with the image");
}

Finding look_at_server(const Patient& patient, const std::string& server, const std::stop_token& stop) {
    constexpr std::chrono::seconds limit{8};
    const WorkFolder work;
    const WebRequest request{.url = Url(server + "/"), .with_certificate = true};
    const std::string called = "the certificate of " + server;
    const WebResponse response =
        exchange(patient.system, patient.config, work.path() / "download", request, limit, stopped_error(), stop);
    return response.certificate
               ? judged(patient, called, *response.certificate, "have whoever runs that server renew it")
               : not_known(called + " was not seen", "look at what is found of the places");
}

std::vector<std::string> https_servers(const Patient& patient) {
    std::set<std::string> servers;
    for (const RepositoryPin& pin : pins_of(patient)) {
        std::vector<Url> places = pin.mirrors;
        places.push_back(pin.url);
        for (const Url& place : places) {
            if (place.scheme() == "https") {
                servers.insert(place.server());
            }
        }
    }
    return {servers.begin(), servers.end()};
}

std::vector<Finding> look(const Patient& patient, std::stop_token stop) {
    std::vector<Finding> findings;
    const auto add_file = [&](const std::string& key, const fs::path& path) {
        if (path.empty()) {
            return;
        }
        try {
            findings.push_back(look_at_file(patient, key, path, stop));
        } catch (const Error& error) {
            findings.push_back(error.code == "process.cannot_start"
                                   ? not_known(key + " is not looked at, as there is no openssl", "install openssl")
                                   : finding_of(error));
        }
    };
    add_file("repository.ca_file", patient.config.repository.ca_file);
    add_file("repository.client_certificate", patient.config.repository.client_certificate);
    for (const std::string& server : https_servers(patient)) {
        try {
            findings.push_back(look_at_server(patient, server, stop));
        } catch (const Error&) {  // what is found of the places says why
            findings.push_back(
                not_known("the certificate of " + server + " was not seen", "look at what is found of the places"));
        }
    }
    return findings.empty() ? std::vector{good("no server of a repository, and no file of the image, has one")}
                            : findings;
}

const Examination certificates_examination{.key = "certificates", .limit = std::chrono::seconds(30), .look = look};
const Registered<Examination> registered(certificates_examination);

}  // namespace

}  // namespace bootwright
