#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/puppet/puppet_program.hpp"
#include "agent/puppet/result/puppet_result.hpp"
#include "common/processes/process.hpp"

#include <memory>
#include <stop_token>
#include <string>

namespace bootwright {

class WaitingPuppet;

/// Starts Puppet ahead: its Ruby is loaded, and waits, while metadata and repository are on their way
/// (docs/decisions/0012-warm-start.md). One run of Puppet can start warm; each further one, and each in doubt, starts
/// cold. Destruction ends a Puppet that still waits; it has done nothing yet.
class WarmPuppet {
public:
    /// Never throws: what fails here is the reason of the cold start.
    WarmPuppet(const System& system, const AgentConfig& config);
    WarmPuppet(const WarmPuppet&) = delete;
    WarmPuppet& operator=(const WarmPuppet&) = delete;
    ~WarmPuppet();

    /// ProcessRunner::run, in the process that waits or in a new one; `start` says which. The timeout begins now.
    /// @param request of `program`, as puppet_request makes it
    ProcessResult run(const PuppetProgram& program, const ProcessRequest& request, const ProcessEvents& events,
                      std::stop_token stop, PuppetStart& start);

private:
    static constexpr const char* once_already = "this run has applied once already";

    const System& system_;
    std::unique_ptr<WaitingPuppet> waiting_;
    std::string why_cold_ = once_already;
};

/// Compiles Puppet's Ruby for all later runs; returns what was compiled, for people.
/// @throws Error puppet.not_installed, puppet.not_compiled (permanent), io.*, process.cannot_start
std::string compile_puppet(const System& system, const AgentConfig& config);

}  // namespace bootwright
