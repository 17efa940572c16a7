"""What could strand rows for ever: threads that die or never start, waits, forks, interruptions."""

import gc
import gzip
import logging
import os
import sys
import threading
import weakref

import pytest

from dcrlog import LogsIngestionHandler
from dcrlog._lifecycle import known
from dcrlog._own_threads import SENDER_IDENTS, is_made_by_sender
from dcrlog.testing import Answer, ManualClock, RecordingSender, ScriptedSender
from pipelines import ROW, make_pipeline


@pytest.mark.parametrize("error", [RecursionError, MemoryError, KeyboardInterrupt])
def test_a_thread_that_could_not_be_made_is_made_at_the_next_row(monkeypatch, error):
    """The first record may come at the end of the application's stack; the second must not pay for it."""
    sender = RecordingSender()
    pipeline = make_pipeline(sender)

    def fail(*args, **options):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "__init__", fail)
        with pytest.raises(error):
            pipeline.put(ROW)
    pipeline.put(ROW)

    assert pipeline.flush(10)
    assert [row["Seq"] for row in sender.rows] == [1, 2]
    pipeline.close()


class UnprintableError(Exception):
    def __str__(self):
        raise ValueError("not even this")


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), UnprintableError()])
def test_whatever_a_credential_raises_costs_one_attempt(error):
    """A sender thread outlives SystemExit, and an exception that cannot be printed."""
    clock = ManualClock()

    class Raises(RecordingSender):
        def answer(self, request_id, timeout):
            answer = super().answer(request_id, timeout)
            if len(self.request_ids) == 1:
                raise error
            return answer

    sender = Raises()
    pipeline = make_pipeline(sender, clock)
    pipeline.put(ROW)
    pipeline._queue.request_flush()
    sender.wait_for_attempts(1)
    clock.wait_for_waiter(0.05)
    clock.advance(60.0)
    sender.wait_for_attempts(2)

    assert [row["Seq"] for row in sender.rows] == [1]
    pipeline.close()


def test_one_request_that_hangs_does_not_hold_up_the_rows_behind_it():
    """A flush finds another sender, though no batch is full."""
    release = threading.Event()

    class HangsOnce(RecordingSender):
        def send(self, body, *, request_id, timeout):
            if b'"Seq":1,' in gzip.decompress(body):
                assert release.wait(30)
            return super().send(body, request_id=request_id, timeout=timeout)

    sender = HangsOnce()
    pipeline = make_pipeline(sender)
    pipeline.put(ROW)
    assert not pipeline.flush(0.2)
    pipeline.put(ROW)
    assert not pipeline.flush(0.5)

    assert [row["Seq"] for row in sender.rows] == [2]
    release.set()
    assert pipeline.flush(10)
    pipeline.close()


def test_an_older_success_does_not_end_the_wait_that_a_429_asked_for():
    """Requests under way when the service said to wait prove nothing about it."""
    from dcrlog._backoff import Backoff

    clock = ManualClock()
    backoff = Backoff(clock)
    older, failing = backoff.admit(), backoff.admit()
    backoff.failed(Answer(status=429, retry_after="60"), failing)

    backoff.succeeded(older)
    assert backoff.left() == 60.0
    assert not backoff.admit()
    clock.advance(60.0)
    backoff.succeeded(backoff.admit())
    assert backoff.left() <= 0


def test_after_a_failure_one_request_at_a_time_probes_the_service():
    """Eight at once would be seven too many for a service that is unwell."""
    from dcrlog._backoff import Backoff

    clock = ManualClock()
    backoff = Backoff(clock)
    backoff.failed(Answer(status=503, retry_after="5"), backoff.admit())
    clock.advance(5.0)
    probe = backoff.admit()
    assert probe
    assert not backoff.admit()
    backoff.failed(Answer(status=503, retry_after="5"), probe)
    clock.advance(5.0)
    assert backoff.admit()
    clock.advance(29.0)
    assert not backoff.admit()
    # A probe that never comes back must not stop the others for ever.
    clock.advance(1.0)
    probe = backoff.admit()
    backoff.succeeded(probe)
    assert backoff.admit()
    assert backoff.admit()


