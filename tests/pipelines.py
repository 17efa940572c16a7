"""What tests of delivery begin with: a pipeline without a service, and a logger that nobody else hears."""

import logging
import os
import threading
import time
import zlib
from pathlib import Path

import msgspec

from dcrlog import settings
from dcrlog._pipeline import Pipeline
from dcrlog.testing import Answer, RecordingSender

ROW = b'{"Message":"m"}'


def make_pipeline(sender, clock=None, **options):
    """A pipeline with the default columns and nothing from the environment."""
    return Pipeline(settings.load(options, {}, needs_endpoint=False), sender=sender, clock=clock)


def make_logger(name):
    """A logger that takes every record and passes none on."""
    logger = logging.getLogger(f"dcrlog-test.{name}")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    return logger


class JudgingSender(RecordingSender):
    """A service that looks at the rows: `judge` takes them and returns an `Answer` or a status.

    Attributes:
        requests: For each request its rows and the answer's status.
    """

    def __init__(self, judge):
        super().__init__()
        self._judge = judge
        self.requests = []

    def send(self, body, *, request_id, timeout):
        text = zlib.decompress(body, wbits=31)
        rows = msgspec.json.decode(text)
        judged = self._judge(rows)
        answer = judged if isinstance(judged, Answer) else Answer(status=judged, request_id=request_id)
        with self._attempted:
            self.request_ids.append(request_id)
            self.requests.append((rows, answer.status))
            if answer.status == 204:
                self.bodies.append(text)
            self._attempted.notify_all()
        return answer


def put_quietly(pipeline, rows):
    """Put rows without starting a thread, for `deliver_here`."""
    for row in rows:
        pipeline._queue.put(row)


def deliver_here(pipeline, seconds=float("inf")):
    """Deliver in this very thread, as at the end of a process where no thread starts."""
    pipeline._queue.request_flush()
    pipeline._senders.run_here(pipeline._clock.monotonic() + seconds)
    assert_balanced(pipeline)


def die(pipeline):
    """What the kernel does when a process is killed: its locks are free, its files stay."""
    pipeline._spool.abandon()
    pipeline._queue.abandon()
    pipeline._queue._left = pipeline.stats().pending


def until(condition):
    """Wait for a condition, for half a minute at most; return whether it came to pass."""
    pause = threading.Event()
    return any(condition() or pause.wait(0.01) for _ in range(3_000))


def segments(home):
    """The segment files of a spool."""
    # Not `rglob`, which raises where a directory goes meanwhile.
    found = [Path(where, name) for where, _, names in os.walk(home) for name in names]
    return sorted(path for path in found if path.suffix == ".seg")


def assert_balanced(pipeline):
    """The accounts of every moment; and what they call pending is what the queue holds."""
    stats = pipeline.stats()
    settled = stats.delivered + stats.dead_lettered + sum(stats.dropped.values())
    assert stats.accepted + stats.adopted == settled + stats.pending
    queue = getattr(pipeline, "_pipeline", pipeline)._queue
    pending, held = queue.section.run(lambda: (queue.accounts()[3], _held(queue)))
    assert pending == held + queue._left


def _held(queue):
    waiting = sum(batch.count for batch in queue._waiting)
    return waiting + (len(queue._open.open_rows) if queue._open is not None else 0)


class HurriedClock:
    """The real clock, so many times faster: holds of a minute take a second."""

    def __init__(self, speed):
        self._speed = speed

    def time(self):
        return time.time()

    def monotonic(self):
        return time.monotonic() * self._speed

    def wait(self, signal, timeout):
        return signal.wait(None if timeout is None else timeout / self._speed)
