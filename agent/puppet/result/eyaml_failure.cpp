#include "agent/puppet/result/eyaml_failure.hpp"

#include "common/base/text.hpp"

#include <cstddef>
#include <string_view>

namespace bootwright {

namespace {

/// What follows `mark` up to `end`, or to the end of the text if there is none. nullopt without the mark.
std::optional<std::string> between(std::string_view text, std::string_view mark, std::string_view end) {
    const std::size_t begin = text.find(mark);
    if (begin == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view rest = text.substr(begin + mark.size());
    return std::string(rest.substr(0, rest.find(end)));
}

Error gem_missing(const std::string& gem) {
    return permanent_error("puppet.eyaml_gem_missing",
                           "the Ruby gem " + gem +
                               " is not on this machine, and data of the control repository is not "
                               "decrypted without it",
                           "install it for Puppet's own Ruby: `apt-get install hiera-eyaml` on Debian, or "
                           "`/opt/puppetlabs/puppet/bin/gem install " +
                               gem + "`; the revision is tried again");
}

/// "gpg" → "hiera-eyaml-gpg". PKCS7 is in hiera-eyaml itself.
std::string gem_of(const std::string& encryptor) {
    return encryptor == "pkcs7" ? "hiera-eyaml" : "hiera-eyaml-" + encryptor;
}

}  // namespace

std::optional<Error> eyaml_failure(const std::string& reason) {
    if (reason.find("only supported when the hiera_eyaml library is present") != std::string::npos) {
        return gem_missing("hiera-eyaml");
    }
    if (const auto encryptor = between(reason, "cannot load such file -- hiera/backend/eyaml/encryptors/", " ")) {
        return gem_missing(gem_of(*encryptor));
    }
    const auto key = between(reason, "when looking up ", " in ");
    const auto why = between(reason, "Error was ", " (file: ");
    if (reason.find("hiera-eyaml backend error decrypting") == std::string::npos || !key || !why) {
        return std::nullopt;
    }
    const std::string file = between(reason, "when looking up " + *key + " in ", ". Error was ").value_or("its file");
    if (const auto encryptor = between(*why, "Could not find hiera-eyaml encryptor: ", ".")) {
        return gem_missing(gem_of(lower(*encryptor)));
    }
    const std::string value = "the value of " + *key + " in " + file;
    if (const auto path = between(*why, "No such file or directory @ rb_sysopen - ", " ")) {
        return permanent_error(
            "puppet.eyaml_key_missing", "there is no " + *path + ", the key of hiera-eyaml that decrypts " + value,
            "name the key in puppet.eyaml of agent.json, or put it there; the revision is tried again");
    }
    return permanent_error(
        "puppet.eyaml_not_decrypted",
        "the key of hiera-eyaml that this machine has does not decrypt " + value + ": " + *why,
        "give the machine the key that the value is encrypted for (puppet.eyaml of agent.json); if it "
        "has that, encrypt the value anew; the revision is tried again");
}

}  // namespace bootwright
