#include "agent/record/status_file.hpp"

#include "common/base/error.hpp"
#include "common/base/version.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <thread>

using namespace bootwright;

namespace {

constexpr const char* path = "/run/bootwright/status.json";

}  // namespace

TEST_CASE("before anything has run, the status is empty and complete") {
    const FakeSystem fake;
    const Json status = StatusFile(fake.system).read();
    CHECK(status.at("schema") == 1);
    for (const char* key : {"boot_id", "agent_version", "daemon", "run", "configured"}) {
        CHECK(status.at(key).is_null());
    }
}

TEST_CASE("an update changes one section and leaves the others") {
    const FakeSystem fake;
    const StatusFile file(fake.system);
    file.update([](Json& status) { status["daemon"] = "d"; });
    file.update([](Json& status) { status["run"] = "r"; });
    const Json status = file.read();
    CHECK(status.at("schema") == 1);
    CHECK(status.at("boot_id") == "b0071d00-0000-4000-8000-000000000001");
    CHECK(status.at("agent_version") == version);
    CHECK(status.at("daemon") == "d");
    CHECK(status.at("run") == "r");
}

TEST_CASE("everybody may read the status, and only root its lock") {
    const FakeSystem fake;
    StatusFile(fake.system).update([](Json&) {});
    CHECK(fake.root.mode(path) == 0644);
    CHECK(fake.root.mode("/run/bootwright") == 0755);
    CHECK(fake.root.mode("/run/bootwright/status.lock") == 0600);
}

TEST_CASE("the status of an earlier boot counts as none") {
    const FakeSystem fake;
    const StatusFile file(fake.system);
    file.update([](Json& status) { status["configured"] = {{"run", 1}}; });
    fake.root.write("/proc/sys/kernel/random/boot_id", "b0071d00-0000-4000-8000-000000000002\n");
    CHECK(file.read().at("configured").is_null());
    file.update([](Json& status) { status["run"] = "new"; });
    CHECK(file.read().at("configured").is_null());
    CHECK(file.read().at("boot_id") == "b0071d00-0000-4000-8000-000000000002");
}

TEST_CASE("a status that cannot be understood says why, and what to do, until it is written anew") {
    struct Row {
        const char* text;
        const char* why;
    };
    const Row row = GENERATE(values<Row>({
        {"", "it is damaged"},
        {R"({"schema": 1, "run": {"num)", "it is damaged"},
        {R"({"schema": 2, "boot_id": "b0071d00-0000-4000-8000-000000000001", "agent_version": "2.0\u001b[2J"})",
         "another version of bootwright has written it: 2.0?[2J"},
        {R"({"schema": 2})", "another version of bootwright has written it"},
    }));
    const FakeSystem fake;
    fake.root.write(path, row.text);
    const StatusFile file(fake.system);
    const Json problem = file.read().at("unreadable");
    CHECK(problem.at("code") == "status.unreadable");
    CHECK(problem.at("message").get<std::string>().ends_with("status.json cannot be understood: " +
                                                             std::string(row.why)));
    CHECK(problem.at("advice").get<std::string>().find("systemctl restart bootwright") != std::string::npos);
    file.update([](Json& status) { status["run"] = "new"; });
    CHECK_FALSE(file.read().contains("unreadable"));
    CHECK(fake.root.read(path).find("unreadable") == std::string::npos);
}

TEST_CASE("the status that the package makes at boot, one of an earlier boot, and none at all are no problem") {
    const FakeSystem fake;
    const StatusFile file(fake.system);
    CHECK_FALSE(file.read().contains("unreadable"));
    for (const char* text : {R"({"schema": 1, "boot_id": null, "run": null})",
                             R"({"schema": 2, "boot_id": "b0071d00-0000-4000-8000-000000000002", "run": {}})"}) {
        fake.root.write(path, text);
        CHECK_FALSE(file.read().contains("unreadable"));
    }
}

TEST_CASE("a damaged status counts as none, and is mended by the next update") {
    for (const std::string& text :
         {std::string(), std::string("{"), std::string("[]"), std::string("null"), std::string("\0\xff", 2),
          std::string(R"({"schema": 2, "boot_id": "b0071d00-0000-4000-8000-000000000001", "run": 1})"),
          std::string(R"({"schema": "1", "boot_id": "b0071d00-0000-4000-8000-000000000001", "run": 1})"),
          std::string(R"({"schema": 1, "run": 1})"), std::string(R"({"schema": 1, "boot_id": 5, "run": 1})"),
          std::string(1000, '[')}) {
        const FakeSystem fake;
        fake.root.write(path, text);
        const StatusFile file(fake.system);
        CHECK(file.read().at("run").is_null());
        file.update([](Json& status) { status["run"] = "new"; });
        CHECK(file.read().at("run") == "new");
    }
}

TEST_CASE("a status that has grown beyond all measure is mended by the next update") {
    const FakeSystem fake;
    fake.root.write(path, R"({"schema": 1, "boot_id": "b0071d00-0000-4000-8000-000000000001", "run": ")" +
                              std::string((std::size_t{1} << 20U) + 1, 'x') + "\"}");
    const StatusFile file(fake.system);
    CHECK_NOTHROW(file.update([](Json& status) { status["run"] = "new"; }));
    CHECK(file.read().at("run") == "new");
}

