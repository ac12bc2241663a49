#include "common/net/url.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "test/fakes/curl_url.hpp"
#include "test/fakes/errors.hpp"

#include <catch2/catch_test_macros.hpp>

#include <type_traits>

using namespace bootwright;

namespace {

struct Row {
    const char* text;
    const char* shown;
    const char* server;
    const char* user = "";
    const char* password = "";
};

const std::vector<Row> accepted{
    {"https://git.example.com", "https://git.example.com", "git.example.com:443"},
    {"https://git.example.com/a.git", "https://git.example.com/a.git", "git.example.com:443"},
    {"https://u:p@git.example.com/a.git", "https://git.example.com/a.git", "git.example.com:443", "u", "p"},
    {"https://token@h:8443/a/", "https://h:8443/a/", "h:8443", "token"},
    {"https://:@h/", "https://h/", "h:443"},
    {"https://:p@h/", "https://h/", "h:443", "", "p"},
    {"https://u:@h/", "https://h/", "h:443", "u"},
    {"https://u:p:q@h/", "https://h/", "h:443", "u", "p:q"},
    {"https://o'neil:it's%2F%3F%23%22%40@h/x", "https://h/x", "h:443", "o'neil", "it's/?#\"@"},
    {"https://a!$&'()*+,;=b:-._~@h/", "https://h/", "h:443", "a!$&'()*+,;=b", "-._~"},
    {"http://h?access_token=hunter2", "http://h?…", "h:80"},
    {"https://h/x?sig=hunter2&se=1", "https://h/x?…", "h:443"},
    {"https://u:p@[fd00::1]:8443/x", "https://[fd00::1]:8443/x", "[fd00::1]:8443", "u", "p"},
    {"http://[fe80::a9fe:a9fe%25eth0]/x", "http://[fe80::a9fe:a9fe%25eth0]/x", "[fe80::a9fe:a9fe%25eth0]:80"},
    {"https://Git.Example.COM/A", "https://Git.Example.COM/A", "git.example.com:443"},
    {"http://169.254.169.254/latest/", "http://169.254.169.254/latest/", "169.254.169.254:80"},
    {"ssh://git@h:2222/a.git", "ssh://h:2222/a.git", "h:2222", "git"},
    {"git://h/a", "git://h/a", "h:9418"},
    {"https://cdn.example.com/{revision}.bundle", "https://cdn.example.com/{revision}.bundle", "cdn.example.com:443"},
    {"https://h/a/../b//c/.", "https://h/a/../b//c/.", "h:443"},
    {"socks5h://u:p@h:1081", "socks5h://h:1081", "h:1081", "u", "p"},
    {"https://h/a%20b%7C|<>^`\"'", "https://h/a%20b%7C|<>^`\"'", "h:443"},
};

/// Each would show a part of a password, or go elsewhere than one reader thinks.
const std::vector<const char*> refused{
    "https://u:hunter2@h@evil/",
    "https://u:hunt/er2@h/",
    "https://u:hunt?er2@h/",
    "https://u:hunt#er2@h/",
    "https://u:12/hunter2@h/",
    "https://token?hunter2@h/",
    "https://u@x:12/hunter2@h/",
    "https://h/a@b",
    "https://h?a@b",
    "https://u:hunt\"er2@h/",
    "https://u:hunt\\er2@h/",
    "https://u:hunt er2@h/",
    "https://u:hunt\ner2@h/",
    "https://u:hunt%0aer2@h/",
    "https://u:hunt%00er2@h/",
    "https://u:hunt%er2@h/",
    "https://u:hunt\xC3\xA4@h/",
    "https://u:hunt[er2@h/",
    "https://",
    "https:///x",
    "https://u:hunter2@/x",
    "https://:80/",
    "https://h:/",
    "https://h:0/",
    "https://h:65536/",
    "https://h:00080/x@",
    "https://h:8o/",
    "https://h:-1/",
    "https://h: 80/",
    "https://[fd00::1/",
    "s3://221111:1",
    "gs://bucket:80/a",
    "https://[fd00::1]x/",
    "https://[]/",
    "https://[h]/",
    "https://[127.0.0.1]/",
    "https://[fe80::1%eth0]/",
    "https://-h/",
    "https://h%2e/",
    "https://h%40evil/",
    "https://a..b/",
    "https://h./",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f.0.0.1/",
    "https://127.0.0.01/",
    "https://1.2.3.256/",
    "https://h/x#y",
    "HTTPS://h/",
    "ftp://h/",
    "h/x",
    "//h/x",
    "git@h:x",
    "https:/h/x",
    "file://h/x",
    "file://",
    "file:///",
    "file:///x?y",
    "https://h/\x7F",
    "https://h/%1b[0m",
    "-https://h/",
};

}  // namespace

TEST_CASE("a URL is read as libcurl reads it") {
    for (const auto& [text, shown, server, user, password] : accepted) {
        INFO(text);
        const Url url(text);
        CHECK(url.shown() == shown);
        CHECK(url.host_and_port() == server);
        CHECK(url.user_for_transfer() == user);
        CHECK(url.password_for_transfer() == password);
        CHECK(url.for_transfer() == text);
        CHECK(difference_from_curl(url, text).value_or("") == "");
        CHECK(Url(url.for_transfer()) == url);
        CHECK_FALSE(url.without_credentials().has_credentials());
        CHECK(url.without_credentials().with_credentials_in(url).for_transfer().find("://:@") == std::string::npos);
    }
}

