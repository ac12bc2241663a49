"""One-line changes to the sources, for test/mutate.

Every .cpp of agent/ and common/, and the Ruby that Puppet loads. Headers are left out: they declare, and a change to one
compiles half of the program. The seed decides on the lines, and on one change to each: the same tree and seed, the same
mutants. One that does not compile is not counted, and the next line is taken instead.

    condition   if (x) becomes if (!(x)); !x becomes x; && becomes ||, and back
    comparison  < becomes <=, > becomes >=, == becomes !=, and back
    constant    one more, one less, twice as much; a file mode that opens or closes for others
    arithmetic  + becomes -, and back; std::min becomes std::max, and back
    bool        true becomes false, and back
    call        a statement that is one call is dropped
    throw       an error is made, and not thrown
    kind        a transient error is permanent, and back
    loop        continue becomes break

Not changed, since nothing that the program promises would differ: texts and comments, what the preprocessor and static_assert
say, what is logged, what frees, closes or reserves, template arguments, and the numbers of durations and buffers: how long one
waits, and how much is read at once, is patience.
"""

from __future__ import annotations

import collections
import dataclasses
import random
import re
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Mutant:
    source: str
    number: int  # of the line, from 1
    operator: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.source}:{self.number}: {self.operator}: {self.after.strip() or '(dropped)'}"


def code_of(text: str, ruby: bool) -> list[str]:
    """The lines of a source, with spaces in place of comments and texts."""
    comment = r"#.*" if ruby else r"//.*|/\*[\s\S]*?\*/"
    texts = r'R"\((?:[\s\S]*?)\)"|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])*\''
    blank = re.sub(f"{comment}|{texts}", lambda found: re.sub(r"[^\n]", " ", found.group()), text)
    return blank.split("\n")


def condition(line: str, start: int) -> tuple[int, int] | None:
    """Where the condition is that begins after the bracket at `start`, if it ends on this line: without an initialiser."""
    depth, begin = 0, start + 1
    for at in range(start, len(line)):
        depth += {"(": 1, ")": -1}.get(line[at], 0)
        if line[at] == ";":
            begin = at + 2
        if depth == 0:
            return begin, at
    return None


def numbers(code: str) -> list[tuple[str, int, int, str]]:
    """Changes to the constants of a line."""
    if PATIENCE.search(code):
        return []
    found = []
    for match in re.finditer(r"(?<![\w.'-])(0[xX][\da-fA-F]+|\d[\d']*)(?![\w.'>])", code):
        digits = match.group().replace("'", "")
        if re.search(r"<[^<>()]*$", code[: match.start()]) and re.match(r"[^<>()]*>", code[match.end() :]):
            continue  # a template's argument
        if re.fullmatch(r"0[0-7]{2,}", digits):
            others = "0" if int(digits, 8) & 0o77 else "44"
            found.append(("constant", *match.span(), f"{digits[:-2]}{others:0>2}"))
            continue
        value = int(digits, 0 if digits.startswith(("0x", "0X")) else 10)
        for other in sorted({value + 1, max(value - 1, 0), 2 * value} - {value}):
            found.append(("constant", *match.span(), str(other)))
    return found


KINDS = {"transient": "permanent", "permanent": "transient"}
SWAPS = [
    ("comparison", r"(?<= )(<=|>=|==|!=|<|>)(?= )", {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}),
    ("condition", r"(?<= )(&&|\|\|)(?= |$)", {"&&": "||", "||": "&&"}),
    ("condition", r"(?<![\w!=])!(?=[\w(:])", {"!": ""}),
    ("arithmetic", r"(?<=[\w)] )[+-](?= )", {"+": "-", "-": "+"}),
    ("arithmetic", r"std::(?:min|max)\b(?!\(\))", {"std::min": "std::max", "std::max": "std::min"}),
    ("bool", r"\b(?:true|false)\b", {"true": "false", "false": "true"}),
    ("throw", r"\bthrow\b(?=;)", {"throw": ""}),
    ("throw", r"\bthrow\b(?! *;)", {"throw": "(void)"}),
    ("kind", r"\b(?:transient|permanent)(?=_error\()|(?<=ErrorKind::)(?:transient|permanent)\b", KINDS),
    ("loop", r"^ *continue(?=;)|^ *next(?=$| if| unless)", {}),
]
UNTOUCHED = re.compile(
    r"^\s*(?:#|static_assert|using |namespace |template|friend )|\blog\(|\blog_\w+\(|constexpr \(|operator[<>=!]"
)
PATIENCE = re.compile(r"(?i)timeout|deadline|delay|patience|seconds|minutes|chrono|buffer|chunk|reserve|std::array<")
UNSEEN = re.compile(r"(?:reserve|close|free|sleep_for)\(")
NO_CALL = r"return\b|throw\b|if\b|for\b|while\b|switch\b|delete\b|std::ignore|case\b"
CALL = re.compile(rf"^\s+(?!{NO_CALL})[\w:.>-]+(?:<[\w:]+>)?\(.*\);\s*$")


def changes(line: str, code: str, begins: bool, ruby: bool) -> list[tuple[str, str]]:
    """(operator, changed line) of all that could be done to a line. code: the line as code_of() shows it; begins: a statement
    begins on it."""
    if UNTOUCHED.search(code):
        return []
    found: list[tuple[str, int, int, str]] = numbers(code)
    for operator, pattern, swap in SWAPS:
        if operator == "arithmetic" and '"' in line:
            continue  # texts are joined, which "-" cannot
        for match in re.finditer(pattern, code):
            old = match.group()
            new = re.sub("continue|next", "break", old) if operator == "loop" else swap[old]
            found.append((operator, *match.span(), new))
    for match in re.finditer(r"\b(?:if|while) (?=\()", code):
        if span := condition(code, match.end()):
            found.append(("condition", *span, f"!({line[span[0] : span[1]]})"))
    if begins and not ruby and CALL.match(code) and code.count("(") == code.count(")") and not UNSEEN.search(code):
        found.append(("call", len(line) - len(line.lstrip()), len(line), ";"))
    return [(operator, line[:begin] + new + line[end:]) for operator, begin, end, new in found]


def candidates(root: Path, only: str, seed: int) -> list[Mutant]:
    """One change to each line that can be changed, in the seed's order. only: sources whose path begins so."""
    files = (file for pattern in ("agent/**/*.cpp", "common/**/*.cpp", "agent/puppet/ruby/*.rb") for file in root.glob(pattern))
    chance = random.Random(seed)
    found = []
    for source in sorted(name for name in (str(file.relative_to(root)) for file in files) if name.startswith(only)):
        text = (root / source).read_text(encoding="utf-8")
        ruby = source.endswith(".rb")
        begins = True
        for number, (line, code) in enumerate(zip(text.split("\n"), code_of(text, ruby)), 1):
            possible = collections.defaultdict(list)
            for operator, after in changes(line, code, begins, ruby):
                possible[operator].append(after)
            begins = not code.strip() or code.rstrip().endswith((";", "{", "}", ":"))
            if possible:
                # First the operator: a line with many constants is no more likely to have one of them changed.
                operator = chance.choice(sorted(possible))
                found.append(Mutant(source, number, operator, line, chance.choice(possible[operator])))
    chance.shuffle(found)
    return found
