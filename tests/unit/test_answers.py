"""What becomes of rows after each answer of the service: settled, sent again, split, given up, held."""

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcrlog._backoff import Backoff
from dcrlog._clock import Signal
from dcrlog._outcomes import MOST_STRIKES
from dcrlog._retry import MOST_REFUSALS, TLS_FAILURE, Outcome, classify, remedy
from dcrlog.stats import DropReason
from dcrlog.testing import Answer, ManualClock, SkippingClock
from pipelines import HurriedClock, JudgingSender, assert_balanced, deliver_here, make_pipeline, put_quietly


def rows_numbered(count):
    return [b'{"Message":"%d"}' % number for number in range(count)]


def refuses(bad, answer=400):
    """A service that refuses a body with one of these rows, whole."""
    return JudgingSender(lambda rows: answer if any(int(row["Message"]) in bad for row in rows) else 204)


def messages(sender):
    return sorted(int(row["Message"]) for row in sender.rows)


def most_requests(n, k):
    """The bound: 2k(log2(n/k) + 1) + 1."""
    return 2 * k * (math.ceil(math.log2(n / k)) + 1) + 1


@pytest.mark.parametrize("bad_count", [1, 3, 10, 300])
@pytest.mark.parametrize("seed", range(3))
def test_exactly_the_guilty_rows_are_rejected(bad_count, seed):
    """Of 3,000 rows every good one is delivered once, with few requests."""
    bad = set(random.Random(seed).sample(range(3_000), bad_count))
    sender = refuses(bad)
    pipeline = make_pipeline(sender, SkippingClock(), account_rows="never")
    put_quietly(pipeline, rows_numbered(3_000))
    deliver_here(pipeline)

    assert messages(sender) == sorted(set(range(3_000)) - bad)
    assert pipeline.stats().dropped == {DropReason.REJECTED: bad_count}
    assert len(sender.requests) <= 2 * bad_count * (math.log2(3_000 / bad_count) + 1) + 1
    assert pipeline._clock.monotonic() == 0.0


@given(st.data())
def test_guilty_rows_are_found_wherever_they_stand(data):
    """Any set of guilty rows among any number, as long as something is taken in between."""
    count = data.draw(st.integers(2, 120))
    # Of more, 32 may be refused in a row, which passes for a wrong configuration.
    bad = data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=min(10, count - 1)))
    sender = refuses(bad)
    pipeline = make_pipeline(sender, SkippingClock(), account_rows="never")
    put_quietly(pipeline, rows_numbered(count))
    deliver_here(pipeline, 3_600.0)

    assert messages(sender) == sorted(set(range(count)) - bad)
    assert pipeline.stats().dropped == {DropReason.REJECTED: len(bad)}
    assert pipeline.stats().pending == 0
    assert len(sender.requests) <= most_requests(count, len(bad))


def test_a_half_is_not_sent_when_its_sibling_proves_it_guilty():
    """Four rows, the last one bad: the second half is halved without being sent, and the row sent alone."""
    sender = refuses({3})
    pipeline = make_pipeline(sender, SkippingClock(), account_rows="never")
    put_quietly(pipeline, rows_numbered(4))
    deliver_here(pipeline)

    sent = ["".join(row["Message"] for row in rows) for rows, _ in sender.requests]
    assert sent == ["0123", "01", "2", "3"]


@pytest.mark.parametrize("count", [1, 2, 1_000])
def test_one_refusal_by_mistake_costs_no_row(count):
    """A row is rejected for a refusal of its own, after others have passed."""
    answers = iter([400])
    pipeline = make_pipeline(JudgingSender(lambda rows: next(answers, 204)), SkippingClock())
    put_quietly(pipeline, rows_numbered(count))
    deliver_here(pipeline)
    put_quietly(pipeline, [b'{"Message":"another"}'])
    deliver_here(pipeline)

    assert pipeline.stats().delivered >= count
    assert pipeline.stats().dropped in ({}, {DropReason.REJECTED: 1} if count == 1 else {})


