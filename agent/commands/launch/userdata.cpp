#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/platform/document.hpp"
#include "agent/platform/platform.hpp"
#include "agent/role/keys/role_keys.hpp"
#include "agent/role/role_layers.hpp"
#include "agent/role/user_data.hpp"
#include "agent/role/written_user_data.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/net/url.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

namespace {

const Platform& platform_named(const std::string& name) {
    std::vector<std::string> names;
    for (const Platform* platform : platforms()) {
        if (platform->name() == name) {
            return *platform;
        }
        names.emplace_back(platform->name());
    }
    std::sort(names.begin(), names.end());
    throw UsageError{"--for: expected one of " + joined(names, ", ")};
}

/// @throws UsageError if what is given for the option is none of `words`
std::string word_of(const CommandArguments& given, const std::string& option, const std::string& otherwise,
                    const std::vector<std::string>& words) {
    std::string word = given.value(option, otherwise);
    if (std::find(words.begin(), words.end(), word) == words.end()) {
        throw UsageError{option + ": expected " + joined(words, ", ")};
    }
    return word;
}

/// Reads the file as the agent reads user-data. What the image and the other layers say is not known here.
Json read_role(const std::string& path) {
    const JsonDocument document = read_configuration_file(read_file(path, largest_user_data), path);
    RoleConfig role;
    read_role_keys(role, ObjectReader(document), "", {.speaker = Speaker::anyone, .allows_names = true}, path);
    return document.root;
}

/// A document of the operator's for cloud-init; each kind of it begins with "#".
std::string read_theirs(const std::string& path) {
    std::string text = read_file(path, largest_user_data);
    const UserData parsed = parse_user_data(text, path);
    if (parsed.document) {
        throw permanent_error("role.invalid", path + " is itself a role config", "give it in place of the other file");
    }
    if (!trimmed(text).starts_with('#')) {
        throw permanent_error(
            "role.invalid",
            path + " is " + (parsed.foreign.empty() ? "empty" : parsed.foreign) +
                ", not a document for cloud-init as it is written",
            "give a cloud-config, which begins with #cloud-config, or a script, which begins with #!");
    }
    return text;
}

void append(std::vector<std::string>& all, const std::vector<std::string>& more) {
    all.insert(all.end(), more.begin(), more.end());
}

/// The paths of what opens something to whoever reads it, as far as names and URLs tell.
/// @param is_secret whether that is known of the whole value @param opens_by_url whether each URL below is a secret
// NOLINTNEXTLINE(misc-no-recursion): the parser limits the depth
std::vector<std::string> secrets_in(const Json& value, const std::string& path, bool is_secret, bool opens_by_url) {
    if (!value.is_structured()) {
        const std::string text = shown(value, "");
        const auto url = Url::parse(text);
        const bool opens = url && (opens_by_url || (url->has_credentials() && url->scheme() != "ssh"));
        const bool is_encrypted = text.starts_with("ENC[");  // by hiera-eyaml
        return (is_secret || opens) && !is_encrypted && !text.empty() ? std::vector{path} : std::vector<std::string>();
    }
    std::vector<std::string> found;
    for (const auto& [key, inner] : value.items()) {
        const bool says_where = key == "token_from";  // it names a place of a secret
        append(found, secrets_in(inner, path.empty() ? key : path + "." + key,
                                 (is_secret || (value.is_object() && is_secret_name(key))) && !says_where,
                                 opens_by_url || (path.empty() && key == "announce")));
    }
    return found;
}

void warn(const std::string& message) { log(LogLevel::warning, "warning: " + message); }

void warn_of_secrets(const Json& role) {
    constexpr std::size_t most = 10;
    std::vector<std::string> secrets = secrets_in(role, "", false, false);
    const std::size_t count = secrets.size();
    if (count == 0) {
        return;
    }
    secrets.resize(std::min(count, most));
    warn("secrets in the clear, for whoever can read the instance's user-data: " +
         shortened(joined(secrets, ", "), 1000) + (count > most ? " and " + counted(count - most, "other") : "") +
         "; better are values that hiera-eyaml has encrypted, and credentials from a secret store");
}

void warn_of_size(const Platform& platform, std::size_t size, bool is_packed) {
    const UserDataTerms terms = platform.user_data_terms();
    const std::size_t counted_size = terms.counts_base64 ? encode_base64(std::string(size, ' ')).size() : size;
    const std::size_t largest = terms.largest == 0 ? largest_user_data : terms.largest;
    if (counted_size <= largest) {
        return;
    }
    warn("this is " + counted(counted_size, "byte") + (terms.counts_base64 ? " in base64" : "") + ", and " +
         (terms.largest == 0 ? "bootwright reads" : std::string(platform.name()) + " takes") + " at most " +
         std::to_string(largest) + (terms.source.empty() ? "" : ": " + std::string(terms.source)) +
         (is_packed ? "" : "; --encoding gzip+base64 makes it smaller"));
}

void warn_of_cloud_init(const UserDataTerms& terms, bool is_plain, bool is_encoded) {
    if (!terms.is_for_cloud_init) {
        return;
    }
    if (is_plain) {
        warn(
            "a cloud-init on the instance does not know this form, and says that it is degraded: --as cloud-config is "
            "for it, too");
    }
    if (is_encoded) {
        warn(
            "cloud-init reads this only if it is decoded on the way: give it to what takes base64, such as "
            "user_data_base64 of Terraform");
    }
}

int run(const System& /*system*/, const CommandArguments& given) {
    const Platform& platform = platform_named(given.value("--for"));
    const UserDataTerms terms = platform.user_data_terms();
    const bool has_theirs = given.has("--with");
    const std::string usual = has_theirs ? "mime" : terms.is_for_cloud_init ? "cloud-config" : "plain";
    const std::string form = word_of(given, "--as", usual, {"cloud-config", "mime", "plain"});
    const std::string encoding = word_of(given, "--encoding", "none", {"none", "base64", "gzip+base64"});
    if (has_theirs && form != "mime") {
        throw UsageError{"--with: only a MIME message holds another document"};
    }
    const Json role = read_role(given.value("FILE"));
    std::string text = form == "plain"          ? as_plain(role)
                       : form == "cloud-config" ? as_cloud_config(role)
                                                : as_mime(role, has_theirs ? read_theirs(given.value("--with")) : "");
    if (encoding != "none") {
        text = encode_base64(encoding == "base64" ? text : compress_gzip(text)) + "\n";
    }
    print_lines(trimmed(text));
    warn_of_secrets(role);
    warn_of_size(platform, text.size(), encoding == "gzip+base64");
    warn_of_cloud_init(terms, form == "plain", encoding != "none");
    if (!terms.place.empty()) {
        log(LogLevel::info, "on " + std::string(platform.name()) + " its place is " + std::string(terms.place));
    }
    return exit_ok;
}

const Command command{
    .name = "userdata",
    .help = "Print the user-data for an instance, of a role config",
    .options = {{.kind = CommandOption::Kind::argument,
                 .name = "FILE",
                 .help = "The role config, JSON or YAML, or in a form that user-data has",
                 .is_required = true},
                {.kind = CommandOption::Kind::option,
                 .name = "--for",
                 .help = "The platform: its limits, and what is usual there",
                 .is_required = true,
                 .value = "PLATFORM"},
                {.kind = CommandOption::Kind::option,
                 .name = "--as",
                 .help = "cloud-config, mime or plain; where cloud-init looks at it cloud-config, with --with mime",
                 .value = "FORM"},
                {.kind = CommandOption::Kind::option,
                 .name = "--with",
                 .help = "A document for cloud-init that is passed beside it",
                 .value = "FILE"},
                {.kind = CommandOption::Kind::option,
                 .name = "--encoding",
                 .help = "base64 or gzip+base64 of it all; none by default",
                 .value = "ENCODING"}},
    .examples = {{"bootwright userdata web.yaml --for ec2",
                  "Into a file; then: aws ec2 run-instances --user-data file://user-data"},
                 {"bootwright userdata web.yaml --for gce --with cloud-config.yaml",
                  "One document for bootwright and cloud-init"},
                 {"bootwright userdata web.yaml --for ec2 --encoding gzip+base64",
                  "For what takes base64, and does not take much"}},
    .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
