"""What holds for any query, and for any rows."""

import io
import keyword
import math
import re
import tokenize
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kql_query_print  # noqa: F401 - teaches to_text
from dcrlog.kql import KqlError
from dcrlog.kql import _tree as tree
from dcrlog.kql._types import Type
from dcrlog.kql.query import Query, _segment, _tree, compile_query
from dcrlog.kql.query._parser import JOINS, LOOKUPS, parse
from kql_constructs import JSON, NASTY
from kql_print import to_text
from kql_query import TABLES, reader, rows_of

NAMES = st.sampled_from(["a", "Level", "where", "a b", "in", "union", "by", "asc", 'q"uote', "é", "on"])
VALUES = st.one_of(
    st.builds(tree.Name, NAMES),
    st.builds(tree.Literal, st.just(Type.LONG), st.integers(0, 9)),
    st.builds(
        tree.Call,
        st.sampled_from(["count", "sum"]),
        st.lists(st.builds(tree.Name, NAMES), max_size=1).map(tuple),
    ),
)
ITEMS = st.builds(tree.Item, st.none() | NAMES, VALUES)
WILDCARDS = st.sampled_from(["a*", "x*y"]).map(tree.Wildcard)
COLUMNS = st.builds(tree.Name, NAMES) | WILDCARDS
KEYS = st.builds(_tree.Key, VALUES, st.booleans(), st.booleans())


def _tuples(nodes, least=1):
    return st.lists(nodes, min_size=least, max_size=3).map(tuple)


SOURCES = st.builds(tree.Source, NAMES, st.none()) | st.builds(tree.Print, _tuples(ITEMS))
SIMPLE = st.one_of(
    st.builds(tree.Where, VALUES),
    st.builds(_tree.Sort, _tuples(KEYS)),
    st.builds(_tree.Top, VALUES, _tuples(KEYS)),
    st.builds(_tree.Take, VALUES),
    st.builds(_tree.Count),
    st.builds(_tree.Distinct, _tuples(ITEMS, 0)),
    st.builds(_tree.Summarize, _tuples(ITEMS), _tuples(ITEMS, 0)),
    st.builds(_tree.GetSchema),
    st.builds(_tree.Serialize),
    st.builds(_tree.ProjectKeep, _tuples(COLUMNS)),
    st.builds(
        _tree.ProjectReorder, _tuples(st.builds(_tree.Placed, COLUMNS, st.sampled_from(["", "asc", "desc"])))
    ),
    st.builds(_tree.Render, NAMES, _tuples(st.tuples(NAMES, NASTY), 0)),
)
INNER = st.builds(tree.Pipeline, SOURCES, st.lists(SIMPLE, min_size=1, max_size=2).map(tuple))
OPERANDS = st.builds(
    tree.Pipeline, st.builds(tree.Source, st.sampled_from(["T", "U"]), st.none()) | INNER, st.just(())
)
TABULAR = st.one_of(
    st.builds(
        _tree.Union,
        st.sampled_from(["inner", "outer"]),
        st.none() | NAMES,
        st.booleans(),
        _tuples(OPERANDS | st.just(tree.Wildcard("T*"))),
    ),
    st.builds(_tree.Join, st.sampled_from(JOINS), OPERANDS, _tuples(VALUES), st.just(False)),
    st.builds(_tree.Join, st.sampled_from(LOOKUPS), OPERANDS, _tuples(VALUES), st.just(True)),
)
PIPELINES = st.builds(
    tree.Pipeline,
    SOURCES | TABULAR.filter(lambda node: isinstance(node, _tree.Union)),
    _tuples(SIMPLE | TABULAR, 0),
)


