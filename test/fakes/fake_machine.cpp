#include "test/fakes/fake_machine.hpp"

#include "common/documents/json.hpp"

namespace bootwright {

std::string good_user_data() {
    return R"({"role": "web", "repository": {"url": "https://git.example.com/puppet.git", "revision": ")" +
           std::string(pinned_revision) + "\"}}";
}

FakeProcesses::Script good_fetch() {
    return {.lines = {R"({"progress": {"what": "objects", "done": 8, "total": 8}})",
                      to_line({{"checkout", {{"revision", pinned_revision}}}})}};
}

FakeMachine::FakeMachine() {
    root.copy(fixture_path("ec2/root-nitro"));
    root.write("/usr/bin/puppet", "", 0755);
    // Its thread would share the fakes with the test's; metadata_watch_test.cpp has it alone.
    root.write("/etc/bootwright/agent.d/no-watch.json", R"({"metadata": {"watch": "0s"}})");
    http.answer("PUT /latest/api/token", "token");
    http.answer("GET /latest/dynamic/instance-identity/document", fixture("ec2/identity-document.json"));
    http.answer("GET /latest/meta-data/local-hostname", "ip-10-251-50-12.ec2.internal");
    http.answer_status("GET /latest/meta-data/public-ipv4", 404);
    http.answer_status("GET /latest/meta-data/ipv6", 404);
    http.answer_status("GET /latest/meta-data/tags/instance", 404);
    http.answer("GET /latest/user-data", good_user_data());
    processes.answer("bootwright-fetch", good_fetch());
    processes.answer("apply", recorded_puppet("changed"));
    processes.answer("--file-system", FakeProcesses::Script{});
}

}  // namespace bootwright