TEST_CASE("a section that is missing is found as null by its readers") {
    const FakeSystem fake;
    fake.root.write(path, R"({"schema": 1, "boot_id": "b0071d00-0000-4000-8000-000000000001"})");
    const StatusFile file(fake.system);
    CHECK_NOTHROW(file.update([](Json& status) { status["run"] = "new"; }));
    CHECK(file.read().at("run") == "new");
}

TEST_CASE("an update that fails changes nothing") {
    const FakeSystem fake;
    const StatusFile file(fake.system);
    file.update([](Json& status) { status["run"] = "old"; });
    const std::string before = fake.root.read(path);
    CHECK_THROWS_AS(file.update([](Json& status) {
        status["run"] = "half";
        throw transient_error("a.b", "c", "d");
    }),
                    Error);
    CHECK(fake.root.read(path) == before);
    CHECK_NOTHROW(file.update([](Json&) {}));  // the lock is free again
}

TEST_CASE("bytes that are no UTF-8 are written as text") {
    const FakeSystem fake;
    const StatusFile file(fake.system);
    file.update([](Json& status) { status["run"] = "\xff\xfe"; });
    CHECK(file.read().at("run") == "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("threads that update at once do not undo each other's, and a reader always finds a whole status") {
    const FakeSystem fake;
    const StatusFile file(fake.system);
    const auto count_up = [&](const char* key) {
        for (int i = 1; i <= 30; ++i) {
            file.update([&](Json& status) { status[key] = i; });
        }
    };
    int strange = 0;
    std::thread daemon(count_up, "daemon");
    std::thread worker(count_up, "run");
    for (int i = 0; i < 50; ++i) {
        const Json status = file.read();
        strange += status.contains("daemon") && status.contains("run") && status.at("schema") == 1 ? 0 : 1;
    }
    daemon.join();
    worker.join();
    CHECK(strange == 0);
    CHECK(file.read().at("daemon") == 30);
    CHECK(file.read().at("run") == 30);
}

TEST_CASE("a runtime folder that cannot be made is an error") {
    const FakeSystem fake;
    fake.root.write("/run", "a file");
    CHECK_THROWS_AS(StatusFile(fake.system).update([](Json&) {}), Error);
}

TEST_CASE("without a boot id, as in a captured tree, the status works too") {
    const FakeSystem fake;
    fake.root.remove("/proc/sys/kernel/random/boot_id");
    CHECK(boot_id(fake.system).empty());
    const StatusFile file(fake.system);
    file.update([](Json& status) { status["run"] = "r"; });
    CHECK(file.read().at("run") == "r");
}
