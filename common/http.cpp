#include "common/http.hpp"

#include "common/clock.hpp"
#include "common/error.hpp"
#include "common/text.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <string_view>

namespace bootwright {

namespace {

struct FreeHeaders {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Headers = std::unique_ptr<curl_slist, FreeHeaders>;

struct FreeEasy {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};

/// What the C callbacks fill in.
struct Exchange {
    HttpResponse response{};
    std::size_t max_bytes = 0;
    bool too_large = false;
};

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) noexcept {
    auto& exchange = *static_cast<Exchange*>(user);
    const std::size_t bytes = size * count;
    if (exchange.response.body.size() + bytes > exchange.max_bytes) {
        exchange.too_large = true;
        return 0;  // ends the transfer with CURLE_WRITE_ERROR
    }
    exchange.response.body.append(data, bytes);
    return bytes;
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) noexcept {
    constexpr std::size_t most_headers = 100;
    auto& headers = static_cast<Exchange*>(user)->response.headers;
    const std::string_view line(data, size * count);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && headers.size() < most_headers) {
        headers[lower(trimmed(line.substr(0, colon)))] = trimmed(line.substr(colon + 1));
    }
    return line.size();
}

Error transfer_error(CURLcode code, const HttpRequest& request, const Exchange& exchange) {
    const std::string where = request.method + " " + without_credentials(request.url);
    if (exchange.too_large) {
        return permanent_error(
            "http.too_large",
            where + ": the answer is larger than the " + std::to_string(request.max_bytes) + " bytes allowed here",
            "make what is served there smaller");
    }
    switch (code) {
        case CURLE_OPERATION_TIMEDOUT:
            return transient_error("http.timeout", where + ": no complete answer within " + to_human(request.timeout),
                                   "check that the service behind this address is running and not overloaded");
        case CURLE_PARTIAL_FILE:
        case CURLE_RECV_ERROR:
        case CURLE_GOT_NOTHING:
            return transient_error("http.truncated", where + ": the answer broke off: " + curl_easy_strerror(code),
                                   "check that the service behind this address is running");
        default:
            return transient_error("http.unreachable", where + ": " + curl_easy_strerror(code),
                                   "check the network: `ip address`, `ip route`, and that the service is running");
    }
}

Error out_of_memory() { return transient_error("http.unreachable", "libcurl is out of memory", "free memory"); }

/// One request under way; it leaves the multi handle when it goes.
class Transfer {
public:
    Transfer(CURLM* multi, const HttpRequest& request) : multi_(multi), request_(request), easy_(curl_easy_init()) {
        if (easy_ == nullptr) {
            throw out_of_memory();
        }
        exchange_.max_bytes = request.max_bytes;
        add_header("Expect:");  // a metadata service does not know "100 Continue"
        for (const auto& [name, value] : request.headers) {
            add_header(name + ": " + value);
        }
        set_options();
        if (curl_multi_add_handle(multi_, easy_.get()) != CURLM_OK) {
            throw out_of_memory();
        }
    }
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;
    ~Transfer() { curl_multi_remove_handle(multi_, easy_.get()); }

    [[nodiscard]] CURL* easy() const { return easy_.get(); }

    /// @throws Error http.* where the transfer ended with `code`
    HttpResponse finish(CURLcode code) {
        if (code != CURLE_OK) {
            throw transfer_error(code, request_, exchange_);
        }
        long status = 0;
        curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
        exchange_.response.status = static_cast<int>(status);
        return std::move(exchange_.response);
    }

private:
    void add_header(const std::string& line) { headers_.reset(curl_slist_append(headers_.release(), line.c_str())); }

    template <typename Value>
    void set(CURLoption option, Value value) {
        curl_easy_setopt(easy_.get(), option, value);
    }

