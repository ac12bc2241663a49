#include "agent/puppet/certname.hpp"

#include "agent/role/keys/certname_template.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <algorithm>
#include <vector>

namespace bootwright {

namespace {

constexpr std::size_t largest_file = 65536;

std::string hostname(const System& system) {
    return std::string(trimmed(read_file_start(system.path("/proc/sys/kernel/hostname"), largest_file).value_or("")));
}

/// Words of each line of a file, without comments.
std::vector<std::vector<std::string>> words_of_lines(const System& system, std::string_view file) {
    std::vector<std::vector<std::string>> lines;
    for (const std::string& line : split(read_file_start(system.path(file), largest_file).value_or(""), '\n')) {
        std::string text = line.substr(0, line.find('#'));
        std::replace(text.begin(), text.end(), '\t', ' ');
        std::vector<std::string> words = split(text, ' ');
        words.erase(std::remove(words.begin(), words.end(), ""), words.end());
        lines.push_back(std::move(words));
    }
    return lines;
}

/// hosts(5): address, canonical name, aliases. Returns "" if no line has the name with a domain.
std::string name_in_hosts(const System& system, const std::string& host) {
    for (const auto& words : words_of_lines(system, "/etc/hosts")) {
        if (words.size() < 3 || std::find(words.begin() + 1, words.end(), host) == words.end()) {
            continue;
        }
        const auto whole = std::find_if(words.begin() + 1, words.end(),
                                        [&](const auto& word) { return word.starts_with(host + "."); });
        if (whole != words.end()) {
            return *whole;
        }
    }
    return "";
}

/// resolv.conf(5): of `domain` and `search` the last one counts, and of `search` its first name.
std::string domain_in_resolv_conf(const System& system) {
    std::string domain;
    for (const auto& words : words_of_lines(system, "/etc/resolv.conf")) {
        if (words.size() >= 2 && (words.front() == "domain" || words.front() == "search")) {
            domain = words.at(1);
        }
    }
    return domain == "." ? "" : domain;
}

/// The host name with its domain, which nobody is asked for over the network: from the name itself, else from /etc/hosts, else
/// from the domain of /etc/resolv.conf; else the host name alone. "": there is none.
std::string fqdn(const System& system) {
    const std::string host = hostname(system);
    if (host.empty() || host.find('.') != std::string::npos) {
        return host;
    }
    if (const std::string whole = name_in_hosts(system, host); !whole.empty()) {
        return whole;
    }
    const std::string domain = domain_in_resolv_conf(system);
    return host + (domain.empty() ? "" : "." + domain);
}

std::string tag(const InstanceMetadata& instance, const std::string& name) {
    const auto found = instance.tags.find(name);
    return found == instance.tags.end() ? "" : found->second;
}

}  // namespace

std::string as_certname(std::string_view text) {
    std::string name = lower(text);
    const auto is_allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    };
    std::replace_if(
        name.begin(), name.end(), [&](char c) { return !is_allowed(c); }, '-');
    if (name.starts_with('.')) {
        name.front() = '-';
    }
    constexpr std::size_t longest = 200;
    return name.substr(0, longest);
}

std::string certname(const System& system, const InstanceMetadata& instance, const RoleConfig& role) {
    const auto value_of = [&](std::string_view word) {
        std::string value = word == "id"         ? instance.instance_id
                            : word == "hostname" ? hostname(system)
                            : word == "fqdn"     ? fqdn(system)
                            : word == "role"     ? role.role
                                                 : tag(instance, std::string(word.substr(word.find('.') + 1)));
        if (value.empty()) {
            throw permanent_error("puppet.certname",
                                  "puppet.certname wants %{" + std::string(word) + "}, which this machine has not",
                                  "set it (a tag in the cloud, the host name, the role), or write another "
                                  "puppet.certname in the role config");
        }
        return value;
    };
    return as_certname(fill_certname(role.puppet.certname, value_of).value_or(instance.instance_id));
}

}  // namespace bootwright
