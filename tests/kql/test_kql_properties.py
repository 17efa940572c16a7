"""What holds for any text and any row."""

import io
import json
import keyword
import math
import re
import tokenize
from contextlib import suppress

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dcrlog.kql import _tree as tree
from dcrlog.kql import compile_transformation
from dcrlog.kql._compile import generate
from dcrlog.kql._parse_operator import make_parser
from dcrlog.kql._scope import Notes
from dcrlog.kql._statements import parse
from dcrlog.kql._types import Type
from dcrlog.kql.errors import MistakeError
from dcrlog.kql.regex import RegexError, compile_regex
from kql_engine import STREAM, attempt
from kql_print import to_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.one_of(
    st.sampled_from(
        [
            "a",
            "Level",
            "where",
            "in",
            "print",
            "let",
            "a b",
            "kind",
            "long",
            'q"uote',
            "x\ny",
            "{0}",
            "é",
            "_1",
            "'",
        ]
    ),
    TEXTS.filter(bool),
)
TICKS = st.integers(0, 3_155_378_975_999_999_999)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
LITERALS = st.one_of(
    st.builds(tree.Literal, st.just(Type.STRING), TEXTS),
    st.builds(tree.Literal, st.just(Type.BOOL), st.booleans()),
    st.builds(tree.Literal, st.just(Type.INT), st.none() | st.integers(-(2**31), 2**31 - 1)),
    st.builds(tree.Literal, st.just(Type.LONG), st.none() | st.integers(-(2**63), 2**63 - 1)),
    st.builds(tree.Literal, st.just(Type.REAL), st.none() | st.floats(allow_nan=False)),
    st.builds(tree.Literal, st.just(Type.DATETIME), st.none() | TICKS),
    st.builds(tree.Literal, st.just(Type.TIMESPAN), st.none() | TICKS),
    st.builds(tree.Literal, st.just(Type.GUID), st.none() | st.uuids().map(str)),
    st.builds(tree.Literal, st.just(Type.DYNAMIC), JSON),
)
COMPARISONS = st.sampled_from(
    [
        "==",
        "!=",
        "<",
        ">=",
        "=~",
        "contains",
        "!has_cs",
        "matches regex",
        "startswith",
        "+",
        "-",
        "*",
        "/",
        "%",
    ]
)


def _tuples(nodes, least=1):
    return st.lists(nodes, min_size=least, max_size=3).map(tuple)


def _compounds(nodes):
    return st.one_of(
        st.builds(tree.Member, nodes, NAMES),
        st.builds(tree.Index, nodes, nodes.filter(lambda node: not _is_text(node))),
        st.builds(tree.Call, NAMES.filter(lambda name: name != "typeof"), _tuples(nodes, 0)),
        st.builds(tree.Sign, st.sampled_from("+-"), nodes),
        st.builds(tree.Binary, COMPARISONS, nodes, nodes),
        st.builds(tree.Logic, st.sampled_from(["and", "or"]), _tuples(nodes, 2)),
        st.builds(tree.Among, st.sampled_from(["in", "!in", "in~", "has_any"]), nodes, _tuples(nodes)),
        st.builds(tree.Between, st.sampled_from(["between", "!between"]), nodes, nodes, nodes),
    )


def _is_text(node):
    return isinstance(node, tree.Literal) and node.type is Type.STRING


EXPRESSIONS = st.recursive(LITERALS | st.builds(tree.Name, NAMES), _compounds, max_leaves=8)
ITEMS = st.builds(tree.Item, st.none() | NAMES, EXPRESSIONS)
CAPTURES = st.builds(tree.Capture, NAMES, st.sampled_from(list(Type)))
PARTS = st.one_of(st.builds(tree.Skip), CAPTURES, st.builds(tree.Literal, st.just(Type.STRING), TEXTS))


def _without_neighbours(parts):
    """Adjacent strings would be read as one."""
    return tuple(
        part
        for place, part in enumerate(parts)
        if place == 0 or not (_is_text(part) and _is_text(parts[place - 1]))
    )


OPERATORS = st.one_of(
    st.builds(tree.Where, EXPRESSIONS),
    st.builds(tree.Extend, _tuples(ITEMS)),
    st.builds(tree.Project, _tuples(ITEMS)),
    st.builds(tree.ProjectRename, _tuples(ITEMS)),
    st.builds(tree.ProjectAway, _tuples(st.builds(tree.Name, NAMES) | st.just(tree.Wildcard("a*b")))),
    st.builds(
        tree.Parse,
        st.sampled_from(["simple", "relaxed"]),
        st.just(""),
        EXPRESSIONS,
        st.lists(PARTS, min_size=1, max_size=5).map(_without_neighbours),
    ),
)
PIPELINES = st.builds(
    tree.Pipeline,
    st.builds(tree.Source, NAMES, st.none() | _tuples(EXPRESSIONS, 0))
    | st.builds(tree.Print, _tuples(ITEMS))
    | st.builds(tree.Datatable, _tuples(CAPTURES), _tuples(EXPRESSIONS, 0)),
    st.lists(OPERATORS, max_size=3).map(tuple),
)
LETS = st.builds(
    tree.Let,
    NAMES,
    EXPRESSIONS
    | PIPELINES.filter(lambda pipeline: pipeline.operators or not isinstance(pipeline.source, tree.Source))
    | st.builds(
        tree.Lambda,
        st.lists(
            st.builds(tree.Parameter, NAMES, st.sampled_from(list(Type)), st.none() | EXPRESSIONS), max_size=2
        ).map(tuple),
        st.just(()),
        EXPRESSIONS,
    ),
)


