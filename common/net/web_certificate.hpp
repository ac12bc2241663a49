#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace bootwright {

/// How long a certificate is valid.
struct CertificateTerm {
    std::chrono::sys_seconds begins;
    std::chrono::sys_seconds ends;
};

/// The time of a certificate as OpenSSL writes it, and libcurl hands it on: "Nov 30 00:00:00 2026 GMT". nullopt: it is none.
/// Source: ASN1_TIME_print(3)
std::optional<std::chrono::sys_seconds> certificate_time(const std::string& text);

/// Of the certificates that the server has sent, the one that ends first. nullopt: it has sent none, or none that can be read.
/// @param easy libcurl's handle, after a transfer with CURLOPT_CERTINFO. Source: https://curl.se/libcurl/c/CURLINFO_CERTINFO.html
std::optional<CertificateTerm> first_to_end(void* easy);

}  // namespace bootwright
