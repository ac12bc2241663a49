#include "agent/commands/command.hpp"
#include "agent/platform/document.hpp"
#include "agent/platform/platform.hpp"
#include "agent/role/user_data.hpp"
#include "common/base/encoding.hpp"
#include "common/base/text.hpp"
#include "test/fakes/captured_errors.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/fixtures.hpp"
#include "test/fakes/printed.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <map>
#include <random>

using namespace bootwright;
using Catch::Matchers::ContainsSubstring;

namespace {

using Given = std::map<std::string, std::string>;

/// A laptop with files, and what the command says there.
struct Laptop {
    FakeSystem fake{};
    std::string said{};  ///< on standard error

    std::string write(const std::string& name, const std::string& text) const {
        fake.root.write("/" + name, text);
        return fake.root.path("/" + name).string();
    }
    std::string userdata(const Given& given) {
        const CapturedErrors errors;
        std::string text = printed_by(fake.system, "userdata", given);
        said = errors.text();
        return text;
    }
    Error error(const Given& given) const {
        return error_of([&] { return run_command(fake.system, "userdata", given); });
    }
};

constexpr const char* yaml = "# of team search\nrole: web\ndata:\n  profile::web::motd: \"grüße | # - : \\u2028\"\n";
const Json role{{"role", "web"}, {"data", {{"profile::web::motd", "grüße | # - : \u2028"}}}};

std::vector<std::string> names_of_platforms() {
    std::vector<std::string> names;
    for (const Platform* platform : platforms()) {
        names.emplace_back(platform->name());
    }
    return names;
}

/// Text that gzip makes no smaller.
std::string noise(std::size_t size) {
    std::mt19937 random(7);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same text each time
    std::string text;
    while (text.size() < size) {
        text += static_cast<char>('a' + random() % 26);
    }
    return text;
}

}  // namespace

TEST_CASE("what userdata prints for a platform, in each form and encoding, is read as the same role config") {
    const std::string platform = GENERATE(from_range(names_of_platforms()));
    const std::string form = GENERATE("", "cloud-config", "mime", "plain");
    const std::string encoding = GENERATE("none", "base64", "gzip+base64");
    CAPTURE(platform, form, encoding);
    Laptop laptop;
    Given given{{"FILE", laptop.write("web.yaml", yaml)}, {"--for", platform}, {"--encoding", encoding}};
    if (!form.empty()) {
        given["--as"] = form;
    }
    const auto read = parse_user_data(laptop.userdata(given), "user-data").document;
    REQUIRE(read);
    CHECK(read->root == role);
    CHECK(laptop.said.find("secret") == std::string::npos);
}

TEST_CASE("a document in a form that userdata prints is a role config for userdata, too") {
    Laptop laptop;
    const std::string file = laptop.write("web.yaml", yaml);
    const std::string form = GENERATE("cloud-config", "mime", "plain");
    const std::string first = laptop.userdata({{"FILE", file}, {"--for", "ec2"}, {"--as", form}});
    CHECK(laptop.userdata({{"FILE", laptop.write("again", first)}, {"--for", "ec2"}, {"--as", form}}) == first);
}

TEST_CASE("userdata prints a cloud-config for people to read") {
    Laptop laptop;
    const std::string file = laptop.write("web.json", R"({"role": "web", "classes": ["profile::extra"]})");
    CHECK(laptop.userdata({{"FILE", file}, {"--for", "ec2"}}) == R"(#cloud-config
write_files:
  - path: /run/bootwright/role-config
    permissions: "0600"
    content: |
      {
        "classes": [
          "profile::extra"
        ],
        "role": "web"
      }
)");
    CHECK(laptop.said.empty());
}

TEST_CASE("a document for cloud-init is passed beside the role config, byte for byte") {
    const std::string theirs = GENERATE(values<std::string>({
        "#cloud-config\npackages: [nginx]\n",
        "#!/bin/sh\n\tprintf 'grüße\\r\\n'\r\n",
        "#cloud-config\n# --part-of-user-data\n# --part-of-user-data-\n",
    }));
    CAPTURE(theirs);
    Laptop laptop;
    const std::string text = laptop.userdata(
        {{"FILE", laptop.write("web.yaml", yaml)}, {"--for", "gce"}, {"--with", laptop.write("theirs", theirs)}});
    const auto read = parse_user_data(text, "user-data").document;
    REQUIRE(read);
    CHECK(read->root == role);
    std::string base64 = encode_base64(theirs);
    std::string bare = text;
    std::erase(bare, '\n');
    CHECK((text.find("\n\n" + theirs + "\n--") != std::string::npos || bare.find(base64) != std::string::npos));
    CHECK(std::all_of(text.begin(), text.end(), [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }));
}

