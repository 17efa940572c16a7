"""What of the language is supported, as a table in Markdown: generated, so that it is true."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import dcrlog.kql.functions  # noqa: F401 - fills the table
from dcrlog.kql._operators import UNLISTED
from dcrlog.kql._table import FUNCTIONS, Evidence, Standing

_STANDINGS: Final[dict[Standing, str]] = {
    "listed": "listed",
    "taken": "taken, not listed",
    "refused": "refused",
    "unlisted": "not listed",
}
_FAMILIES: Final = (
    "Statements and tabular operators", "Literals and names", "Operators", "Bitwise", "Conversion",
    "Date and time", "Dynamic and array", "Mathematical", "Conditional", "String", "Type", "Special",
    "Not in transformations",
)  # fmt: skip


class Line(NamedTuple):
    """One construct."""

    construct: str
    standing: Standing
    evidence: Evidence
    note: str = ""


_STATEMENTS: Final = (
    Line("source", "listed", "documented"),
    Line("print", "listed", "documented", "a row for each that comes in"),
    Line("let, of a value", "listed", "documented"),
    Line("let, of a table", "listed", "documented"),
    Line("let, of a function", "listed", "documented", "parameters of values only, with defaults"),
    Line("where, filter", "listed", "documented", "null counts as false"),
    Line("extend", "listed", "documented", "a replaced column keeps its place"),
    Line("project", "listed", "documented"),
    Line("project-away", "listed", "documented", "names and patterns"),
    Line("project-rename", "listed", "documented"),
    Line(
        "parse",
        "listed",
        "documented",
        "all kinds and flags; 10 columns; only kind=regex is greedy, see above",
    ),
    Line("datatable", "listed", "documented", "as a source, and behind in"),
    Line("columnifexists(name, default)", "listed", "documented"),
    Line("column_ifexists(name, default)", "refused", "field", "write columnifexists()"),
)
_LITERALS: Final = (
    Line("'text', \"text\", @'text', h'text', ```text```", "listed", "documented", "adjacent ones are one"),
    Line("5, 0x1F, 1.5, 1e3, true, 1h", "listed", "documented"),
    Line(
        "datetime(...), timespan(...), guid(...), int(...), long(...), real(...), bool(...)",
        "taken",
        "field",
        "datetime() is the current time",
    ),
    Line("int(null) and its like", "taken", "field"),
    Line("dynamic([...]), dynamic({...})", "refused", "documented", "write parse_json('...')"),
    Line("['a name'], [\"a name\"]", "listed", "documented"),
    Line(
        "Bag.key, Bag['key'], Bag.['key'], Bag[0], Bag[-1], Bag[column]",
        "listed",
        "documented",
        "null if absent",
    ),
)
_OPERATORS: Final = (
    Line("+ - * / %", "listed", "documented", "long for integers; null beyond 64 bits, and by zero"),
    Line("+ - * / % of datetimes and timespans", "listed", "documented", "in units of 100 ns"),
    Line("< > <= >=", "listed", "documented", "of numbers, times and booleans; null for null"),
    Line("== !=", "listed", "documented", "null only for two nulls"),
    Line("and, or", "listed", "documented", "three-valued"),
    Line(
        "=~ !~ and contains, startswith, endswith with ! and _cs",
        "listed",
        "documented",
        "independent of culture",
    ),
    Line(
        "has, !has, has_cs, !has_cs",
        "listed",
        "documented",
        "a whole term, also one of less than 3 characters",
    ),
    Line("in, !in", "listed", "documented", "values, arrays and a datatable"),
    Line("matches regex", "listed", "documented", "the syntax of RE2, without set operations in classes"),
)


def written_lines() -> list[Line]:
    """Return the lines that are written here, and do not follow from the table of functions."""
    return [line for lines in _WRITTEN.values() for line in lines]


def support_table() -> str:
    """Return the tables of all constructs, under a heading for each family."""
    parts = []
    for family in _FAMILIES:
        lines = sorted(_functions(family)) if family not in _WRITTEN else list(_WRITTEN[family])
        parts.append(
            f"### {family}\n\n| construct | in a transformation | semantics | |\n|---|---|---|---|\n"
        )
        parts[-1] += "".join(
            f"| {_code(line.construct)} | {_STANDINGS[line.standing]} | {line.evidence} | {line.note} |\n"
            for line in lines
        )
    return "\n".join(parts)


def _functions(family: str) -> Iterator[Line]:
    for each in FUNCTIONS.values():
        if each.family == family:
            yield Line(each.signature, each.standing, each.evidence, each.note)


def _unlisted() -> Iterator[Line]:
    words = sorted({word.removeprefix("!").removesuffix("_cs") for word in UNLISTED})
    yield Line(", ".join(words), "unlisted", "documented", "and those with ! and _cs")


_WRITTEN: Final = {
    "Statements and tabular operators": _STATEMENTS,
    "Literals and names": _LITERALS,
    "Operators": (*_OPERATORS, *_unlisted()),
}


def _code(text: str) -> str:
    text = text.replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"
