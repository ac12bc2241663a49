#include "common/git/protocol.hpp"

#include "common/base/error.hpp"
#include "test/fakes/errors.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace std::string_literals;

namespace {

const std::string one(40, '1');
const std::string two(40, '2');
const std::string three(40, '3');

std::string line(const std::string& text) { return packet(text + "\n"); }

/// What is taken of a stream, a word a packet.
std::string taken(const std::vector<std::string>& pieces) {
    PacketReader reader;
    std::string words;
    for (const std::string& piece : pieces) {
        reader.feed(piece, [&](const Packet& packet) {
            switch (packet.kind) {
                case Packet::Kind::data: words += "[" + std::string(packet.data) + "]"; break;
                case Packet::Kind::flush: words += "flush "; break;
                case Packet::Kind::delimiter: words += "delimiter "; break;
                case Packet::Kind::response_end: words += "end "; break;
            }
        });
    }
    return words;
}

/// Hands a stream to something that takes packets until it has all; true if it had.
template <typename Taker>
bool feed(Taker& taker, const std::string& stream) {
    PacketReader reader;
    bool has_all = false;
    reader.feed(stream, [&](const Packet& packet) { has_all = has_all || taker.take(packet); });
    return has_all;
}

Error protocol_error(const std::string& stream) {
    return error_of([&] {
        Advertisement advertisement;
        feed(advertisement, stream);
        return 0;
    });
}

}  // namespace

TEST_CASE("a packet says its length, itself included") {
    CHECK(packet("") == "0004");
    CHECK(packet("a\n") == "0006a\n");
    CHECK(packet(std::string(1000, 'x')).starts_with("03ecxxx"));
}

TEST_CASE("packets are the same however their bytes arrive") {
    const std::string stream = packet("hello") + "0000" + packet("") + "0001" + packet(std::string(300, 'x')) + "0002";
    const std::string whole = taken({stream});
    CHECK(whole == "[hello]flush []delimiter [" + std::string(300, 'x') + "]end ");
    for (std::size_t at = 0; at <= stream.size(); ++at) {
        CHECK(taken({stream.substr(0, at), stream.substr(at)}) == whole);
    }
    std::vector<std::string> bytes;
    for (const char c : stream) {
        bytes.emplace_back(1, c);
    }
    CHECK(taken(bytes) == whole);
    CHECK(taken({stream.substr(0, 6)}).empty());
    CHECK(taken({"00"}).empty());
}

TEST_CASE("what has no length, or one that cannot be, is no packet") {
    const std::string bytes = GENERATE("<htm"s, "zzzz"s, "0003"s, "fff1"s, "ffff"s, "-001"s, "00 4"s);
    CAPTURE(bytes);
    const Error error = error_of([&] { return taken({bytes}); });
    CHECK(error.code == "server.protocol");
    CHECK(error.kind == ErrorKind::transient);
    CHECK(error_of([&] { return taken({bytes.substr(0, 2), bytes.substr(2)}); }).code == "server.protocol");
}

TEST_CASE("a server of version 2 is known by its first line") {
    Advertisement advertisement;
    CHECK(feed(advertisement, line("version 2") + line("agent=git/2.39.5") + line("fetch=shallow") + "0000"));
    CHECK(advertisement.is_version_2());
    CHECK(advertisement.refs().empty());
    CHECK(advertisement.has("fetch=shallow"));
}

TEST_CASE("over http a banner comes first") {
    Advertisement advertisement;
    CHECK_FALSE(feed(advertisement, line("# service=git-upload-pack") + "0000"));
    CHECK(feed(advertisement, line("version 2") + "0000"));
    CHECK(advertisement.is_version_2());
}

TEST_CASE("below version 2 the refs come unasked, and a tag's commit on the line after it") {
    Advertisement advertisement;
    const std::string version = GENERATE(""s, line("version 1"));
    CHECK(feed(advertisement, version + packet(one + " HEAD\0shallow no-progress\n"s) + line(one + " refs/heads/main") +
                                  line(two + " refs/tags/v1") + line(three + " refs/tags/v1^{}") +
                                  line("shallow " + one) + "0000"));
    CHECK_FALSE(advertisement.is_version_2());
    CHECK(advertisement.has("shallow"));
    CHECK_FALSE(advertisement.has("allow-any-sha1-in-want"));
    REQUIRE(advertisement.refs().size() == 3);
    CHECK(advertisement.refs()[1].peeled == one);
    CHECK(advertisement.refs()[2].name == "refs/tags/v1");
    CHECK(advertisement.refs()[2].id == two);
    CHECK(advertisement.refs()[2].peeled == three);
}

TEST_CASE("an empty repository below version 2 has no ref") {
    Advertisement advertisement;
    CHECK(feed(advertisement, packet(std::string(40, '0') + " capabilities^{}\0shallow\n"s) + "0000"));
    CHECK(advertisement.refs().empty());
}

