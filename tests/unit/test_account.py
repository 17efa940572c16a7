"""Losses told: to `on_drop`, and in the table itself."""

import os
import sys
import threading
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcrlog._clock import Signal
from dcrlog._ledger import Ledger, Loss, LostFor
from dcrlog.stats import DropReason
from dcrlog.testing import Answer, ManualClock, RecordingSender, ScriptedSender, SkippingClock
from pipelines import JudgingSender, assert_balanced, deliver_here, make_pipeline, put_quietly

MIB = 1024 * 1024


def big(level, number):
    return b'{"Level":"%b","Message":"%07d%b"}' % (level, number, b"x" * 10_000)


def about(sender, event):
    """What the rows of ours say, newest last."""
    rows = [row for row in sender.rows if row.get("Logger") == "dcrlog"]
    found = [row["Properties"]["dcrlog"] for row in rows]
    return [row for row in found if row["event"] == event]


def gaps(sender):
    seqs = sorted(row["Seq"] for row in sender.rows)
    return sorted(set(range(1, seqs[-1] + 1)) - set(seqs))


def numbers(ranges):
    return [seq for first, last in ranges for seq in range(first, last + 1)]


def test_a_loss_is_told_in_the_table_with_its_reason_levels_and_gap():
    """One row after recovery says what is missing, so that a gap in Seq is no riddle."""
    is_out = True
    sender = JudgingSender(lambda rows: 503 if is_out else 204)
    pipeline = make_pipeline(sender, SkippingClock(), capacity=2 * MIB)
    put_quietly(pipeline, [big(b"INFO", number) for number in range(250)])
    put_quietly(pipeline, [big(b"ERROR", number) for number in range(50)])
    deliver_here(pipeline, 60.0)
    is_out = False
    deliver_here(pipeline, 60.0)
    deliver_here(pipeline, 60.0)

    (told,) = about(sender, "loss")
    lost = pipeline.stats().dropped[DropReason.QUEUE_FULL]
    assert told["reason"] == "queue_full"
    assert told["count"] == lost == sum(told["levels"].values())
    assert told["levels"]["ERROR"] == 50
    assert numbers(told["ranges"]) == gaps(sender)
    (row,) = [row for row in sender.rows if row.get("Logger") == "dcrlog"]
    assert row["Level"] == "WARNING"
    assert row["Message"].startswith(f"{lost} rows lost: queue_full; Seq ")


def test_the_oldest_that_were_dropped_are_told_too():
    """With drop_oldest the gap is at the beginning, also of batches that waited packed."""
    is_out = True
    sender = JudgingSender(lambda rows: 503 if is_out else 204)
    pipeline = make_pipeline(sender, SkippingClock(), capacity=2 * MIB, on_full="drop_oldest")
    put_quietly(pipeline, [big(b"INFO", 0)])
    deliver_here(pipeline, 60.0)
    put_quietly(pipeline, [big(b"DEBUG", number) for number in range(400)])
    is_out = False
    deliver_here(pipeline, 120.0)
    pipeline._clock.wait(Signal(), 2.0)
    put_quietly(pipeline, [big(b"INFO", 1)])
    deliver_here(pipeline)
    deliver_here(pipeline)

    (told,) = about(sender, "loss")
    assert told["levels"]["INFO"] == 1
    assert numbers(told["ranges"]) == gaps(sender)
    assert told["count"] == len(gaps(sender))


@pytest.mark.parametrize("account_rows", ["never", "losses", "always"])
def test_account_rows_come_when_they_were_asked_for(account_rows):
    """The choice "always" closes with the last Seq and the totals, so that a lost tail shows."""
    sender = RecordingSender()
    pipeline = make_pipeline(sender, SkippingClock(), account_rows=account_rows)
    put_quietly(pipeline, [b'{"Message":"1"}', b'{"Message":"%b"}' % (b"x" * 1_000_000), b'{"Message":"3"}'])
    pipeline.begin_exit()
    deliver_here(pipeline)

    assert len(about(sender, "loss")) == (account_rows != "never")
    closing = about(sender, "close")
    assert len(closing) == (account_rows == "always")
    if closing:
        assert closing[0]["last_seq"] == max(row["Seq"] for row in sender.rows) == 5
        assert closing[0]["dropped"] == {"too_large": 1}
    pipeline.begin_exit()
    deliver_here(pipeline)
    assert len(about(sender, "close")) == len(closing)


def test_a_handler_that_took_nothing_has_nothing_to_tell():
    """No row of ours in a table that the application never wrote to."""
    sender = RecordingSender()
    pipeline = make_pipeline(sender, account_rows="always")
    pipeline.close()
    assert not sender.rows
    assert pipeline.stats().accepted == 0


