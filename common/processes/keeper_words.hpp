#pragma once

#include <cstddef>
#include <string_view>

namespace bootwright {

// What the agent and bootwright-keeper say to each other, a message each, over the socket that the keeper is started
// with. After an upgrade, an old agent that still runs starts the new keeper: the keeper must understand the old words.

constexpr int keeper_socket = 3;  ///< its number in the keeper; the keeper's streams are the program's

// First come the orders: the strings FOLDER, FAMILY, PROGRAM and its arguments, each with its \0. An empty FOLDER keeps
// the present folder. With FAMILY "ends" the family ends once the program has ended, or the agent is gone. The program
// gets the keeper's environment.
constexpr std::size_t largest_orders = std::size_t{128} * 1024;
constexpr std::size_t most_strings = 2048;
constexpr std::string_view family_ends = "ends";

// Then the keeper says 0 or the error number of the start, later the program's status as of wait(2), never negative.
constexpr char end_word = 'e';        ///< the agent: kill the family
constexpr int family_has_ended = -1;  ///< the answer
constexpr int family_lives = -2;      ///< the answer if something cannot be killed within `end_seconds`
constexpr int end_seconds = 10;

}  // namespace bootwright
