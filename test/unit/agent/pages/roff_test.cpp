#include "agent/pages/roff.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;

TEST_CASE("no text is taken for roff, and what is typed stays what it is") {
    CHECK(roff_text(".TH x") == "\\&.TH x");
    CHECK(roff_text("'quoted") == "\\&\\(aqquoted");
    CHECK(roff_text("a\\nb - c") == "a\\enb - c");
    CHECK(roff_text("--json ~ ^ `x`", true) == "\\-\\-json \\(ti \\(ha \\(gax\\(ga");
    CHECK(roff_line("`-x` **b** *i* [t](u)") == "\\fB\\-x\\fR \\fBb\\fR \\fIi\\fR t");
    CHECK(roff_line(".x") == "\\&.x");
}

TEST_CASE("a document's parts become those of a page") {
    struct Row {
        const char* markdown;
        const char* roff;
    };
    const Row row = GENERATE(values<Row>({
        {"# Title\n\nOne\ntwo.\n\nThree.", "One\ntwo.\n.PP\nThree.\n"},
        {"## A\n\ntext\n\n### B\ntext", ".SH \"A\"\ntext\n.SS \"B\"\ntext\n"},
        {"x\n\n- one\n  more\n- two\n\ny", "x\n.IP \\(bu 2\none\nmore\n.IP \\(bu 2\ntwo\n.PP\ny\n"},
        {"#### `a.b`\n*Kind.* Text.", ".TP 7\n\\fBa.b\\fR\n\\fIKind.\\fR Text.\n"},
        {"x\n\n    $ a-b\n    .c\n\ny", "x\n.PP\n.RS 4\n.nf\n$ a\\-b\n\\&.c\n.fi\n.RE\n.PP\ny\n"},
        {"x\n```json\n{\n}\n```\ny", "x\n.PP\n.RS 4\n.nf\n{\n}\n.fi\n.RE\ny\n"},
        {"| key | meaning |\n|-|-|\n| `a` | b \\| c |\n", ".TP 7\n\\fBa\\fR\nb | c\n"},
        {"| key | default | meaning |\n|-|-|-|\n| `a` | 1 | b |\n| `c` | | |\n",
         ".TP 7\n\\fBa\\fR\ndefault: 1; b\n.TP 7\n\\fBc\\fR\n\\&\n"},
    }));
    CHECK(roff_of(row.markdown) == row.roff);
}
