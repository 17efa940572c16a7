"""A long outage with a spool, in simulated time: what was promised survives, and the drain is gentle."""

from itertools import pairwise

import pytest

from dcrlog import DropReason
from dcrlog._clock import Signal
from dcrlog.testing import Answer, SkippingClock
from pipelines import JudgingSender, assert_balanced, make_pipeline

ROWS_A_SECOND = 100
MINUTE = 60.0


def let_a_minute_pass(pipeline, clock):
    """Deliver what can be delivered in it."""
    ends = clock.monotonic() + MINUTE
    pipeline._senders.run_here(ends)
    clock.wait(Signal(), max(0.0, ends - clock.monotonic()))


@pytest.mark.parametrize("on_full", ["drop_newest", "drop_oldest"])
@pytest.mark.parametrize("minutes", [60, pytest.param(7 * 24 * 60, marks=pytest.mark.soak)])
@pytest.mark.timeout(3_600)
def test_an_outage_costs_exactly_what_the_spool_has_no_room_for(tmp_path, on_full, minutes):
    """The oldest rows stay with `drop_newest`, the newest with `drop_oldest`; each gap is told."""
    taken = []
    clock, is_down, throttled = SkippingClock(), True, []

    def judge(rows):
        if is_down:
            return 503
        if len(throttled) < 3 and len(sender.requests) % 3 == 2:
            throttled.append(clock.monotonic())
            return Answer(status=429, retry_after="60", request_id="one")
        return 204

    sender = JudgingSender(judge)
    capacity = 8 * 1024 * 1024 if minutes == 60 else 64 * 1024 * 1024
    pipeline = make_pipeline(
        sender, clock, spool_dir=tmp_path, spool_capacity=capacity, on_full=on_full, flush_interval=10
    )
    for minute in range(minutes):
        sender.requests.clear()
        for number in range(int(MINUTE) * ROWS_A_SECOND):
            pipeline._queue.put(b'{"Message":"%d","Padding":"%s"}' % (number, b"x" * 100))
        let_a_minute_pass(pipeline, clock)
        if minute % 60 == 0:
            assert_balanced(pipeline)
    accepted = minutes * int(MINUTE) * ROWS_A_SECOND
    assert pipeline.stats().accepted == accepted
    lost = pipeline.stats().dropped[DropReason.QUEUE_FULL]
    assert pipeline._queue._waiting.used < 16 * 1024 * 1024

    is_down = False
    requests_a_minute = []
    while pipeline.stats().pending or pipeline._queue.ledger.losses:
        sender.requests.clear()
        pipeline._queue.request_flush()
        let_a_minute_pass(pipeline, clock)
        requests_a_minute.append(len(sender.requests))
        taken += [row for rows, status in sender.requests if status == 204 for row in rows]
        pipeline._delivery.tell()

    stats = pipeline.stats()
    assert stats.dropped == {DropReason.QUEUE_FULL: lost}
    assert stats.delivered == stats.accepted - lost
    told = [row["Properties"]["dcrlog"] for row in taken if "dcrlog" in (row.get("Properties") or {})]
    survivors = sorted(row["Seq"] for row in taken if "Padding" in row)
    spans = [span for each in told for span in each["ranges"]]
    gaps = [seq for first, last in spans for seq in range(first, last + 1)]
    assert sum(each["count"] for each in told) == lost
    assert sorted(survivors + gaps) == list(range(1, accepted + 1))
    edge = survivors[0] if on_full == "drop_newest" else survivors[-1]
    assert edge == (1 if on_full == "drop_newest" else accepted)
    assert max(requests_a_minute) < 12_000
    assert len(throttled) == 3
    assert all(later - earlier >= 60.0 for earlier, later in pairwise(throttled))
