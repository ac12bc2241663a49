#include "agent/servers/credentials.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/documents/json.hpp"
#include "common/files/file.hpp"
#include "common/net/host_port.hpp"
#include "common/net/url.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t largest_secret = std::size_t{64} << 10U;

/// Throws if anybody but root, or the user that the agent runs as, can have read or written the file.
void check_mode(const UniqueFd& file, const fs::path& path, const SecretFileErrors& errors) {
    struct stat status {};
    if (fstat(file.get(), &status) != 0) {
        throw system_call_error("look at", path.string(), errno);
    }
    const bool is_ours = status.st_uid == 0 || status.st_uid == geteuid();
    if (!is_ours || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        throw permanent_error(errors.exposed, "others may read or change the secret in " + path.string(),
                              "chown root: " + path.string() + " && chmod 600 " + path.string() +
                                  ", and renew the secret if somebody may have read it");
    }
}

std::string without_line_end(std::string secret, const std::string& where, const SecretFileErrors& errors) {
    secret.resize(secret.find_last_not_of("\r\n") + 1);
    if (secret.empty()) {
        throw permanent_error(errors.missing, where + " is empty", "put the secret there");
    }
    return secret;
}

/// A credential is the service manager's file, in a folder that only this unit sees (systemd.exec(5)); its mode is
/// 0400, or 0440 with an access list, so the mode is not checked.
std::string read_systemd_credential(const System& system, const std::string& name, const SecretFileErrors& errors) {
    const auto folder = system.environment.find("CREDENTIALS_DIRECTORY");
    const auto secret = folder == system.environment.end()
                            ? std::nullopt
                            : read_file_if_exists(system.path(folder->second) / fs::path(name), largest_secret);
    if (!secret) {
        throw permanent_error(errors.missing, "the service was given no systemd credential " + name,
                              "add LoadCredential=" + name + ":PATH to the service (`systemctl edit bootwright`)");
    }
    return without_line_end(*secret, "the systemd credential " + name, errors);
}

}  // namespace

std::string read_secret_file(const fs::path& path, const SecretFileErrors& errors,
                             const std::function<void(const UniqueFd& file)>& judge) {
    const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file && errno == ENOENT) {
        throw permanent_error(errors.missing, "there is no " + path.string(), errors.advice);
    }
    if (!file) {
        throw system_call_error("open", path.string(), errno);
    }
    check_mode(file, path, errors);
    if (judge) {
        judge(file);
    }
    return read_open_file(file, path, largest_secret);
}

bool is_for_url(const Credential& credential, const Url& url) { return is_host_of(credential.host, url); }

bool is_host_of(const std::string& host, const Url& url) {
    const std::string any_port = lower(host_in_brackets(url.host()));
    return url.port() != 0 && (host == url.host_and_port() || host == any_port);
}

std::optional<std::string> read_local_secret(const System& system, const SecretSource& source,
                                             const std::function<void(const UniqueFd& file)>& judge,
                                             const SecretFileErrors& errors) {
    if (source.kind == "credential") {
        return read_systemd_credential(system, source.name, errors);
    }
    if (source.kind != "file") {
        return std::nullopt;
    }
    const fs::path path = system.path(source.name);
    return without_line_end(read_secret_file(path, errors, judge), path.string(), errors);
}

std::optional<CloudIdentity> read_s3_keys(const System& system, const fs::path& file) {
    if (file.empty()) {
        return std::nullopt;
    }
    const fs::path path = system.path(file.string());
    const JsonDocument document = JsonDocument::parse(read_secret_file(path), path.string(), "config.invalid");
    ObjectReader reader(document);
    CloudIdentity keys{.access_key = reader.string("access_key").value_or(""),
                       .secret_key = reader.string("secret_key").value_or("")};
    reader.finish();
    for (const auto& [key, value] : {std::pair("access_key", keys.access_key), {"secret_key", keys.secret_key}}) {
        if (value.empty()) {
            throw reader.error(key, "is not there", "write both, as the object store's administrator gave them");
        }
    }
    return keys;
}

}  // namespace bootwright
