"""From record to row."""

import contextlib
import copy
import logging
import pickle
import sys

import pytest

import hostile
from dcrlog import _fields
from dcrlog._expanded import STANDARD
from dcrlog._rows import compile_builder
from hostile import Counts, build_row, columns_of, make_record, parse

RULE = {
    "streamDeclarations": {
        "Custom-A": {
            "columns": [
                {"name": "TimeGenerated", "type": "datetime"}, {"name": "Level", "type": "string"},
                {"name": "Message", "type": "string"}, {"name": "OrderId", "type": "long"},
                {"name": "amount", "type": "real"}, {"name": "IsNew", "type": "boolean"},
            ]
        }
    },
    "dataFlows": [{"streams": ["Custom-A"], "outputStream": "Custom-A_CL"}],
}  # fmt: skip


def raised(error):
    try:
        raise error
    except type(error):
        return sys.exc_info()


def test_a_plain_record_fills_the_default_columns():
    """Time of the event, level, logger, message, place."""
    record = make_record("hello %s", ("world",))
    record.created = 1_700_000_000.25
    row = build_row(record)

    assert row == {
        "TimeGenerated": "2023-11-14T22:13:20.250000Z", "Level": "INFO", "Logger": "app",
        "Message": "hello world",
        "Host": _fields.HOST, "Process": record.process, "Thread": "MainThread", "Function": "run", "Line": 7,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("created", "time"),
    [
        (1_700_000_000.0, "2023-11-14T22:13:20.000000Z"), (0.0, "1970-01-01T00:00:00.000000Z"),
        (1_700_000_000, "2023-11-14T22:13:20.000000Z"), (-1.5, "1969-12-31T23:59:58.500000Z"),
        ("2026-01-02", "2026-01-02T00:00:00.000000Z"), (float("nan"), None), (None, None), (1e30, None),
        ("x", None),
        (True, None), (hostile.RaisingText(), None),
    ],
)  # fmt: skip
def test_the_time_has_six_decimals_or_is_left_to_the_service(created, time):
    """Auxiliary tables take no other form; a time that is none does not cost the row."""
    record = make_record()
    record.created = created
    row = build_row(record)

    assert row.get("TimeGenerated") == time
    assert row["Message"] == "message"


def test_extras_that_no_column_took_land_in_properties():
    """A column takes its own; the rest stay together."""
    row = build_row(make_record(tenant="t", user="u", n=1), {"Tenant": "tenant"})

    assert row["Tenant"] == "t"
    assert row["Properties"] == {"user": "u", "n": 1}


@pytest.mark.parametrize(
    "name", ["properties", "host", "exception", "seq", "instance_id", "context.a", "Message", "Level"]
)
def test_an_extra_named_as_a_computed_field_is_kept(name):
    """No column reads it, so it is an extra as any other."""
    assert build_row(make_record(**{name: "mine"}))["Properties"] == {name: "mine"}


def test_a_record_field_is_read_by_its_full_name():
    """`record.host` is the extra, `host` the machine."""
    row = build_row(make_record(host="mine"), {"Mine": "record.host", "Module": "module"})

    assert (row["Mine"], row["Host"], row["Module"]) == ("mine", _fields.HOST, "main")
    assert "Properties" not in row


def test_the_leftovers_of_other_formatters_are_no_extras():
    """`message` and `asctime` were written by a formatter of another handler."""
    record = make_record()
    logging.Formatter("%(asctime)s").format(record)

    assert "Properties" not in build_row(record)


def test_a_rule_says_which_columns_there_are():
    """Default fields, the field of the same name, and snake_case; nothing else."""
    row = build_row(make_record(order_id=5, amount=1.5, IsNew=True, is_new=False, other=1), rule=RULE)

    assert row.pop("TimeGenerated")
    assert row == {"Level": "INFO", "Message": "message", "OrderId": 5, "amount": 1.5, "IsNew": True}


