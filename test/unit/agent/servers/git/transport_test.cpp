#include "agent/servers/git/transport.hpp"

#include "agent/servers/git/negotiation.hpp"
#include "agent/servers/git/rate_watch.hpp"
#include "agent/servers/git/ssh_transport.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/raw_server.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>

using namespace bootwright;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

const std::string pin(40, 'a');
const std::string other(40, 'b');
const std::string tag(40, 'c');

std::string line(const std::string& text) { return packet(text + "\n"); }

/// A server that answers by the beginning of what it is asked; below version 2 it only advertises.
class FakeServer final : public GitTransport {
public:
    std::string refs = line(pin + " refs/heads/main") + line(tag + " refs/tags/v1 peeled:" + pin);
    std::string old_refs{};  ///< not empty: it does not speak version 2
    std::vector<std::string> asked{};

    std::optional<Advertisement> command(const std::string& request, const Take& take, const Heard& heard) override {
        asked.push_back(request);
        if (!old_refs.empty()) {
            Advertisement advertisement;
            feed(old_refs, [&](const Packet& packet) { return advertisement.take(packet); });
            return advertisement;
        }
        const bool lists = request.starts_with(line("command=ls-refs"));
        feed(lists ? refs + "0000" : line("packfile") + packet("\1PACK") + "0000", take);
        heard(10);
        return std::nullopt;
    }
    void old_command(const std::string& request, const Take& take, const Heard& heard) override {
        asked.push_back(request);
        feed(line("NAK") + packet("\1PACK") + "0000", take);
        heard(10);
    }

private:
    static void feed(const std::string& stream, const Take& take) {
        PacketReader reader;
        reader.feed(stream, [&](const Packet& packet) { take(packet); });
    }
};

struct World {
    FakeServer server{};
    std::string pack{};
    GitAnswer fetch(const GitWish& wish) {
        return fetch_from(
            server, wish, [this](std::string_view bytes) { pack.append(bytes); }, [](std::size_t, bool) {});
    }
    [[nodiscard]] bool last_has(const std::string& text) const {
        return server.asked.back().find(text) != std::string::npos;
    }
};

}  // namespace

TEST_CASE("a pin costs one request, which asks for it alone") {
    World world;
    const GitAnswer answer = world.fetch({.revision = pin, .haves = {other}, .shallow = {other}});
    CHECK(world.server.asked.size() == 1);
    CHECK(world.last_has(line("deepen 1") + line("want " + pin) + line("have " + other)));
    CHECK(answer.commit == pin);
    CHECK(answer.has_pack);
    CHECK(answer.is_shallow);
    CHECK(world.pack == "PACK");
}

TEST_CASE("a name is looked up first, and a commit that is there is not fetched") {
    World world;
    CHECK(world.fetch({.revision = "main"}).commit == pin);
    CHECK(world.server.asked.size() == 2);
    CHECK(world.server.asked.front().find(line("ref-prefix refs/heads/main")) != std::string::npos);

    World known;
    const GitAnswer answer = known.fetch({.revision = "main", .complete = {pin}});
    CHECK(known.server.asked.size() == 1);
    CHECK(answer.commit == pin);
    CHECK_FALSE(answer.has_pack);
}

TEST_CASE("tags that lead to the commit come along where they are asked for") {
    World world;
    const GitAnswer answer = world.fetch({.revision = pin, .with_tags = true, .complete = {pin}});
    REQUIRE(answer.tags.size() == 1);
    CHECK(answer.tags.front().id == tag);
    CHECK(world.last_has(line("want " + tag)));
    CHECK_FALSE(world.last_has("want " + pin));
}

TEST_CASE("history is asked for where it is to be looked at") {
    World world;
    CHECK_FALSE(world.fetch({.revision = "main", .with_history = true, .haves = {other}}).is_shallow);
    CHECK_FALSE(world.last_has("deepen"));
}

