"""Records of structlog and loguru, by what they are known by; the libraries themselves are in tests/apps."""

import sys

import pytest

from dcrlog._expanded import expanded
from hostile import build_row, make_record


@pytest.fixture
def loguru(monkeypatch):
    """As if the application used it."""
    monkeypatch.setitem(sys.modules, "loguru", sys)


def wrapped(**event):
    return make_record(event, _logger=object(), _name="info")


def test_an_ordinary_record_is_not_copied(loguru):
    """Nor one whose message is a dict, or that has a strange extra of that name."""
    for record in (
        make_record(),
        make_record({"event": "m"}),
        make_record(extra=[1]),
        make_record(_logger=1),
    ):
        assert expanded(record) is record


def test_an_event_becomes_message_and_fields_and_the_record_stays():
    """What logging knows by itself wins; a field with such a name is kept beside it."""
    record = wrapped(event="paid", amount=1, name="taken", level="info")
    before = dict(record.__dict__)
    row = build_row(record)

    assert (row["Message"], row["Logger"]) == ("paid", record.name)
    assert row["Properties"] == {"amount": 1, "extra.name": "taken", "level": "info"}
    assert record.__dict__ == before
    assert record.msg == {"event": "paid", "amount": 1, "name": "taken", "level": "info"}


@pytest.mark.parametrize("raised", [True, LookupError("gone"), (LookupError, LookupError("gone"), None)])
def test_an_events_exception_is_told_in_its_column(raised):
    """In each of the shapes in which structlog takes it."""
    try:
        raise LookupError("gone")
    except LookupError:
        row = build_row(wrapped(event="failed", exc_info=raised))

    assert row["Exception"].endswith("LookupError: gone")
    assert "Properties" not in row


def test_a_rendered_exception_and_stack_go_into_the_column_and_structured_ones_stay_fields():
    """format_exc_info makes text, dict_tracebacks a list."""
    text = build_row(wrapped(event="m", exception="Traceback: x", stack="Stack: y"))
    structured = build_row(wrapped(event="m", exception=[{"exc_type": "X"}]))

    assert text["Exception"] == "Traceback: x\nStack: y"
    assert structured["Properties"] == {"exception": [{"exc_type": "X"}]}


def test_an_event_without_text_has_an_empty_message():
    """It is a row all the same."""
    assert build_row(wrapped(amount=1))["Properties"] == {"amount": 1}


def test_logurus_fields_stand_beside_other_extras(loguru):
    """A column takes them by name."""
    row = build_row(make_record(other=2, extra={"tenant": "t", "msg": "taken"}), {"Tenant": "tenant"})

    assert row["Tenant"] == "t"
    assert row["Properties"] == {"other": 2, "extra.msg": "taken"}


def test_an_extra_of_that_name_stays_whole_where_loguru_is_not_in_use(monkeypatch):
    """It is the application's own."""
    monkeypatch.delitem(sys.modules, "loguru", raising=False)
    assert build_row(make_record(extra={"tenant": "t"}))["Properties"] == {"extra": {"tenant": "t"}}


def test_a_traceback_behind_the_message_is_cut_only_where_loguru_marked_it(loguru):
    """A message may tell a traceback of its own."""
    told = "failed\nTraceback (most recent call last):\n  x\nLookupError: gone"
    marked = make_record(told, exc_info=(LookupError, LookupError("gone"), None), extra={})
    marked.exc_text = "\n"

    assert build_row(marked)["Message"] == "failed"
    assert build_row(make_record(told, extra={}))["Message"] == told