def test_a_block_of_guilty_rows_does_not_pass_for_a_wrong_configuration():
    """300 bad rows in a row: others are tried in between, and prove that rows are to blame."""
    bad = set(range(1_200, 1_500))
    sender = refuses(bad)
    pipeline = make_pipeline(sender, SkippingClock(), account_rows="never")
    put_quietly(pipeline, rows_numbered(3_000))
    deliver_here(pipeline, 600.0)
    assert messages(sender) == sorted(set(range(3_000)) - bad)

    # Only bad rows are left; the next good one proves that they are.
    put_quietly(pipeline, [b'{"Message":"3000"}'])
    deliver_here(pipeline, 600.0)
    assert messages(sender) == sorted(set(range(3_001)) - bad)
    assert pipeline.stats().dropped == {DropReason.REJECTED: 300}


def test_when_all_rows_are_refused_they_are_held_and_none_is_thrown_away(capsys):
    """32 refusals with nothing taken are a matter of configuration; put right, every row arrives."""
    is_right = False
    sender = JudgingSender(lambda rows: 204 if is_right else 400)
    pipeline = make_pipeline(sender, SkippingClock())
    put_quietly(pipeline, rows_numbered(3_000))
    deliver_here(pipeline, 3_600.0)

    assert pipeline.stats().pending == 3_000
    assert len(sender.requests) <= MOST_REFUSALS + 3_600 / 30
    assert capsys.readouterr().err.count("compare the columns") == 1

    is_right = True
    deliver_here(pipeline, 3_600.0)
    assert messages(sender) == list(range(3_000))
    assert pipeline.stats().dropped == {}


def test_a_row_refused_alone_is_given_up_when_the_service_takes_another():
    """Until then nothing proves that it is the row, and not the configuration."""
    sender = refuses({0})
    pipeline = make_pipeline(sender, SkippingClock(), account_rows="never")
    put_quietly(pipeline, rows_numbered(1))
    deliver_here(pipeline, 60.0)
    assert pipeline.stats().pending == 1

    put_quietly(pipeline, [b'{"Message":"7"}'])
    deliver_here(pipeline, 60.0)
    assert pipeline.stats().dropped == {DropReason.REJECTED: 1}
    assert messages(sender) == [7]


def test_the_exit_does_not_wait_for_a_row_that_was_refused_alone(capsys):
    """It is counted as rejected; nothing better can come of it."""
    pipeline = make_pipeline(refuses({0}), SkippingClock())
    put_quietly(pipeline, rows_numbered(1))
    deliver_here(pipeline, 60.0)
    pipeline.begin_exit()
    pipeline.finish_exit()

    assert pipeline.stats().dropped == {DropReason.REJECTED: 1}
    assert pipeline._clock.monotonic() == 0.0
    assert "1 rows were not delivered" in capsys.readouterr().err


def test_a_body_that_is_too_large_is_halved_until_it_is_not():
    """413 says nothing about the rows: all of them arrive."""
    sender = JudgingSender(lambda rows: 413 if len(rows) > 100 else 204)
    pipeline = make_pipeline(sender, SkippingClock())
    put_quietly(pipeline, rows_numbered(1_000))
    deliver_here(pipeline)

    assert messages(sender) == list(range(1_000))
    assert pipeline.stats().dropped == {}


def test_one_row_that_is_too_large_is_cut_field_by_field():
    """The longest value first, as long as the service says 413, and each is counted."""

    def judge(rows):
        return 413 if sum(len(str(value)) for row in rows for value in row.values()) > 60_000 else 204

    sender = JudgingSender(judge)
    pipeline = make_pipeline(sender, SkippingClock())
    row = b'{"Message":"%b","Exception":"%b","Logger":"a"}' % (b"m" * 50_000, b"e" * 60_000)
    put_quietly(pipeline, [row])
    deliver_here(pipeline, 600.0)
    assert pipeline.stats().truncated == 0  # as long as nothing passes, the limit may be a proxy's
    put_quietly(pipeline, rows_numbered(1))
    deliver_here(pipeline, 600.0)

    (arrived,) = [row for row in sender.rows if row["Seq"] == 1]
    assert len(arrived["Message"]) == 50_000
    assert arrived["Exception"].endswith("...[60000 bytes, cut]")
    assert len(arrived["Exception"]) == 1_024
    assert pipeline.stats().truncated == 1


