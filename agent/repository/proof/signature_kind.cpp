#include "agent/repository/proof/signature_kind.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <chrono>
#include <cstddef>
#include <utility>

namespace bootwright {

namespace {

constexpr std::size_t longest_reason = 400;
constexpr std::size_t most_lines = 200;  ///< of a verifier's output that are kept
constexpr std::chrono::seconds patience{30};

}  // namespace

void distrust(const std::string& what, const std::string& why) {
    throw permanent_error(
        "repository.signature_untrusted", "the signature of " + what + " is not trusted: " + why,
        "pin a revision that is signed by a known key, or, if the signer is to be trusted, add the key "
        "to the image's file of signers");
}

std::string in_its_words(const std::string& program, const VerifierAnswer& answer) {
    return answer.errors.empty() ? "" : " (" + program + ": " + answer.errors + ")";
}

VerifierAnswer VerifierCaller::call(std::vector<std::string> arguments, const std::string& input) const {
    const std::string program = arguments.front();
    const ProcessRequest request{
        .arguments = std::move(arguments),
        .environment = {{"LC_ALL", "C"}, {"HOME", folder_.string()}, {"GNUPGHOME", folder_.string()}},
        .input = input,
        .timeout = patience,
        .ends_family = true};
    VerifierAnswer answer;
    const ProcessEvents events{.line =
                                   [&](std::string_view line) {
                                       if (answer.lines.size() < most_lines) {
                                           answer.lines.emplace_back(line);
                                       } else {
                                           answer.is_cut = true;
                                       }
                                   },
                               .error_line =
                                   [&](std::string_view line) {
                                       if (answer.errors.size() < longest_reason) {
                                           answer.errors += answer.errors.empty() ? "" : "; ";
                                           answer.errors += shortened(trimmed(line), longest_reason);
                                       }
                                   }};
    const ProcessResult result = runner_.run(request, events, stop_);
    check_ended(result, program);
    answer.exit_code = result.exit_code;
    return answer;
}

void VerifierCaller::check_ended(const ProcessResult& result, const std::string& program) const {
    using End = ProcessResult::End;
    if (result.end == End::stopped) {
        throw stopped_error();
    }
    if (result.end == End::killed_by_signal) {
        throw transient_error("repository.fetch_crashed",
                              program + " was killed by signal " + std::to_string(result.signal) +
                                  " while it verified the signature of " + what_,
                              "check that memory is free, and that the program's package is up to date");
    }
    if (result.end != End::exited) {
        throw transient_error("repository.timeout",
                              program + " did not verify the signature of " + what_ + " within 30 s",
                              "check what else loads the machine");
    }
}

}  // namespace bootwright