TEST_CASE("a URL that somebody may read in another way is refused, and not quoted") {
    for (const char* text : refused) {
        INFO(text);
        CHECK_FALSE(Url::parse(text));
        const auto why = Url::why_refused(text);
        REQUIRE(why);
        CHECK(why->find("er2") == std::string::npos);
        try {
            const Url url(text);
            FAIL("accepted");
        } catch (const Error& error) {
            CHECK(error.code == "url.invalid");
            CHECK(error.kind == ErrorKind::permanent);
            CHECK(error.message.find("er2") == std::string::npos);
        }
    }
    CHECK_FALSE(Url::parse("https://h/" + std::string(Url::longest, 'x')));
    CHECK_FALSE(Url::parse(""));
    CHECK(Url("").empty());
    CHECK(Url().shown().empty());
    CHECK(Url().without_credentials().empty());
}

TEST_CASE("a URL becomes text only by name") {
    STATIC_REQUIRE_FALSE(std::is_convertible_v<Url, std::string>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<Url, std::string_view>);
    const Url url("https://user:hunter2@h/a/?access_token=to%2Fken&x=1");
    CHECK(url.secrets() == std::vector<std::string>{"user", "hunter2", "to/ken", "1"});
    CHECK(url.target() == "/a/?access_token=to%2Fken&x=1");
    CHECK(url.server() == "https://h");
    CHECK(url.below("/info/refs", "service=x").for_transfer() ==
          "https://user:hunter2@h/a/info/refs?access_token=to%2Fken&x=1&service=x");
    CHECK(Url("https://h").below("/x").for_transfer() == "https://h/x");
    CHECK(Url("https://h/").below("/x", "y").for_transfer() == "https://h/x?y");
}

TEST_CASE("what is asked of a server changes, and neither the server nor the credentials do") {
    const Url url("https://user:hunter2@h:444/a/{revision}?x=1");
    CHECK(url.with_target("/b?y=2") == "https://user:hunter2@h:444/b?y=2");
    CHECK(url.with_target(".evil.example.com/").host() == "h");
    CHECK(Url("http://[fd00::1]").with_target("/b") == "http://[fd00::1]/b");
    for (const char* target : {"@evil.example.com/", "/a b", "/a@b", "/a\nb", "/a#b"}) {
        CAPTURE(target);
        CHECK(error_of([&] { return url.with_target(target); }).code == "url.invalid");
    }
}

TEST_CASE("a URL is found again by all but its credentials") {
    const Url url("https://h/a?x=1");
    CHECK(url.hash_without_credentials() == hash_of("https://h/a?x=1"));
    CHECK(Url("https://user:hunter2@h/a?x=1").hash_without_credentials() == url.hash_without_credentials());
    CHECK(Url("https://h/a?x=2").hash_without_credentials() != url.hash_without_credentials());
}

TEST_CASE("credentials belong to one server, by one scheme") {
    const Url url("https://user:hunter2@h/a");
    CHECK(url.is_same_server("https://H:443/b"));
    CHECK_FALSE(url.is_same_server("https://h:444/b"));
    CHECK_FALSE(url.is_same_server("http://h:443/b"));
    CHECK_FALSE(url.is_same_server("https://h.evil/b"));
    CHECK(url.with_credentials_in("https://other:x@h:443/b").for_transfer() == "https://user:hunter2@h:443/b");
}

TEST_CASE("credentials in clear are noticed") {
    for (const char* text : {"http://u:p@h/", "http://u@h/", "git://u:p@h/x", "ssh://u:p@h/x", "s3://u@b/x"}) {
        CHECK(Url(text).exposes_credentials());
    }
    for (const char* text : {"https://u:p@h/", "http://h/", "ssh://git@h/x", "git://h/x", "http://:@h/"}) {
        CHECK_FALSE(Url(text).exposes_credentials());
    }
}

TEST_CASE("a file URL names a path as git reads it") {
    CHECK(Url::of_file("/srv/my repo/50%#?@ä").plain_path() == "/srv/my repo/50%#?@ä");
    CHECK(Url("file:///srv/a@b%20c").plain_path() == "/srv/a@b c");
    CHECK(Url("file:///srv/a").shown() == "file:///srv/a");
}

TEST_CASE("URLs within a text are shown without what is secret in them") {
    CHECK(without_credentials("https://user:secret@git.example.com/a.git") == "https://git.example.com/a.git");
    CHECK(without_credentials("ds=nocloud;s=http://u:p@h/;i=1") == "ds=nocloud;s=http://h/;i=1");
    CHECK(without_credentials("http://a:b@h/x, \"http://c:d@h\" http://i") == "http://h/x, \"http://h\" http://i");
    CHECK(without_credentials("from https://h/x?sig=hunter2 it") == "from https://h/x?… it");
    CHECK(without_credentials("ftp://u:hunter2@h/x") == "ftp://[redacted]");
    CHECK(without_credentials("https://u:hunt/er2@h/x is bad") == "https://[redacted] is bad");
    CHECK(without_credentials("https://u:hunt\"ed") == "https://[redacted]\"ed");
    CHECK(without_credentials("no url at all") == "no url at all");
    CHECK(without_credentials("").empty());
    CHECK(without_credentials("https://") == "https://");
    CHECK(without_credentials("://x") == "://x");
}
