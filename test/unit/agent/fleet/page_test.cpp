#include "agent/fleet/page.hpp"

#include "common/base/encoding.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
        ++found;
    }
    return found;
}

/// The document that the page's script reads.
std::string embedded(const std::string& page) {
    const std::string begin = "<script type=\"application/json\" id=\"overview\">";
    const std::size_t at = page.find(begin) + begin.size();
    return page.substr(at, page.find("</script>", at) - at);
}

}  // namespace

TEST_CASE("nothing that a machine says becomes markup or script of the page") {
    const Json hostile{{"machines",
                        {{{"host", "</script><script>alert(1)</script>"},
                          {"role", "<!--<script>"},
                          {"image", "&lt;img src=x onerror=alert(1)&gt;"},
                          {"outcome", "@SCRIPT@ @STYLE@ @OVERVIEW@"},
                          {"zone", "\u2028\u202e"}}}}};
    const std::string page = page_of(hostile);
    const std::string plain = page_of(Json::object());
    CHECK(Json::parse(embedded(page)) == hostile);
    CHECK(embedded(page).find_first_of("<>&") == std::string::npos);
    CHECK(count(page, "<") == count(plain, "<"));
    CHECK(count(page, "</script>") == 2);
    CHECK(is_text(page));
    CHECK(page.find("\u202e") == std::string::npos);
}

TEST_CASE("the page's policy lets it load nothing, and run only its own script") {
    const std::string page = page_of(Json::object());
    CHECK(page.find("content=\"default-src 'none'; style-src 'sha256-") != std::string::npos);
    CHECK(page.find("script-src 'sha256-") != std::string::npos);
    CHECK(count(page, "unsafe") == 0);
    CHECK(count(page, "@S") == 0);
    for (const char* never :
         {"innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "http://", "https://"}) {
        CAPTURE(never);
        CHECK(count(page, never) == 0);
    }
}
