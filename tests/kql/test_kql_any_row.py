"""What holds for any row: nothing raises, and values are of their types."""

import json
import math
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from dcrlog.kql import compile_transformation
from dcrlog.kql._operators import UNLISTED
from dcrlog.kql._table import FUNCTIONS
from kql_constructs import constructs
from kql_engine import STREAM

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-9, 9),
    st.integers(),
    st.sampled_from([2**63, -(2**63) - 1, 10**400, math.nan, math.inf, -math.inf, 1e308]),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["2026-11-24T10:20:30.1234567Z", "12", "1.5", "true", "a=1,b=2", '{"a": [1, 1e400]}', "00:01:00"]
    ),
)
CONTAINERS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
# By itself, recursive() gives hardly a value that is none of arrays and bags.
VALUES = SCALARS | CONTAINERS
ROWS = st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys([*STREAM, "unknown"], VALUES)), max_size=4)
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


OF_KIND = {
    "any": "Count", "text": "Share", "string": "Text", "long": "Count", "number": "Share", "real": "Share",
    "dynamic": "Bag", "datetime": "Time", "timespan": "totimespan(Bag)", "boolean": "Flag", "const": "'day'",
}  # fmt: skip
WITH_CONSTANTS = {
    "case": "case(Flag, Text, Small > 1, 'b', Text)",
    "make_timespan": "make_timespan(Small, Count, Share)",
    "pack": "pack(Text, Bag, 'b', Time, 'c', Share)",
    "bag_pack": "bag_pack(Text, Share)",
    "pack_dictionary": "pack_dictionary(Text, Share)",
    "parse_json": "parse_json(Text)",
    "parsejson": "parsejson(Text)",
    "todynamic": "todynamic(Text)",
    "toobject": "toobject(Text)",
    "extract": "extract('(a)(b)?', Count, Text, typeof(real))",
    "extract_all": "extract_all('([a-z]|1)', Text)",
    "countof": "countof(Text, Text, 'regex')",
    "replace": "replace('a|(1)', Text, Text)",
    "replace_regex": "replace_regex(Text, '(a|1)*', Text)",
}


def _calls():
    for name, each in FUNCTIONS.items():
        if name in WITH_CONSTANTS:
            yield WITH_CONSTANTS[name]
            continue
        for count in {each.least, each.least + 1 if each.most is None else each.most}:
            given_kinds = [each.kinds[min(number, len(each.kinds) - 1)] for number in range(count)]
            yield f"{name}({', '.join(OF_KIND[kind] for kind in given_kinds)})"


def _operations():
    for operator in ("+", "-", "*", "/", "%", "==", "!=", "<", ">="):
        yield from (f"{one} {operator} {other}" for one in ("Small", "Bag") for other in ("Count", "Share"))
    for operator in ("+", "-", "/", "%", "==", "<="):
        yield f"totimespan(Text) {operator} totimespan(Bag)"
    for operator in sorted(
        {"=~", "contains", "!startswith_cs", "endswith", "has", "!has_cs", "matches regex"}
    ):
        yield from (f"Text {operator} Bag", f"Bag {operator} Text")
    for operator in sorted(UNLISTED - {"between", "!between"} | {"in", "!in"}):
        yield (
            f"Text {operator} (Bag, Text)"
            if "has_" in operator or "in" in operator
            else f"Text {operator} Bag"
        )
    yield from (
        "Count between (Small .. Bag)",
        "Time !between (Time .. 1d)",
        "-Count",
        "-Share",
        "-totimespan(Bag)",
    )
    yield from ("Bag.a[Small]", "Bag[-1][Text]", "Bag.a.b", "Flag and Bag or not(Flag)")


@settings(max_examples=150)
@given(st.lists(st.sampled_from([*_calls(), *_operations()]), min_size=1, max_size=5), ROWS)
def test_no_function_and_no_operator_fails_for_any_row(expressions, rows):
    """And what comes out is JSON."""
    items = ", ".join(f"X{number} = {each}" for number, each in enumerate(expressions))
    text = f"source | extend {items} | extend All = pack_array(*)"
    compiled = compile_transformation(text, STREAM, strict=False)
    found = compiled.apply(rows)

    json.dumps(found, allow_nan=False)
    assert len(found) == len(rows)
    for row in found:
        assert all(FITS[kind](row[name]) for name, kind in compiled.columns.items()), row


@settings(max_examples=100)
@given(constructs(), st.sampled_from(["string", "dynamic"]), st.lists(VALUES, max_size=3))
def test_no_construct_fails_for_any_row(construct, kind, values):
    """Whatever the column is called."""
    text, column = construct
    compiled = compile_transformation(text, {column: kind}, strict=False)
    found = compiled.apply([{column: value} for value in values])

    json.dumps(found, allow_nan=False)
    assert all(row.keys() == compiled.columns.keys() for row in found)
