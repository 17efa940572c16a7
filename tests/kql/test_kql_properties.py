"""What holds for any text."""

import io
import keyword
import re
import tokenize
from contextlib import suppress

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dcrlog.kql import _tree as tree
from dcrlog.kql._compile import generate
from dcrlog.kql._parse_operator import make_parser
from dcrlog.kql._scope import Notes
from dcrlog.kql._statements import parse
from dcrlog.kql._types import Type
from dcrlog.kql.errors import MistakeError
from dcrlog.kql.regex import RegexError, compile_regex
from kql_constructs import JSON, TEXTS, constructs
from kql_engine import attempt
from kql_print import to_text

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


OURS = {"transform", "rows", "row", "now", "append", "get", "float", "int", "len", "str"}
OURS |= {"startswith", "endswith"}


@settings(max_examples=200)
@given(constructs())
def test_the_generated_source_has_only_identifiers_of_ours(construct):
    """Names, literals and patterns arrive as constants, whatever quotes, newlines and braces they have."""
    text, column = construct
    code, constants, _ = generate(parse(text), {column: Type.STRING}, Notes(strict=False))

    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.NAME and token.string not in OURS and not keyword.iskeyword(token.string):
            assert re.fullmatch(r"[cvt]\d+|__class__", token.string), token
            assert not token.string.startswith("c") or token.string in constants
        assert token.type != tokenize.STRING or token.string == "''"


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