@settings(max_examples=60)
@given(st.builds(tree.Script, st.lists(LETS, max_size=2).map(tuple), PIPELINES))
def test_reading_what_is_written_gives_the_same_tree(script):
    """For any tree, with names and strings of any characters in it."""
    assert parse(to_text(script)) == script


NASTY = st.text(st.sampled_from("'\"\\\n\r\t{}%;:()#` abé\0"), min_size=1, max_size=12)


@settings(max_examples=60)
@given(NASTY, NASTY, NASTY, JSON)
def test_the_generated_source_has_only_identifiers_of_ours(column, text, other, bag):
    """Names, literals and patterns arrive as constants, whatever quotes, newlines and braces they have."""
    assume(column != other)
    name, literal = to_text(tree.Name(column)), to_text(tree.Literal(Type.STRING, text))
    script = parse(
        f"let {to_text(tree.Name(other))} = {literal}; "
        f"source | where {name} == {literal} or {name} has {literal} "
        f"| extend {to_text(tree.Name(other))} = strcat({name}, {literal}, 1.5, 99999999999) "
        f"| parse {name} with * {literal} Rest | extend X = {to_text(tree.Literal(Type.DYNAMIC, bag))}"
    )
    code, constants, _ = generate(script, {column: Type.STRING}, Notes(strict=False))

    words = {
        "transform",
        "rows",
        "row",
        "now",
        "out",
        "append",
        "get",
        "float",
        "int",
        "len",
        "str",
        "startswith",
        "endswith",
    }
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.NAME and token.string not in words:
            assert keyword.iskeyword(token.string) or re.fullmatch(r"[cvt]\d+|__class__", token.string), token
            assert (
                not token.string.startswith("c")
                or token.string in constants
                or keyword.iskeyword(token.string)
            )
        assert token.type != tokenize.STRING or token.string == "''"


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, -(2**63) - 1, 10**400])
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["2026-11-24T10:20:30.1234567Z", "12", "1.5", "true", "a=1,b=2", '{"a": [1, 1e400]}', "00:01:00"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
ROWS = st.lists(st.dictionaries(st.sampled_from([*STREAM, "unknown"]), VALUES), max_size=4)
TYPED = {
    "boolean": [
        "Flag",
        "Small == Count",
        "Text has 'a'",
        "isnull(Bag)",
        "not(Flag)",
        "Bag.a == Text",
        "Small in (1, Count)",
    ],
    "int": ["Small", "toint(Text)", "toint(Bag)", "getyear(Time)"],
    "long": [
        "Count",
        "Small + Count",
        "tolong(Share)",
        "strlen(Text)",
        "Count / Small",
        "Count % Small",
        "array_length(Bag)",
    ],
    "real": [
        "Share",
        "Share * Small",
        "toreal(Text)",
        "pow(Share, Count)",
        "round(Share, Small)",
        "Share % Count",
    ],
    "string": [
        "Text",
        "tostring(Bag)",
        "strcat(Text, Share, Time)",
        "substring(Text, Small, Count)",
        "extract('(a)(b)?', 2, Text)",
    ],
    "dynamic": [
        "Bag",
        "Bag.a",
        "Bag[Small]",
        "parse_json(Text)",
        "split(Text, Text)",
        "pack('a', Time, 'b', Bag)",
        "zip(Bag, Bag)",
    ],
    "datetime": [
        "Time",
        "todatetime(Text)",
        "Time + totimespan(Bag)",
        "startofmonth(Time, Small)",
        "datetime_add('month', Small, Time)",
    ],
    "timespan": [
        "totimespan(Text)",
        "Time - ago(1d)",
        "dayofweek(Time)",
        "totimespan(Count) * Share",
        "make_timespan(Small, Small)",
    ],
    "guid": ["toguid(Text)"],
}


@st.composite
def typed_expressions(draw):
    """An expression of the table above, or a choice between two of the same type."""
    kind = draw(st.sampled_from(sorted(TYPED)))
    one, other = (draw(st.sampled_from(TYPED[kind])) for _ in range(2))
    condition = draw(st.sampled_from(TYPED["boolean"]))
    shapes = [
        "{one}",
        "iff({condition}, {one}, {other})",
        "case({condition}, {one}, not({condition}), {other}, {one})",
    ]
    if kind not in {"dynamic", "guid"}:
        shapes.append("max_of({one}, {other})")
    return draw(st.sampled_from(shapes)).format(one=one, other=other, condition=condition)


FITS = {
    "boolean": lambda value: value is None or type(value) is bool,
    "int": lambda value: value is None or (type(value) is int and -(2**31) <= value < 2**31),
    "long": lambda value: value is None or (type(value) is int and -(2**63) <= value < 2**63),
    "real": lambda value: value is None or (type(value) is float and math.isfinite(value)),
    "string": lambda value: type(value) is str,
    "guid": lambda value: value is None or re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value),
    "datetime": lambda value: value is None or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", value),
    "timespan": lambda value: value is None or re.fullmatch(r"-?(\d+\.)?\d\d:\d\d:\d\d(\.\d{7})?", value),
    "dynamic": lambda value: True,
}