    void set_options() {
        set(CURLOPT_URL, request_.url.c_str());
        set(CURLOPT_PROTOCOLS_STR, "http,https");
        set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
        set(CURLOPT_HTTPHEADER, headers_.get());
        set(CURLOPT_USERAGENT, "bootwright");
        set(CURLOPT_NOPROXY, "*");
        set(CURLOPT_FOLLOWLOCATION, 0L);
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request_.connect_timeout.count()));
        set(CURLOPT_TIMEOUT_MS, static_cast<long>(request_.timeout.count()));
        set(CURLOPT_WRITEFUNCTION, on_body);
        set(CURLOPT_WRITEDATA, &exchange_);
        set(CURLOPT_HEADERFUNCTION, on_header);
        set(CURLOPT_HEADERDATA, &exchange_);
        if (!request_.unix_socket.empty()) {
            set(CURLOPT_UNIX_SOCKET_PATH, request_.unix_socket.c_str());
        }
        if (request_.privileged_port) {
            set(CURLOPT_LOCALPORT, 600L);  // below are the ports of well-known services
            set(CURLOPT_LOCALPORTRANGE, 424L);
            set(CURLOPT_FRESH_CONNECT, 1L);  // an open one may come from any port
        }
    }

    CURLM* multi_;
    const HttpRequest& request_;
    Exchange exchange_{};
    Headers headers_;
    std::unique_ptr<CURL, FreeEasy> easy_;
};

class Race {
public:
    Race(CURLM* multi, const std::vector<HttpRequest>& requests, std::chrono::milliseconds stagger,
         const HttpClient::Accepts& accepts)
        : multi_(multi), requests_(requests), stagger_(stagger), accepts_(accepts) {
        result_.responses.resize(requests.size());
        result_.errors.resize(requests.size());
    }

    HttpRace run(const std::stop_token& stop) {
        const std::stop_callback wake(stop, [this] { curl_multi_wakeup(multi_); });
        while (true) {
            if (stop.stop_requested()) {
                throw stopped_error();
            }
            send_next_if_due();
            curl_multi_perform(multi_, &running_);
            collect();
            if (result_.winner || (transfers_.size() == requests_.size() && running_ == 0)) {
                return std::move(result_);
            }
            if (running_ > 0) {
                curl_multi_poll(multi_, nullptr, 0, static_cast<int>(until_next().count()), nullptr);
            }
        }
    }

private:
    using SteadyClock = std::chrono::steady_clock;

    void send_next_if_due() {
        while (transfers_.size() < requests_.size() && (running_ == 0 || SteadyClock::now() >= next_at_)) {
            transfers_.push_back(std::make_unique<Transfer>(multi_, requests_[transfers_.size()]));
            next_at_ = SteadyClock::now() + stagger_;
            ++running_;
        }
    }

    void collect() {
        int left = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
            const auto found = std::find_if(transfers_.begin(), transfers_.end(), [&](const auto& transfer) {
                return transfer->easy() == message->easy_handle;
            });
            const auto index = static_cast<std::size_t>(found - transfers_.begin());
            try {
                result_.responses[index] = (*found)->finish(message->data.result);
                if (!result_.winner && accepts_(index, *result_.responses[index])) {
                    result_.winner = index;
                }
            } catch (const Error& error) {
                result_.errors[index] = error;
            }
        }
    }

    /// How long nothing need be done but what the network asks for.
    [[nodiscard]] std::chrono::milliseconds until_next() const {
        constexpr std::chrono::milliseconds longest{1000};
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(next_at_ - SteadyClock::now());
        return transfers_.size() < requests_.size() ? std::clamp(left, std::chrono::milliseconds(1), longest) : longest;
    }

    CURLM* multi_;
    const std::vector<HttpRequest>& requests_;
    std::chrono::milliseconds stagger_;
    const HttpClient::Accepts& accepts_;
    std::vector<std::unique_ptr<Transfer>> transfers_{};  // of the first requests, in their order
    SteadyClock::time_point next_at_{};
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

void CurlHttpClient::FreeMulti::operator()(void* multi) const { curl_multi_cleanup(multi); }

HttpRace CurlHttpClient::race(const std::vector<HttpRequest>& requests, std::chrono::milliseconds stagger,
                              const Accepts& accepts, std::stop_token stop) {
    if (multi_ == nullptr) {
        multi_.reset(curl_multi_init());
    }
    if (multi_ == nullptr) {
        throw out_of_memory();
    }
    return Race(multi_.get(), requests, stagger, accepts).run(stop);
}

}  // namespace bootwright
