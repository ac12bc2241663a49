#include "common/base/journal.hpp"

#include "common/files/file.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>

using namespace bootwright;

namespace {

/// A socket that nobody reads by himself.
struct Listening {
    Listening() : socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        REQUIRE(path.size() < sizeof(address.sun_path));
        path.copy(static_cast<char*>(address.sun_path), path.size());
        REQUIRE(bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    }
    /// The next entry; "": none is there.
    [[nodiscard]] std::string next() const {
        std::array<char, 65536> buffer{};
        const ssize_t count = recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        return {buffer.data(), count < 0 ? 0 : static_cast<std::size_t>(count)};
    }

    TemporaryRoot root{};
    std::string path = root.path("/socket").string();
    UniqueFd socket;
};

/// A field of an entry as the protocol writes it.
std::string field(const std::string& name, const std::string& value) {
    std::string length(8, '\0');
    length[0] = static_cast<char>(value.size() & 0xffU);
    length[1] = static_cast<char>(value.size() >> 8U);
    return name + "\n" + length + value + "\n";
}

}  // namespace

TEST_CASE("an entry is one datagram, whose values may be any bytes") {
    const Listening journal;
    const std::string value = "two\nBOOTWRIGHT_RUN=7\nlines, \xff and \x1b";
    const std::string longer(1000, 'x');
    CHECK(send_to_journal(journal.path, {{"PRIORITY", "4"}, {"MESSAGE", value}, {"LONGER", longer}}));
    CHECK(journal.next() == field("PRIORITY", "4") + field("MESSAGE", value) + field("LONGER", longer));
    CHECK(journal.next().empty());
}

TEST_CASE("a journal that is not there, or too far, gets nothing") {
    const TemporaryRoot root;
    CHECK_FALSE(send_to_journal(root.path("/socket").string(), {{"MESSAGE", "x"}}));
    CHECK_FALSE(send_to_journal(std::string(200, '/'), {{"MESSAGE", "x"}}));
}

TEST_CASE("an entry that is longer than a datagram is refused, not cut") {
    const Listening journal;
    CHECK_FALSE(send_to_journal(journal.path, {{"MESSAGE", std::string(std::size_t{64} << 20U, 'x')}}));
    CHECK(journal.next().empty());
}

TEST_CASE("a journal that reads nothing is not waited for") {
    const Listening journal;
    int taken = 0;
    while (taken < 100'000 && send_to_journal(journal.path, {{"MESSAGE", "x"}})) {
        ++taken;
    }
    CHECK((taken > 0 && taken < 100'000));
}

TEST_CASE("a stream is the journal's only if it is the one that systemd has named") {
    const TemporaryRoot root;
    root.write("/stream", "");
    const UniqueFd stream(open(root.path("/stream").c_str(), O_RDWR | O_CLOEXEC));
    struct stat status {};
    REQUIRE(fstat(stream.get(), &status) == 0);
    const std::string named = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
    CHECK(is_journal_stream(stream.get(), named.c_str()));
    CHECK_FALSE(is_journal_stream(stream.get(), (named + "1").c_str()));
    CHECK_FALSE(is_journal_stream(stream.get(), ""));
    CHECK_FALSE(is_journal_stream(stream.get(), nullptr));
    CHECK_FALSE(is_journal_stream(-1, named.c_str()));
}
