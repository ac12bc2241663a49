#include "agent/role/user_data.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "test/fakes/compressed.hpp"
#include "test/fakes/errors.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;

namespace {

Error error_for(const std::string& served) {
    return error_of([&] { return parse_user_data(served, "user-data"); });
}

}  // namespace

TEST_CASE("of a MIME message our part is taken, whatever the others are, and however it is encoded") {
    const std::string ours = GENERATE(values<std::string>({
        "Content-Type: text/x-bootwright\n\nrole: web\n",
        "Content-Type: text/x-bootwright; charset=\"utf-8\"\nContent-Transfer-Encoding: 7bit\n\n{\"role\": \"web\"}\n",
        "Content-Type: text/plain\nContent-Disposition: attachment;\n  filename=\"bootwright.json\"\n\n{\"role\": "
        "\"web\"}\n",
        "Content-Type: text/plain; name=\"bootwright.yaml\"\n\nrole: web\n",
        "Content-Type: text/plain\nContent-Disposition: attachment; filename=\"/home/me/bootwright.yaml\"\n\nrole: "
        "web\n",
        "Content-Type: text/plain\nContent-Disposition: attachment; filename*=utf-8''bootwright%2Ejson\n\nrole: web\n",
        "Content-Type: text/plain\nContent-Disposition: attachment; filename*0=\"boot\";\n filename*1*=wright%2E;\n "
        "filename*2=json\n\nrole: web\n",
        "Content-Type: text/plain; name*0*=iso-8859-1'en'boot; name*1=\"wright.json\"\n\nrole: web\n",
        "Content-Type: text/cloud-config-archive\n\n- type: text/x-bootwright\n  content: 'role: web'\n",
        "Content-Type: text/plain\n\n#cloud-config-archive\n- {filename: bootwright.yaml, content: 'role: web'}\n",
        "Content-Type: text/x-bootwright\nContent-Transfer-Encoding: base64\n\ncm9sZTog\nd2ViCg==\n",
        "content-type: text/x-bootwright\ncontent-transfer-encoding: quoted-printable\n\nrole=3A we=\nb\n",
        "Content-Type: text/cloud-config\n\n#cloud-config\nbootwright: {role: web}\n",
        "Content-Type: text/cloud-config\n\nbootwright: {role: web}\n",  // Terraform's yamlencode() writes no first line
        "Content-Type: text/plain\n\n#cloud-config\nbootwright: {role: web}\n",
        "Content-Type: multipart/mixed; boundary=inner\n\n--inner\nContent-Type: text/x-bootwright\n\nrole: "
        "web\n--inner--\n",
    }));
    const std::string whole =
        "Content-Type: multipart/mixed; boundary=\"== x\"\nMIME-Version: 1.0\n\npreamble\n--== x\n"
        "Content-Type: text/x-shellscript\n\n#!/bin/sh\n\xff\xfe\n--== x\n" +
        ours + "--== x\nContent-Type: text/cloud-config\n\n#cloud-config\npackages: []\n--== x--\n";
    std::string with_carriage_returns;
    for (const char c : whole) {
        with_carriage_returns += c == '\n' ? "\r\n" : std::string(1, c);
    }
    for (const std::string& served : {whole, with_carriage_returns, encode_base64(to_gzip(whole))}) {
        CAPTURE(served);
        const auto parsed = parse_user_data(served, "user-data").document;
        REQUIRE(parsed);
        CHECK(parsed->root == Json{{"role", "web"}});
        CHECK(parsed->origin.starts_with("user-data, part 2 ("));
    }
}

TEST_CASE("a part of somebody else's that is damaged is that one's to complain about") {
    const std::string theirs = GENERATE(values<std::string>({
        "Content-Type: text/x-shellscript\nContent-Transfer-Encoding: base64\n\n%%%\n",
        "Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n=zz\n",
        "Content-Type: application/octet-stream\n\n\x1f\x8b cut\n",
        "Content-Type: text/cloud-config\n\n## template: jinja\n#cloud-config\nbootwright: {{ v }}\n",
    }));
    CAPTURE(theirs);
    const auto parsed = parse_user_data("Content-Type: multipart/mixed; boundary=x\n\n--x\n" + theirs +
                                            "--x\nContent-Type: text/x-bootwright\n\nrole: web\n--x--\n",
                                        "user-data")
                            .document;
    REQUIRE(parsed);
    CHECK(parsed->root == Json{{"role", "web"}});
}

TEST_CASE("a part that is named as ours is a role config, or an error") {
    const std::string head = "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/x-bootwright\n\n";
    for (const char* body : {"#!/bin/sh\n", "#cloud-config\npackages: []\n",
                             "\x7f"
                             "ELF\1",
                             "#cloud-config-jsonp\n[]\n"}) {
        CAPTURE(body);
        const Error error = error_for(head + body + "\n--x--\n");
        CHECK(error.code == "role.user_data_damaged");
        CHECK(error.message.starts_with("user-data, part 1 (text/x-bootwright) is "));
    }
}

