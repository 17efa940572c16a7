"""Delivery with a fake sender and a fake clock: waiting, flushing, closing, exit."""

import logging
import threading

from dcrlog._own_threads import SENDER_IDENTS
from dcrlog.testing import Answer, ManualClock, RecordingSender, ScriptedSender
from pipelines import ROW, assert_balanced, make_pipeline


class HangingSender(RecordingSender):
    """Holds every request until it is released."""

    def __init__(self):
        super().__init__()
        self.started = 0
        self.release = threading.Event()
        self._changed = threading.Condition()

    def wait_for_started(self, count):
        with self._changed:
            assert self._changed.wait_for(lambda: self.started >= count, 30)

    def send(self, body, *, request_id, timeout):
        with self._changed:
            self.started += 1
            self._changed.notify_all()
        assert self.release.wait(30)
        return super().send(body, request_id=request_id, timeout=timeout)


def test_no_thread_runs_before_the_first_row_and_one_after_it():
    """A pipeline costs nothing until it is used."""
    before = set(threading.enumerate())
    pipeline = make_pipeline(RecordingSender())
    assert not set(threading.enumerate()) - before

    pipeline.put(ROW)

    assert len(set(threading.enumerate()) - before) == 1
    assert pipeline.flush(5)
    pipeline.close()


def test_a_row_is_sent_when_the_flush_interval_has_passed():
    """A lone row waits for others for the interval, then goes."""
    clock, sender = ManualClock(), RecordingSender()
    pipeline = make_pipeline(sender, clock, flush_interval=2.0)
    pipeline.put(ROW)
    assert clock.wait_for_waiter() == 2.0
    assert not sender.bodies

    clock.advance(2.0)
    clock.wait_for_waiter(10.0)

    assert [row["Seq"] for row in sender.rows] == [1]
    pipeline.close()


def test_a_flush_sends_at_once_and_returns_when_all_is_settled():
    """Nobody who flushes waits for the interval."""
    sender = RecordingSender()
    pipeline = make_pipeline(sender, flush_interval=3600.0)
    for _ in range(10):
        pipeline.put(ROW)

    assert pipeline.flush(10)
    assert [row["Seq"] for row in sender.rows] == list(range(1, 11))
    assert pipeline.stats().delivered == 10
    pipeline.close()


def test_a_flush_gives_up_after_its_timeout_and_loses_nothing():
    """A service that hangs costs the caller the timeout, no more; the rows stay pending."""
    sender = HangingSender()
    pipeline = make_pipeline(sender)
    pipeline.put(ROW)

    assert not pipeline.flush(0.05)
    assert pipeline.stats().pending == 1
    sender.release.set()
    assert pipeline.flush(10)
    assert_balanced(pipeline)
    pipeline.close()


def test_an_answer_that_is_not_204_is_tried_again_with_the_same_rows():
    """A batch is sent until it is accepted, unchanged, with a request id of its own each time."""
    clock = ManualClock()
    sender = ScriptedSender([503, Answer(status=None, code="ConnectionError"), RuntimeError("boom")])
    pipeline = make_pipeline(sender, clock)
    pipeline.put(ROW)
    pipeline._queue.request_flush()
    for attempt in range(1, 4):
        sender.wait_for_attempts(attempt)
        clock.wait_for_waiter(0.05)
        clock.advance(60.0)
    clock.wait_for_waiter(29.0)

    assert len(set(sender.request_ids)) == 4
    assert [row["Seq"] for row in sender.rows] == [1]
    stats = pipeline.stats()
    assert (stats.requests, stats.delivered, stats.last_error) == (4, 1, None)
    pipeline.close()


def test_retry_after_is_how_long_all_senders_wait():
    """The service's own word on when to come back comes before our backoff."""
    clock = ManualClock()
    sender = ScriptedSender([Answer(status=429, retry_after="17")])
    pipeline = make_pipeline(sender, clock)
    pipeline.put(ROW)
    pipeline._queue.request_flush()
    sender.wait_for_attempts(1)

    assert clock.wait_for_waiter(5.0) == 17.0
    clock.advance(17.0)
    sender.wait_for_attempts(2)
    pipeline.close()