@settings(max_examples=60)
@given(st.lists(typed_expressions(), min_size=1, max_size=4), ROWS)
def test_any_row_is_transformed_to_values_of_the_types_that_were_inferred(expressions, rows):
    """Nothing raises; a string is never null, and no number is beyond its type."""
    items = ", ".join(f"X{number} = {each}" for number, each in enumerate(expressions))
    compiled = compile_transformation(f"source | extend {items}", STREAM)
    found = compiled.apply(rows)

    assert len(found) == len(rows)
    json.dumps(found, allow_nan=False)
    for row in found:
        assert row.keys() == compiled.columns.keys()
        assert all(FITS[kind](row[name]) for name, kind in compiled.columns.items()), row


NAMES_AND_NUMBERS = ["source", "where", "extend", "project", "parse", "with", "let", "print", "x", "1"]
WORDS = [*NAMES_AND_NUMBERS, *"|()[]'\",.=;:{}*"]


@given(st.text(max_size=60) | st.lists(st.sampled_from([*WORDS, " "])).map("".join))
def test_any_text_is_compiled_or_refused(text):
    """With a KqlError, and never with another."""
    found = attempt(text)

    assert found == [] or found.draw()


ATOMS = st.sampled_from(["a", "b", "[ab]", "[^a]", ".", r"\w", r"\d", r"\b", "(?i:A)"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds("({})".format, inner),
        # Of a part that may be empty, engines disagree on how often it is repeated.
        st.builds("(?:a{}){}".format, inner, st.sampled_from(["*", "+", "?", "{1,2}", "*?", "+?", "??"])),
        st.builds("[ab]{}{}".format, st.sampled_from(["*", "+", "?", "*?"]), inner),
    ),
    max_leaves=6,
)


@settings(max_examples=100)
@given(PATTERNS, st.text("aAb1 ", max_size=12), st.sampled_from(["{}", "^{}", "{}$"]))
def test_both_matchers_find_the_same(pattern, text, shape):
    """Where, and what the groups took, as Python's engine finds it in the pattern as it is."""
    pattern = shape.format(pattern)
    regex = compile_regex(pattern)
    expected = re.search(pattern.replace("$", r"\Z"), text)
    spans = expected and tuple(edge for span in expected.regs for edge in span)

    assert regex.search(text) == spans
    slow = regex._machine.search(text, 0)
    assert (slow and slow[:2]) == (spans and spans[:2])


PIECES = st.one_of(
    st.builds(tree.Skip),
    st.builds(tree.Capture, st.sampled_from("XYZ"), st.sampled_from([Type.STRING, Type.LONG])),
    st.builds(tree.Literal, st.just(Type.STRING), st.sampled_from(["a", "b", "ab", "1", "a1", ""])),
)


@settings(max_examples=200)
@given(st.lists(PIECES, min_size=1, max_size=6).map(_without_neighbours), st.text("ab1", max_size=14))
def test_parse_takes_what_its_pattern_would(parts, text):
    """Whichever way is taken to it: the scanner for strings, or a regular expression."""
    node = tree.Parse("simple", "", tree.Name("Text"), parts)
    try:
        take = make_parser(node)
    except MistakeError:
        assume(False)
    columns = [part for part in parts if isinstance(part, tree.Capture)]
    pattern = "".join(_pattern(part) for part in parts)
    found = re.fullmatch(pattern, text)

    assert list(take(text)) == [
        (int(group) if column.type is Type.LONG else group)
        if found
        else (None if column.type is Type.LONG else "")
        for column, group in zip(columns, found.groups() if found else columns, strict=True)
    ]


def _pattern(part):
    if isinstance(part, tree.Capture):
        return r"([-+]?\d+)" if part.type is Type.LONG else "(.*?)"
    return ".*?" if isinstance(part, tree.Skip) else part.value


@given(st.text(max_size=30))
def test_any_pattern_is_compiled_or_refused(pattern):
    """With a RegexError, and never with another."""
    with suppress(RegexError):
        compile_regex(pattern).search("abc 123")


@pytest.mark.soak
@settings(max_examples=20_000)
@given(st.builds(tree.Script, st.lists(LETS, max_size=3).map(tuple), PIPELINES))
def test_any_tree_at_length(script):
    """The same as above, for longer."""
    assert parse(to_text(script)) == script