def test_the_loss_of_a_row_that_tells_is_not_told():
    """Or a service that refuses our rows would be sent one after another for ever."""

    def judge(rows):
        return 400 if any(row.get("Logger") == "dcrlog" or row["Message"] == "bad" for row in rows) else 204

    sender = JudgingSender(judge)
    pipeline = make_pipeline(sender, SkippingClock())
    put_quietly(pipeline, [b'{"Message":"bad"}', b'{"Message":"1"}'])
    for number in range(30):
        deliver_here(pipeline, 10.0)
        put_quietly(pipeline, [b'{"Message":"%d"}' % number])
        pipeline._clock.wait(Signal(), 10.0)

    assert pipeline.stats().dropped == {DropReason.REJECTED: 2}
    assert pipeline.stats().accepted == 33


def test_while_rows_are_lost_all_the_time_it_is_told_once_a_minute():
    """A queue that is always full has no calm in which to tell, and tells all the same."""
    clock = SkippingClock()
    sender = RecordingSender()
    pipeline = make_pipeline(sender, clock)
    for number in range(130):
        put_quietly(pipeline, [b'{"Message":"%b"}' % (b"x" * 1_000_000), b'{"Message":"%d"}' % number])
        deliver_here(pipeline)
        clock.wait(Signal(), 0.99)

    assert len(about(sender, "loss")) == 2
    assert numbers(about(sender, "loss")[0]["ranges"])[0] == 1


def test_on_drop_is_told_the_reason_and_the_number_outside_of_all_locks():
    """It may log, flush and ask for the accounts; a sender calls it, at most once a second."""
    calls = []

    def on_drop(reason, count):
        calls.append((reason, count))
        assert pipeline.stats().dropped[reason] >= count
        raise ValueError("the application's own fault")

    clock, sender = ManualClock(), RecordingSender()
    pipeline = make_pipeline(sender, clock, on_drop=on_drop, account_rows="never")
    for _ in range(3):
        pipeline.put(b'{"Message":"%b"}' % (b"x" * 1_000_000))
    pipeline.put(b'{"Message":"m"}')
    assert pipeline.flush(3_600.0)
    clock.advance(1.0)
    pipeline.close()
    _join(pipeline)

    assert sum(count for _, count in calls) == 3
    assert {reason for reason, _ in calls} == {DropReason.TOO_LARGE}


def test_on_drop_is_told_of_what_the_exit_gave_up(capsys):
    """The last chance to write it down elsewhere."""
    calls = []
    pipeline = make_pipeline(
        JudgingSender(lambda rows: 503), SkippingClock(), on_drop=lambda *call: calls.append(call)
    )
    put_quietly(pipeline, [b'{"Message":"1"}', b'{"Message":"2"}'])
    pipeline.begin_exit()
    deliver_here(pipeline, 5.0)
    pipeline.finish_exit()

    assert calls == [(DropReason.EXIT, 2)]
    assert "2 rows were not delivered" in capsys.readouterr().err


def test_an_outage_of_ten_minutes_at_full_speed_keeps_memory_flat():
    """Eight MiB of rows are kept, the others are counted, and one row tells the gap."""

    class Out(RecordingSender):
        is_out = True

        def answer(self, request_id, timeout):
            return Answer(status=503 if self.is_out else 204)

    sender = Out()
    pipeline = make_pipeline(sender, SkippingClock(), capacity=8 * MIB)
    held = []
    tracemalloc.start()
    try:
        for minute in range(10):
            put_quietly(pipeline, (big(b"INFO", number) for number in range(2_000)))
            deliver_here(pipeline, 60.0)
            held.append((minute, tracemalloc.get_traced_memory()[1]))
            assert pipeline._queue._waiting.used <= 8 * MIB
    finally:
        tracemalloc.stop()
    assert held[-1][1] < 8 * MIB + 8 * MIB
    assert held[-1][1] < held[1][1] * 1.2

    sender.is_out = False
    deliver_here(pipeline, 3_600.0)
    deliver_here(pipeline, 60.0)
    assert_balanced(pipeline)
    (told,) = about(sender, "loss")
    assert numbers(told["ranges"]) == gaps(sender)
    assert pipeline.stats().delivered == len(sender.rows)
    assert pipeline.stats().pending == 0


@given(st.lists(st.tuples(st.integers(1, 2_000), st.integers(0, 5)), max_size=300), st.booleans())
def test_ranges_are_in_order_and_cover_what_was_lost(runs, is_merged):
    """In whatever order losses come; exactly, as long as a hundred ranges will do."""
    loss, other, lost = Loss(), Loss(), set()
    for number, (first, length) in enumerate(runs):
        seqs = set(range(first, first + length + 1)) - lost
        lost |= seqs
        for seq in seqs:
            (other if is_merged and number % 2 else loss).add(seq, seq)
    loss.merge(other)

    covered = numbers(loss.ranges)
    assert covered == sorted(set(covered))
    assert loss.count == len(lost)
    assert set(covered) >= lost
    assert len(loss.ranges) <= 100
    if len(loss.ranges) < 100:
        assert set(covered) == lost