def test_the_last_error_names_the_request(capsys):
    """Whoever reports a failure to Microsoft needs the x-ms-client-request-id."""
    clock = ManualClock()
    sender = ScriptedSender([Answer(status=503, code="Busy", message="come back", request_id="id-1")])
    pipeline = make_pipeline(sender, clock)
    pipeline.put(ROW)
    pipeline._queue.request_flush()
    sender.wait_for_attempts(1)
    clock.wait_for_waiter(0.05)

    assert pipeline.stats().last_error == "HTTP 503: Busy: come back (x-ms-client-request-id id-1)"
    assert "x-ms-client-request-id id-1" in capsys.readouterr().err
    clock.advance(60.0)
    clock.wait_for_waiter(29.0)
    pipeline.close()


def test_trouble_is_told_at_most_once_a_minute(capsys):
    """A service that fails for long does not fill the console."""
    clock = ManualClock()
    sender = ScriptedSender([Answer(status=503, retry_after="20")] * 10)
    pipeline = make_pipeline(sender, clock)
    pipeline.put(ROW)
    pipeline._queue.request_flush()
    for attempt in range(1, 11):
        sender.wait_for_attempts(attempt)
        clock.wait_for_waiter(20.0)
        clock.advance(20.0)
    sender.wait_for_attempts(11)

    # 10 failures in 180 seconds: the first, and one each minute after it.
    assert capsys.readouterr().err.count("dcrlog:") == 4
    pipeline.close()


def test_a_closed_pipeline_opens_again_with_the_next_row():
    """A dictConfig closes handlers that stay attached; what they log afterwards arrives all the same."""
    sender = RecordingSender()
    pipeline = make_pipeline(sender)
    for _ in range(5):
        pipeline.put(ROW)
        pipeline.close()

    assert [row["Seq"] for row in sender.rows] == [1, 2, 3, 4, 5]


def test_threads_end_after_close():
    """A handler that was replaced leaves no thread behind."""
    sender = RecordingSender()
    pipeline = make_pipeline(sender)
    before = set(threading.enumerate())
    pipeline.put(ROW)
    threads = set(threading.enumerate()) - before
    assert threads

    pipeline.close()

    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert not SENDER_IDENTS.intersection(thread.ident for thread in threads)


def test_a_backlog_calls_more_senders_up_to_the_limit():
    """While requests hang, other batches go on, in as many threads as there may be and no more."""
    sender = HangingSender()
    pipeline = make_pipeline(sender, max_senders=3)
    big = b'{"Message":"' + b"x" * 600_000 + b'"}'
    for number in range(10):
        pipeline.put(big)
        sender.wait_for_started(min(3, number))

    assert sender.started == 3
    sender.release.set()
    assert pipeline.flush(10)
    assert sorted(row["Seq"] for row in sender.rows) == list(range(1, 11))
    pipeline.close()


def test_rows_put_by_many_threads_arrive_once_each():
    """Four producers at full speed: every Seq once, nothing lost."""
    sender = RecordingSender()
    pipeline = make_pipeline(sender)
    producers = [
        threading.Thread(target=lambda: [pipeline.put(ROW) for _ in range(10_000)]) for _ in range(4)
    ]
    for producer in producers:
        producer.start()
    for producer in producers:
        producer.join()

    assert pipeline.flush(30)
    assert sorted(row["Seq"] for row in sender.rows) == list(range(1, 40_001))
    assert_balanced(pipeline)
    pipeline.close()


def test_block_waits_for_room_at_most_block_timeout():
    """on_full="block" holds the caller back while the queue is full, then drops and counts."""
    sender = HangingSender()
    pipeline = make_pipeline(sender, capacity=2 * 1024 * 1024, on_full="block", block_timeout=0.05)
    big = b'{"Message":"' + b"x" * 900_000 + b'"}'
    for _ in range(3):
        pipeline.put(big)

    assert pipeline.stats().dropped == {"queue_full": 1}
    sender.release.set()
    assert pipeline.flush(10)
    pipeline.put(big)
    assert pipeline.flush(10)
    assert pipeline.stats().delivered == 3
    pipeline.close()


