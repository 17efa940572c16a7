"""Records thinned out by level, logger and trace."""

import logging
import logging.config
import threading
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hostile
from dcrlog import ConfigError, LogsIngestionHandler, Sample, context
from dcrlog._forking import RENEWALS
from dcrlog._sample import _renew_all
from dcrlog.testing import RecordingSender
from hostile import make_record

TRACES = [uuid.UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128).hex for number in range(2_000)]


def record_of(name="app", level=logging.INFO, **extra):
    record = make_record(level=level, **extra)
    record.name = name
    return record


def share(sample, **fields):
    """How many of the records of 2,000 fixed traces pass, as a share."""
    return sum(sample.filter(record_of(trace_id=trace, **fields)) for trace in TRACES) / len(TRACES)


rates = st.floats(0, 1)
traces = st.uuids().map(lambda each: each.hex)
levels = st.sampled_from([logging.DEBUG, logging.INFO, logging.WARNING, 15])


@given(rate=rates, trace=traces, level=levels)
def test_a_trace_passes_whole_or_not_at_all_in_every_process(rate, trace, level):
    """Two filters made apart decide alike, whatever was decided before, and however the id is written."""
    one, other = Sample(default=rate), Sample(default=rate)
    one.filter(record_of())
    decided = {each.filter(record_of(trace_id=trace, level=level)) for each in (one, other, one)}

    assert len(decided) == 1
    assert other.filter(record_of(trace_id=trace.upper())) in decided


@given(rate=rates, higher=rates, trace=traces)
def test_what_passes_at_a_rate_passes_at_each_higher_one(rate, higher, trace):
    """So that a trace whose DEBUG records are kept has its INFO records too."""
    low, high = sorted([rate, higher])
    record = record_of(trace_id=trace)

    assert Sample(default=low).filter(record) <= Sample(default=high).filter(record)


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_of_many_traces_the_share_that_was_asked_for_passes(rate):
    """Of 2,000 fixed ids, within three standard deviations."""
    assert share(Sample(default=rate)) == pytest.approx(rate, abs=3 * (rate * (1 - rate) / 2_000) ** 0.5)


def test_the_decision_for_a_trace_never_changes_between_versions():
    """Processes of an older and a newer version agree about one trace."""
    sample = Sample(default=0.5)

    assert [sample.filter(record_of(trace_id=f"{number:032x}")) for number in range(8)] == [
        False, False, True, False, True, True, False, False,
    ]  # fmt: skip


@given(level=st.integers(logging.ERROR, 60), trace=st.none() | traces)
def test_an_error_always_passes(level, trace):
    """At a rate of nothing, too."""
    assert Sample({"app": 0.0, "ERROR": 0.0, 60: 0}, default=0).filter(record_of(level=level, trace_id=trace))


def test_what_is_always_kept_can_be_said():
    """By name, by number, or nothing at all."""
    assert Sample(default=0, keep="WARNING").filter(record_of(level=logging.WARNING))
    assert not Sample(default=0, keep=45).filter(record_of(level=logging.ERROR))
    assert not Sample(default=0, keep=None).filter(record_of(level=logging.CRITICAL))


@pytest.mark.parametrize(
    ("name", "level", "passes"),
    [
        ("noisy", logging.INFO, False), ("noisy.child.deep", logging.INFO, False),
        ("noisy.audit", logging.DEBUG, True), ("noisy.audit.more", logging.DEBUG, True),
        ("noisyneighbour", logging.INFO, True), ("other", logging.INFO, True), ("root", logging.INFO, True),
        ("other", logging.DEBUG, False), ("other", 5, False), ("other", 15, True),
    ],
)  # fmt: skip
def test_the_longest_name_counts_and_else_the_level(name, level, passes):
    """A logger's rate holds for its children; a level's also for less important ones."""
    sample = Sample({"DEBUG": 0, "noisy": 0, "noisy.audit": 1})

    assert sample.filter(record_of(name, level)) is passes


def test_a_level_s_rate_holds_down_to_the_next_one_that_is_named():
    """Less important records do not pass more often, unless that is asked for."""
    sample = Sample({"DEBUG": 1, "WARNING": 0})

    assert [sample.filter(record_of(level=level)) for level in (10, 15, 20, 30, 35)] == [
        True, False, False, False, True,
    ]  # fmt: skip


def test_a_trace_that_is_bound_counts_behind_one_of_the_record():
    """dcrlog.context has it where a middleware put it."""
    sample = Sample(default=0.5)
    kept = next(trace for trace in TRACES if sample.filter(record_of(trace_id=trace)))
    lost = next(trace for trace in TRACES if not sample.filter(record_of(trace_id=trace)))

    with context.bound(trace_id=lost):
        assert not any(sample.filter(record_of()) for _ in range(50))
        assert sample.filter(record_of(trace_id=kept))
    with context.bound(trace_id=kept):
        assert all(sample.filter(record_of()) for _ in range(50))


