#include "common/net/page.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

TEST_CASE("a portal's page is known by its start") {
    CHECK(is_page("<!DOCTYPE html><title>Log in</title>"));
    CHECK(is_page("\r\n<HTML lang=en>"));
    CHECK_FALSE(is_page(""));
    CHECK_FALSE(is_page("<?xml version=\"1.0\"?>"));
    CHECK_FALSE(is_page("# v2 git bundle\n<html>"));
}