def test_a_column_removed_is_not_in_the_row():
    """None removes it."""
    assert "Line" not in build_row(make_record(), {"Line": None})


def test_misfits_become_null_are_kept_as_text_and_counted():
    """Each value counts, also two columns of one field."""
    counts = Counts()
    columns = {"Amount": {"field": "amount", "type": "real"}, "Again": {"field": "amount", "type": "int"},
               "When": {"field": "when", "type": "datetime"}}  # fmt: skip
    row = build_row(make_record(amount="much", when={"a": 1}, fine=1), columns, count=counts)

    assert not {"Amount", "Again", "When"} & row.keys()
    assert row["Properties"] == {"fine": 1, "amount": "much", "when": '{"a":1}'}
    assert counts == {"misfits": 3}


def test_a_string_column_takes_lone_surrogates_inside_a_container():
    """UTF-8 cannot carry them; they are written as their escape."""
    row = build_row(make_record(body={"\ud800": ["\udfff"]}), {"Body": "body"})

    assert row["Body"] == r'{"\\ud800":["\\udfff"]}'
    assert row["Message"] == "message"


def test_properties_may_be_text():
    """Some rules declare a string where others declare dynamic."""
    row = build_row(make_record(a={"\ud800": 1}), {"Properties": {"type": "string"}})

    assert row["Properties"] == r'{"a":{"\\ud800":1}}'


def test_a_hostile_value_costs_at_most_its_own_column():
    """As message, argument, extra and column of each type: the row arrives, and parses."""
    kinds = ("string", "int", "long", "real", "boolean", "datetime", "dynamic")
    columns = {f"As{kind}": {"field": "value", "type": kind} for kind in kinds}
    build = compile_builder(columns_of(columns), count=Counts())

    for value in hostile.CATALOGUE:
        for record in (
            make_record("kept", value=value),
            make_record("kept", extra_value=value),
            make_record("kept %s", (value,)),
            make_record("kept %(a)s", ({"a": value},)),
            make_record(value),
        ):
            row = parse(build(record))
            assert (row["Level"], row["Line"]) == ("INFO", 7)
            assert "could not be built" not in str(row)
            assert record.msg is value or row["Message"].startswith("kept")


@pytest.mark.parametrize("attribute", sorted(STANDARD))
def test_a_record_without_an_attribute_still_makes_a_row(attribute):
    """Records that came over a wire may lack anything."""
    record = make_record("m %s", (1,), extra_value=1)
    delattr(record, attribute)
    row = build_row(record)

    assert row["Properties"] == {"extra_value": 1}
    assert ("Level" in row) == (attribute != "levelname")


@pytest.mark.parametrize("attribute", sorted(STANDARD))
def test_an_attribute_of_any_kind_still_makes_a_row(attribute):
    """The catalogue in every built-in attribute."""
    build = compile_builder(columns_of(), count=Counts())
    for value in hostile.CATALOGUE:
        record = make_record("m %s", (1,))
        setattr(record, attribute, value)
        assert len(parse(build(record))) > 5


@pytest.mark.parametrize(
    ("msg", "args", "told"),
    [
        ("%d", ("x",), "%d [not formatted: TypeError; arguments [\"x\"]]"),
        ("%s %s", (1,), "%s %s [not formatted: TypeError; arguments [1]]"),
        ("m", (1,), "m [not formatted: TypeError; arguments [1]]"), ("%(a)s", ({"a": 1},), "1"), ("100%",
        (), "100%"),
        ("%", (1,), "% [not formatted: ValueError; arguments [1]]"), (5, (), "5"), (None, (), "None"),
        ({"a": 1}, (), "{'a': 1}"), (ValueError("x"), (), "x"),
    ],
)  # fmt: skip
def test_a_message_is_told_even_if_its_arguments_do_not_fit(msg, args, told):
    """logging prints a traceback to stderr and loses the record; a row shows both."""
    assert build_row(make_record(msg, args))["Message"] == told