TEST_CASE("userdata refuses what the agent would refuse, in its words") {
    struct Row {
        const char* text;
        const char* code;
        const char* message;
    };
    const Row row = GENERATE(values<Row>({
        {"role: web\nrepository:\n  revison: x\n", "role.invalid", ":3: repository.revison: unknown key"},
        {"role: 7\n", "role.invalid", ":1: role: "},
        {"#!/bin/sh\n", "role.invalid", "is a script for cloud-init, not a role config"},
        {"", "role.invalid", "is empty, not a role config"},
        {"\x1f\x8b cut", "role.user_data_damaged", "is gzip, but damaged"},
        {"puppet: {timeout: 5 parsecs}\n", "role.invalid", ":1: puppet.timeout: "},
    }));
    CAPTURE(row.text);
    const Laptop laptop;
    const Error error = laptop.error({{"FILE", laptop.write("web", row.text)}, {"--for", "ec2"}});
    CHECK(error.code == row.code);
    CHECK_THAT(error.message, ContainsSubstring(row.message));
}

TEST_CASE("beside the role config userdata passes only what cloud-init knows by its first line") {
    const Laptop laptop;
    const std::string text = GENERATE(values<std::string>(
        {"role: db\n", "", "<powershell>", "MIME-Version: 1.0\n\n", "#cloud-config\nbootwright: {role: db}\n"}));
    CAPTURE(text);
    const Error error = laptop.error(
        {{"FILE", laptop.write("web.yaml", yaml)}, {"--for", "ec2"}, {"--with", laptop.write("theirs", text)}});
    CHECK((error.code == "role.invalid" || error.code == "role.user_data_damaged"));
    CHECK_THAT(error.message, ContainsSubstring("/theirs"));
}

TEST_CASE("a command line of userdata that makes no sense is told what would") {
    const Laptop laptop;
    const std::string file = laptop.write("web.yaml", yaml);
    for (const Given& given : {Given{{"--for", "ec3"}}, Given{{"--for", "ec2"}, {"--as", "jinja"}},
                               Given{{"--for", "ec2"}, {"--encoding", "zip"}},
                               Given{{"--for", "ec2"}, {"--as", "plain"}, {"--with", file}}}) {
        Given whole = given;
        whole["FILE"] = file;
        CHECK_THROWS_AS(run_command(laptop.fake.system, "userdata", whole), UsageError);
    }
}

TEST_CASE("userdata warns of each platform's limit beyond it, and not at it") {
    const std::string name = GENERATE(from_range(names_of_platforms()));
    const auto all = platforms();
    const auto found = std::find_if(all.begin(), all.end(), [&](const Platform* one) { return one->name() == name; });
    const UserDataTerms terms = (*found)->user_data_terms();
    CHECK(terms.source.empty() == (terms.largest == 0));
    CHECK((terms.source.empty() || terms.source.starts_with("https://")));
    if (terms.largest == 0 && name != "upcloud") {
        return;  // the agent's own limit, which is large, is looked at for one of them
    }
    const std::size_t limit = terms.largest == 0 ? largest_user_data : terms.largest;
    const std::size_t most = terms.counts_base64 ? limit / 4 * 3 : limit;
    const std::string frame = Json{{"data", {{"a", ""}}}}.dump(2) + "\n";
    Laptop laptop;
    for (const std::size_t above : {std::size_t{0}, std::size_t{1}}) {
        const Json document{{"data", {{"a", std::string(most + above - frame.size(), 'a')}}}};
        const std::string file = laptop.write("web.json", document.dump());
        CHECK(laptop.userdata({{"FILE", file}, {"--for", name}, {"--as", "plain"}}).size() == most + above);
        CHECK((laptop.said.find(" at most " + std::to_string(limit)) != std::string::npos) == (above > 0));
        CHECK((above == 0 || laptop.said.find(terms.source) != std::string::npos));
    }
}

TEST_CASE("what gzip makes small enough is not warned of") {
    Laptop laptop;
    const std::string file = laptop.write("web.json", Json{{"data", {{"a", std::string(60000, 'a')}}}}.dump());
    laptop.userdata({{"FILE", file}, {"--for", "ec2"}});
    CHECK_THAT(laptop.said,
               ContainsSubstring("ec2 takes at most 16384") && ContainsSubstring("--encoding gzip+base64"));
    laptop.userdata({{"FILE", file}, {"--for", "ec2"}, {"--encoding", "gzip+base64"}});
    CHECK_THAT(laptop.said, !ContainsSubstring("16384"));
    const std::string dense = laptop.write("dense.json", Json{{"data", {{"a", noise(60000)}}}}.dump());
    laptop.userdata({{"FILE", dense}, {"--for", "ec2"}, {"--encoding", "gzip+base64"}});
    CHECK_THAT(laptop.said, ContainsSubstring("16384") && !ContainsSubstring("--encoding gzip+base64 makes"));
}

