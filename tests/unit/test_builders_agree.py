"""The quick builder and the careful one make the same row of every record."""

import json
import logging
import sys
from typing import ClassVar

from hypothesis import given
from hypothesis import strategies as st

import hostile
from dcrlog import context
from dcrlog._careful import CarefulBuilder
from dcrlog._formatted import FormattedSource, capturing
from dcrlog._mapping import STAMPED
from dcrlog._rows import compile_builder
from hostile import Counts, columns_of, make_record, parse

CATALOGUE = len(hostile.CATALOGUE)
KINDS = ("string", "int", "long", "real", "boolean", "datetime", "dynamic")
NAMES = ("a", "b", "trace_id", "span_id", "host", "exception", "properties", "seq", "a.b", "é")
FIELDS = (
    *sorted(set(NAMES) - {"properties", "seq"}),
    "record.a",
    "context.a",
    "context.bound",
    "created",
    "msg",
    "levelno",
    "syslog_severity",
    "windows_level",
    "program",
    "exc_info",
    "asctime",
    "thread",
)

values = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.text(st.characters(codec=None), max_size=2) | st.datetimes() | st.decimals()
    | st.lists(st.integers() | st.floats(), max_size=3)
    | st.dictionaries(st.text(max_size=2) | st.integers(), st.text(max_size=2), max_size=3)
    | st.integers(0, CATALOGUE - 1).map(lambda number: hostile.CATALOGUE[number])
    | st.integers(1, 20).map(hostile.deep)
)  # fmt: skip
column_sets = st.fixed_dictionaries(
    {},
    optional={
        "TimeGenerated": st.none() | st.sampled_from(["a", "created"]),
        "Message": st.none() | st.just("msg"),
        "Exception": st.none(),
        "Properties": st.none() | st.just({"type": "string"}),
        "Status": st.sampled_from([{"type": kind} for kind in KINDS if kind != "dynamic"]),
        "Level": st.sampled_from([{"type": kind} for kind in KINDS if kind != "dynamic"]),
        "Ca": st.fixed_dictionaries({"field": st.sampled_from(FIELDS), "type": st.sampled_from(KINDS)}),
        "Cb": st.fixed_dictionaries(
            {"field": st.sampled_from(["a", "b", "created"]), "type": st.sampled_from(KINDS)}
        ),
    },
)


@st.composite
def records(draw):
    extra = draw(st.dictionaries(st.sampled_from(NAMES), values, max_size=5))
    record = make_record(
        draw(st.sampled_from(["m", "m %s", "%d", "\ud800"]) | values),
        draw(st.just(()) | values.map(lambda value: (value,))),
        exc_info=draw(
            st.sampled_from([None, None, (None, None, None), True, (ValueError, ValueError("x"), None)])
        ),
        stack=draw(st.sampled_from([None, None, "stack"])),
        **extra,
    )
    for name, value in draw(
        st.dictionaries(
            st.sampled_from(["created", "lineno", "threadName", "process", "levelname"]), values, max_size=1
        )
    ).items():
        setattr(record, name, value)
    for name in draw(st.lists(st.sampled_from(["msecs", "exc_text", "args", "name"]), max_size=1)):
        delattr(record, name)
    record.__dict__.update(draw(st.dictionaries(st.integers(0, 9), st.integers(), max_size=1)))
    if draw(st.integers(0, 3)) == 0:  # as structlog wraps an event
        names = ("event", "exc_info", "exception", "stack", "lineno", *NAMES)
        event = draw(st.dictionaries(st.sampled_from(names), values, max_size=3))
        record.__dict__.update(msg=event, _logger=None, _name="n")
    return record


def canonical(row):
    """One text for one JSON value; == would take true for 1."""
    return json.dumps(parse(row), sort_keys=True)


@given(
    record=records(),
    columns=column_sets,
    bound=st.dictionaries(st.sampled_from(["bound", "status", "a"]), values, max_size=2),
)
def test_both_builders_make_the_same_row(record, columns, bound):
    """Same JSON value, and the quick one counts what the careful one counts."""
    mapped = [column for column in columns_of(columns) if not STAMPED.intersection(column.fields)]
    quick_counts, careful_counts = Counts(), Counts()
    with context.bound(**bound):
        quick = compile_builder(mapped, count=quick_counts)(record)
        careful = CarefulBuilder(mapped, count=careful_counts, redact=None, formatter=None).build(record)

    assert canonical(quick) == canonical(careful)
    assert quick_counts == careful_counts


class Supplying(logging.Formatter):
    """Supplies the fields of a record as a formatter of python-json-logger does."""

    rename_fields: ClassVar = {"a": "A", "message": "Message"}
    _required_fields = ("message",)

    def format(self, record):
        data = {"Message": record.getMessage(), "Host": "h"} | {
            self.rename_fields.get(name, name): value
            for name, value in record.__dict__.items()
            if name in {*NAMES, "levelname", 3}
        }
        return self.serialize_log_record(data)


Supplying.__module__ = "pythonjsonlogger.json"


@given(record=records(), columns=column_sets)
def test_both_builders_make_the_same_row_of_what_a_formatter_supplies(record, columns):
    """Also where the formatter raises."""
    mapped = [column for column in columns_of(columns) if not STAMPED.intersection(column.fields)]
    formatter = Supplying()
    source = FormattedSource(mapped, formatter, capturing(formatter))
    quick_counts, careful_counts = Counts(), Counts()
    quick = compile_builder(mapped, count=quick_counts, formatter=formatter)(record)
    careful = CarefulBuilder(source.columns, count=careful_counts, redact=None, formatter=None, source=source)

    assert canonical(quick) == canonical(careful.build(record))
    assert quick_counts == careful_counts


@given(record=records(), columns=column_sets)
def test_building_a_row_changes_no_record(record, columns):
    """Names, order and identity of the attributes stay."""
    before = list(record.__dict__.items())
    compile_builder(columns_of(columns), count=Counts())(record)
    after = list(record.__dict__.items())

    assert len(after) == len(before)
    assert all(old[0] == new[0] and old[1] is new[1] for old, new in zip(before, after, strict=True))


def test_the_plain_record_takes_the_quick_way():
    """The comparison would be worth nothing if both were the careful builder."""
    calls = []
    mapped = [column for column in columns_of() if not STAMPED.intersection(column.fields)]
    build = compile_builder(mapped, count=Counts())
    sys.setprofile(
        lambda frame, event, _: calls.append(frame.f_code.co_filename) if event == "call" else None
    )
    try:
        build(make_record("m %s", (1,), a="b", n=[1]))
    finally:
        sys.setprofile(None)
    assert not [name for name in calls if name.endswith("_careful.py")]
