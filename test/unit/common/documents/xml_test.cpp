#include "common/documents/xml.hpp"

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>
#include <string>
#include <vector>

using namespace bootwright;

namespace {

/// "a/b[key=value] text" for each element as it ends; and "refused" if the document is.
std::vector<std::string> elements(const std::string& text) {
    std::vector<std::string> seen;
    const bool is_read = read_xml(text, [&](const std::vector<XmlElement>& path) {
        std::string line;
        for (const XmlElement& element : path) {
            line += (line.empty() ? "" : "/") + element.name;
        }
        for (const auto& [key, value] : path.back().attributes) {
            line.append("[").append(key).append("=").append(value).append("]");
        }
        seen.push_back(line + " " + path.back().text);
    });
    if (!is_read) {
        seen.emplace_back("refused");
    }
    return seen;
}

std::string nested(std::size_t levels) {
    std::string opening;
    std::string closing;
    for (std::size_t i = 0; i < levels; ++i) {
        opening += "<a>";
        closing += "</a>";
    }
    return opening + closing;
}

}  // namespace

TEST_CASE("an XML document's elements come as they end, without their namespaces") {
    CHECK(elements("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<e xmlns=\"u:1\" xmlns:o=\"u:2\">"
                   "<o:p o:k=\"v\" k2='w'/><q>x&amp;y<![CDATA[<z>]]></q></e>") ==
          std::vector<std::string>{"e/p[k=v][k2=w] ", "e/q x&y<z>", "e "});
    CHECK(elements("\xEF\xBB\xBF<e>\xC3\xA9</e>") == std::vector<std::string>{"e \xC3\xA9"});
}

TEST_CASE("a document type is refused before anything of it is read, and entities of its own with it") {
    for (const char* text : {"<!DOCTYPE e><e/>", "<!DOCTYPE e [<!ENTITY a \"b\">]><e>&a;</e>",
                             "<!DOCTYPE e [<!ENTITY a SYSTEM \"/etc/hostname\">]><e>&a;</e>",
                             "<!DOCTYPE e SYSTEM \"http://192.0.2.1/e.dtd\"><e/>"}) {
        CAPTURE(text);
        CHECK(elements(text) == std::vector<std::string>{"refused"});
    }
    CHECK(elements("<e>&a;</e>") == std::vector<std::string>{"refused"});
}

TEST_CASE("XML that is not well-formed, not whole, or too deep is refused") {
    for (const char* text : {"", "text", "<e", "<e><f></e>", "<e>\x01</e>", "<e a='1' a='2'/>", "{}"}) {
        CAPTURE(text);
        CHECK(elements(text) == std::vector<std::string>{"refused"});
    }
    CHECK(elements("<e><f/>") == std::vector<std::string>{"e/f ", "refused"});
    CHECK(elements("<e/><e/>") == std::vector<std::string>{"e ", "refused"});
    CHECK(elements(nested(32)).size() == 32);
    CHECK(elements(nested(33)) == std::vector<std::string>{"refused"});
}

TEST_CASE("what is thrown while an XML document is read arrives, and nothing is read after it") {
    int calls = 0;
    const auto throws = [&](const std::vector<XmlElement>&) {
        ++calls;
        throw std::runtime_error("enough");
    };
    CHECK_THROWS_AS(read_xml("<e><f/><g/></e>", throws), std::runtime_error);
    CHECK(calls == 1);
}

TEST_CASE("text that is escaped for XML is read as it was") {
    const std::string text = "a<b>&\"c\"'d' ]]> &amp;\t\r\n";
    CHECK(elements("<e k=\"" + xml_escaped(text) + "\"/>") == std::vector<std::string>{"e[k=" + text + "] "});
    CHECK(elements("<e k='" + xml_escaped(text) + "'>" + xml_escaped(text) + "</e>") ==
          std::vector<std::string>{"e[k=" + text + "] " + text});
}
