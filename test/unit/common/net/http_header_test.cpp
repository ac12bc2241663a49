#include "common/net/http_header.hpp"

#include "common/base/error.hpp"
#include "test/fakes/errors.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace bootwright;

namespace {

Error error_for(const std::string& name, const std::string& value) {
    return error_of([&] { return check_header(name, value), 0; });
}

}  // namespace

TEST_CASE("a header is a token and one line that can be shown") {
    CHECK_NOTHROW(check_header("X-aws-ec2-metadata-token", "AQAEAJ=="));
    CHECK_NOTHROW(check_header("Authorization", "Bearer a.b-c_d~e+f/g="));
    CHECK_NOTHROW(check_header("X-Name", "ü €"));
    CHECK_NOTHROW(check_header("Expect", ""));
    CHECK_NOTHROW(check_header(std::string(100, 'x'), "x"));
    CHECK(error_for(std::string(101, 'x'), "x").code == "http.bad_header");
    for (const char* name : {"", "X Y", "X:", "X\n", "X\r\nY", "ü"}) {
        CAPTURE(name);
        CHECK(error_for(name, "x").code == "http.bad_header");
    }
    for (const std::string& value :
         {std::string("hunter2\r\nX-Other: 1"), std::string("hunter2\n"), std::string("hunter2\t"),
          std::string("hunter2\0", 8), std::string("hunter2\x7f"), std::string("hunter2\xC2\x85"),
          std::string("hunter2\xE2\x80\xAE"), std::string("hunter2\xFF")}) {
        CAPTURE(value);
        const Error error = error_for("X-Token", value);
        CHECK(error.code == "http.bad_header");
        CHECK(error.kind == ErrorKind::permanent);
        CHECK(error.message.find("X-Token") != std::string::npos);
        CHECK((error.message + error.advice).find("hunter2") == std::string::npos);
    }
}