def test_the_oldest_rows_are_dropped_first_though_batches_were_packed_and_tried():
    """With drop_oldest an outage leaves the newest rows, which tell most about it."""
    clock = ManualClock()
    sender = ScriptedSender([Answer(status=503, retry_after="800")])
    pipeline = make_pipeline(sender, clock, capacity=2 * MIB, on_full="drop_oldest", max_senders=1)
    for number in range(600):
        pipeline.put(b'{"Message":"%d%b"}' % (number, os.urandom(6_000).hex().encode()))
        if number == 100:
            clock.wait_for_waiter(500.0)
    lost = pipeline._queue.ledger.losses[LostFor(DropReason.QUEUE_FULL)].ranges
    pipeline._queue.drop_rest(DropReason.EXIT)
    pipeline.close()

    assert lost[0][0] == 1
    # But for the one batch that a sender may be packing.
    assert len(lost) <= 2
    assert sum(last - first + 1 for first, last in lost) >= lost[-1][1] - 85


def test_on_drop_is_told_of_every_loss_in_time():
    """Of later ones too, of those while the service is away, and of the last ones at the exit."""
    calls = []
    too_large = b'{"Message":"%b"}' % (b"x" * 1_000_000)
    for account_rows in ("never", "losses"):
        clock = ManualClock()
        sender = ScriptedSender([Answer(status=503, retry_after="800")])
        told = threading.Semaphore(0)

        def on_drop(reason, count, told=told):
            calls.append(count)
            told.release()

        pipeline = make_pipeline(sender, clock, on_drop=on_drop, account_rows=account_rows)
        pipeline.put(b'{"Message":"m"}')
        pipeline._queue.request_flush()
        sender.wait_for_attempts(1)
        clock.wait_for_waiter(700.0)
        for _ in range(3):
            pipeline.put(too_large)
            assert told.acquire(timeout=30)
            clock.advance(2.5)
        pipeline._queue.put(too_large)
        pipeline.begin_exit()
        pipeline.finish_exit()
        assert sum(calls) == 4
        calls.clear()
        pipeline.close()


def test_a_full_queue_still_takes_the_rows_that_tell():
    """The closing row, and what was lost, are told although not one more row of the application fits."""
    is_out = True
    sender = JudgingSender(lambda rows: 503 if is_out else 204)
    pipeline = make_pipeline(sender, SkippingClock(), capacity=2 * MIB, account_rows="always")
    put_quietly(pipeline, [big(b"INFO", number) for number in range(300)])
    deliver_here(pipeline, 0.05)
    is_out = False
    pipeline.begin_exit()
    deliver_here(pipeline, 60.0)

    (told,) = about(sender, "loss")
    (closed,) = about(sender, "close")
    assert numbers(told["ranges"]) == gaps(sender)
    assert closed["last_seq"] == max(row["Seq"] for row in sender.rows)


def test_what_a_lost_row_told_is_told_again():
    """With drop_oldest the row that tells may be the next to go."""
    from dcrlog._batch import Batch
    from dcrlog._stamp import Stamp

    ledger = Ledger(wake=lambda: None)
    for seq in range(1, 6):
        ledger.lose_row(DropReason.QUEUE_FULL, seq, b'{"Level":"INFO"}')
    reason, loss = ledger.losses.popitem()
    ledger.own[6] = (reason, loss)
    batch = Batch(Stamp(None, None), 6, 0.0)
    batch.append(b'{"Message":"5 rows lost"}')
    batch.append(b'{"Message":"m"}')
    batch.seal()
    ledger.lose_batch(DropReason.QUEUE_FULL, batch)

    assert ledger.losses[LostFor(DropReason.QUEUE_FULL)].ranges == [[1, 5], [7, 7]]
    assert ledger.losses[LostFor(DropReason.QUEUE_FULL)].count == 6
    assert ledger.dropped == {DropReason.QUEUE_FULL: 7}
    assert not ledger.own


def test_a_level_is_that_of_the_column_and_not_of_an_extra():
    """A nested value of the same name comes first in some rules."""
    ledger = Ledger("Level", wake=lambda: None)
    assert ledger.levels([b'{"Properties":{"Level":"gold"},"Level":"ERROR"}', b'{"Level":3}', b"{}"]) == {
        "ERROR": 1
    }


def test_a_stderr_that_logs_is_told_once(monkeypatch):
    """Else each line makes a record whose loss is the next line, to the end of the stack."""
    pipeline = make_pipeline(JudgingSender(lambda rows: 503), SkippingClock(), close_timeout=0.01)
    lines = []

    class Logs:
        def write(self, line):
            lines.append(line)
            pipeline.put(b'{"Message":"from stderr"}')

    monkeypatch.setattr(sys, "stderr", Logs())
    put_quietly(pipeline, [b'{"Message":"1"}'])
    pipeline.begin_exit()
    pipeline._queue.drop_rest(DropReason.EXIT)
    pipeline._report.say("1 rows were not delivered", always=True)
    pipeline._queue.drop_rest(DropReason.EXIT)

    assert len([line for line in lines if "were not delivered" in line]) == 1


def _join(pipeline):
    for thread in tuple(pipeline._senders._threads):
        thread.join(30)
