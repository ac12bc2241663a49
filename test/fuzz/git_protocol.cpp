// What a git server may say, in pieces of any size: packets, and each of the answers that are made of them.

#include "common/base/text.hpp"
#include "common/git/protocol.hpp"
#include "test/fuzz/fuzz.hpp"

#include <optional>
#include <string>
#include <vector>

using namespace bootwright;

namespace {

/// What was understood, and what ended it.
struct Heard {
    std::string packets;
    std::vector<RemoteRef> refs;
    std::string pack;
    bool has_ended = false;
    std::string error;  ///< its code
};

bool is_expected(const Error& error) {
    return (error.code == "server.protocol" && error.kind == ErrorKind::transient) ||
           (error.kind == ErrorKind::permanent &&
            (error.code == "server.refused" || error.code == "git.no_repository" ||
             error.code == "git.revision_not_found" || error.code == "server.access_denied"));
}

/// Reads the stream by `take`, which gets packets until it says that this was the last one.
template <typename Take>
Heard read(std::string_view stream, std::size_t step, Take take) {
    Heard heard;
    try {
        PacketReader reader;
        for (std::size_t at = 0; at < stream.size() && !heard.has_ended; at += step) {
            reader.feed(stream.substr(at, step), [&](const Packet& packet) {
                constexpr std::size_t largest = 65516;
                require(packet.data.size() <= largest, "a packet larger than any can be", "");
                if (!heard.has_ended) {  // what follows the last packet is nobody's
                    heard.packets += std::to_string(static_cast<int>(packet.kind));
                    heard.packets += packet.data;
                    heard.has_ended = take(packet);
                }
            });
        }
    } catch (const Error& error) {
        check_error(error);
        require(is_expected(error), "an error that nobody expects", error.code + ": " + error.message);
        heard.error = heard.has_ended ? "" : error.code;
    }
    return heard;
}

Heard read_as(int kind, std::string_view stream, std::size_t step) {
    Advertisement advertisement;
    RefList list;
    std::string pack;
    FetchAnswer answer(kind == 3, [&](std::string_view bytes) { pack += bytes; });
    Heard heard = read(stream, step, [&](const Packet& packet) {
        switch (kind) {
            case 0: return false;
            case 1: return advertisement.take(packet);
            case 2: return list.take(packet);
            default: return answer.take(packet);
        }
    });
    heard.refs = kind == 1 ? advertisement.refs() : list.refs();
    heard.pack = pack;
    return heard;
}

/// Whatever a server says, these names and ids are used afterwards.
void check(const Heard& heard) {
    for (const RemoteRef& ref : heard.refs) {
        require(is_commit_id(ref.id), "an id that is none", ref.id);
        require(is_commit_id(ref.peeled), "a peeled id that is none", ref.peeled);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) {
        return 0;
    }
    constexpr int kinds = 5;  // packets alone, advertisement, refs, the answer of version 2 and that of those before
    const int kind = data[0] % kinds;
    const std::string_view stream(reinterpret_cast<const char*>(data) + 2, size - 2);
    const Heard whole = read_as(kind, stream, stream.size() + 1);
    const Heard pieces = read_as(kind, stream, std::size_t{data[1]} + 1);
    check(whole);
    require(whole.error == pieces.error, "an error that depends on the pieces", whole.error + "/" + pieces.error);
    require(whole.packets == pieces.packets, "packets that depend on the pieces", stream);
    require(whole.has_ended == pieces.has_ended, "an end that depends on the pieces", stream);
    require(whole.pack == pieces.pack, "a pack that depends on the pieces", whole.pack);
    require(whole.refs.size() == pieces.refs.size(), "refs that depend on the pieces", stream);
    return 0;
}
