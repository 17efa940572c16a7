"""Values become what Azure would store; none of them raises, and none takes its row along."""

import json
import math
import re
import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcrlog.emulator.coerce import MAX_FIELD, coerce_rows, format_datetime, parse_datetime
from dcrlog.schema import Column, ColumnType

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NOW_TEXT = "2026-11-23T12:00:00.0000000Z"

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.text(string.digits + "-+.:eETZ "),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
)


HOLDS = {
    ColumnType.STRING: lambda value: type(value) is str and len(value.encode()) <= MAX_FIELD,
    ColumnType.GUID: lambda value: type(value) is str,
    ColumnType.INT: lambda value: type(value) is int and -(2**31) <= value < 2**31,
    ColumnType.LONG: lambda value: type(value) is int and -(2**63) <= value < 2**63,
    ColumnType.REAL: lambda value: type(value) is float and math.isfinite(value),
    ColumnType.BOOLEAN: lambda value: type(value) is int and value in {0, 1},
    ColumnType.DYNAMIC: lambda value: json.loads(value) is not None,
    ColumnType.DATETIME: re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z").fullmatch,
}


@pytest.mark.parametrize("kind", ColumnType)
@given(value=JSON_VALUES)
def test_any_value_becomes_one_of_the_declared_type(kind, value):
    """Whatever the value, coercion does not raise and yields the declared type or null."""
    stored = coerce(kind, value)

    assert stored is None or HOLDS[kind](stored)


@given(st.datetimes(timezones=st.timezones()))
def test_any_datetime_keeps_its_moment(moment):
    """A datetime in any zone comes out as the same moment in UTC, to the microsecond."""
    try:
        expected = moment.astimezone(UTC)
    except OverflowError:
        expected = None
    offset = moment.utcoffset()
    if expected is not None and offset.total_seconds() % 60 == 0:
        assert parse_datetime(moment.isoformat()) == format_datetime(expected)


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ("string", "text", "text"),
        ("string", "", ""),
        ("string", {"a": [1, "x"]}, '{"a":[1,"x"]}'),
        ("string", 7, "7"),
        ("string", 1.5, "1.5"),
        ("string", True, "true"),
        ("int", 7, 7),
        ("int", "7", 7),
        ("int", 7.0, 7),
        ("int", 7.5, None),
        ("int", "abc", None),
        ("int", True, None),
        ("int", 2**31, None),
        ("int", -(2**31), -(2**31)),
        ("int", [7], None),
        ("long", 2**63 - 1, 2**63 - 1),
        ("long", 2**63, None),
        ("long", "1_000", None),
        ("real", 7, 7.0),
        ("real", "1.5e3", 1500.0),
        ("real", "nan", None),
        ("real", "1e999", None),
        ("real", 10**400, None),
        ("real", {}, None),
        ("boolean", True, 1),
        ("boolean", False, 0),
        ("boolean", "TRUE", 1),
        ("boolean", 1, None),
        ("boolean", "yes", None),
        ("dynamic", {"a": [1, None]}, '{"a":[1,null]}'),
        ("dynamic", "text", '"text"'),
        ("dynamic", 10**30, "1000000000000000000000000000000"),
        ("datetime", 1700000000, None),
        ("datetime", "yesterday", None),
        *[(kind, None, None) for kind in ColumnType],
    ],
)
def test_a_value_is_stored_as_its_column_says(kind, value, stored):
    """An object in a string column is kept as JSON text; what does not fit is null."""
    found = coerce(ColumnType(kind), value)

    assert found == stored
    assert type(found) is type(stored)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("2021-12-08T23:51:14.1104269Z", "2021-12-08T23:51:14.1104269Z"),
        ("2021-12-08T23:51:14.123456Z", "2021-12-08T23:51:14.1234560Z"),
        ("2022-11-29T15:41:49.3032079", "2022-11-29T15:41:49.3032079Z"),
        ("2023-11-14 15:10:02", "2023-11-14T15:10:02.0000000Z"),
        ("2023-11-14 15:10:02.5Z", "2023-11-14T15:10:02.5000000Z"),
        ("2023-11-14T15:10", "2023-11-14T15:10:00.0000000Z"),
        ("2023-11-14", "2023-11-14T00:00:00.0000000Z"),
        ("2023-11-14T15:10:02+05:30", "2023-11-14T09:40:02.0000000Z"),
        ("2023-11-14T15:10:02.25-0800", "2023-11-14T23:10:02.2500000Z"),
        ("2023-11-14T15:10:02.123456789Z", "2023-11-14T15:10:02.1234567Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.0000000Z"),
        ("0001-01-01T00:00:00+01:00", None),
        ("0000-01-01T00:00:00.0Z", None),
        ("2023-02-29T00:00:00Z", None),
        ("2023-11-14T24:00:01.0Z", None),
        ("2023-11-14T15:10.5Z", None),
        ("2023-11-14T15:10:02.٣Z", None),
        ("", None),
        ("2023", None),
    ],
)
def test_a_datetime_may_have_every_documented_form(text, stored):
    """Seven digits, no zone and a space are all accepted, as they are by Azure."""
    assert parse_datetime(text) == stored


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (..., NOW_TEXT),
        (None, NOW_TEXT),
        ("nonsense", NOW_TEXT),
        (format_datetime(NOW - timedelta(days=2)), "2026-11-21T12:00:00.0000000Z"),
        (format_datetime(NOW - timedelta(days=2, microseconds=1)), NOW_TEXT),
        (format_datetime(NOW + timedelta(days=1)), "2026-11-24T12:00:00.0000000Z"),
        (format_datetime(NOW + timedelta(days=1, microseconds=1)), NOW_TEXT),
    ],
)
def test_time_generated_stays_within_its_window(value, stored):
    """A missing time, or one outside two days back and one day ahead, becomes the time of receipt."""
    row = {} if value is ... else {"TimeGenerated": value}
    found = coerce_rows([row], [Column("TimeGenerated", ColumnType.DATETIME)], NOW)

    assert found.rows == [(stored,)]