def test_a_record_of_ones_own_class_formats_itself():
    """getMessage of a subclass is called, whatever it returns or raises."""

    class Braces(logging.LogRecord):
        def getMessage(self):  # noqa: N802 - logging's name
            return self.msg.format(*self.args)

    for args, told in (((1,), "m 1"), ((), "m {} [not formatted: IndexError; arguments []]")):
        assert build_row(Braces("app", 20, "/app/main.py", 7, "m {}", args, None))["Message"] == told


def test_a_record_that_was_pickled_makes_the_same_row():
    """SocketHandler sends the attributes, makeLogRecord makes a record of them."""
    record = make_record("m %s", (1,), user="u", exc_info=None)
    expected = build_row(record)

    assert build_row(pickle.loads(pickle.dumps(record))) == expected
    assert build_row(logging.makeLogRecord(record.__dict__)) == expected
    assert build_row(logging.makeLogRecord(dict(sorted(record.__dict__.items())))) == expected


def test_what_is_no_record_still_makes_a_row():
    """Somebody will hand over anything."""
    for value in (None, 5, object(), type("Slots", (), {"__slots__": ()})()):
        assert build_row(value)


def test_an_extra_whose_name_is_no_text_is_told_by_its_text():
    """`extra={5: ...}` passes through logging."""
    record = make_record()
    record.__dict__.update({5: "int", b"b": "bytes", (1,): "tuple", None: "none", 1.5: "float"})

    assert build_row(record)["Properties"] == {
        "5": "int", "b": "bytes", "[1]": "tuple", "None": "none", "1.5": "float"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("exc_info", "told"),
    [
        (None, None), ((None, None, None), None), (True, None), ("text", None), (5, None), ((), None),
        ((1, 2), None),
        ((1, 2, 3), "2"), ((ValueError, ValueError("x"), None), "ValueError: x"),
        (ValueError("bare"), "ValueError: bare"), ((ValueError, ValueError("x"), "no traceback"),
        "ValueError: x"),
        (hostile.raising("__bool__", hostile.Fatal), None),
    ],
)  # fmt: skip
def test_any_exc_info_is_told_as_far_as_it_makes_sense(exc_info, told):
    """Hand-made records hold all of these."""
    record = make_record()
    record.exc_info = exc_info

    assert build_row(record).get("Exception") == told


def test_a_traceback_is_told_with_its_stack():
    """Exception holds the traceback, after it what stack_info asked for."""
    row = build_row(
        make_record(exc_info=raised(ValueError("boom")), stack="Stack (most recent call last): s")
    )

    assert row["Exception"].startswith("Traceback (most recent call last):")
    assert row["Exception"].endswith("ValueError: boom\nStack (most recent call last): s")
    assert build_row(make_record(stack="only"))["Exception"] == "only"


def test_a_traceback_that_another_handler_has_formatted_is_used():
    """A QueueHandler keeps the text and drops the traceback."""
    record = make_record()
    record.exc_text = "formatted before"

    assert build_row(record)["Exception"] == "formatted before"


def test_an_exception_that_cannot_be_told_still_has_its_traceback():
    """Its __str__ raises."""

    class MuteError(Exception):
        def __str__(self):
            raise hostile.Fatal

    assert "MuteError" in build_row(make_record(exc_info=raised(MuteError())))["Exception"]


def test_a_record_is_never_changed():
    """No exc_text is cached, no message set, nothing added."""
    for formatter in (None, logging.Formatter("%(asctime)s %(message)s")):
        record = make_record("m %s", (1,), exc_info=raised(ValueError("x")), stack="s", a={"b": [1]})
        before = dict(record.__dict__)
        build_row(record, formatter=formatter)
        build_row(record, {"Amount": {"field": "a", "type": "int"}}, redact=copy.copy, formatter=formatter)

        assert record.__dict__ == before
        assert list(record.__dict__) == list(before)


