#pragma once

#include <cstddef>
#include <string_view>

namespace bootwright {

// What the agent and bootwright-keeper say to each other, a message each, over the socket that the keeper is started with.
// After an upgrade an agent that still runs starts the newer keeper: it must understand the older words.

constexpr int keeper_socket = 3;  ///< its number in the keeper, whose streams are those of the program

// First come the orders: the strings FOLDER, FAMILY, PROGRAM and its arguments, each with its \0. An empty FOLDER leaves the
// folder as it is. With FAMILY "ends" the family ends where the program has ended, or the agent is gone. The environment is
// the keeper's own.
constexpr std::size_t largest_orders = std::size_t{128} * 1024;
constexpr std::size_t most_strings = 2048;
constexpr std::string_view family_ends = "ends";

// Then the keeper says 0 or the error number of the start, and the program's status as of wait(2), which is never negative.
constexpr char end_word = 'e';        ///< the agent: kill the family
constexpr int family_has_ended = -1;  ///< the answer
constexpr int family_lives = -2;      ///< the answer where something cannot be killed within `end_seconds`
constexpr int end_seconds = 10;

}  // namespace bootwright
