#include "agent/timeline/timeline.hpp"

#include "common/base/encoding.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using Kind = TimelineBar::Kind;

namespace {

const Json report = Json::parse(R"({
    "number": 42, "outcome": "changed", "duration_s": 10.0, "started": {"wall": "2026-11-29T10:00:00.000Z"},
    "steps": [
        {"kind": "stage", "what": "platform", "from_s": 0.0, "took_s": 1.0},
        {"kind": "stage", "what": "repository", "from_s": 1.0, "took_s": 4.0},
        {"kind": "pause", "what": "after server.unreachable", "from_s": 2.0, "took_s": 1.0},
        {"kind": "place", "what": "https://git.example.com/puppet.git", "from_s": 3.0, "took_s": 1.5},
        {"kind": "stage", "what": "puppet", "from_s": 5.0, "took_s": null}],
    "phases": [{"phase": "compile", "seconds": 1.0, "from_s": 6.0}, {"phase": "facts", "seconds": 0.5, "from_s": 5.5},
               {"phase": "apply", "seconds": 3.0, "from_s": null}],
    "slowest": [{"resource": "Package[nginx]", "seconds": 2.0, "from_s": 7.5}]})");

}  // namespace

TEST_CASE("a run's time is told in the order in which its pieces began") {
    CHECK(timeline_lines(timeline_of(report, {{Kind::before, "kernel", -5, 2.5}})) ==
          std::vector<std::string>{
              "run 42, 2026-11-29T10:00:00.000Z: changed, 10.000 s",
              "     from      took",
              "    -5.000     2.500  |====                    | kernel",
              "     0.000     1.000  |        =               | platform",
              "     1.000     4.000  |         =======        | repository",
              "     2.000     1.000  |           .            |   after server.unreachable",
              "     3.000     1.500  |            ===         |   https://git.example.com/p…",
              "     5.000     5.000  |                ========| puppet",
              "     5.000     0.500  |                =       |   load",
              "     5.500     0.500  |                =       |   facts",
              "     6.000     1.000  |                 ==     |   compile",
              "     7.500     2.000  |                    === |   Package[nginx]",
          });
}

TEST_CASE("a report without steps, of an older agent, is told without them") {
    const Timeline timeline = timeline_of({{"number", 1}, {"duration_s", 3}}, {});
    CHECK(timeline.bars.empty());
    CHECK(timeline.title == "run 1, : not over, 3.000 s");
    CHECK(timeline_svg(timeline).find("</svg>") != std::string::npos);
}

TEST_CASE("a report that makes no sense does no harm to its timeline") {
    const Json steps =
        GENERATE(Json(7), Json::array({7}), Json::array({Json::object()}),
                 Json::array({{{"kind", 7}, {"what", "\x1b[2J\n"}, {"from_s", 1e300}, {"took_s", -1e300}}}));
    Json damaged = report;
    damaged["steps"] = steps;
    damaged["duration_s"] = GENERATE(Json(-1), Json("x"), Json(1e300));
    const Timeline timeline = timeline_of(damaged, {});
    for (const std::string& line : timeline_lines(timeline)) {
        CHECK(printable(line) == line);
        CHECK(line.size() < 120);
    }
    CHECK(timeline_svg(timeline).find("nan") == std::string::npos);
    CHECK(timeline_svg(timeline).find("inf") == std::string::npos);
}

TEST_CASE("a drawing holds each piece, and its names are only text in it") {
    Json hostile = report;
    hostile["slowest"][0]["resource"] = "Exec[<script>alert('\"&\")</script>]";
    const std::string svg = timeline_svg(timeline_of(hostile, {}));
    CHECK(svg.find("<script") == std::string::npos);
    CHECK(svg.find("Exec[&lt;script&gt;alert(&#39;&quot;&amp;&quot;)&lt;/script&gt;]") != std::string::npos);
    for (const char* piece : {"class=\"stage\"", "class=\"pause\"", "class=\"place\"", "class=\"phase\"",
                              "class=\"resource\"", "prefers-color-scheme:dark", "run 42"}) {
        CAPTURE(piece);
        CHECK(svg.find(piece) != std::string::npos);
    }
}
