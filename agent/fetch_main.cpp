// The program that the agent starts to fetch: it alone loads libgit2 and all that it needs, for as long as it takes.

#include "agent/repository/fetch/fetch.hpp"

int main() { return bootwright::run_fetch_child(); }
