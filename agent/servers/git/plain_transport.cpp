#include "agent/servers/git/transport.hpp"

namespace bootwright {

namespace {

/// git's own port, without encryption: fit for a pin, which needs no trust (gitprotocol-pack(5), "Git Transport").
class PlainTransport final : public StreamTransport {
public:
    PlainTransport(const GitPlace& place, WebClient& web) : shown_(place.url.shown()), url_(place.url), web_(web) {}

private:
    void exchange(bool is_version_2, const std::string& request, const Take& take, const Heard& heard) override {
        using namespace std::string_literals;
        constexpr int usual_port = 9418;
        const std::string host = url_.host_to_connect();
        const std::string server = host + (url_.port() == usual_port ? "" : ":" + std::to_string(url_.port()));
        std::string greeting = "git-upload-pack " + path_of(url_) + "\0host="s + server + "\0"s;
        if (is_version_2) {
            greeting += "\0version=2\0"s;
        }
        PacketReader reader;
        bool has_ended = false;
        web_.converse(host, url_.port(), packet(greeting) + request, [&](std::string_view bytes) {
            reader.feed(bytes, [&](const Packet& packet) { has_ended = has_ended || take(packet); });
            heard(bytes.size());
            return has_ended;
        });
        if (!has_ended) {
            throw answer_broke_off(shown_);
        }
    }

    std::string shown_;
    Url url_;
    WebClient& web_;
};

const GitTransportKind kind{.schemes = {"git"},
                            .make = [](const GitPlace& place, WebClient& web, ProcessRunner&,
                                       const WebPatience&) -> std::unique_ptr<GitTransport> {
                                return std::make_unique<PlainTransport>(place, web);
                            }};
const Registered<GitTransportKind> registered(kind);

}  // namespace

}  // namespace bootwright
