#include "agent/commands/facts_file.hpp"

#include "common/files/file.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

/// What reading a file of this text says.
std::string refusal(const std::string& text) {
    const TemporaryRoot root;
    root.write("facts.json", text);
    return error_of([&] { read_facts_file(root.path("facts.json").string()); }).code;
}

}  // namespace

TEST_CASE("facts come back from their file as they were, with the order of their keys") {
    const Json document{{"facts", {{"role", "web"}, {"walked", {{"a", 1}, {"z", 2}}}}},
                        {"order", {{{"walked"}, {"z", "a"}}}}};
    const TemporaryRoot root;
    root.write("facts.json", facts_file(facts_in(document), 42));
    const MachineFacts read = read_facts_file(root.path("facts.json").string());
    CHECK(read.facts == document["facts"]);
    CHECK(read.order == document["order"]);
    CHECK(number_at(Json::parse(facts_file(read, 42)), "run") == 42);
}

TEST_CASE("what is damaged in a run's facts is left out") {
    CHECK(facts_in(Json()).facts.empty());
    CHECK(facts_in({{"facts", 1}}).facts.empty());
    const Json order = Json::parse(R"([1, [], [["a"]], [["a"], ["b"], []], [["a"], [1]], [["a"], ["b"]]])");
    CHECK(facts_in({{"facts", {{"a", 1}}}, {"order", order}}).order == Json::parse(R"([[["a"], ["b"]]])"));
}

TEST_CASE("a file that holds no facts, or is of another version, is refused") {
    for (const char* text : {"", "[]", "{}", R"({"facts": {"a": 1}})", R"({"bootwright_facts": 1})",
                             R"({"bootwright_facts": 1, "facts": {}})", R"({"bootwright_facts": 2, "facts": {"a": 1}})",
                             R"({"bootwright_facts": "1", "facts": {"a": 1}})"}) {
        CAPTURE(text);
        CHECK(refusal(text) == "facts.invalid");
    }
}
