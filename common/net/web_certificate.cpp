#include "common/net/web_certificate.hpp"

#include <curl/curl.h>

#include <ctime>
#include <string_view>

namespace bootwright {

namespace {

/// The time behind `name` in what libcurl says of a certificate ("Expire date:Nov 30 00:00:00 2026 GMT"). nullopt: it does not
/// say. https://curl.se/libcurl/c/CURLINFO_CERTINFO.html
std::optional<std::chrono::sys_seconds> time_of(const curl_slist* certificate, std::string_view name) {
    for (; certificate != nullptr; certificate = certificate->next) {
        if (const std::string_view line = certificate->data; line.starts_with(name)) {
            return certificate_time(certificate->data + name.size());
        }
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::chrono::sys_seconds> certificate_time(const std::string& text) {
    // Not curl_getdate(): where a time has 32 bits in libcurl, and 64 here, what it returns is no time.
    std::tm parts{};
    const char* end = strptime(text.c_str(), "%b %d %H:%M:%S %Y GMT", &parts);
    return end == nullptr || *end != '\0'
               ? std::nullopt
               : std::optional(std::chrono::sys_seconds(std::chrono::seconds(timegm(&parts))));
}

std::optional<CertificateTerm> first_to_end(void* easy) {
    curl_certinfo* chain = nullptr;
    if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &chain) != CURLE_OK || chain == nullptr) {
        return std::nullopt;
    }
    std::optional<CertificateTerm> first;
    for (int i = 0; i < chain->num_of_certs; ++i) {
        const auto begins = time_of(chain->certinfo[i], "Start date:");
        const auto ends = time_of(chain->certinfo[i], "Expire date:");
        if (begins && ends && (!first || *ends < first->ends)) {
            first = CertificateTerm{*begins, *ends};
        }
    }
    return first;
}

}  // namespace bootwright