def test_an_older_failure_does_not_outlast_the_probe_that_got_through():
    """Answers of before trickle in while the probe is under way; its own answer is the one that counts."""
    from dcrlog._backoff import Backoff

    for is_taken in (True, False):
        clock = ManualClock()
        backoff = Backoff(clock)
        slow, first = backoff.admit(), backoff.admit()
        backoff.failed(Answer(status=503, retry_after="1"), first)
        clock.advance(1.0)
        probe = backoff.admit()
        backoff.failed(Answer(status=503, retry_after="1"), slow)
        clock.advance(1.0)
        if is_taken:
            backoff.succeeded(probe)
            assert backoff.is_well
        else:
            backoff.failed(Answer(status=503, retry_after="1"), probe)
            clock.advance(1.0)
        assert backoff.admit()


def test_requests_that_fail_together_count_as_one_failure():
    """Eight at once when the service blinks are one blip, and the wait after it is the first one's."""
    from dcrlog._backoff import Backoff

    clock = ManualClock()
    backoff = Backoff(clock)
    for number in [backoff.admit() for _ in range(8)]:
        clock.advance(0.01)
        backoff.failed(Answer(status=503), number)
    assert backoff.left() <= 1.0

    clock.advance(60.0)
    for failures in range(2, 9):
        backoff.failed(Answer(status=503), backoff.admit())
        assert backoff.left() <= 2.0 ** (failures - 1)
        clock.advance(60.0)


def test_a_flush_after_an_outage_uses_all_the_senders_there_may_be():
    """Each that takes a batch sees to another for the next, up to `max_senders`, though nothing is put."""
    clock = ManualClock()
    six_at_once = threading.Event()

    class Blinks(RecordingSender):
        under_way = 0

        def answer(self, request_id, timeout):
            answer = super().answer(request_id, timeout)
            return Answer(status=503, retry_after="600") if len(self.request_ids) == 1 else answer

        def send(self, body, *, request_id, timeout):
            if self.request_ids:
                with self._attempted:
                    self.under_way += 1
                    if self.under_way == 6:
                        six_at_once.set()
                assert six_at_once.wait(30)
            return super().send(body, request_id=request_id, timeout=timeout)

    sender = Blinks()
    pipeline = make_pipeline(sender, clock, max_senders=6)
    pipeline.put(ROW)
    pipeline._queue.request_flush()
    sender.wait_for_attempts(1)
    clock.wait_for_waiter(500.0)
    for _ in range(12):
        pipeline.put(b'{"Message":"' + b"x" * 900_000 + b'"}')
    pipeline._senders.hurry()

    assert pipeline.flush(3600.0)
    assert pipeline.stats().delivered == 13
    pipeline.close()


def test_a_row_put_while_the_last_sender_ends_is_delivered_without_a_flush():
    """Whoever ends counts itself out before it looks at the queue for the last time."""
    sender = RecordingSender()
    pipeline = make_pipeline(sender, flush_interval=0.01, max_senders=1)
    for number in range(1, 60):
        ending = threading.Thread(target=pipeline.close)
        ending.start()
        pipeline.put(ROW)
        sender.wait_for_attempts(number)
        ending.join()

    assert pipeline.flush(10)
    assert pipeline.stats().delivered == 59


def test_closing_after_the_threads_have_ended_closes_the_connections():
    """A handler that was idle for long lets go of them too."""

    class Closes(RecordingSender):
        closed = 0

        def close(self):
            self.closed += 1

    clock, sender = ManualClock(), Closes()
    pipeline = make_pipeline(sender, clock)
    pipeline.put(ROW)
    assert pipeline.flush(3600.0)
    clock.wait_for_waiter(29.0)
    (thread,) = pipeline._senders._threads
    clock.advance(30.0)
    thread.join(30)
    assert not sender.closed

    pipeline.close()
    assert sender.closed == 1


def test_the_exit_does_not_stay_when_the_next_try_comes_after_its_deadline():
    """With nothing on its way and an hour to wait, five seconds bring nothing."""
    clock, sender = ManualClock(), ScriptedSender([Answer(status=429, retry_after="600")] * 3)
    pipeline = make_pipeline(sender, clock)
    pipeline.put(ROW)
    pipeline.begin_exit()
    # The clock stands still: a wait for the deadline would not end.
    pipeline.finish_exit()

    assert pipeline.stats().dropped == {"exit": 1}


def test_rows_of_a_handler_that_nobody_holds_any_more_are_there_at_the_exit():
    """`dictConfig` replaces handlers without a word, and what they have taken is delivered all the same."""
    sender = RecordingSender()
    handler = LogsIngestionHandler(sender=sender, flush_interval=3600.0)
    handler.handle(logging.makeLogRecord({"msg": "m"}))
    number = handler.stats().accepted
    found = weakref.ref(handler._pipeline)
    del handler
    gc.collect()

    assert found() in known()
    assert found().flush(30)
    assert len(sender.rows) == number
    found().close()