def test_a_formatter_supplies_the_message_without_the_traceback():
    """It gets a copy, whose traceback is left to the column for it."""
    record = make_record("m", exc_info=raised(ValueError("x")), stack="s")
    row = build_row(record, formatter=logging.Formatter("%(levelname)s|%(message)s"))

    assert row["Message"] == "INFO|m"
    assert row["Exception"].startswith("Traceback")


def test_a_formatter_keeps_the_traceback_where_no_column_takes_it():
    """Nothing is lost by removing the column."""
    record = make_record("m", exc_info=raised(ValueError("x")))
    row = build_row(record, {"Exception": None}, formatter=logging.Formatter("%(message)s"))

    assert row["Message"].startswith("m\nTraceback")


class _Failing(logging.Formatter):
    def __init__(self, outcome):
        super().__init__()
        self.outcome = outcome

    def format(self, record):
        record.__dict__.clear()
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (ValueError("x"), "m [not formatted: ValueError in the formatter]"),
        (hostile.Fatal(), "m [not formatted: Fatal in the formatter]"),
        (RecursionError(), "m [not formatted: RecursionError in the formatter]"), ({"a": 1}, '{"a":1}'),
        (5, "5"),
        (None, None), (b"x", "x"),
    ],
)  # fmt: skip
def test_a_formatter_that_fails_or_returns_no_text_loses_no_record(outcome, told):
    """The record's own message stands in, with the reason."""
    row = build_row(make_record("m"), formatter=_Failing(outcome))

    assert row.get("Message") == told
    assert row["Level"] == "INFO"


def test_a_record_that_cannot_be_copied_loses_no_message():
    """A formatter needs a copy."""

    class Single(logging.LogRecord):
        def __copy__(self):
            raise hostile.Fatal

    record = Single("app", 20, "/app/main.py", 7, "m", (), None)
    assert build_row(record, formatter=logging.Formatter())["Message"].startswith("m [not formatted: Fatal")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("place", ["argument", "extra", "column", "message", "formatter"])
def test_interrupt_and_exit_pass(error, place):
    """They are the application's, wherever they come from."""
    value = hostile.raising("__str__", error)
    formatter = _Failing(error()) if place == "formatter" else None
    record = {
        "argument": lambda: make_record("%s", (value,)),
        "extra": lambda: make_record(a=value),
        "column": lambda: make_record(c=value),
        "message": lambda: make_record(value),
        "formatter": make_record,
    }[place]()

    with pytest.raises(error):
        build_row(record, {"C_": "c"}, formatter=formatter)


def test_a_row_is_built_near_the_end_of_the_stack():
    """A record that tells of a RecursionError is logged where it happens."""
    build = compile_builder(columns_of(), count=Counts())
    record = make_record("deep", a={"b": [object()]})
    rows = []

    def descend():
        with contextlib.suppress(RecursionError):
            descend()
        if len(rows) < 60:
            with contextlib.suppress(RecursionError):
                rows.append(build(record))

    descend()
    assert rows
    assert all(parse(row) for row in rows)
    assert parse(rows[-1])["Message"] == "deep"


def test_a_row_without_any_value_is_still_a_row():
    """An empty object would be dropped by nobody and told by nobody."""
    columns = dict.fromkeys(("Level", "Logger", "Message", "Exception", "TraceId", "SpanId", "Host",
    "Process", "Thread", "Function", "Line", "Properties", "TimeGenerated"))  # fmt: skip

    assert build_row(make_record(), {**columns, "Tenant": "tenant"}) == {"Tenant": None}


def test_the_ids_of_a_span_come_from_extras_where_there_is_no_span():
    """Who sets trace_id by hand has it in the column."""
    row = build_row(make_record(trace_id="t", span_id="s"))

    assert (row["TraceId"], row["SpanId"]) == ("t", "s")
    assert "Properties" not in row
