#include "common/documents/xml.hpp"

#include <expat.h>

#include <climits>
#include <cstddef>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

namespace bootwright {

namespace {

constexpr std::size_t most_levels = 32;
constexpr char separator = ' ';  // between a namespace and a name: neither may hold one

using Parser = std::unique_ptr<std::remove_pointer_t<XML_Parser>, decltype(&XML_ParserFree)>;

struct Reading {
    XML_Parser parser;
    const std::function<void(const std::vector<XmlElement>&)>& on_end;
    std::vector<XmlElement> path{};
    std::exception_ptr thrown{};
    bool is_stopped = false;  // expat may call once more after XML_StopParser()
};

Reading& reading_of(void* user) { return *static_cast<Reading*>(user); }

void stop(Reading& reading) {
    reading.is_stopped = true;
    XML_StopParser(reading.parser, XML_FALSE);
}

/// Runs `action` in one of expat's callbacks, which an exception must not leave.
template <typename Action>
void guarded(Reading& reading, Action&& action) {
    if (reading.is_stopped) {
        return;
    }
    try {
        action();
    } catch (...) {
        reading.thrown = std::current_exception();
        stop(reading);
    }
}

std::string without_namespace(std::string_view name) {
    return std::string(name.substr(name.rfind(separator) + 1));  // npos + 1 is 0
}

void on_start(void* user, const XML_Char* name, const XML_Char** attributes) {
    Reading& reading = reading_of(user);
    guarded(reading, [&] {
        if (reading.path.size() == most_levels) {
            stop(reading);
            return;
        }
        XmlElement element{.name = without_namespace(name)};
        for (const XML_Char** attribute = attributes; *attribute != nullptr; attribute += 2) {
            element.attributes[without_namespace(attribute[0])] = attribute[1];
        }
        reading.path.push_back(std::move(element));
    });
}

void on_text(void* user, const XML_Char* text, int length) {
    Reading& reading = reading_of(user);
    guarded(reading, [&] { reading.path.back().text.append(text, static_cast<std::size_t>(length)); });
}

void on_finish(void* user, const XML_Char*) {
    Reading& reading = reading_of(user);
    guarded(reading, [&] {
        reading.on_end(reading.path);
        reading.path.pop_back();
    });
}

/// A document type may define entities that grow without end, or that stand in other files.
void on_document_type(void* user, const XML_Char*, const XML_Char*, const XML_Char*, int) { stop(reading_of(user)); }

}  // namespace

bool read_xml(std::string_view text, const std::function<void(const std::vector<XmlElement>& path)>& on_end) {
    const Parser parser(XML_ParserCreateNS(nullptr, separator), XML_ParserFree);
    if (!parser || text.size() > INT_MAX) {
        return false;
    }
    Reading reading{.parser = parser.get(), .on_end = on_end};
    XML_SetUserData(parser.get(), &reading);
    XML_SetElementHandler(parser.get(), on_start, on_finish);
    XML_SetCharacterDataHandler(parser.get(), on_text);
    XML_SetStartDoctypeDeclHandler(parser.get(), on_document_type);
    const bool is_whole =
        XML_Parse(parser.get(), text.data(), static_cast<int>(text.size()), XML_TRUE) == XML_STATUS_OK;
    if (reading.thrown) {
        std::rethrow_exception(reading.thrown);
    }
    return is_whole;
}

std::string xml_escaped(std::string_view text) {
    std::string safe;
    for (const char c : text) {
        switch (c) {
            case '&': safe += "&amp;"; break;
            case '<': safe += "&lt;"; break;
            case '>': safe += "&gt;"; break;
            case '"': safe += "&quot;"; break;
            case '\'': safe += "&#39;"; break;
            case '\t': safe += "&#9;"; break;  // these three would be a blank in an attribute
            case '\n': safe += "&#10;"; break;
            case '\r': safe += "&#13;"; break;
            default: safe += c;
        }
    }
    return safe;
}

}  // namespace bootwright
