// What differs between architectures in how system calls are asked, and must not in what is refused.

#include "common/sandbox/sandbox.hpp"

#include "common/files/file.hpp"
#include "test/fakes/confined_child.hpp"

#include <catch2/catch_test_macros.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <string>
#include <thread>

using namespace bootwright;
using namespace bootwright::sandbox_tests;

namespace {

using Call = void (*)();

#if defined __x86_64__

void x32_call() { syscall(0x40000000 + SYS_getpid); }

void i386_call() {
    long result = 20;  // getpid there
    asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
}

constexpr std::array<Call, 2> calls_by_other_numbers{x32_call, i386_call};

#elif defined __i386__

// getpid of x86_64, to be called from another segment.
asm(".pushsection .text\n"
    ".code64\n"
    "call_in_64_bits: mov $39, %eax\n"
    "syscall\n"
    "lretl\n"
    ".code32\n"
    ".popsection\n");
extern "C" void call_in_64_bits();

void x86_64_call() {
    constexpr std::uint16_t segment = 0x33;  // __USER_CS of the kernel
    const struct [[gnu::packed]] {
        Call offset;
        std::uint16_t selector;
    } there{call_in_64_bits, segment};
    asm volatile("lcall *%0" : : "m"(there) : "eax", "ecx", "edx", "memory");
}

constexpr std::array<Call, 1> calls_by_other_numbers{x86_64_call};

#else

constexpr std::array<Call, 0> calls_by_other_numbers{};  // a program of 32 bits on arm64 begins with an execve

#endif

std::string said_on_a_socket() {
    std::array<int, 2> pair{};
    std::string said = result_of(socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data())) + " ";
    std::array<char, 5> buffer{};
    iovec bytes{buffer.data(), 1};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    send(pair[0], "a", 1, 0);
    recv(pair[1], buffer.data(), 1, 0);
    sendmsg(pair[1], &message, 0);
    recv(pair[0], &buffer[1], 1, MSG_PEEK);
    sendto(pair[0], "b", 1, 0, nullptr, 0);
    recvfrom(pair[1], &buffer[2], 1, 0, nullptr, nullptr);
    bytes.iov_base = &buffer[3];
    recvmsg(pair[0], &message, 0);
    said += buffer.data();
    shutdown(pair[0], SHUT_WR);
    return said + " " + std::to_string(recv(pair[1], buffer.data(), 1, 0));
}

std::string asked_of_a_socket() {
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* general = static_cast<sockaddr*>(static_cast<void*>(&address));
    socklen_t size = sizeof address;
    std::string said;
    const auto say = [&said](const std::string& result) { said += result + " "; };
    say(result_of(bind(socket.get(), general, size)));
    say(result_of(getsockname(socket.get(), general, &size)));
    say(address.sin_port == 0 ? "no port" : "port");
    say(result_of(connect(socket.get(), general, size)));
    say(result_of(getpeername(socket.get(), general, &size)));
    const int wanted = 65536;
    int option = 0;
    size = sizeof option;
    say(result_of(setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted)));
    say(result_of(getsockopt(socket.get(), SOL_SOCKET, SO_TYPE, &option, &size)));
    say(option == SOCK_DGRAM ? "datagrams" : "no datagrams");
    say(result_of(accept(socket.get(), nullptr, nullptr)));
    say(result_of(accept4(socket.get(), nullptr, nullptr, 0)));
    say(result_of(listen(socket.get(), 1)));
    return said;
}

}  // namespace

TEST_CASE("a call by the numbers of another architecture ends the confined process") {
    for (const Call call : calls_by_other_numbers) {
        const auto ask = [call] {
            std::thread(call).join();
            return std::string("goes on");
        };
        if (said_by_child(ask).empty()) {
            continue;  // this kernel has no such calls
        }
        const Place place;
        Child child([&] {
            confine(place.confinement());
            return ask();
        });
        CHECK(child.said().empty());
        CHECK(WIFSIGNALED(child.status()));
        CHECK(WTERMSIG(child.status()) == SIGSYS);
    }
    SUCCEED("where there are none");
}

TEST_CASE("a confined process does with a socket what others do, but listen") {
    const Place place;
    CHECK(said_by_child([&] { return lines(confine(place.confinement())) + said_on_a_socket(); }) ==
          nothing_missing + "ok aaba 0");
    CHECK(said_by_child([&] {
              confine(place.confinement());
              return asked_of_a_socket();
          }) == "ok ok port ok ok ok ok datagrams EOPNOTSUPP EOPNOTSUPP EPERM ");
}

#ifdef SYS_socketcall
namespace {

namespace request {
constexpr long socket = 1;
constexpr long listen = 4;
constexpr long socketpair = 8;
}  // namespace request

std::string asked(long request, std::array<long, 4> arguments) {
    return result_of(syscall(SYS_socketcall, request, arguments.data())) + " ";
}

}  // namespace

TEST_CASE("what a confined process asks by socketcall is refused as by a call of its own") {
    const Place place;
    CHECK(said_by_child([&] {
              std::string said = lines(confine(place.confinement()));
              said += asked(request::socket, {AF_INET, SOCK_STREAM, 0}) +
                      asked(request::socket, {AF_PACKET, SOCK_DGRAM, 0}) +
                      asked(request::socketpair, {AF_VSOCK, SOCK_STREAM, 0}) + asked(request::listen, {-1, 1});
              return said + asked(0, {}) + asked(21, {}) + asked(-1, {});
          }) == nothing_missing + "ok EPERM EPERM EPERM EINVAL EINVAL EINVAL ");
}

TEST_CASE("a confined process that may start programs has no way to limit the families of sockets, and says so") {
    const Place place;
    CHECK(said_by_child([&] { return lines(confine(place.with_programs())); }) ==
          nothing_missing + "socket families are not limited on this architecture where programs may be started\n");
}

TEST_CASE("a confined process that may start programs is no server, whichever way it asks") {
    const Place place;
    CHECK(said_by_child([&] {
              confine(place.with_programs());
              return asked(request::socket, {AF_INET, SOCK_STREAM, 0}) + asked(request::listen, {-1, 1}) +
                     result_of(listen(-1, 1));
          }) == "ok EPERM EPERM");
}
#endif
