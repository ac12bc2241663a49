#include "common/base/side_by_side.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace bootwright {

void side_by_side(std::size_t count, std::size_t most, const std::function<void(std::size_t)>& work) {
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    std::exception_ptr failure;
    const auto work_on = [&] {
        for (std::size_t number = next++; number < count; number = next++) {
            try {
                work(number);
            } catch (...) {
                next = count;
                const std::lock_guard lock(mutex);
                failure = failure ? failure : std::current_exception();
            }
        }
    };
    {
        std::vector<std::jthread> others;
        try {
            for (std::size_t i = 1; i < std::min(count, most); ++i) {
                others.emplace_back(work_on);
            }
        } catch (const std::system_error&) {  // no more threads: those that are there do it
        }
        work_on();
    }
    if (failure) {
        std::rethrow_exception(failure);
    }
}

}  // namespace bootwright