def test_a_row_that_is_too_large_however_short_is_rejected_when_others_pass():
    """What cannot be cut any more does not stop the others, and is not sent for ever."""
    sender = JudgingSender(lambda rows: 413 if any(row["Message"].startswith("x") for row in rows) else 204)
    pipeline = make_pipeline(sender, SkippingClock(), account_rows="never")
    put_quietly(pipeline, [b'{"Message":"%b"}' % (b"x" * 5_000), *rows_numbered(3)])
    for number in range(3, 60):
        deliver_here(pipeline, 30.0)
        put_quietly(pipeline, [b'{"Message":"%d"}' % number])
    deliver_here(pipeline, 600.0)

    assert messages(sender) == list(range(60))
    assert pipeline.stats().dropped == {DropReason.REJECTED: 1}
    assert pipeline.stats().truncated == 1


def test_a_batch_that_fails_while_others_pass_is_taken_apart():
    """A row that makes the service fail, with a 500 or a reset, is found like one that it refuses."""
    for answer in (500, Answer(status=None, code="ConnectionResetError")):
        sender = refuses({5}, answer)
        pipeline = make_pipeline(sender, SkippingClock(), account_rows="never")
        put_quietly(pipeline, rows_numbered(10))
        for number in range(10, 200):
            deliver_here(pipeline, 30.0)
            put_quietly(pipeline, [b'{"Message":"%d"}' % number])
        deliver_here(pipeline, 86_400.0)

        assert messages(sender) == [number for number in range(200) if number != 5]
        assert pipeline.stats().dropped == {DropReason.REJECTED: 1}
        whole = [rows for rows, _ in sender.requests if any(row["Message"] == "5" for row in rows)]
        assert len([rows for rows in whole if len(rows) == 10]) >= MOST_STRIKES


@pytest.mark.parametrize("answer", [429, Answer(status=None, code="token: X", was_sent=False), 503])
def test_an_outage_is_nobody_s_fault(answer):
    """However often it fails, nothing is taken apart or given up while nothing passes."""
    is_out = True
    sender = JudgingSender(lambda rows: answer if is_out else 204)
    pipeline = make_pipeline(sender, SkippingClock())
    put_quietly(pipeline, rows_numbered(50))
    deliver_here(pipeline, 86_400.0)
    assert pipeline.stats().pending == 50
    assert {len(rows) for rows, _ in sender.requests} == {50}

    is_out = False
    deliver_here(pipeline, 60.0)
    assert messages(sender) == list(range(50))
    assert pipeline.stats().dropped == {}


def test_a_missing_role_is_probed_for_half_an_hour_and_nothing_is_lost(capsys):
    """403, then 204: at most one request in 30 s, and one line on stderr with the remedy."""
    clock = SkippingClock()
    times = []

    def judge(rows):
        times.append(clock.monotonic())
        return 403 if clock.monotonic() < 1_800.0 else 204

    sender = JudgingSender(judge)
    pipeline = make_pipeline(sender, clock)
    put_quietly(pipeline, rows_numbered(100))
    deliver_here(pipeline, 2_000.0)

    assert messages(sender) == list(range(100))
    assert all(after - before >= 30.0 for before, after in itertools.pairwise(times))
    assert len(times) >= 30
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "Monitoring Metrics Publisher" in told
    assert pipeline.stats().dropped == {}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=200),
        Answer(status=202),
        Answer(status=307),
        Answer(status=400, code="InvalidStream"),
        Answer(status=401),
        Answer(status=403),
        Answer(status=404),
        Answer(status=407),
        Answer(status=415),
        Answer(status=None, code=TLS_FAILURE),
    ],
    ids=str,
)
def test_what_somebody_has_to_put_right_is_held_with_a_remedy(answer):
    """Such an answer says nothing about the rows and will not change by itself."""
    assert classify(answer) is Outcome.HOLD
    assert len(remedy(answer)) > 20