TEST_CASE("of an archive our part is taken, by type, name or first line") {
    const std::string ours = GENERATE(values<std::string>({
        "- type: text/x-bootwright\n  content: |\n    role: web\n",
        "- filename: bootwright.json\n  content: '{\"role\": \"web\"}'\n",
        "- |\n  #cloud-config\n  bootwright: {role: web}\n",
        "- type: text/cloud-config\n  content: |\n    bootwright: {role: web}\n",
        "- type: Text/X-Bootwright\n  content: cm9sZTogd2ViCg==\n",
    }));
    const std::string served =
        "#cloud-config-archive\n- |\n  #!/bin/sh\n  echo\n" + ours +
        "- {type: text/x-shellscript, content: !!binary AAECAw==}\n- {twice: 1, twice: 2}\n- 7\n";
    CAPTURE(served);
    const auto parsed = parse_user_data(served, "user-data").document;
    REQUIRE(parsed);
    CHECK(parsed->root == Json{{"role", "web"}});
    CHECK(parsed->origin.starts_with("user-data, part 2"));
}

TEST_CASE("an error in an archive's part names the line of the whole") {
    const std::string head = "#cloud-config-archive\n- |\n  #!/bin/sh\n";
    CHECK(error_for(head + "- type: text/x-bootwright\n  content: |\n    role: web\n    role: db\n")
              .message.starts_with("user-data, part 2 (text/x-bootwright):7:"));
    CHECK(error_for(head + "- |\n  #cloud-config\n  bootwright:\n    role: [web\n")
              .message.starts_with("user-data, part 2:"));
}

TEST_CASE("an archive that names us is a list of parts, of which one is ours") {
    const std::string part = "- {type: text/x-bootwright, content: 'role: web'}\n";
    std::string many = "#cloud-config-archive\n";
    for (int i = 0; i < 101; ++i) {
        many += "- bootwright\n";
    }
    for (const std::string& served :
         {"#cloud-config-archive\n" + part + part, std::string("#cloud-config-archive\nbootwright: {}\n"),
          std::string("#cloud-config-archive\n- [bootwright\n"), many}) {
        CAPTURE(served);
        CHECK(error_for(served).code == "role.invalid");
    }
}

TEST_CASE("archives in archives are not read, however deep they are") {
    const std::string head = "#cloud-config-archive\n- filename: ";
    std::string deep = "role: web\n";
    for (int i = 0; i < 50; ++i) {
        deep = head + "bootwright.x\n  content: " + encode_base64(to_gzip(deep)) + "\n";
    }
    CHECK(error_for(deep).message.find("is an archive in an archive") != std::string::npos);
    const std::string theirs = head + "x\n  content: |\n    #cloud-config-archive\n    - bootwright\n";
    CHECK(parse_user_data(theirs, "user-data").foreign.starts_with("an archive"));
}

TEST_CASE("a MIME message is known by its headers, in whatever order they stand") {
    const std::string body = "\n--x\nContent-Type: text/x-bootwright\n\nrole: web\n--x--\n";
    const std::string type = "Content-Type: multipart/mixed;\n boundary=x\n";
    for (const std::string& head : {"Number-Attachments: 1\nMIME-Version: 1.0\n" + type, type + "MIME-Version: 1.0\n",
                                    "Subject: x\n" + type + "mime-version: 1.0\n"}) {
        CAPTURE(head);
        CHECK(parse_user_data(head + body, "user-data").document);
    }
    const std::string script = "#!/bin/sh\nmail <<E\nMIME-Version: 1.0\nE\n";
    CHECK(parse_user_data(script, "user-data").foreign == "a script for cloud-init");
}

TEST_CASE("a MIME message with two parts of ours, or one that cannot be taken apart, is refused") {
    const std::string head = "Content-Type: multipart/mixed; boundary=x\n\n";
    const std::string part = "--x\nContent-Type: text/x-bootwright\n\nrole: web\n";
    const Error twice = error_for(head + part + part + "--x--\n");
    CHECK(twice.code == "role.invalid");
    CHECK(twice.message.find("part 1") != std::string::npos);
    CHECK(twice.message.find("part 2") != std::string::npos);
    std::string many;
    for (int i = 0; i < 200; ++i) {
        many += "--x\n\ntext\n";
    }
    std::string deep = "text";
    for (int i = 0; i < 10; ++i) {
        const std::string boundary = "b" + std::to_string(i);
        deep = "Content-Type: multipart/mixed; boundary=" + boundary + "\n\n--" + boundary + "\n" + deep + "\n";
    }
    const std::string in_base64 = "Content-Transfer-Encoding: base64\n\n";
    const std::string quoted = "Content-Transfer-Encoding: quoted-printable\n\n";
    for (const std::string& served : {std::string("Content-Type: multipart/mixed\n\nx"), head + many, deep,
                                      head + "--x\nContent-Type: text/x-bootwright\n" + in_base64 + "%%%\n--x--",
                                      head + "--x\nContent-Type: text/cloud-config\n" + in_base64 + "%%%\n--x--",
                                      head + "--x\nContent-Type: text/x-bootwright\n" + quoted + "=zz\n--x--",
                                      head + "--x\nContent-Type: text/x-bootwright\n"
                                             "Content-Transfer-Encoding: x-uuencode\n\nrole: web\n--x--",
                                      head + "--x\nContent-Type: text/x-bootwright\n\n\x1f\x8b cut\n--x--"}) {
        CAPTURE(served);
        CHECK(error_for(served).code == "role.user_data_damaged");
    }
}