@settings(max_examples=100)
@given(PIPELINES)
def test_reading_what_is_written_gives_the_same_tree(pipeline):
    """For any query, with names and strings of any characters in it."""
    assert parse(to_text(pipeline)) == tree.Script((), pipeline)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from([1, 2, 1.5, 2**63, 10**400, "a", "b", "", "12", "2026-11-24T10:20:30.1234567Z"]),
    st.text(max_size=5),
    JSON,
)
ROWS = st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(TABLES["Logs"], SCALARS)), max_size=6)
AGGREGATIONS = [
    "count()", "dcount(Bag)", "dcount(Share)", "sum(Seq)", "sum(Share)", "avg(Small)", "avg(TimeGenerated)",
    "min(Share)", "max(Level)", "max(Flag)", "min(Id)", "make_set(Bag)", "make_list(Share)", "make_set(Id)",
    "take_any(Bag)", "take_any(*)", "arg_max(Share, *)", "arg_min(Level, Bag)", "stdev(Share)",
    "variance(Seq)", "countif(Flag)", "sumif(Share, Flag)", "make_list_if(TimeGenerated, Flag)",
]  # fmt: skip
STEPS = [
    "where Seq > 0 or Flag", "extend x = Seq * Share", "sort by {key}, Share asc nulls last",
    "top 2 by {key}", "take 3", "distinct {key}", "distinct *", "project-reorder S*", "serialize",
    "summarize a = {one}, b = {other} by {key}", "summarize {one} by bin(TimeGenerated, 1h), {key}",
    "summarize {one}, {other}", "union (Logs | where Flag)", "union kind=inner Other",
    "join kind=fullouter (Logs) on {key}", "join Other on Seq", "where Seq in ((Logs | project Seq))",
    "lookup (Logs | project Seq, Bag) on Seq", "where Bag in ((Logs | project Bag))", "getschema", "count",
]  # fmt: skip


@st.composite
def queries(draw):
    """A query of one or two steps, each of which may fail to compile behind the other."""
    steps = draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=2))
    named = {
        "key": draw(st.sampled_from(["Level", "Seq", "Share", "Flag", "Id", "TimeGenerated"])),
        "one": draw(st.sampled_from(AGGREGATIONS)),
        "other": draw(st.sampled_from(AGGREGATIONS)),
    }
    return " | ".join(["Logs", *steps]).format(**named)


FITS = {
    "bool": lambda value: type(value) is bool,
    "int": lambda value: type(value) is int and -(2**31) <= value < 2**31,
    "long": lambda value: type(value) is int and -(2**63) <= value < 2**63,
    "real": lambda value: type(value) is float,
    "string": lambda value: type(value) is str,
    "guid": lambda value: re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value),
    "datetime": lambda value: re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", value),
    "timespan": lambda value: re.fullmatch(r"-?(\d+\.)?\d\d:\d\d:\d\d(\.\d{7})?", value),
    "dynamic": lambda value: True,
}


@settings(max_examples=300)
@given(queries(), ROWS, ROWS)
def test_a_query_over_any_rows_gives_values_of_its_types(text, logs, other):
    """Or is refused with a KqlError before any row is read; nothing else is raised."""
    try:
        query = compile_query(text, TABLES)
    except KqlError:
        return
    for row in query.run(reader({"Logs": logs, "Other": other})):
        for value, kind in zip(row, query.columns.values(), strict=True):
            assert (value is None and kind != "string") or FITS[kind](value), (text, value, kind)


NUMBERED = st.lists(
    st.fixed_dictionaries(
        {
            "Level": st.sampled_from(["a", "b", "c"]),
            "Seq": st.none() | st.integers(-5, 5),
            "Share": st.none() | st.integers(-8, 8).map(lambda value: value / 4),
        }
    ),
    max_size=12,
)


@settings(max_examples=150)
@given(NUMBERED)
def test_summarize_gives_what_a_simple_program_gives(logs):
    """Group by group, with nulls left out."""
    groups = defaultdict(list)
    for row in logs:
        groups[row["Level"]].append(row)

    def known(rows, name):
        return [row[name] for row in rows if row[name] is not None]

    expected = [
        (
            level,
            len(rows),
            sum(known(rows, "Seq")),
            sum(known(rows, "Share"), 0.0),
            min(known(rows, "Seq"), default=None),
            max(known(rows, "Share"), default=None),
            len(set(known(rows, "Seq"))),
            known(rows, "Seq"),
            list(dict.fromkeys(known(rows, "Share"))),
            sum((row["Seq"] or 0) > 0 for row in rows),
        )
        for level, rows in groups.items()
    ]
    text = (
        "Logs | summarize count(), sum(Seq), sum(Share), min(Seq), max(Share), dcount(Seq), make_list(Seq), "
        "make_set(Share), countif(Seq > 0) by Level"
    )

    assert rows_of(text, logs) == expected
    averages = dict(rows_of("Logs | summarize avg(Seq) by Level", logs))
    for level, rows in groups.items():
        values = known(rows, "Seq")
        assert averages[level] == (
            pytest.approx(sum(values) / len(values)) if values else pytest.approx(math.nan, nan_ok=True)
        )


