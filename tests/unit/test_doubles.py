"""Two handlers for one destination on the way of one record."""

import logging
import warnings

import pytest

from dcrlog import ConfigWarning, LogsIngestionHandler, _doubles
from dcrlog._doubles import warn_of_double_rows

RULE_ID = "dcr-" + "0" * 32


@pytest.fixture
def loggers(monkeypatch):
    """A logger and one below it, and destinations of which nothing was told before."""
    monkeypatch.setattr(_doubles, "_told_of_two", set())
    found = logging.getLogger("dcrlog-test.doubles"), logging.getLogger("dcrlog-test.doubles.below")
    yield found
    for logger in found:
        logger.handlers.clear()
        logger.propagate = True


def make_handler(stream="Custom-Doubles", **options):
    return LogsIngestionHandler("https://doubles.ingest.monitor.azure.com", RULE_ID, stream, **options)


def told():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_double_rows()
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize("place", [0, 1])
def test_a_second_handler_on_the_same_logger_or_on_one_above_is_warned_of_once(loggers, place):
    """With the logger, the destination, and what to do."""
    loggers[0].addHandler(make_handler())
    loggers[place].addHandler(make_handler(level="ERROR"))

    (message,) = told()
    assert message.startswith(
        f"the logger {loggers[place].name!r} delivers each record 2 times to stream 'Custom-Dou"
    )
    assert f"of rule {RULE_ID}" in message
    assert "Remove all but one" in message
    assert told() == []


def test_handlers_that_share_nothing_are_not_warned_of(loggers):
    """Another stream, another branch, a logger that passes nothing on, or a filter on each."""
    upper, lower = loggers
    keep = [make_handler(), make_handler()]
    upper.addHandler(keep[0])
    upper.addHandler(make_handler("Custom-Audit"))
    assert told() == []
    lower.addHandler(keep[1])
    lower.propagate = False
    assert told() == []
    lower.propagate = True
    for number, handler in enumerate(keep):
        handler.addFilter(lambda record, number=number: record.lineno % 2 == number)
    assert told() == []
    keep[0].filters.clear()
    assert len(told()) == 1


def test_a_handler_that_was_replaced_is_not_warned_of(loggers):
    """Whoever configures logging twice has two of them alive, and one on the logger."""
    replaced = make_handler()
    loggers[0].addHandler(replaced)
    loggers[0].removeHandler(replaced)
    loggers[0].addHandler(make_handler())

    assert told() == []


def test_a_warning_that_is_an_error_costs_no_record(loggers):
    """It stays inside."""
    loggers[0].addHandler(make_handler())
    loggers[0].addHandler(make_handler())

    with warnings.catch_warnings():
        warnings.simplefilter("error", ConfigWarning)
        warn_of_double_rows()
    assert told() == []
