#include "common/net/http.hpp"

#include "common/base/clock.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/net/host_port.hpp"
#include "common/net/http_header.hpp"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <variant>

namespace bootwright {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Stream = asio::generic::stream_protocol;

Error bad_url(const HttpRequest& request, const std::string& why) {
    return permanent_error("http.bad_url", request.url.shown() + ": " + why,
                           "write it like http://10.0.0.1/ or http://[fd00::1]:8080/");
}

/// @throws Error http.bad_url
void check_url(const HttpRequest& request) {
    if (request.url.scheme() != "http") {
        throw bad_url(request, "only http is spoken here");
    }
    if (request.url.has_credentials()) {
        throw bad_url(request, "its user and password would go over the network in clear");
    }
}

/// The value of the header Host, without the zone of an address, which concerns nobody else.
std::string host_header(const Url& url) {
    constexpr int usual_port = 80;
    return host_in_brackets(url.host().substr(0, url.host().find('%'))) +
           (url.port() == usual_port ? "" : ":" + std::to_string(url.port()));
}

/// One request under way. All of its callbacks run inside io_context::run_one() of the race.
class Transfer {
public:
    using Outcome = std::variant<std::monostate, HttpResponse, Error>;
    using OnEnd = std::function<void(Outcome)>;

    /// `on_end` is called once, and never from within the constructor.
    Transfer(asio::io_context& io, const HttpRequest& request, OnEnd on_end)
        : request_(request), on_end_(std::move(on_end)), socket_(io), resolver_(io), deadline_(io) {
        parser_.body_limit(request.max_bytes);
        parser_.header_limit(largest_header);
        asio::post(io, [this] { start(); });
    }
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;
    ~Transfer() = default;

private:
    static constexpr std::uint32_t largest_header = 64U << 10U;
    static constexpr std::uint16_t first_local_port = 600;  // below are the ports of well-known services
    static constexpr std::uint16_t last_local_port = 1023;

    void start() {
        try {
            check_url(request_);
            for (const auto& [name, value] : request_.headers) {
                check_header(name, value);
            }
        } catch (const Error& error) {
            end(error);
            return;
        }
        began_ = std::chrono::steady_clock::now();
        expect_by(std::min(request_.connect_timeout, request_.timeout), "no connection");
        error_code error;
        const std::string host = request_.url.host_to_connect();
        if (!request_.unix_socket.empty()) {
            endpoints_ = {asio::local::stream_protocol::endpoint(request_.unix_socket.string())};
        } else if (const auto address = asio::ip::make_address(host, error); !error) {
            const auto port = static_cast<std::uint16_t>(request_.url.port());
            endpoints_ = {asio::ip::tcp::endpoint(address, port)};
        } else {
            using Found = asio::ip::tcp::resolver::results_type;
            resolver_.async_resolve(
                host, std::to_string(request_.url.port()), [this](error_code failed, const Found& found) {
                    std::transform(found.begin(), found.end(), std::back_inserter(endpoints_),
                                   [](const auto& entry) { return Stream::endpoint(entry.endpoint()); });
                    last_error_ = failed;
                    connect();
                });
            return;
        }
        connect();
    }

    /// Connects to the next of the endpoints.
    void connect() {
        if (ended_) {
            return;
        }
        if (next_endpoint_ == endpoints_.size()) {
            end(unreachable(last_error_.message()));
            return;
        }
        const Stream::endpoint& endpoint = endpoints_[next_endpoint_++];
        error_code ignored;
        socket_.close(ignored);
        socket_.open(endpoint.protocol(), last_error_);
        if (!last_error_ && request_.privileged_port) {
            last_error_ = bind_privileged(endpoint);
        }
        if (last_error_) {
            connect();
            return;
        }
        socket_.async_connect(endpoint, [this](error_code error) {
            last_error_ = error;
            error ? connect() : send();
        });
    }

    error_code bind_privileged(const Stream::endpoint& endpoint) {
        const auto any = endpoint.protocol().family() == AF_INET6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4();
        error_code error;
        for (std::uint16_t port = first_local_port; port <= last_local_port; ++port) {
            socket_.bind(asio::ip::tcp::endpoint(any, port), error);
            if (error != asio::error::address_in_use) {
                break;
            }
        }
        return error;
    }

    void send() {
        if (ended_) {
            return;
        }
        expect_by(request_.timeout, "no complete answer");
        message_.method_string(request_.method);
        message_.target(request_.url.target());
        message_.set(http::field::host, host_header(request_.url));
        message_.set(http::field::user_agent, "bootwright");
        message_.set(http::field::connection, "close");
        for (const auto& [name, value] : request_.headers) {
            message_.set(name, value);
        }
        http::async_write(socket_, message_, [this](error_code error, std::size_t) {
            if (error) {
                end(truncated(error));
            } else {
                receive();
            }
        });
    }

    /// Reads in two steps: if asked for all at once, Beast 1.74 forgets that the header announced too large a body.
    void receive() {
        http::async_read_header(socket_, buffer_, parser_, [this](error_code error, std::size_t) {
            if (error) {
                end(failed_read(error));
            } else {
                receive_body();
            }
        });
    }

    void receive_body() {
        http::async_read(socket_, buffer_, parser_, [this](error_code error, std::size_t) {
            if (error) {
                end(failed_read(error));
            } else {
                end(response());
            }
        });
    }