TEST_CASE("userdata warns of secrets in the clear by their paths, and shows none of them on standard error") {
    struct Row {
        const char* text;
        const char* path;  ///< "": there is nothing to warn of
    };
    const Row row = GENERATE(values<Row>({
        {R"({"data": {"profile::db::password": "hunter2"}})", "data.profile::db::password"},
        {R"({"data": {"db": {"api_key": ["hunter2"]}}})", "data.db.api_key.0"},
        {R"({"data": {"pin_password": 7305, "port": 8080, "motd": "hunter2"}})", "data.pin_password"},
        {R"({"facts": {"token": "hunter2"}})", "facts.token"},
        {R"({"repository": {"url": "https://bob:hunter2@git.example.com/x.git"}})", "repository.url"},
        {R"({"repository": {"mirrors": ["https://bob:hunter2@git.example.com/x.git"]}})", "repository.mirrors.0"},
        {R"({"announce": {"webhook": {"url": "https://hooks.example.com/hunter2"}}})", "announce.webhook.url"},
        {R"({"announce": {"wait_condition": "https://c.example.com/?s=hunter2"}})", "announce.wait_condition"},
        {R"({"data": {"profile::db::password": "ENC[PKCS7,hunter2]"}})", ""},
        {R"({"data": {"profile::db::password": "", "motd": "hunter2"}})", ""},
        {R"({"role": "hunter2", "repository": {"url": "https://git.example.com/x.git"}})", ""},
    }));
    CAPTURE(row.text);
    Laptop laptop;
    const std::string text = laptop.userdata({{"FILE", laptop.write("web.json", row.text)}, {"--for", "ec2"}});
    CHECK_THAT(text, ContainsSubstring("hunter2"));
    CHECK_THAT(laptop.said, !ContainsSubstring("hunter2"));
    const std::string told =
        "in the clear, for whoever can read the instance's user-data: " + std::string(row.path) + ";";
    CHECK((laptop.said.find(told) != std::string::npos) == !std::string_view(row.path).empty());
    CHECK((laptop.said.find("secret") != std::string::npos) == !std::string_view(row.path).empty());
}

TEST_CASE("a token that a web hook takes from a file is no secret in the user-data, but its URL is one") {
    Laptop laptop;
    laptop.userdata(
        {{"FILE", laptop.write("web.json", R"({"announce": {"webhook": {"url": "https://hooks.example.com/x",
        "token_from": {"file": "/etc/bootwright/hook.token"}}}})")},
         {"--for", "ec2"}});
    CHECK_THAT(laptop.said, ContainsSubstring("announce.webhook.url;") && !ContainsSubstring("token"));
}

TEST_CASE("userdata warns of a form that cloud-init complains of, where there may be one") {
    Laptop laptop;
    const std::string file = laptop.write("web.yaml", yaml);
    const auto said = [&](const char* platform, const char* form, const char* encoding) {
        laptop.userdata({{"FILE", file}, {"--for", platform}, {"--as", form}, {"--encoding", encoding}});
        return laptop.said;
    };
    CHECK_THAT(said("ec2", "plain", "none"), ContainsSubstring("cloud-init") && ContainsSubstring("degraded"));
    CHECK_THAT(said("ec2", "cloud-config", "none"), !ContainsSubstring("cloud-init"));
    CHECK_THAT(said("ec2", "mime", "none"), !ContainsSubstring("cloud-init"));
    CHECK_THAT(said("ec2", "cloud-config", "base64"), ContainsSubstring("decoded on the way"));
    CHECK_THAT(said("credential", "plain", "base64"), !ContainsSubstring("cloud-init"));
    CHECK_THAT(said("azure", "cloud-config", "none"), ContainsSubstring("custom data is read within limits"));
}

TEST_CASE("docs/platforms.md shows what each platform takes") {
    std::vector<std::string> names = names_of_platforms();
    std::sort(names.begin(), names.end());
    std::string table = "| platform | at most | its place |\n|-|-|-|\n";
    const auto all = platforms();
    for (const std::string& name : names) {
        const auto found =
            std::find_if(all.begin(), all.end(), [&](const Platform* one) { return one->name() == name; });
        const UserDataTerms terms = (*found)->user_data_terms();
        table += "| `" + name + "` | " +
                 (terms.largest == 0 ? ""
                                     : "[" + counted(terms.largest, "byte") + "](" + std::string(terms.source) + ")" +
                                           (terms.counts_base64 ? " in base64" : "")) +
                 " | " + std::string(terms.place) + " |\n";
    }
    INFO("the table as it has to be:\n" << table);
    CHECK(fixture("../../docs/platforms.md").find(table + "\n") != std::string::npos);
}
