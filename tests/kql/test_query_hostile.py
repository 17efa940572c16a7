"""Whatever the text of a query holds: an answer, in bounded time and memory."""

import pytest

from dcrlog.kql import KqlError
from dcrlog.kql.query import QueryLimitError, compile_query
from dcrlog.kql.query._compile import MAX_LENGTH
from dcrlog.kql.query._run import chunks
from kql_query import TABLES, refusal, rows_of

ROWS = [{"Seq": number, "Level": "a" * 50, "Bag": [1]} for number in range(50)]


def fill(unit, before="Logs ", after=""):
    """A text of as many units as fit."""
    return before + unit * ((MAX_LENGTH - len(before) - len(after)) // len(unit)) + after


def tower(source, body, height=40):
    """Tables of which each is built on the one before it, twice."""
    lets = [f"let t{number} = {body.format(f't{number - 1}')};" for number in range(1, height)]
    return f"let t0 = {source};{''.join(lets)}t{height - 1} | count"


def test_the_limit_of_characters():
    """65,536 are taken, one more is not."""
    text = "Logs | where Level == '" + "x" * (MAX_LENGTH - 24) + "'"

    assert compile_query(text, TABLES)
    assert "has 65537 characters" in refusal(text + " ").reason


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        fill("(", before=""),
        fill("(", before="", after=")"),
        fill("(Logs | ", before="", after="count"),
        fill("materialize(", before=""),
        fill("toscalar(", before="print x = "),
        fill("union (", before=""),
        fill("| union (Logs ", before="Logs "),
        fill("| join (Logs ", before="Logs "),
        fill("in ((Logs | where Seq ", before="Logs | where Seq "),
        fill("in (f(Seq ", before="Logs | where Seq "),
        fill("f(a in (", before="Logs | where x in ("),
        fill("let f = () { ", before=""),
        fill("| take 1 "),
        fill("| sort by Seq "),
        fill("| summarize Seq = max(Seq) "),
        fill("| distinct Seq "),
        fill("| count "),
        fill("sum(", before="Logs | summarize "),
        fill(", ", before="Logs | summarize count()"),
        fill("by ", before="Logs | summarize "),
        fill("nulls ", before="Logs | sort by Seq "),
        fill("Seq, ", before="Logs | join Other on "),
        fill("*", before="union "),
        fill("a*", before="union "),
        fill("a*", before="Logs | project-away "),
        fill("Seq, ", before="Logs | distinct ", after="Seq"),
        fill("hint.a=b ", before="Logs | join "),
        fill("a=b,", before="Logs | render x with ("),
        "Logs | take " + "9" * 60_000,
        "Logs | top -1 by Seq",
        "\0",
        "Logs | where '\ud800",
    ],
    ids=lambda text: f"{text[:24]}...{len(text)}",
)
def test_a_hostile_text_is_refused(text):
    """With an error that has a place; never with another, and not after minutes."""
    error = refusal(text)

    assert error.line >= 1
    assert len(str(error)) < 1_000
    assert error.draw()


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "text",
    [
        fill("| where Seq >= 0 "),
        fill("| extend Seq = Seq + 1 "),
        fill("| project-reorder Seq "),
        "Logs" + " | union Logs" * 70 + "| take 5",
        "Logs" + " | take 100" * 140,
        "Logs" + " | sort by Seq" * 70,
        "Logs" + " | summarize Seq = max(Seq) by Level" * 70,
        "union " + ", ".join(["Logs"] * 2_000) + " | count",
        "Logs | summarize " + ", ".join(["count()"] * 1_000),
        "Logs | sort by " + ", ".join(["Seq"] * 500),
        "Logs | where Seq in (" + ", ".join(["(Logs | project Seq)"] * 300) + ")",
        "Logs | distinct " + ", ".join([f"Seq + {number}" for number in range(500)]),
        "Logs | extend Level = strcat(Level, Level)"
        + " | extend Level = strcat(Level, Level)" * 60
        + " | take 1",
        "Logs" + " | summarize Bag = make_list(Bag)" * 20,
    ],
    ids=lambda text: f"{text[:30]}...{len(text)}",
)
def test_a_long_query_is_carried_out(text):
    """In moments, whatever multiplies."""
    assert rows_of(text, ROWS)


class TooLongError(Exception):
    pass


class Clock:
    """Lets a query look at it so many times."""

    def __init__(self, looks):
        self.looks = looks

    def __call__(self):
        self.looks -= 1
        if self.looks < 0:
            raise TooLongError


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "text",
    [
        "Logs" + " | join kind=inner Logs on Level" * 3,
        tower("Logs | where Seq > 0", "{0} | union {0}"),
        "Logs" + " | join kind=fullouter Logs on Level" * 3 + " | summarize count() by Seq",
        tower("Logs | take 0", "union {0}, {0}"),
        tower("print x = 1", "union {0}, {0}"),
        tower("Logs | take 0", "{0} | join kind=inner {0} on Seq | project Seq"),
        tower("Logs | take 0", "{0} | join kind=leftsemi {0} on Seq"),
    ],
    ids=["joins", "unions", "outer", "no rows", "no table", "joins of no rows", "semi"],
)  # fmt: skip
def test_a_query_that_takes_for_ever_can_be_stopped(text):
    """However much its rows multiply: it looks at the clock all the time."""
    with pytest.raises(TooLongError):
        rows_of(text, ROWS, check=Clock(2_000))


