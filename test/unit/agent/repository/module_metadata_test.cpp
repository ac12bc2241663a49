#include "agent/repository/module_metadata.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace bootwright;

namespace {

ModuleMetadata metadata(const std::string& text) { return read_module_metadata(parse_json(text)); }

}  // namespace

TEST_CASE("a module's metadata.json says what it needs") {
    const ModuleMetadata read = metadata(R"({"name": "acme-web", "version": "1.2.3", "author": "acme",
        "dependencies": [{"name": "puppetlabs/stdlib", "version_requirement": ">= 4.13.1 < 10.0.0"}, {"name": "acme-x"}],
        "requirements": [{"name": "puppet", "version_requirement": ">= 7.0.0 < 9.0.0"}]})");
    CHECK(read.problem.empty());
    CHECK(read.version == "1.2.3");
    REQUIRE(read.dependencies.size() == 2);
    CHECK(read.dependencies[0].name == "puppetlabs-stdlib");
    CHECK(read.dependencies[0].range == ">= 4.13.1 < 10.0.0");
    CHECK(read.dependencies[1].range.empty());
    REQUIRE(read.requirements.size() == 1);
    CHECK(read.requirements[0].name == "puppet");
    CHECK(to_json(module_metadata_from_json(to_json(read))) == to_json(read));
}

TEST_CASE("what is wrong with a metadata.json is said, and the rest of it read") {
    struct Row {
        const char* text;
        const char* problem;
    };
    for (const Row& row : {
             Row{"", "no JSON object"},
             Row{"[]", "no JSON object"},
             Row{R"({"dependencies": []})", "version"},
             Row{R"({"version": 1})", "version"},
             Row{R"({"version": "one"})", "version"},
             Row{R"({"version": "1.2.3", "dependencies": {}})", "dependencies is no list"},
             Row{R"({"version": "1.2.3", "dependencies": ["stdlib"]})", "dependencies has an entry without a name"},
             Row{R"({"version": "1.2.3", "requirements": [{"name": "a\u001b[31m"}]})", "requirements has an entry"},
             Row{R"({"version": "1.2.3", "dependencies": [{"name": "a-b", "version_requirement": "soon\u001b"}]})",
                 "a-b has the version_requirement \"soon?\""},
         }) {
        CAPTURE(row.text);
        const ModuleMetadata read = metadata(row.text);
        CHECK(read.problem.find(row.problem) != std::string::npos);
        CHECK(module_metadata_from_json(to_json(read)).problem == read.problem);
    }
}

TEST_CASE("a metadata.json without end is none") {
    std::string text = R"({"version": "1.2.3", "dependencies": [)";
    for (int i = 0; i < 51; ++i) {
        text += std::string(i == 0 ? "" : ",") + R"({"name": "a-b)" + std::to_string(i) + R"("})";
    }
    CHECK(metadata(text + "]}").dependencies.empty());
    CHECK(metadata(text + "]}").problem == "dependencies is no list, or too long");
    const std::string largest = R"({"name": ")" + std::string(100, 'n') + R"(", "version_requirement": ">= 1.0.0)" +
                                std::string(192, ' ') + R"("})";
    std::string most = largest;
    for (int i = 1; i < 50; ++i) {
        most += "," + largest;
    }
    const ModuleMetadata read =
        metadata(R"({"version": "1.2.3", "dependencies": [)" + most + R"(], "requirements": [)" + most + "]}");
    CHECK(read.problem.empty());
    CHECK(read.requirements.size() == 50);
    CHECK(to_line(to_json(read)).size() < 60'000);  // a line of the child
}
