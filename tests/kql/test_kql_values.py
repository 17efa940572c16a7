"""What values come in and go out as."""

import json
import math

import pytest

from kql_engine import refusal, transform, value

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (NAN, None),
        (-INF, None),
        ({"a": [1.5, NAN, {"b": INF}]}, {"a": [1.5, None, {"b": None}]}),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        ([2**63, -(2**63) - 1], [float(2**63), -float(2**63)]),
        (10**400, None),
        (-(10**400), None),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_dynamic_column_has_the_numbers_of_the_service(sent, stored):
    """NaN and infinities are null; an integer of more than 64 bits is a real. What was sent stays."""
    before = repr(sent)
    (row,) = transform("source | project Bag, Inside = pack('x', Bag)", [{"Bag": sent}])

    assert row == {"Bag": stored, "Inside": {"x": stored}}
    assert repr(row["Bag"]) == repr(stored)
    assert repr(sent) == before


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("pack('a', 0.0 / 0, 'b', exp(1000), 'c', 1.5)", {"a": None, "b": None, "c": 1.5}),
        ("pack_array(real(nan), real(-inf))", [None, None]),
        ("gettype(pack_array(real(nan))[0])", "null"),
        ("parse_json('[1e400, -1e400, 1]')", [None, None, 1]),
        ("parse_json('1e400')", None),
        ("parse_json('[1e400, NaN]')", "[1e400, NaN]"),
        ("parse_json('[NaN]')", "[NaN]"),
        ("parse_json('[9223372036854775808, 9223372036854775807]')", [2.0**63, 2**63 - 1]),
        ("gettype(parse_json('18446744073709551616'))", "real"),
        (f"parse_json('[1{'0' * 400}, 2]')", [None, 2]),
        (f"parse_json('[1{'0' * 5_000}, 2]')", [None, 2]),
        ("tolong(parse_json('9223372036854775808'))", None),
        ("toreal(parse_json('9223372036854775808'))", 2.0**63),
        ("parse_json('9223372036854775808') == 9223372036854775808.0", True),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_dynamic_value_that_is_made_has_them_too(expression, expected):
    """Whether it is packed or read from a text; a text with a NaN is no JSON."""
    found = value(expression)

    assert found == expected
    assert type(found) is type(expected)
    json.dumps(found, allow_nan=False)


def test_a_literal_has_them_too():
    """Where it is allowed."""
    assert value("dynamic([9223372036854775808, 1e400])", strict=False) == [2.0**63, None]


@pytest.mark.parametrize(
    ("real", "text"),
    [
        ("1e20", "1E+20"),
        ("-1.5e300", "-1.5E+300"),
        ("1e-7", "1E-07"),
        ("1e16", "1E+16"),
        ("123456.75", "123456.75"),
        ("1.0", "1.0"),
    ],
)
def test_a_real_has_one_spelling_in_texts(real, text):
    """By itself, inside arrays and bags, and where texts are joined; a string that looks so is left alone."""
    sent = {"Share": float(real), "Bag": [float(real), "1e20", '"2e5', "\\"]}
    inside = f'[{text},"1e20","\\"2e5","\\\\"]'

    assert value("tostring(Share)", **sent) == text
    assert value(f"tostring({real})", **sent) == text
    assert value("tostring(Bag)", **sent) == inside
    assert value("tostring(Bag[0])", **sent) == text
    assert value("strcat(Share, Bag)", **sent) == text + inside
    assert value("tostring(pack('1e20', Share))", **sent) == f'{{"1e20":{text}}}'
    assert value("Text", Text=[float(real), "\ud800"]) == f'[{text},"\\ud800"]'
    assert value(f"parse_json('{text}')") == float(real)


def test_a_time_at_an_impossible_distance_from_utc_is_null():
    """More than 14 hours, or 60 minutes; in a column, and in a literal."""
    rows = [{"Time": f"2026-01-01T00:00:00{zone}"} for zone in ("+99:99", "-14:30", "+00:60", "+14:00")]

    assert [row["Time"] for row in transform("source | project Time", rows)] == [
        None,
        None,
        None,
        "2025-12-31T10:00:00.0000000Z",
    ]
    assert "is not a valid datetime" in refusal("print datetime(2026-01-01T00:00:00+99:99)").reason


def test_a_text_made_of_a_value_has_them_too():
    """Also where a character is half of a pair."""
    assert value("Text", Text={"a": NAN}) == '{"a":null}'
    assert value("Text", Text={"a": NAN, "b": "\ud800"}) == '{"a":null,"b":"\\ud800"}'
