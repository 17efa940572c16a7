"""Any Python value: plain, as text, and fitted to a column's type."""

import datetime as dt
import decimal
import json
import re

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hostile
from dcrlog._coerce import COERCE, INT_MAX, INT_MIN, Misfit
from dcrlog._values import (
    LONG_MAX,
    LONG_MIN,
    MAX_CHARACTERS,
    MAX_NODES,
    REAL_MAX,
    escape_surrogates,
    plain,
    text,
)
from dcrlog.schema import ColumnType

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
CATALOGUE = len(hostile.CATALOGUE)

json_trees = st.recursive(
    st.none() | st.booleans() | st.integers(LONG_MIN, LONG_MAX) | st.floats(allow_nan=False,
    allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=8)
    | st.decimals() | st.datetimes(timezones=st.none() | st.just(dt.UTC)) | st.dates()
    | st.times() | st.timedeltas()
    | st.uuids() | st.complex_numbers() | st.text(st.characters(codec=None), max_size=4)
    | st.integers(0, CATALOGUE - 1).map(lambda number: hostile.CATALOGUE[number])
)  # fmt: skip
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner)
    | st.dictionaries(st.text(max_size=3) | st.integers() | st.none() | st.floats(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def assert_plain(tree):
    if type(tree) is dict:
        for key, member in tree.items():
            assert type(key) is str
            assert_plain(member)
    elif type(tree) is list:
        for member in tree:
            assert_plain(member)
    elif type(tree) is int:
        assert LONG_MIN <= tree <= LONG_MAX
    elif type(tree) is float:
        assert -REAL_MAX <= tree <= REAL_MAX
    else:
        assert tree is None or type(tree) in {str, bool}


@given(value=anything)
def test_any_value_becomes_a_plain_tree_and_a_text(value):
    """Nothing is raised, and nothing but JSON's own kinds is left."""
    made = plain(value)

    assert_plain(made)
    assert type(text(value)) is str
    msgspec.json.encode(escape_surrogates(made))


def test_a_hostile_value_becomes_a_plain_tree_and_a_text():
    """Each of the catalogue by itself, and inside a container."""
    for value in hostile.CATALOGUE:
        assert_plain(plain(value))
        assert type(text(value)) is str
        assert_plain(plain({"a": [value], "b": {"c": value}}))


@given(tree=json_trees)
def test_what_is_plain_already_stays_as_it_is(tree):
    """A tree of JSON's own kinds is not changed."""
    assert plain(tree) == tree


@given(tree=json_trees)
def test_a_containers_text_is_its_json(tree):
    """A string column that is given a dict can be read with parse_json."""
    if type(tree) in {dict, list}:
        assert json.loads(text(tree)) == tree


@given(value=anything, kind=st.sampled_from(list(COERCE)))
def test_coercing_yields_the_declared_type_or_a_misfit(value, kind):
    """Nothing else is raised, whatever the value and the column."""
    try:
        made = COERCE[kind](value)
    except Misfit:
        return
    if made is None or kind is ColumnType.DYNAMIC:
        assert_plain(made)
    elif kind in {ColumnType.INT, ColumnType.LONG}:
        least, most = (INT_MIN, INT_MAX) if kind is ColumnType.INT else (LONG_MIN, LONG_MAX)
        assert type(made) is int
        assert least <= made <= most
    elif kind is ColumnType.DATETIME:
        assert TIME.fullmatch(made)
    else:
        assert type(made) is {"string": str, "real": float, "boolean": bool}[kind]
        assert_plain(made)


@pytest.mark.parametrize("kind", list(COERCE))
def test_the_catalogue_fits_or_is_a_misfit(kind):
    """Nothing else is raised for any hostile value."""
    for value in hostile.CATALOGUE:
        try:
            COERCE[kind](value)
        except Misfit:
            continue


@pytest.mark.parametrize(
    ("kind", "value", "made"),
    [
        ("int", "17", 17), ("int", " +17 ", 17), ("int", 17.0, 17), ("int", True, 1), ("int", np.int64(5), 5),
        ("int", decimal.Decimal("5.0"), 5), ("int", hostile.Number.ONE, 1),
        ("long", "9223372036854775807", LONG_MAX),
        ("long", decimal.Decimal(2**62), 2**62), ("real", 1, 1.0), ("real", "1.5", 1.5),
        ("real", decimal.Decimal("1.1"), 1.1),
        ("real", np.float32(1.5), 1.5), ("boolean", "TRUE", True), ("boolean", 0, False),
        ("boolean", 1.0, True),
        ("boolean", np.bool_(True), True), ("datetime", 0, "1970-01-01T00:00:00.000000Z"),
        ("datetime", dt.date(2026, 1, 2), "2026-01-02T00:00:00.000000Z"),
        ("datetime", "2026-01-02T03:04:05+01:00", "2026-01-02T02:04:05.000000Z"),
        ("datetime", dt.datetime(2026, 1, 2), "2026-01-02T00:00:00.000000Z"),
        ("datetime", dt.datetime(2026, 1, 2, tzinfo=hostile.NoOffset()), "2026-01-02T00:00:00.000000Z"),
        ("string", True, "True"), ("string", None, None), ("string", {"a": [1]}, '{"a":[1]}'),
        ("string", {"\ud800": 1}, '{"\\\\ud800":1}'), ("string", float("nan"), "nan"),
        ("string", b"\xffa", "\\xffa"),
        ("string", hostile.Colour.RED, "red"), ("string", 10**25, "1" + "0" * 25),
        ("dynamic", {1: (2,)}, {"1": [2]}), ("dynamic", hostile.Node("a"), {"name": "a", "child": None}),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_that_fits_is_converted(kind, value, made):
    """What means the same in the column's type is kept."""
    assert COERCE[ColumnType(kind)](value) == made


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", "x"), ("int", 1.5), ("int", 2**31), ("int", "1_0"), ("int", [1]), ("int", float("inf")),
        ("int", decimal.Decimal("sNaN")), ("int", decimal.Decimal("1E+1000000")), ("long", 2**63),
        ("long", "9" * 19),
        ("real", float("nan")), ("real", "nan"), ("real", 10**400), ("real", "x"),
        ("real", decimal.Decimal("sNaN")),
        ("real", decimal.Decimal("1E+400")), ("boolean", 2), ("boolean", "yes"), ("boolean", []),
        ("boolean", decimal.Decimal("sNaN")), ("datetime", "soon"), ("datetime", 1e30), ("datetime", True),
        ("datetime", float("nan")), ("datetime", hostile.NoTime(2026, 1, 1)),
        ("datetime", hostile.LyingClass()),
        ("datetime", dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=1)))),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_a_misfit(kind, value):
    """It is not bent into something that nobody logged."""
    with pytest.raises(Misfit):
        COERCE[ColumnType(kind)](value)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interrupt_and_exit_pass(error):
    """They are the application's."""
    value = hostile.raising("__str__", error)
    for use in (plain, text, *COERCE.values()):
        with pytest.raises(error):
            use(value)


def test_a_generator_is_not_consumed():
    """The application still needs its members."""
    generator = (number for number in [1, 2])

    assert plain([generator])[0].startswith("<generator")
    assert next(generator) == 1


def test_what_lies_too_deep_and_a_cycle_become_marks():
    """Depth is bounded; a value inside itself is told once."""
    assert "[nested too deeply]" in text(hostile.DEEP_LIST)
    assert "[nested too deeply]" in text(hostile.DEEP_DICT)
    assert plain(hostile.cycle_of_list()) == ["[cycle]"]
    assert plain(hostile.cycle_of_dict()) == {"self": "[cycle]"}
    assert plain(hostile.cycle_of_dataclass()) == {"name": "a", "child": "[cycle]"}
    twice = [1]
    assert plain([twice, twice]) == [[1], [1]]


def test_members_beyond_the_limit_are_counted_in_a_mark():
    """A list of a million numbers does not become a row."""
    made = plain(list(range(1_000_000)))

    assert len(made) == MAX_NODES + 1
    assert made[-1] == f"[{1_000_000 - MAX_NODES} more]"
    assert plain(dict.fromkeys(range(20_000)))["..."] == f"[{20_000 - MAX_NODES} more]"


def test_many_references_to_one_long_text_do_not_become_many_long_texts():
    """The application pays for one; the row must not take memory for ten thousand."""
    long = "x" * 100_000

    assert len(text([long] * 10_000)) < 2 * MAX_CHARACTERS
    assert len(text([{long: long.encode()}] * 10_000)) < 2 * MAX_CHARACTERS


def test_overridden_iteration_is_not_called():
    """It may never end; the members themselves are there."""
    assert plain(hostile.EndlessList([1, 2])) == [1, 2]
    assert plain(hostile.EndlessDict(a=1)) == {"a": 1}


def test_keys_are_neither_hashed_nor_compared():
    """A key may raise at both; its value is told all the same."""
    assert list(plain({hostile.MeanKey(): 1}).values()) == [1]


def test_a_request_is_told_without_its_query_string():
    """Query strings hold tokens."""

    class HttpRequest:
        def __str__(self):
            return "<HttpRequest: GET '/a?token=secret'>"

    assert plain(HttpRequest()) == "<HttpRequest: GET '/a'>"
