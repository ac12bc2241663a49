#include "agent/puppet/result/planned.hpp"

#include "common/documents/json.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace bootwright;

namespace {

std::string entry(const std::string& source, const std::string& message,
                  const std::string& file = "/checkout/site.pp") {
    return to_line({{"level", "notice"}, {"source", source}, {"message", message}, {"file", file}, {"line", 3}}) + "\n";
}

PuppetTraces traces() {
    PuppetTraces made{.noop = true, .folders = {"/checkout"}};
    made.redactor.add("hunter2-hunter2");
    return made;
}

}  // namespace

TEST_CASE("what Puppet would change is what it says under noop, with the diffs of files") {
    const std::string log =
        entry("Puppet", "Compiled catalog (noop)") +
        entry("/Stage[main]/Role::Web/File[/etc/motd]/content",
              "\n--- /etc/motd\n+++ /tmp/x\n@@ -1 +1 @@\n-old\n+new\n") +
        entry("/Stage[main]/Role::Web/File[/etc/motd]/content",
              "current_value '{sha256}1', should be '{sha256}2' (noop)") +
        entry("/Stage[main]/Role::Web/Service[web]", "Would have triggered 'refresh' from 1 event") +
        entry("/Stage[main]/Role::Web/Exec[x]/returns", "executed successfully") +
        entry("Class[Role::Web]", "Would have triggered 'refresh' from 2 events") + "no JSON\n";
    const auto planned = planned_changes(log, traces());
    REQUIRE(planned.size() == 3);
    CHECK(planned[0].resource == "File[/etc/motd]");
    CHECK(planned[0].text == "--- /etc/motd\n+++ /tmp/x\n@@ -1 +1 @@\n-old\n+new");
    CHECK(planned[0].file == "site.pp");
    CHECK(planned[0].line == 3);
    CHECK(planned[1].text == "current_value '{sha256}1', should be '{sha256}2' (noop)");
    CHECK(planned[2].resource == "Service[web]");
}

TEST_CASE("a diff holds no secret of the role config, and is not without end") {
    const std::string source = "/Stage[main]/Main/File[/etc/x]/content";
    const auto planned =
        planned_changes(entry(source, "\n+password = hunter2-hunter2\n") +
                            entry(source, "\n" + std::string(100'000, 'x')) + entry(source, "[diff redacted]"),
                        traces());
    REQUIRE(planned.size() == 3);
    CHECK(planned[0].text == "+password = [redacted]");
    CHECK(planned[1].text.size() < 33'000);
    CHECK(planned[2].text == "[diff redacted]");
}

TEST_CASE("a thousand planned changes are enough") {
    std::string log;
    for (int i = 0; i < 1001; ++i) {
        log += entry("/Stage[main]/Main/File[/etc/" + std::to_string(i) + "]/ensure",
                     "current_value 'absent', should be 'file' (noop)");
    }
    CHECK(planned_changes(log, traces()).size() == 1000);
}
