// The program that speaks to git servers, object stores and secret stores: it alone loads libcurl, runs as nobody in
// particular, and may write into one folder.

#include "agent/servers/program.hpp"

int main() { return bootwright::run_download_child(); }
