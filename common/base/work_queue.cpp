#include "common/base/work_queue.hpp"

#include <sched.h>

#include <algorithm>
#include <utility>

namespace bootwright {

namespace {

/// The processors that this process may use, but only a few: two that make files already wait for each other.
int processors() {
    constexpr int most = 4;
    cpu_set_t usable;
    const bool are_few = sched_getaffinity(0, sizeof usable, &usable) == 0;  // it fails if there are more than 1024
    return are_few ? std::min(CPU_COUNT(&usable), most) : most;
}

}  // namespace

WorkQueue::WorkQueue() {
    const int count = processors();
    try {
        for (int i = 1; i < count; ++i) {
            workers_.emplace_back([this] { work_until_closed(); });
        }
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): those that there are do, or none
    }
}

WorkQueue::~WorkQueue() {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    waiting_.clear();
    changed_.notify_all();
}

void WorkQueue::add(Work work) {
    Lock lock(mutex_);
    while (waiting_.size() >= most_waiting) {
        do_next(lock);
    }
    rethrow_failure();
    waiting_.push_back(std::move(work));
    if (workers_.empty()) {
        do_next(lock);
        rethrow_failure();
    } else {
        changed_.notify_one();
    }
}

void WorkQueue::finish() {
    Lock lock(mutex_);
    while (!waiting_.empty()) {
        do_next(lock);
    }
    changed_.wait(lock, [this] { return begun_ == 0; });
    rethrow_failure();
}

void WorkQueue::work_until_closed() {
    Lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return is_closed_ || !waiting_.empty(); });
        if (is_closed_) {
            return;
        }
        do_next(lock);
    }
}

void WorkQueue::do_next(Lock& lock) {
    Work work = std::move(waiting_.front());
    waiting_.pop_front();
    ++begun_;
    lock.unlock();
    std::exception_ptr failure;
    try {
        work();
    } catch (...) {
        failure = std::current_exception();
    }
    work = nullptr;
    lock.lock();
    --begun_;
    if (failure && !failure_) {
        failure_ = failure;
        waiting_.clear();
    }
    if (begun_ == 0) {
        changed_.notify_all();
    }
}

void WorkQueue::rethrow_failure() const {
    if (failure_) {
        std::rethrow_exception(failure_);
    }
}

}  // namespace bootwright