def test_the_exit_starts_nothing_for_a_handler_that_took_no_row():
    """A program that logged nothing ends without a thread."""
    before = set(threading.enumerate())
    pipeline = make_pipeline(RecordingSender())
    pipeline.begin_exit()
    pipeline.finish_exit()
    # Threads of another test may end meanwhile.
    assert set(threading.enumerate()) <= before


def test_ctrl_c_while_the_accounts_are_read_leaves_the_queue_free():
    """A program that polls `stats()` is interrupted there, and its rows still go out."""
    for stop_at in range(1, 30):
        sender = RecordingSender()
        pipeline = make_pipeline(sender, flush_interval=3600.0)
        pipeline.put(ROW)
        events = 0

        def count_events(frame, event, _, stop_at=stop_at):
            nonlocal events
            is_ours = frame.f_code.co_filename.endswith(("_queue.py", "_section.py"))
            events += is_ours and event in {"call", "c_return"}
            if events == stop_at:
                sys.setprofile(None)
                raise KeyboardInterrupt

        kept = None
        sys.setprofile(count_events)
        try:
            pipeline._queue.accounts()
        except KeyboardInterrupt as error:
            kept = error  # as a debugger would, with the frames that it holds
        finally:
            sys.setprofile(None)

        look = threading.Thread(target=pipeline.stats)
        look.start()
        look.join(30)
        assert not look.is_alive(), (stop_at, kept)
        assert pipeline.flush(10)
        pipeline.close()


def test_after_an_outage_all_senders_go_on_together():
    """The success that ends a wait wakes those who sleep through it."""
    clock = ManualClock()
    together = threading.Barrier(3)

    class Meets(RecordingSender):
        """Fails three times, delivers one batch alone, and then needs three requests at once."""

        def send(self, body, *, request_id, timeout):
            with self._attempted:
                self.request_ids.append(request_id)
                number = len(self.request_ids)
                self._attempted.notify_all()
            if number <= 3:
                self_wait.wait(30)
                return Answer(status=503, retry_after="600")
            if number > 4:
                together.wait(30)
            with self._attempted:
                self.bodies.append(gzip.decompress(body))
            return Answer(status=204)

    self_wait = threading.Event()
    sender = Meets()
    pipeline = make_pipeline(sender, clock, max_senders=3)
    big = b'{"Message":"' + b"x" * 900_000 + b'"}'
    for number in range(8):
        pipeline.put(big)
        sender.wait_for_attempts(min(3, number))
    self_wait.set()
    pipeline._queue.request_flush()
    clock.wait_for_waiter(500.0, count=3)
    pipeline._senders.hurry()
    sender.wait_for_attempts(7)

    together.abort()
    pipeline._queue.drop_rest("exit")
    pipeline.close()


def test_a_blocked_put_takes_the_room_that_a_packed_batch_gives_back():
    """A batch that failed waits gzipped, in a fraction of its room; the caller need not wait for the rest."""
    clock = ManualClock()
    sender = ScriptedSender([Answer(status=503, retry_after="600")])
    options = {"capacity": 2 * 1024 * 1024, "on_full": "block", "block_timeout": 3600.0}
    pipeline = make_pipeline(sender, clock, **options)
    big = b'{"Message":"' + b"x" * 900_000 + b'"}'
    for _ in range(3):
        pipeline.put(big)

    assert pipeline.stats().accepted == 3
    assert pipeline.stats().dropped == {}
    pipeline._senders.hurry()
    pipeline._queue.request_flush()
    sender.wait_for_attempts(4)
    pipeline.close()


def test_producers_that_block_together_drop_nothing():
    """Eight threads against a queue of two batches: each waits its turn, since there is room in time."""
    sender = RecordingSender()
    pipeline = make_pipeline(sender, capacity=2 * 1024 * 1024, on_full="block", block_timeout=60.0)
    big = b'{"Message":"' + b"x" * 300_000 + b'"}'
    producers = [threading.Thread(target=lambda: [pipeline.put(big) for _ in range(20)]) for _ in range(8)]
    for producer in producers:
        producer.start()
    for producer in producers:
        producer.join()

    assert pipeline.flush(30)
    assert pipeline.stats().delivered == 160
    assert pipeline.stats().dropped == {}
    pipeline.close()