def test_block_never_waits_in_a_thread_with_a_running_event_loop():
    """A blocked event loop would stop the whole application, so the row is dropped and counted."""
    import asyncio

    sender = HangingSender()
    pipeline = make_pipeline(sender, capacity=2 * 1024 * 1024, on_full="block", block_timeout=3600.0)
    big = b'{"Message":"' + b"x" * 900_000 + b'"}'

    async def log():
        for _ in range(3):
            pipeline.put(big)

    asyncio.run(log())

    assert pipeline.stats().dropped == {"queue_full": 1}
    sender.release.set()
    pipeline.close()


def test_exit_waits_until_the_deadline_and_counts_what_is_left(capsys):
    """What could not be delivered within close_timeout is lost, counted and told."""
    sender = HangingSender()
    pipeline = make_pipeline(sender, close_timeout=0.05)
    for _ in range(3):
        pipeline.put(ROW)

    pipeline.begin_exit()
    pipeline.finish_exit()

    assert pipeline.stats().dropped == {"exit": 3}
    assert "3 rows were not delivered" in capsys.readouterr().err
    assert_balanced(pipeline)
    sender.release.set()


def test_a_row_after_the_exit_hook_is_delivered_before_put_returns():
    """Records logged in late atexit callbacks arrive, too."""
    sender = RecordingSender()
    pipeline = make_pipeline(sender)
    pipeline.begin_exit()
    pipeline.finish_exit()

    pipeline.put(ROW)

    assert pipeline.stats().delivered == 1


def test_where_no_thread_can_start_the_caller_delivers_at_exit(monkeypatch):
    """Python 3.12 starts no thread at exit: flush and exit then send in the calling thread."""
    sender = RecordingSender()
    pipeline = make_pipeline(sender)

    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    pipeline.put(ROW)
    assert not sender.bodies
    pipeline.begin_exit()
    pipeline.finish_exit()

    assert pipeline.stats().delivered == 1


def test_a_renewed_pipeline_has_a_new_instance_and_none_of_the_rows():
    """A forked child begins anew; the rows so far are the parent's."""
    sender = HangingSender()
    pipeline = make_pipeline(sender)
    pipeline.put(ROW)
    before = pipeline.instance_id

    pipeline.renew()

    assert pipeline.instance_id != before
    assert pipeline.stats().accepted == 0
    sender.release.set()


def test_a_sender_thread_runs_in_an_empty_context():
    """Or each upload would belong to the request that happened to log first."""
    import contextvars

    request = contextvars.ContextVar("request", default="none")
    seen = []

    class Looks(RecordingSender):
        def send(self, body, *, request_id, timeout):
            seen.append(request.get())
            return super().send(body, request_id=request_id, timeout=timeout)

    pipeline = make_pipeline(Looks())
    request.set("first")
    pipeline.put(ROW)
    assert pipeline.flush(10)

    assert seen == ["none"]
    pipeline.close()


def test_what_a_sender_thread_logs_is_refused_and_what_others_log_is_not():
    """The guard goes by thread, so the application's own use of azure.core still logs."""
    from dcrlog import LogsIngestionHandler

    logger = logging.getLogger("azure.core.test")
    logger.setLevel(logging.DEBUG)

    class Chatty(RecordingSender):
        def send(self, body, *, request_id, timeout):
            logger.debug("sending")
            return super().send(body, request_id=request_id, timeout=timeout)

    sender = Chatty()
    handler = LogsIngestionHandler(sender=sender)
    logger.addHandler(handler)
    try:
        logger.info("one record")
        assert handler.flush(10)
        assert handler.flush(10)
    finally:
        logger.removeHandler(handler)
        handler.close()

    assert [row["Message"] for row in sender.rows] == ["one record"]
    assert handler.stats().requests == 1
