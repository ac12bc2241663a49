#include "common/net/http_header.hpp"

#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <cstddef>

namespace bootwright {

void check_header(const std::string& name, const std::string& value) {
    constexpr std::size_t longest_name = 100;
    if (is_made_of(name, "!#$%&'*+-.^_`|~", longest_name) && printable(value) == value) {
        return;
    }
    throw permanent_error("http.bad_header",
                          "the value of the HTTP header " + shortened(name, longest_name) +
                              " cannot be sent: it holds a line end, or another control character",
                          "correct where it is from: a token is one line of text, without anything after it");
}

}  // namespace bootwright