@given(status=st.none() | st.integers(100, 599), code=st.text(max_size=10))
def test_nothing_but_204_is_success(status, code):
    """Captive portals answer 200, and the service answers 204."""
    outcome = classify(Answer(status=status, code=code))
    assert (outcome is Outcome.SETTLED) == (status == 204)


def test_rows_that_may_have_arrived_are_counted_each_time():
    """An upper bound for duplicates: what failed after it was sent."""
    answers = iter([500, Answer(status=None), 408, 429, Answer(status=None, was_sent=False), 403, 204])
    pipeline = make_pipeline(JudgingSender(lambda rows: next(answers)), SkippingClock())
    put_quietly(pipeline, rows_numbered(10))
    deliver_here(pipeline)

    assert pipeline.stats().delivered == 10
    assert pipeline.stats().maybe_delivered == 30


@pytest.mark.parametrize("chance", [0.2, 0.5, 0.8])
def test_failures_by_chance_cost_no_row(chance):
    """A service that fails at random fails for everybody: no row is the cause, however often it was hit."""
    random_numbers = random.Random(chance)
    sender = JudgingSender(lambda rows: 503 if random_numbers.random() < chance else 204)
    pipeline = make_pipeline(sender, SkippingClock(), flush_interval=0.01)
    for number in range(300):
        put_quietly(pipeline, [b'{"Message":"%d"}' % number])
        pipeline._clock.wait(Signal(), 0.01)
        pipeline._senders.run_here(pipeline._clock.monotonic() + 5.0)
    deliver_here(pipeline)

    assert messages(sender) == list(range(300))
    assert pipeline.stats().dropped == {}


def test_a_configuration_put_right_while_eight_senders_bisect_doubles_nothing():
    """All is refused, then all is taken: every row is there once, whoever held which half."""
    for refusals in (33, 50):
        left = iter(range(refusals))
        sender = JudgingSender(lambda rows, left=left: 400 if next(left, None) is not None else 204)
        pipeline = make_pipeline(sender, HurriedClock(1_000), flush_interval=0.5)
        for number in range(2_001):
            pipeline.put(b'{"Message":"%d"}' % number)
        assert pipeline.flush(20_000.0)
        assert messages(sender) == list(range(2_001))
        assert pipeline.stats().delivered == 2_001
        assert_balanced(pipeline)
        pipeline.close()


@pytest.mark.parametrize(("seconds", "is_throttled"), [(61, True), (120, False)])
def test_a_429_just_over_a_minute_after_another_is_the_same_limit(seconds, is_throttled):
    """It counts by the minute: whoever is over it meets it in each, and one burst an hour is nothing."""
    clock = ManualClock()
    backoff = Backoff(clock)
    for wait in (0, seconds):
        clock.advance(wait)
        backoff.failed(Answer(status=429), backoff.admit())
        backoff.clear()

    assert backoff.is_throttled == is_throttled


def test_after_repeated_429_rows_wait_longer_for_each_other():
    """At one request a second, 200 processes use up what a rule may take in a minute."""
    answers = iter([429, 204, 429])  # a fleet sees others' share of the limit in turns
    clock = SkippingClock()
    pipeline = make_pipeline(JudgingSender(lambda rows: next(answers, 204)), clock)
    put_quietly(pipeline, rows_numbered(1))
    deliver_here(pipeline)
    put_quietly(pipeline, rows_numbered(1))
    assert pipeline._queue.due_in() == pytest.approx(1.0)
    deliver_here(pipeline)
    put_quietly(pipeline, rows_numbered(1))
    assert pipeline._queue.due_in() == pytest.approx(10.0)

    clock.wait(Signal(), 600.0)
    deliver_here(pipeline)
    put_quietly(pipeline, rows_numbered(1))
    assert pipeline._queue.due_in() == pytest.approx(1.0)
