#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace bootwright {

/// Does pieces of work that do not depend on each other on several processors, in no order that could be relied upon. The
/// thread that adds them works too, once enough is waiting.
class WorkQueue {
public:
    using Work = std::function<void()>;

    /// One thread for each processor beyond the first, as far as the system gives them, and a few at most. Without any, add()
    /// does the work itself.
    WorkQueue();
    WorkQueue(const WorkQueue&) = delete;
    WorkQueue& operator=(const WorkQueue&) = delete;
    /// What has not begun is dropped, what has begun is waited for.
    ~WorkQueue();

    /// @throws what a piece of work has thrown (the first that did); none begins after that
    void add(Work work);
    /// Returns when all is done, and what the work held is let go. @throws as add()
    void finish();

    /// So many pieces wait at once, at most.
    static constexpr std::size_t most_waiting = 8;

private:
    using Lock = std::unique_lock<std::mutex>;
    void work_until_closed();
    void do_next(Lock& lock);
    void rethrow_failure() const;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Work> waiting_;
    std::size_t begun_ = 0;  // and not done
    bool is_closed_ = false;
    std::exception_ptr failure_;
    std::vector<std::jthread> workers_;
};

}  // namespace bootwright