def test_without_a_trace_records_pass_by_chance():
    """Not all and not none; that 500 draws at one half are alike has a probability of 1e-150."""
    sample = Sample(default=0.5)

    assert len({sample.filter(record_of()) for _ in range(500)}) == 2


def test_what_passes_and_what_does_not_is_counted():
    """From several threads, without losing any."""
    sample = Sample({"DEBUG": 0})

    def log():
        for number in range(1_000):
            sample.filter(record_of(level=logging.DEBUG if number % 4 else logging.INFO))

    threads = [threading.Thread(target=log) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (sample.kept, sample.left_out) == (1_000, 3_000)


def test_a_child_of_a_fork_counts_its_own_even_while_a_thread_of_its_parent_was_counting():
    """The lock that the other thread held is made anew."""
    sample = Sample(default=0)
    sample.filter(record_of())
    sample._counting.acquire()

    assert _renew_all in RENEWALS
    _renew_all()
    thread = threading.Thread(target=sample.filter, args=[record_of()])
    thread.start()
    thread.join(10)
    assert (sample.kept, sample.left_out) == (0, 1)


@pytest.mark.parametrize("field", ["name", "levelno", "trace_id"])
def test_an_odd_record_raises_nothing_and_stays_as_it_is(field):
    """Whatever stands where a name, a level or a trace should be."""
    for value in hostile.CATALOGUE:
        record = make_record()
        record.__dict__[field] = value
        before = dict(record.__dict__)
        assert Sample({"app": 0.5, "DEBUG": 0.1}, default=0.5).filter(record) in {True, False}
        assert record.__dict__.keys() == before.keys()
        assert all(record.__dict__[name] is before[name] for name in before)


def test_a_record_that_cannot_be_read_passes():
    """Losing it would go untold."""
    record = make_record()
    del record.__dict__["levelno"]

    assert Sample(default=0).filter(record)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interrupt_and_exit_pass_through(error):
    """They are the application's."""
    with pytest.raises(error):
        Sample(default=0.5).filter(record_of(trace_id=hostile.raising("__str__", error)))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"rates": {"DEBUG": 1.5}}, "rates['DEBUG'] must be a number from 0 to 1, got 1.5"),
        ({"rates": {"a": -0.1}}, "got -0.1"), ({"rates": {"a": float("nan")}}, "got nan"),
        ({"rates": {"a": True}}, "got True"), ({"rates": {"a": "0.1"}}, "got '0.1'"),
        ({"rates": {"10": 0.1}}, "write the level 10 as a number"),
        ({"rates": {"": 0.1}}, "'' is neither"), ({"rates": {None: 0.1}}, "None is neither"),
        ({"rates": [("a", 1)]}, "rates must be a mapping"), ({"rates": 0.1}, "rates must be a mapping"),
        ({"default": 2}, "default must be a number from 0 to 1, got 2"),
        ({"keep": "ERORR"}, "level must be a number or a name"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(arguments, told):
    """When logging is configured, and never while something is logged."""
    with pytest.raises(ConfigError) as raised:
        Sample(**arguments)
    assert told in str(raised.value)


@pytest.mark.parametrize("place", ["handler", "logger"])
def test_dict_config_puts_it_on_a_handler_or_on_a_logger(place):
    """By its dotted name, and what it leaves out is no row."""
    sender = RecordingSender()
    name = f"sampled.{place}"
    on_handler, on_logger = (
        {"filters": ["sample"]} if each == place else {} for each in ("handler", "logger")
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"sample": {"()": "dcrlog.Sample", "rates": {"DEBUG": 0, name: 1}}},
            "handlers": {"azure": {"()": LogsIngestionHandler, "sender": sender, **on_handler}},
            "loggers": {
                "sampled": {"level": "DEBUG", "handlers": ["azure"]},
                name: {"level": "DEBUG", **on_logger},
            },
        }
    )  # fmt: skip
    log = logging.getLogger(name)
    (handler,) = logging.getLogger("sampled").handlers
    (sample,) = (handler if place == "handler" else log).filters

    log.debug("kept")
    logging.getLogger("sampled.other").debug("left out by a handler's filter only")
    assert handler.flush()
    assert len(sender.rows) == (1 if place == "handler" else 2)
    assert (sample.kept, sample.left_out) == (1, 1 if place == "handler" else 0)
    assert handler.stats().accepted == len(sender.rows)
    logging.getLogger("sampled").removeHandler(handler)
    handler.close()