TEST_CASE("below version 2 the tip of a ref comes alone, any other commit with everything") {
    struct Row {
        const char* capabilities;
        std::string revision;
        bool is_alone;
    };
    const Row row = GENERATE_COPY(values<Row>({{"shallow", pin, true},
                                               {"shallow", other, false},
                                               {"shallow allow-reachable-sha1-in-want", other, true},
                                               {"no-progress", pin, false}}));
    CAPTURE(row.capabilities, row.revision);
    World world;
    world.server.old_refs = packet(pin + " refs/heads/main\0"s + row.capabilities + "\n") +
                            line(std::string(40, 'd') + " refs/heads/next") + line(tag + " refs/pull/1") + "0000";
    const GitAnswer answer = world.fetch({.revision = row.revision});
    CHECK(answer.commit == row.revision);
    CHECK(answer.is_shallow == row.is_alone);
    CHECK(world.last_has("deepen 1") == row.is_alone);
    const bool asks_for_all = world.last_has("want " + std::string(40, 'd'));
    CHECK(asks_for_all == (row.revision == other && !row.is_alone));
    CHECK_FALSE(world.last_has("want " + tag));
    CHECK(world.pack == "PACK");
}

TEST_CASE("a name below version 2 is found among what is advertised") {
    World world;
    world.server.old_refs = packet(pin + " refs/heads/main\0shallow\n"s) + "0000";
    CHECK(world.fetch({.revision = "main"}).commit == pin);
    CHECK(world.server.asked.size() == 2);
}

TEST_CASE("a name that is not there, or that is two things, is told") {
    const std::vector<RemoteRef> refs{
        {"refs/heads/a", pin, pin}, {"refs/tags/a", tag, other}, {"refs/heads/b", pin, pin}};
    CHECK(resolve_name(refs, "b").peeled == pin);
    CHECK(resolve_name(refs, "refs/tags/a").peeled == other);
    CHECK(error_of([&] { return resolve_name(refs, "x"); }).code == "git.revision_not_found");
    const Error error = error_of([&] { return resolve_name(refs, "a"); });
    CHECK(error.code == "git.revision_ambiguous");
    CHECK(error.advice.find("refs/heads/a or refs/tags/a") != std::string::npos);
}

