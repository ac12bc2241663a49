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

/// Does independent pieces of work on several processors, in no particular order. The thread that adds them works too,
/// once enough is waiting.
class WorkQueue {
public:
    using Work = std::function<void()>;

    /// Starts one thread for each processor beyond the first, but only a few, and only as many as the system gives.
    /// Without any, add() does the work itself.
    WorkQueue();
    WorkQueue(const WorkQueue&) = delete;
    WorkQueue& operator=(const WorkQueue&) = delete;
    /// Drops the work that has not begun, and waits for the work that has.
    ~WorkQueue();

    /// @throws the first exception of a piece of work; none begins after that
    void add(Work work);
    /// Waits until all work is done, and what it held is released. @throws as add()
    void finish();

    /// The most pieces that wait at once.
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
