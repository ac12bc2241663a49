// The reasons are those of Puppet 7.23 with hiera-eyaml 3.3, and of hiera-eyaml's source.

#include "agent/puppet/result/eyaml_failure.hpp"

#include "agent/puppet/result/reading.hpp"
#include "test/fakes/puppet_traces.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace bootwright::reading_tests;

namespace {

std::string undecrypted(const std::string& why) {
    return "hiera-eyaml backend error decrypting ENC[PKCS7,MIIBiQYJKoZI…] when looking up profile::web::password in "
           "data/secrets.eyaml. Error was " +
           why;
}

}  // namespace

TEST_CASE("a key, a gem and a wrong key of hiera-eyaml are told apart") {
    struct Row {
        std::string reason;
        std::string code;
        std::string said;
    };
    const Row row = GENERATE(values<Row>({
        {undecrypted(
             "No such file or directory @ rb_sysopen - /etc/eyaml/private_key.pkcs7.pem (file: site.pp, line: 3)"),
         "puppet.eyaml_key_missing",
         "there is no /etc/eyaml/private_key.pkcs7.pem, the key of hiera-eyaml that decrypts the value of "
         "profile::web::password in data/secrets.eyaml"},
        {undecrypted("bad decrypt"), "puppet.eyaml_not_decrypted",
         "does not decrypt the value of profile::web::password in data/secrets.eyaml: bad decrypt"},
        {undecrypted("Neither PUB key nor PRIV key: unsupported"), "puppet.eyaml_not_decrypted",
         "PRIV key: unsupported"},
        {undecrypted("Could not find hiera-eyaml encryptor: GPG. Try gem install hiera-eyaml-gpg ?"),
         "puppet.eyaml_gem_missing", "the Ruby gem hiera-eyaml-gpg is not on this machine"},
        {"Could not run: cannot load such file -- hiera/backend/eyaml/encryptors/gpg", "puppet.eyaml_gem_missing",
         "the Ruby gem hiera-eyaml-gpg is not on this machine"},
        {"Evaluation Error: Error while evaluating a Function Call, Lookup using eyaml lookup_key function is only "
         "supported when the hiera_eyaml library is present (file: site.pp, line: 1)",
         "puppet.eyaml_gem_missing", "the Ruby gem hiera-eyaml is not on this machine"},
    }));
    CAPTURE(row.reason);
    const auto error = eyaml_failure(row.reason);
    REQUIRE(error);
    CHECK(error->code == row.code);
    CHECK(error->kind == ErrorKind::permanent);
    CHECK(error->message.find(row.said) != std::string::npos);
    CHECK(error->message.find("(file:") == std::string::npos);
}

TEST_CASE("what else fails is no failure of hiera-eyaml") {
    for (const char* reason :
         {"", "Could not find class ::web", "Error was bad decrypt", "No such file or directory @ rb_sysopen - /x",
          "hiera-eyaml backend error decrypting", "hiera-eyaml backend error decrypting when looking up x in y"}) {
        CAPTURE(reason);
        CHECK_FALSE(eyaml_failure(reason));
    }
}

TEST_CASE("a value that is not decrypted is the machine's fault, and its ciphertext hides nothing") {
    std::string cipher(400, 'A');
    cipher[60] = '\n';  // of a block in YAML
    for (const std::string& text : {cipher, std::string(4000, 'x') + "+/="}) {
        PuppetTraces traces = recorded("compile_error");
        traces.log =
            log_line("err", "hiera-eyaml backend error decrypting ENC[PKCS7," + text + "] when looking up a::b in " +
                                checkout + "/data/s.eyaml. Error was bad decrypt");
        const PuppetResult result = read_puppet_result(traces);
        CHECK(result.outcome == Outcome::compile_failed);
        CHECK(result.error->code == "puppet.eyaml_not_decrypted");
        CHECK(result.error->message.find("a::b in data/s.eyaml: bad decrypt") != std::string::npos);
        CHECK(result.warnings.empty());
        traces.log =
            log_line("warning", "before ENC[PKCS7," + text + "] after") + log_line("warning", "ENC[short] stays");
        CHECK(mentions(read_puppet_result(traces).warnings, "before ENC[PKCS7,AAAAAA…] after") !=
              text.starts_with('x'));
        CHECK(mentions(read_puppet_result(traces).warnings, "ENC[short] stays"));
        CHECK_FALSE(mentions(read_puppet_result(traces).warnings, text.substr(0, 30)));
    }
}
