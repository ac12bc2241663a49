"""Links from one document to another lead somewhere: to a file that is there, and to a heading that it has."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def anchors(document: Path) -> set[str]:
    """As GitHub makes them of headings."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip())
        found.add(re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-"))
    return found


def links(document: Path) -> list[str]:
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", link)]


def leads_nowhere(document: Path, link: str) -> bool:
    file, _, anchor = link.partition("#")
    target = document.parent / file if file else document
    return not target.exists() or bool(anchor and target.suffix == ".md" and anchor not in anchors(target))


def test_each_link_leads_somewhere() -> None:
    assert sum(len(links(document)) for document in DOCUMENTS) > 300
    lost = [f"{document.relative_to(ROOT)}: {link}" for document in DOCUMENTS for link in links(document) if leads_nowhere(document, link)]
    assert lost == []


def test_a_link_that_leads_nowhere_is_seen(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# `Some` heading\n")
    document = tmp_path / "document.md"
    document.write_text("[a](other.md#some-heading) [b](other.md#another) [c](gone.md) [d](https://example.com/x)\n```\n[e](gone.md)\n```\n")
    assert [link for link in links(document) if leads_nowhere(document, link)] == ["other.md#another", "gone.md"]