@pytest.mark.parametrize(
    "text",
    [
        "Logs | sort by Seq | project Seq",
        "Logs | top 40 by Seq",
        "Logs | distinct Seq",
        "Logs | summarize count() by Seq",
        "Logs | summarize make_list(Seq)",
        "Logs | summarize make_set(Seq)",
        "Logs | summarize dcount(Seq)",
        "Logs | summarize percentile(Seq, 50)",
        "Logs | join kind=leftsemi Logs on Seq",
        "Logs | join kind=rightouter Logs on Seq",
        "Logs | where Seq in (Logs | project Seq)",
    ],
)
def test_what_holds_rows_is_bounded(text, monkeypatch):
    """By the bytes of rows, groups and elements; what only passes rows on is not."""
    monkeypatch.setattr("dcrlog.kql.query._run.MAX_HELD", 1_400)

    assert len(rows_of("Logs | where Seq >= 0 | extend x = 1 | union Logs", ROWS)) == 100
    with pytest.raises(QueryLimitError, match="holds more than 1400 bytes"):
        rows_of(text, ROWS)


GROWN = f"Logs | extend Level = strcat({', '.join(['Level'] * 40)}, Seq), One = 1"
"""Fifty rows of 2,000 characters, that differ."""


@pytest.mark.parametrize(
    "text",
    [
        f"{GROWN} | sort by Seq",
        f"{GROWN} | top 40 by Seq",
        f"{GROWN} | distinct Level",
        f"{GROWN} | summarize count() by Level",
        f"{GROWN} | summarize make_list(Level)",
        f"{GROWN} | summarize make_set(pack_array(Level))",
        f"{GROWN} | summarize make_list(pack('k', pack_array(Level)))",
        f"{GROWN} | summarize make_list(pack(Level, 1))",
        f"{GROWN} | summarize dcount(Level)",
        f"{GROWN} | summarize take_any(Level) by Seq",
        f"{GROWN} | summarize take_any(Level, Seq) by Seq",
        f"{GROWN} | summarize arg_max(Share, Level) by Seq",
        f"{GROWN} | summarize max(Level) by Seq",
        f"{GROWN} | join kind=leftsemi ({GROWN}) on Level",
        f"{GROWN} | join kind=fullouter ({GROWN}) on Level",
        f"Logs | where Level in ({GROWN} | project Level)",
        "Logs | summarize " + ", ".join(["count()"] * 20) + " by Seq",
    ],
)
def test_large_values_count_for_what_they_are(text, monkeypatch):
    """Few rows may take much: texts, what is in arrays and bags, and very many aggregations."""
    monkeypatch.setattr("dcrlog.kql.query._run.MAX_HELD", 80_000)

    assert len(rows_of(GROWN, ROWS)) == 50
    with pytest.raises(QueryLimitError, match="holds more than 80000 bytes"):
        rows_of(text, ROWS)


def test_tables_that_multiply_their_columns_are_refused():
    """Joined with themselves again and again, they would have a million."""
    error = refusal(tower("Logs", "{0} | join kind=inner {0} on Seq"))

    assert "more than 10000 columns" in error.reason


def test_functions_that_multiply_tables_are_refused():
    """Each call is planned anew."""
    error = refusal(tower("() { Logs }", "() {{ union {0}(), {0}() }}").replace("t39 |", "t39() |"))

    assert "too large when its functions are expanded" in error.reason


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "body", ["{0} | union {0}", "{0} | join kind=inner {0} on Seq", "toscalar({0} | count)"]
)
def test_tables_that_multiply_are_planned_once(body):
    """Each table that let names is, however often it is read; what is too much is refused."""
    text = "let t0 = Logs | where Seq > 0;" + "".join(
        f"let t{n} = {'print x = ' * body.startswith('to')}{body.format(f't{n - 1}')};" for n in range(1, 200)
    )
    try:
        compile_query(text + "t199 | count", TABLES)
    except KqlError as error:
        assert "built on each other" in error.reason or "need each other's rows" in error.reason  # noqa: PT017


def test_large_rows_come_in_small_parts():
    """So many at once, and fewer where they take megabytes; none is lost."""
    small = [("x",)] * 250
    large = [("x" * 1_000_000,)] * 50

    assert [len(part) for part in chunks(small, 100)] == [100, 100, 50]
    assert [len(part) for part in chunks(large, 100)] == [17, 17, 16]
