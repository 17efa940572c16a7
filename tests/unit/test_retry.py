"""From an answer to an outcome and a wait."""

import email.utils
import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcrlog._retry import (
    LONGEST_RETRY_AFTER,
    LONGEST_WAIT,
    SHORTEST_WAIT,
    Answer,
    Outcome,
    classify,
    parse_retry_after,
    wait_before_retry,
)

NOW = 1_700_000_000.0


@pytest.mark.parametrize("status", [None, 0, 200, 202, 301, 400, 401, 403, 404, 413, 429, 500, 503])
def test_only_204_settles(status):
    """A proxy's 200 is no promise."""
    assert classify(Answer(status=status)) is not Outcome.SETTLED
    assert classify(Answer(status=204)) is Outcome.SETTLED


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0.0), ("7", 7.0), (" 7 ", 7.0), ("1.5", 1.5), ("999999999", 999999999.0),
     (email.utils.formatdate(NOW + 60, usegmt=True), 60.0),
     (email.utils.formatdate(NOW - 60, usegmt=True), 0.0),
     (email.utils.formatdate(NOW + 60), 60.0)],
)  # fmt: skip
def test_retry_after_is_read_as_seconds_or_date(value, seconds):
    """A date of the past asks for nothing."""
    assert parse_retry_after(value, now=NOW) == seconds


@pytest.mark.parametrize(
    "value", [None, "", " ", "inf", "nan", "-1", "1e9", "0x10", "٣", "1_0", "9" * 4096, "soon", ",",
    "0 0 0 0 0", "\0",
              "Mon, 99 Xyz 9999 99:99:99 +9999999999"]
)  # fmt: skip
def test_another_retry_after_counts_as_none(value):
    """A header comes from anywhere."""
    assert parse_retry_after(value, now=NOW) is None


def test_a_date_without_a_zone_is_utc(monkeypatch):
    """The machine's own zone does not matter."""
    monkeypatch.setitem(os.environ, "TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert parse_retry_after(email.utils.formatdate(NOW + 60).replace("+0000", "-0000"), now=NOW) == 60.0
    finally:
        monkeypatch.undo()
        time.tzset()


dates = st.from_regex(
    r"[A-Za-z]{0,4},? ?[0-9:]{0,9} ?[A-Za-z]{0,4} ?[-0-9]{0,9} [0-9:.]{0,12} ?[-+A-Z0-9]{0,9}", fullmatch=True
)


@given(value=st.none() | st.text(max_size=70) | dates)
def test_retry_after_is_none_or_a_number_that_can_be_waited(value):
    """Never negative, never raised."""
    made = parse_retry_after(value, now=NOW)

    assert made is None or 0.0 <= made < float("inf")


@given(
    value=st.none() | st.integers(-10, 10**10).map(str) | st.floats().map(str) | dates,
    failures=st.integers(-5, 10**6),
    chance=st.floats(0, 1),
)
def test_a_wait_is_never_a_busy_loop_and_never_an_age(value, failures, chance):
    """Between a tenth of a second and a quarter of an hour, whatever the service says."""
    wait = wait_before_retry(Answer(status=503, retry_after=value), failures, now=NOW, chance=chance)

    assert SHORTEST_WAIT <= wait <= LONGEST_RETRY_AFTER


@pytest.mark.parametrize(
    ("failures", "ceiling"), [(1, 1.0), (2, 2.0), (4, 8.0), (7, LONGEST_WAIT), (10**9, LONGEST_WAIT)]
)
def test_the_backoff_doubles_up_to_a_minute(failures, ceiling):
    """Full jitter below it."""
    waits = [wait_before_retry(Answer(status=500), failures, now=NOW, chance=chance) for chance in (1.0, 0.5)]

    assert waits == [ceiling, ceiling / 2]


def test_a_retry_after_comes_first_and_is_capped():
    """A quarter of an hour is the longest that a service is believed."""
    assert wait_before_retry(Answer(status=429, retry_after="5"), 9, now=NOW, chance=1.0) == 5.0
    assert wait_before_retry(Answer(status=429, retry_after="99999"), 1, now=NOW, chance=1.0) == 900.0


@pytest.mark.parametrize("value", ["0", email.utils.formatdate(NOW - 60, usegmt=True)])
def test_a_retry_after_of_nothing_leaves_the_wait_to_the_backoff(value):
    """A clock that is ahead must not make the senders hammer the service."""
    assert wait_before_retry(Answer(status=429, retry_after=value), 4, now=NOW, chance=1.0) == 8.0


def test_an_answer_tells_itself():
    """Status, code and words, with the request's id for Azure's support."""
    answer = Answer(status=403, code="Forbidden", message="no role", request_id="abc")

    assert str(answer) == "HTTP 403: Forbidden: no role (x-ms-client-request-id abc)"
    assert str(Answer(status=None)).startswith("no answer")