def test_a_flush_from_inside_a_put_hands_over():
    """A SIGTERM handler that flushes may have interrupted a put, whose lock the senders need."""
    sender = RecordingSender()
    pipeline = make_pipeline(sender)
    answers = []

    class Row(bytes):
        def __len__(self):
            answers.append(pipeline.flush(3600.0))
            return super().__len__()

    pipeline.put(ROW)
    pipeline.put(Row(ROW))

    assert answers
    assert not any(answers[:1])
    assert pipeline.flush(10)
    pipeline.close()


def test_a_late_row_that_cannot_be_delivered_is_counted_and_told(capsys):
    """After the exit hook, too, a loss has a reason."""
    sender = ScriptedSender([503] * 100)
    pipeline = make_pipeline(sender, close_timeout=0.3)
    pipeline.begin_exit()
    pipeline.finish_exit()
    pipeline.put(ROW)
    pipeline.put(ROW)

    stats = pipeline.stats()
    assert stats.dropped == {"exit": 2}
    assert stats.pending == 0
    assert "rows were not delivered" in capsys.readouterr().err


@pytest.mark.parametrize("attributes", [{"thread": None}, {"thread": []}, {}])
def test_a_record_without_its_thread_is_judged_by_the_thread_that_asks(attributes):
    """`logging.logThreads = False`, or a record made from JSON."""
    record = logging.makeLogRecord(attributes | {"process": os.getpid()})
    if not attributes:
        del record.thread
    assert not is_made_by_sender(record)
    SENDER_IDENTS.add(threading.get_ident())
    try:
        assert is_made_by_sender(record)
    finally:
        SENDER_IDENTS.discard(threading.get_ident())


def test_a_record_of_another_process_is_not_ours():
    """A forked child's thread may have the ident of a sender of its parent."""
    SENDER_IDENTS.add(1)
    try:
        assert is_made_by_sender(logging.makeLogRecord({"thread": 1, "process": os.getpid()}))
        assert not is_made_by_sender(logging.makeLogRecord({"thread": 1, "process": os.getpid() + 1}))
    finally:
        SENDER_IDENTS.discard(1)


def test_nothing_escapes_a_filter_or_a_record_that_misbehaves():
    """An answer whose truth cannot be told, and records without the attributes that logging sets."""

    class Untrue:
        def __bool__(self):
            raise ValueError

    sender = RecordingSender()
    handler = LogsIngestionHandler(sender=sender)
    handler.addFilter(lambda record: Untrue())
    record = logging.makeLogRecord({"msg": "kept"})
    handler.handle(record)
    record.__dict__.clear()
    handler.handle(record)
    handler.emit(record)

    assert handler.flush(10)
    assert len(sender.rows) == 3
    handler.close()


def test_an_application_s_random_numbers_are_its_own():
    """What the service answers must not change a program that has seeded `random`."""
    import random

    clock = ManualClock()
    sender = ScriptedSender([503])
    pipeline = make_pipeline(sender, clock)
    random.seed(1)
    expected = [random.random() for _ in range(3)]
    random.seed(1)
    pipeline.put(ROW)
    pipeline._queue.request_flush()
    sender.wait_for_attempts(1)
    clock.wait_for_waiter(0.05)

    assert [random.random() for _ in range(3)] == expected
    clock.advance(60.0)
    sender.wait_for_attempts(2)
    pipeline.close()


def test_an_interrupted_put_leaves_the_accounts_balanced():
    """Ctrl-C wherever Python looks for signals inside the queue: a row counts, or it does not."""
    interrupted = 0
    for stop_at in range(1, 40):
        sender = RecordingSender()
        pipeline = make_pipeline(sender)
        calls = 0

        def count_calls(frame, event, _, stop_at=stop_at):
            nonlocal calls, interrupted
            is_ours = frame.f_code.co_filename.endswith(("_intake.py", "_waiting.py", "_batch.py"))
            calls += is_ours and event in {"call", "c_return"}
            if calls == stop_at:
                sys.setprofile(None)
                interrupted += 1
                raise KeyboardInterrupt

        pipeline.put(ROW)
        sys.setprofile(count_calls)
        try:
            pipeline.put(b'{"Message":"' + b"x" * 999_000 + b'"}')
        except KeyboardInterrupt:
            pass
        finally:
            sys.setprofile(None)
        pipeline.put(ROW)

        assert pipeline.flush(10), stop_at
        stats = pipeline.stats()
        assert stats.pending == 0, stop_at
        assert stats.accepted == stats.delivered == len(sender.rows), stop_at
        seqs = [row["Seq"] for row in sender.rows]
        assert sorted(seqs) == list(range(1, len(seqs) + 1)), stop_at
        pipeline.close()
    assert interrupted > 2