@settings(max_examples=100)
@given(NUMBERED, st.booleans(), st.booleans())
def test_sort_gives_what_sorted_gives(logs, descends, nulls_first):
    """With the nulls at the end that was asked for, and the order of what is alike kept."""
    text = f"sort by Seq {'desc' if descends else 'asc'} nulls {'first' if nulls_first else 'last'}"
    numbered = [row | {"Small": place} for place, row in enumerate(logs)]

    def key(row):
        is_null = row["Seq"] is None
        return is_null is not nulls_first, (row["Seq"] or 0) * (-1 if descends else 1)

    expected = [row["Small"] for row in sorted(numbered, key=key)]
    assert [place for (place,) in rows_of(f"Logs | {text} | project Small", numbered)] == expected


CONSTRUCTS = [
    "Logs | summarize {a} = count(), make_set({text}) by {b} = {text}, {c} = Level",
    "Logs | extend {a} = {text} | sort by {a} asc | project-reorder {a} | distinct {a}, {b} = Level",
    "let {a} = Logs | where Level == {text}; {a} | union withsource={b} (print {c} = {text})",
    "let {a} = materialize(print {b} = {text}, Seq = 1); Logs | join kind=leftouter {a} on Seq",
    "Logs | extend {a} = toscalar(print {b} = {text}) | where Level in ((print {c} = {text})) | top 3 by {a}",
    "print {a} = {text}, {b} = 1 | summarize arg_max({a}, *) | render {c} with ({d}={text})",
    "print {a} = {text} | summarize take_any(*) | getschema",
]
OURS = {"segment", "rows", "now", "values", "_", "float", "int", "len", "str", "startswith", "endswith"}


@settings(max_examples=60)
@given(st.sampled_from(CONSTRUCTS), st.lists(NASTY, min_size=4, max_size=4, unique=True), NASTY)
def test_the_generated_source_has_only_identifiers_of_ours(construct, names, text):
    """Names and literals arrive as constants, whatever quotes, newlines and braces they have."""
    loaded, load = [], _segment.load
    literals = {"text": to_text(tree.Literal(Type.STRING, text))}
    quoted = {key: to_text(tree.Name(name)) for key, name in zip("abcd", names, strict=True)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_segment, "load", lambda code, *rest: loaded.append(code) or load(code, *rest))
        query = compile_query(construct.format(**quoted, **literals), TABLES)
    list(query.run(reader({"Logs": [{"Seq": 1}], "Other": []})))

    assert loaded
    for code in loaded:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            is_name = token.type == tokenize.NAME and not keyword.iskeyword(token.string)
            if is_name and token.string not in OURS:
                assert re.fullmatch(r"[cvt]\d+|__class__", token.string), token
            assert token.type != tokenize.STRING or token.string == "''"


WORDS = re.findall(
    r"\S+",
    "Logs Other where summarize by count() sum(Seq) union join on sort top take distinct kind=inner let "
    "toscalar materialize print asc nulls first Seq Level in 1 a | | ( ) [ ] ' \" , . = ; : { } * <",
)


@settings(max_examples=200)
@given(st.text(max_size=60) | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_any_text_is_compiled_or_refused(text):
    """With a KqlError, and never with another."""
    try:
        found = compile_query(text, TABLES)
    except KqlError as error:
        found = error

    assert isinstance(found, Query) or (found.draw() and found.code in {"SyntaxError", "SemanticError"})
