#pragma once

#include "common/files/file.hpp"

#include <chrono>
#include <initializer_list>

namespace bootwright {

/// Turns signals into events of a poll loop. Make it before any thread: the signals stay blocked in all of them.
class Signals {
public:
    explicit Signals(std::initializer_list<int> signals);

    /// The next signal that has arrived, or 0.
    int take();

    /// Waits until a signal has arrived, `fd` (-1: none) is readable, or `timeout` is over.
    void wait(std::chrono::milliseconds timeout, int fd);

private:
    UniqueFd fd_;
};

}  // namespace bootwright
