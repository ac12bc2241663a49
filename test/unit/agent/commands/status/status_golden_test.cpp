// What `bootwright status` prints in a terminal, of runs with every outcome and at every stage: test/fixtures/status/.

#include "agent/commands/status/status.hpp"
#include "test/fakes/fixtures.hpp"
#include "test/fakes/status_texts.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace bootwright::status_tests;

namespace {

Instant at(std::chrono::seconds since_boot) { return {now.wall - (now.since_boot - since_boot), since_boot}; }

/// A run that has ended so, with all that a run may have to tell.
RunReport run_with(Outcome outcome) {
    RunReport report{.number = 42,
                     .agent = {run_pid, 1},
                     .started = at(900s),
                     .heartbeat = at(940s),
                     .finished = at(940s),
                     .stage = Stage::puppet,
                     .stage_started = at(910s)};
    report.instance = InstanceMetadata{.platform = "ec2", .instance_id = "i-0123456789abcdef0", .zone = "us-west-2b"};
    report.role = "web";
    report.revision_asked = report.revision_resolved = revision;
    report.signer = "ann@example.com";
    report.commit = {.subject = "Serve the new site from the second disk, whose file system is made at the first boot",
                     .author = "Ann Example",
                     .written = 1795183387,
                     .tag = "v1.4",
                     .before = std::string(40, 'f'),
                     .files_changed = 3};
    report.places = {{"https://git.example.com/ops/puppet.git", "nobody answers at git.example.com:443", 0.2},
                     {"https://mirror.example.com/ops/puppet.git", "gave it", 1.5}};
    report.puppet.outcome = outcome;
    report.puppet.resources = ResourceCounts{.total = 82, .changed = 3};
    if (!meaning_of(outcome).is_good) {
        report.error = transient_error("puppet.some_code",
                                       "what went wrong, in a sentence that is longer than a line "
                                       "of a terminal has columns",
                                       "what to do about it");
    }
    return report;
}

RunReport run_with_failures() {
    RunReport report = run_with(Outcome::changed_with_failures);
    report.puppet.resources->failed = 3;
    report.puppet.failed_resources = {
        {"Service[nginx]", "Systemd start for nginx failed! journalctl log for nginx: the address is in use",
         "modules/profile/manifests/web.pp", 31},
        {"Exec[/bin/false]", "'/bin/false' returned 1 instead of one of [0]"}};
    report.puppet.slowest = {{"Package[nginx]", 12.5}};
    report.puppet.warnings = {"Unknown variable: 'site'. (file: manifests/site.pp, line: 7)"};
    report.bad = BadRevision{.revision = revision, .failures = 2, .is_given_up = true, .error = *report.error};
    return report;
}

/// Forty modules, of two servers, and a repository beside the control repository, which was asked first.
RunReport run_from_many_places() {
    RunReport report = run_with(Outcome::changed);
    report.places.insert(report.places.begin(),
                         {"https://git.example.com/data.git", "gave it", 0.5, "", "repositories/data"});
    report.repositories_asked = report.repositories_resolved = {{"data", revision}};
    report.modules_from = {{"git.example.com", 2}, {"forge.example.com", 38}};
    for (int i = 1; i <= 7; ++i) {
        report.places.push_back({"https://forge.corp.example.com/" + std::to_string(i),
                                 "nobody answers at forge.corp.example.com:443 (server.unreachable)", 0.1,
                                 "modules/m" + std::to_string(i)});
    }
    return report;
}

RunReport run_with_drift() {
    RunReport report = run_with(Outcome::noop_drift);
    report.puppet.resources = ResourceCounts{.total = 82, .out_of_sync = 2};
    report.puppet.drifted_resources = {{"File[/etc/motd]", "", "manifests/site.pp", 7}, {"Service[nginx]", ""}};
    return report;
}

RunReport run_without_puppet() {
    RunReport report = run_with(Outcome::not_reached);
    report.stage = Stage::repository;
    report.puppet.resources.reset();
    report.revision_resolved.clear();
    report.commit = {};
    report.signer.clear();
    report.places.pop_back();
    return report;
}

RunReport run_under_way(Stage stage) {
    RunReport report = run_with(Outcome::not_reached);
    report.error.reset();
    report.finished.reset();
    report.puppet = {};
    report.stage = stage;
    report.attempts = 5;
    report.heartbeat = at(999s);
    return report;
}

RunReport run_that_applies() {
    RunReport report = run_under_way(Stage::puppet);
    report.progress = RunReport::Progress{"resources", 41, 82, at(970s)};
    return report;
}

RunReport run_that_waits() {
    RunReport report = run_under_way(Stage::repository);
    report.before = 41;
    report.attempt = 2;
    report.retry = RunReport::Retry{at(1004s), 9s, transient_error("server.unreachable", "no route", "check it")};
    return report;
}

std::string shown_at(std::size_t columns) {
    std::string text;
    const auto add = [&](const std::string& name, const Json& status, Alive alive) {
        const StatusView seen = view(status, alive);
        text += "--- " + name + "\n" + text_of(seen.one_line, {.columns = columns}) + "\n" +
                text_of(seen, {.columns = columns}) + "\n";
    };
    const Json next{{"at", moment(1090)}, {"reason", "trying again after puppet.some_code"}};
    const auto ended = [&](const std::string& name, const RunReport& report) {
        add(name, a_status(a_daemon("waiting", next), to_json(report), configured_by(report.is_good() ? 42 : 41)),
            the_daemon);
    };
    for (const OutcomeMeaning& each : outcomes()) {
        switch (each.outcome) {
            case Outcome::changed_with_failures: ended(std::string(each.word), run_with_failures()); break;
            case Outcome::noop_drift: ended(std::string(each.word), run_with_drift()); break;
            case Outcome::not_reached: ended(std::string(each.word), run_without_puppet()); break;
            case Outcome::locked: break;  // the status goes on to show the run before
            default: ended(std::string(each.word), run_with(each.outcome));
        }
    }
    ended("from many places", run_from_many_places());
    RunReport from_disk = run_with(Outcome::changed);
    from_disk.places.clear();
    ended("from the disk", from_disk);
    from_disk.modules_from = {{"", 1}};
    ended("from the disk, but for a module", from_disk);
    add("under way", a_status(a_daemon("running"), to_json(run_that_applies()), nullptr), both);
    Json locked = a_status(a_daemon("waiting"), to_json(run_with(Outcome::changed)), configured_by(42));
    locked["daemon"]["next"] = {{"at", nullptr}, {"reason", "this machine is locked"}};
    locked["locks"] = {{{"name", "db-migration"},
                        {"by", "ada on /dev/pts/0"},
                        {"since", "2026-11-20T14:03:00.000Z"},
                        {"until", moment(4600)},
                        {"reason", "ask Ada"}},
                       {{"name", "puppet"},
                        {"by", nullptr},
                        {"until", nullptr},
                        {"reason", "an upgrade"},
                        {"file", "/opt/puppetlabs/agent_disabled.lock"}},
                       {{"name", "over"}, {"by", nullptr}, {"until", moment(900)}, {"reason", "it has ended"}}};
    add("locked", locked, the_daemon);
    add("waits for its next attempt", a_status(a_daemon("running"), to_json(run_that_waits()), configured_by(41)),
        both);
    add("cut off", a_status(nullptr, to_json(run_that_applies()), nullptr), nobody);
    add("of an agent that knew less", a_status(a_daemon("waiting"), a_good_run(), configured_by(42)), the_daemon);
    RunReport by_kept = run_with(Outcome::unchanged);
    by_kept.stage = Stage::repository;
    by_kept.error =
        permanent_error("server.access_denied", "https://git.example.com/ops/puppet.git answers with HTTP status 401",
                        "check the credentials");
    by_kept.places = {{"https://git.example.com/ops/puppet.git",
                       "https://git.example.com/ops/puppet.git answers with HTTP status 401 (server.access_denied)"}};
    by_kept.kept = RunReport::Kept{"2026-11-20T14:03:00.000Z", Stage::repository, *by_kept.error};
    ended("by the role config before, as the new one is refused", by_kept);
    by_kept.error.reset();
    ended("by the role config before", by_kept);
    Json blocked = a_status(nullptr, to_json(run_with(Outcome::changed)), configured_by(42));
    blocked["blocked"] = {{"since", moment(940)},
                          {"error",
                           {{"kind", "permanent"},
                            {"code", "io.not_permitted"},
                            {"message", "cannot write /var/lib/bootwright/x: Read-only file system"},
                            {"advice", "mount it writable"}}}};
    add("blocked", blocked, nobody);
    Json unreadable = a_status(nullptr, nullptr, nullptr);
    unreadable["unreadable"] = {{"kind", "permanent"},
                                {"code", "status.unreadable"},
                                {"message", "status.json cannot be understood: it is damaged"},
                                {"advice", "have it written anew"}};
    add("that cannot be understood", unreadable, nobody);
    Json newer = a_status(a_daemon("waiting"), to_json(run_with(Outcome::changed)), configured_by(42));
    newer["of later"] = newer["run"]["of later"] = newer["run"]["commit"]["of later"] = {{"a", {1, "b", nullptr}}};
    add("of an agent that knows more", newer, the_daemon);
    return text;
}

}  // namespace

TEST_CASE("people see this of a status, in a terminal of that width") {
    const std::size_t columns = GENERATE(std::size_t{80}, std::size_t{200});
    const std::string text = shown_at(columns);
    INFO("test/fixtures/status/" << columns << ".txt should be:\n" << text);
    CHECK((text == fixture("status/" + std::to_string(columns) + ".txt")));
}