    [[nodiscard]] Error failed_read(error_code error) const {
        if (error == http::error::body_limit || error == http::error::header_limit) {
            return too_large();
        }
        const bool broke_off = error == http::error::partial_message || error == http::error::end_of_stream ||
                               error.category() == boost::system::system_category();
        return broke_off ? truncated(error) : unreachable("the answer is not HTTP: " + error.message());
    }

    HttpResponse response() {
        constexpr std::size_t most_headers = 100;
        auto& message = parser_.get();
        HttpResponse response{.status = static_cast<int>(message.result_int()), .body = std::move(message.body())};
        for (const auto& field : message) {
            if (response.headers.size() < most_headers) {
                response.headers[lower(std::string(field.name_string()))] = std::string(field.value());
            }
        }
        return response;
    }

    /// @param missing what is missing once `limit` is over, counted from the beginning
    void expect_by(std::chrono::milliseconds limit, const char* missing) {
        deadline_.expires_at(began_ + limit);
        deadline_.async_wait([this, limit, missing](error_code cancelled) {
            if (!cancelled) {
                end(transient_error("http.timeout", where() + ": " + missing + " within " + to_human(limit),
                                    "check that the service behind this address is running and not overloaded"));
            }
        });
    }

    /// Drops with the socket what is still under way; the callbacks then find that all is over.
    void end(Outcome outcome) {
        if (ended_) {
            return;
        }
        ended_ = true;
        deadline_.cancel();
        resolver_.cancel();
        error_code ignored;
        socket_.close(ignored);
        on_end_(std::move(outcome));
    }

    [[nodiscard]] std::string where() const { return request_.method + " " + request_.url.shown(); }

    [[nodiscard]] Error unreachable(const std::string& why) const {
        return transient_error("http.unreachable", where() + ": " + why,
                               "check the network: `ip address`, `ip route`, and that the service is running");
    }
    [[nodiscard]] Error truncated(error_code error) const {
        return transient_error("http.truncated", where() + ": the answer broke off: " + error.message(),
                               "check that the service behind this address is running");
    }
    [[nodiscard]] Error too_large() const {
        return permanent_error(
            "http.too_large",
            where() + ": the answer is larger than the " + std::to_string(request_.max_bytes) + " bytes allowed here",
            "make what is served there smaller");
    }

    const HttpRequest& request_;
    OnEnd on_end_;
    Stream::socket socket_;
    asio::ip::tcp::resolver resolver_;
    asio::steady_timer deadline_;
    std::chrono::steady_clock::time_point began_{};
    std::vector<Stream::endpoint> endpoints_{};
    std::size_t next_endpoint_ = 0;
    error_code last_error_{};
    http::request<http::empty_body> message_{};
    boost::beast::flat_buffer buffer_{};
    http::response_parser<http::string_body> parser_{};
    bool ended_ = false;
};

class Race {
public:
    Race(const std::vector<HttpRequest>& requests, std::chrono::milliseconds stagger,
         const HttpClient::Accepts& accepts)
        : requests_(requests), stagger_(stagger), accepts_(accepts) {
        result_.responses.resize(requests.size());
        result_.errors.resize(requests.size());
    }

    HttpRace run(const std::stop_token& stop) {
        const std::stop_callback wake(stop, [this] { asio::post(io_, [] {}); });
        while (!result_.winner && (transfers_.size() < requests_.size() || running_ > 0)) {
            if (running_ == 0) {
                send_next();
            }
            io_.run_one();
            if (stop.stop_requested()) {
                throw stopped_error();
            }
        }
        return std::move(result_);
    }

private:
    void send_next() {
        const std::size_t index = transfers_.size();
        transfers_.push_back(std::make_unique<Transfer>(
            io_, requests_[index], [this, index](Transfer::Outcome outcome) { take(index, std::move(outcome)); }));
        ++running_;
        if (transfers_.size() < requests_.size()) {
            next_.expires_after(stagger_);
            next_.async_wait([this](error_code cancelled) {
                if (!cancelled && transfers_.size() < requests_.size()) {
                    send_next();
                }
            });
        }
    }

    void take(std::size_t index, Transfer::Outcome outcome) {
        --running_;
        try {
            if (auto* error = std::get_if<Error>(&outcome)) {
                throw Error(*error);
            }
            result_.responses[index] = std::get<HttpResponse>(std::move(outcome));
            if (!result_.winner && accepts_(index, *result_.responses[index])) {
                result_.winner = index;
            }
        } catch (const Error& error) {
            result_.errors[index] = error;
        }
    }

    asio::io_context io_{1};
    asio::steady_timer next_{io_};
    const std::vector<HttpRequest>& requests_;
    std::chrono::milliseconds stagger_;
    const HttpClient::Accepts& accepts_;
    std::vector<std::unique_ptr<Transfer>> transfers_{};  // of the first requests, in their order
    int running_ = 0;
    HttpRace result_{};
};

}  // namespace

HttpResponse HttpClient::send(const HttpRequest& request, std::stop_token stop) {
    HttpRace race = this->race(
        {request}, {}, [](std::size_t, const HttpResponse&) { return true; }, std::move(stop));
    if (race.errors.front()) {
        throw *race.errors.front();
    }
    return std::move(race.responses.front()).value();
}

HttpRace NetworkHttpClient::race(const std::vector<HttpRequest>& requests, std::chrono::milliseconds stagger,
                                 const Accepts& accepts, std::stop_token stop) {
    return Race(requests, stagger, accepts).run(stop);
}

}  // namespace bootwright