def test_another_datetime_column_has_no_window():
    """Only TimeGenerated is replaced."""
    assert coerce(ColumnType.DATETIME, "1999-12-31") == "1999-12-31T00:00:00.0000000Z"


@pytest.mark.parametrize("character", ["a", "é", "語", "😀"])
def test_a_long_text_is_cut_between_characters(character):
    """A field keeps at most 65,536 bytes, and no part of a character."""
    found = coerce_rows([{"Text": character * 70_000}], [Column("Text", ColumnType.STRING)], NOW)
    ((text,),) = found.rows

    assert set(text) == {character}
    assert MAX_FIELD - 4 < len(text.encode()) <= MAX_FIELD
    assert found.truncated.total() == 1


def test_a_text_of_the_full_size_is_kept():
    """65,536 bytes fit."""
    rows = [{"Text": "a" * size} for size in (65_536, 65_537)]
    found = coerce_rows(rows, [Column("Text", ColumnType.STRING)], NOW)

    assert (found.rows, found.truncated.total()) == ([("a" * 65_536,)] * 2, 1)


def test_a_long_dynamic_value_becomes_a_string():
    """What is left of a JSON text after truncation is no JSON, so it is stored as a string."""
    stored = json.loads(coerce(ColumnType.DYNAMIC, {"a": "x" * 70_000}))

    assert stored.startswith('{"a":"xxx')
    assert len(stored) == MAX_FIELD


def test_undeclared_properties_are_dropped_and_counted():
    """A property that no column takes is lost, its row is not."""
    rows = [{"Text": "one", "other": 1}, {"Text": "two", "other": 2, "text": "case matters"}]
    found = coerce_rows(rows, [Column("Text", ColumnType.STRING)], NOW)

    assert found.rows == [("one",), ("two",)]
    assert found.dropped == {"other": 2, "text": 1}


def test_misfits_are_counted():
    """Each value that became null because it did not fit counts once; a null that was sent does not."""
    rows = [{"Line": "x"}, {"Line": None}, {"Line": 1}, {"Line": []}]
    found = coerce_rows(rows, [Column("Line", ColumnType.INT)], NOW)

    assert found.rows == [(None,), (None,), (1,), (None,)]
    assert found.misfits.total() == 2


def coerce(kind, value):
    ((found,),) = coerce_rows([{"Some": value}], [Column("Some", kind)], NOW).rows
    return found