TEST_CASE("what is no advertisement is refused") {
    CHECK(protocol_error(line("hello")).code == "server.protocol");
    CHECK(protocol_error(line(one)).code == "server.protocol");
    CHECK(protocol_error(line(std::string(40, 'g') + " refs/heads/main")).code == "server.protocol");
    CHECK(protocol_error("0001").code == "server.protocol");
}

TEST_CASE("what the server says against it is told by its code") {
    struct Row {
        const char* words;
        const char* code;
    };
    const Row row = GENERATE(values<Row>({
        {"ERR upload-pack: not our ref 123", "git.revision_not_found"},
        {"ERR Server does not allow request for unadvertised object 123", "git.revision_not_found"},
        {"ERR access denied or repository not exported: /x", "git.no_repository"},
        {"ERR Repository not found.", "git.no_repository"},
        {"ERR no such repository: /x", "git.no_repository"},
        {"ERR the moon is wrong", "server.refused"},
    }));
    CAPTURE(row.words);
    const Error error = protocol_error(line(row.words));
    CHECK(error.code == row.code);
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error_of([&] {
              FetchAnswer answer(true, [](std::string_view) {});
              return feed(answer, line(row.words));
          }).code == row.code);
}

TEST_CASE("a server's words cannot forge a line") {
    const Error error = protocol_error(packet("ERR \x1b[31mred\nnot our ref"));
    CHECK(error.message.find('\x1b') == std::string::npos);
    CHECK(error.message.find('\n') == std::string::npos);
}

TEST_CASE("refs are listed with what annotated tags lead to") {
    RefList list;
    CHECK(feed(list, line(one + " refs/heads/main") + line(two + " refs/tags/v1 peeled:" + three) +
                         line(one + " HEAD symref-target:refs/heads/main") + "0000"));
    REQUIRE(list.refs().size() == 3);
    CHECK(list.refs()[0].peeled == one);
    CHECK(list.refs()[1].id == two);
    CHECK(list.refs()[1].peeled == three);
    CHECK(list.refs()[2].name == "HEAD");
    RefList other;
    CHECK(error_of([&] { return feed(other, line(two + " refs/tags/v1 peeled:nonsense")); }).code == "server.protocol");
}

TEST_CASE("a fetch of version 2 says all at once") {
    const std::string request = fetch_request({{one}, {two}, {two}, true});
    CHECK(request.starts_with(line("command=fetch")));
    CHECK(request.find("0001" + line("thin-pack")) != std::string::npos);
    CHECK(request.find(line("shallow " + two) + line("deepen 1") + line("want " + one) + line("have " + two) +
                       line("done") + "0000") != std::string::npos);
    CHECK(fetch_request({{one}, {}, {}, false}).find("deepen") == std::string::npos);
}

TEST_CASE("a fetch below version 2 names capabilities once") {
    Advertisement advertisement;
    feed(advertisement, packet(one + " HEAD\0shallow side-band-64k\n"s) + "0000");
    const std::string request = old_fetch_request({{one, two}, {}, {}, true}, advertisement);
    CHECK(request.find("want " + one + " side-band-64k no-progress ofs-delta shallow agent=bootwright/") == 4);
    CHECK(request.find(line("want " + two) + line("deepen 1") + "0000" + line("done")) != std::string::npos);
}

TEST_CASE("an answer of version 2 is its pack") {
    std::string pack;
    FetchAnswer answer(true, [&](std::string_view bytes) { pack.append(bytes); });
    CHECK_FALSE(feed(answer, line("shallow-info") + line("shallow " + one) + "0001" + line("packfile")));
    CHECK(answer.is_being_packed());
    CHECK_FALSE(feed(answer, packet("\2counting") + packet("") + packet("\1")));
    CHECK(answer.is_being_packed());
    CHECK(feed(answer, packet("\1PACK") + packet("\1rest") + "0000"));
    CHECK_FALSE(answer.is_being_packed());
    CHECK(pack == "PACKrest");
}

TEST_CASE("an answer below version 2 is its pack") {
    std::string pack;
    FetchAnswer answer(false, [&](std::string_view bytes) { pack.append(bytes); });
    CHECK(feed(answer, line("shallow " + one) + "0000" + line("NAK") + packet("\1PACK") + "0000"));
    CHECK(pack == "PACK");
}

TEST_CASE("an answer that is none is refused") {
    const auto error_for = [](bool is_version_2, const std::string& stream) {
        return error_of([&] {
            FetchAnswer answer(is_version_2, [](std::string_view) {});
            return feed(answer, stream);
        });
    };
    CHECK(error_for(true, "0000").code == "server.protocol");
    CHECK(error_for(true, line("packfile") + "0000").code == "server.protocol");
    CHECK(error_for(true, line("packfile") + packet("\x09what")).code == "server.protocol");
    CHECK(error_for(true, line("packfile") + packet("\3out of memory")).code == "server.refused");
    CHECK(error_for(false, line("hello")).code == "server.protocol");
}