TEST_CASE("a slow server is left at the end of a window, one that is at work is not") {
    auto now = std::chrono::steady_clock::time_point{};
    const auto clock = [&] { return now; };
    RateWatch watch("https://h/x", 30s, 1024, clock);
    now += 29s;
    CHECK_NOTHROW(watch.saw(1, false));
    now += 1s;
    const Error error = error_of([&] {
        watch.saw(1, false);
        return 0;
    });
    CHECK(error.code == "server.stalled");
    CHECK(error.kind == ErrorKind::transient);

    RateWatch patient("https://h/x", 30s, 1024, clock);
    now += 31s;
    CHECK_NOTHROW(patient.saw(5, true));
    now += 31s;
    CHECK_NOTHROW(patient.saw(40'000, false));
}

TEST_CASE("ssh is started without a shell, an agent, or a configuration") {
    const GitPlace place{"ssh://deploy@git.example.com:2222/srv/it's.git", "", "", "ssh_key", "known_hosts"};
    const auto arguments = ssh_arguments(place, {});
    CHECK(arguments.front() == "/usr/bin/ssh");
    const auto has = [&](const std::string& word) {
        return std::find(arguments.begin(), arguments.end(), word) != arguments.end();
    };
    for (const char* word : {"StrictHostKeyChecking=yes", "UserKnownHostsFile=known_hosts", "IdentityFile=ssh_key",
                             "GlobalKnownHostsFile=none", "BatchMode=yes", "IdentityAgent=none", "2222", "deploy"}) {
        CAPTURE(word);
        CHECK(has(word));
    }
    const std::vector<std::string> end(arguments.end() - 3, arguments.end());
    CHECK(end == std::vector<std::string>{"--", "git.example.com", "git-upload-pack '/srv/it'\\''s.git'"});
}

TEST_CASE("a host or user that ssh could take for an option is refused") {
    for (const char* url : {"ssh://-oProxyCommand=x/p", "ssh://git@-x/p", "ssh://-l@h/p", "ssh://h", "ssh://h:x/p",
                            "ssh://h:99999/p", "ssh://[::1/p", "ssh://a b/p", "ssh://$(id)@h/p", "ssh:///p"}) {
        CAPTURE(url);
        const std::string code = error_of([&] { return ssh_arguments({.url = url}, {}); }).code;
        CHECK((code == "url.invalid" || code == "server.url_invalid"));
    }
    CHECK_NOTHROW(ssh_arguments({.url = "ssh://[fe80::1%25eth0]:22/p"}, {}));
}

namespace {

std::string git_http_answer(const std::string& kind, const std::string& body) {
    return answer("200 OK", body, "Content-Type: application/x-git-upload-pack-" + kind + "\r\n");
}
std::string advertisement() {
    return git_http_answer("advertisement", line("# service=git-upload-pack") + "0000" + line("version 2") + "0000");
}
std::string pack_answer() { return git_http_answer("result", line("packfile") + packet("\1PACK") + "0000"); }
std::string redirect(const std::string& url) {
    return answer("301 Moved Permanently", "", "Location: " + url + "\r\n");
}

/// A fetch of the pin over http, with a password in the URL or beside it.
std::string fetch_over_http(const GitPlace& place) {
    WebClient web({}, {.connect = 5s, .stall = 5s});
    SystemProcessRunner processes;
    const auto transport = make_transport(place, web, processes, {});
    std::string pack;
    fetch_from(
        *transport, {.revision = pin}, [&](std::string_view bytes) { pack.append(bytes); }, [](std::size_t, bool) {});
    return pack;
}

std::size_t with_password(const std::vector<std::string>& requests) {
    return static_cast<std::size_t>(std::count_if(requests.begin(), requests.end(), [](const std::string& request) {
        return lower(request).find("\r\nauthorization: basic ") != std::string::npos;
    }));
}

}  // namespace

namespace {

GitPlace place_with_password(const std::string& url, bool is_in_url) {
    if (is_in_url) {
        return {.url = Url("http://user:hunter2@h/").with_credentials_in(url)};
    }
    return {.url = url, .user = "user", .password = "hunter2"};
}

}  // namespace

TEST_CASE("a redirect to another server is followed, and gets neither user nor password") {
    const bool is_in_url = GENERATE(true, false);
    CAPTURE(is_in_url);
    RawServer elsewhere({{advertisement()}, {pack_answer()}});
    RawServer server({{redirect(elsewhere.url("/moved.git/git-upload-pack"))},
                      {redirect(elsewhere.url("/moved.git/info/refs?service=git-upload-pack"))}});
    CHECK(fetch_over_http(place_with_password(server.url("/x.git"), is_in_url)) == "PACK");
    const auto first = server.finish();
    REQUIRE(first.size() == 2);
    CHECK(with_password(first) == 2);
    const auto second = elsewhere.finish();
    REQUIRE(second.size() == 2);
    CHECK(second[0].starts_with("GET /moved.git/info/refs?service=git-upload-pack "));
    CHECK(second[1].starts_with("POST /moved.git/git-upload-pack "));
    CHECK(with_password(second) == 0);
    for (const std::string& request : second) {
        CHECK(request.find("hunter2") == std::string::npos);
    }
}

TEST_CASE("a redirect within a server keeps user and password") {
    const bool is_in_url = GENERATE(true, false);
    CAPTURE(is_in_url);
    RawServer server({{redirect("/moved.git/git-upload-pack")},
                      {redirect("/moved.git/info/refs?service=git-upload-pack")},
                      {advertisement()},
                      {pack_answer()}});
    CHECK(fetch_over_http(place_with_password(server.url("/x.git"), is_in_url)) == "PACK");
    const auto requests = server.finish();
    REQUIRE(requests.size() == 4);
    CHECK(requests[3].starts_with("POST /moved.git/git-upload-pack "));
    CHECK(with_password(requests) == 4);
    for (const std::string& request : requests) {
        CHECK(request.find("\r\nGit-Protocol: version=2\r\n") != std::string::npos);
    }
}

TEST_CASE("an older version is tried only after an answer that may mean it, and not where the server asks to wait") {
    struct Row {
        const char* status;
        const char* headers;
        const char* code;
        std::size_t requests;
    };
    const Row row = GENERATE(values<Row>({
        {"401 Unauthorized", "", "server.access_denied", 1},
        {"503 Service Unavailable", "Retry-After: 2\r\n", "server.error", 1},
        {"503 Service Unavailable", "", "server.error", 2},
    }));
    CAPTURE(row.status, row.headers);
    const Reply reply{answer(row.status, "", row.headers)};
    RawServer server({reply, reply, reply});
    CHECK(error_of([&] { return fetch_over_http({.url = server.url("/x.git")}); }).code == row.code);
    CHECK(server.finish().size() == row.requests);
}
