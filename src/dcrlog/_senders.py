"""The threads that deliver batches, and the same loop run in a caller's thread where none can start.

Senders share one fate: after an answer that asks to wait, all of them wait.
"""

import contextvars
import random
import threading
import uuid
from collections.abc import Callable
from typing import Final

from dcrlog._batch import Batch
from dcrlog._clock import Clock, Signal
from dcrlog._queue import Queue
from dcrlog._retry import Answer, Outcome, Sender, classify, wait_before_retry

SENDER_IDENTS: Final[set[int]] = set()
"""Idents of threads that are delivering now: what they log must not come back to us."""

ATTEMPT_TIMEOUT: Final = 30.0
_IDLE_SECONDS: Final = 30.0


class Senders:
    """Up to `most` threads that take batches from a queue and send them.

    Args:
        queue: Where batches come from.
        sender: What carries them.
        clock: What waits are measured with.
        most: How many threads at most.
        on_answer: Called with every answer and the size of its body.
    """

    def __init__(
        self,
        queue: Queue,
        sender: Sender,
        clock: Clock,
        *,
        most: int,
        on_answer: Callable[[Answer, int], None],
    ) -> None:
        self._queue = queue
        self._sender = sender
        self._clock = clock
        self._wake = Signal()
        self._most = most
        self._on_answer = on_answer
        self._lock = threading.Lock()
        self._idle: set[int] = set()
        self._is_ending = False
        self._failures = 0
        self._resume_at: float | None = None
        self.alive = 0
        """How many threads run."""
        self.are_short = True
        """Whether one more should be started. Read without a lock after every put."""

    def start(self) -> bool:
        """Start one more thread, unless there are enough; return whether one is there to deliver.

        It fails where Python starts no thread any more: at exit on 3.12, in some subinterpreters.
        """
        self.are_short = False
        # Not waited for: whoever holds it is starting a thread, maybe in this very thread, interrupted.
        if not self._lock.acquire(blocking=False):
            return True
        try:
            if self.alive >= self._most:
                return True
            self.alive += 1
            self._is_ending = False
        finally:
            self._lock.release()
        thread = threading.Thread(target=self._run, name="dcrlog-sender", daemon=True)
        try:
            # An empty context: or every upload would belong to the request that logged first.
            contextvars.Context().run(thread.start)
        except RuntimeError:
            self._count_out()
            return False
        return True

    def wake(self, sealed: int) -> None:
        """Let a sender look at the queue. Called inside the queue's lock, so it starts no thread itself."""
        if sealed and not self._idle and self._resume_at is None and self.alive < self._most:
            self.are_short = True
        self._wake.set()

    def hurry(self) -> None:
        """End a wait after a failure; the next try comes at once."""
        self._resume_at = None
        self._wake.set()

    def run_here(self, deadline: float) -> None:
        """Deliver what is due in the calling thread until nothing is left or the deadline has come."""
        ident = threading.get_ident()
        SENDER_IDENTS.add(ident)
        try:
            while (left := deadline - self._clock.monotonic()) > 0:
                batch = self._queue.take()
                if batch is None:
                    return
                if not self._deliver(batch, min(left, ATTEMPT_TIMEOUT)):
                    signal = Signal()
                    resume_at = self._resume_at or 0.0
                    self._clock.wait(signal, min(resume_at, deadline) - self._clock.monotonic())
        finally:
            SENDER_IDENTS.discard(ident)

    def end(self) -> None:
        """Let the threads end, and the connections be closed, once everything is delivered."""
        self._is_ending = True
        self._wake.set()

    def _run(self) -> None:
        ident = threading.get_ident()
        SENDER_IDENTS.add(ident)
        try:
            while True:
                while self._step():
                    pass
                left = self._count_out()
                # Somebody may have put a row while this thread still counted as alive.
                if self._queue.due_in() is None:
                    break
                with self._lock:
                    self.alive += 1
                    self.are_short = False
            if self._is_ending:
                self._wake.set()
                if left == 0:
                    self._sender.close()
        finally:
            SENDER_IDENTS.discard(ident)

    def _step(self) -> bool:
        """Wait for something to do and do it; return False when this thread is no longer needed."""
        resume_at = self._resume_at
        left = 0.0 if resume_at is None else resume_at - self._clock.monotonic()
        if left > 0:
            self._clock.wait(self._wake, left)
            return True
        batch = self._queue.take()
        if batch is not None:
            self._call_others()
            self._deliver(batch, ATTEMPT_TIMEOUT)
            return True
        due_in = self._queue.due_in()
        if due_in is None and self._is_ending:
            return False
        self._idle.add(threading.get_ident())
        woken = self._clock.wait(self._wake, _IDLE_SECONDS if due_in is None else due_in)
        self._idle.discard(threading.get_ident())
        return woken or due_in is not None

    def _call_others(self) -> None:
        """See to it that somebody takes the next batch while this thread is busy with its own."""
        if self._queue.due_in() is None:
            return
        if self._idle:
            self._wake.set()
        elif self._queue.due_in() == 0.0:
            self.start()

    def _deliver(self, batch: Batch, timeout: float) -> bool:
        answer = self._attempt(batch, timeout)
        if classify(answer) is Outcome.SETTLED:
            self._failures = 0
            self._resume_at = None
            self._queue.settle(batch)
            return True
        batch.attempts += 1
        self._failures += 1
        wait = wait_before_retry(answer, self._failures, now=self._clock.time(), chance=random.random())
        self._resume_at = self._clock.monotonic() + wait
        self._queue.give_back(batch)
        return False

    def _attempt(self, batch: Batch, timeout: float) -> Answer:
        request_id = str(uuid.uuid4())
        size = 0
        try:
            body = batch.pack()
            size = len(body)
            answer = self._sender.send(body, request_id=request_id, timeout=timeout)
        except Exception as error:  # MemoryError, or a fault of a sender under test
            answer = Answer(status=None, code=type(error).__name__, message=str(error), request_id=request_id)
        self._on_answer(answer, size)
        return answer

    def _count_out(self) -> int:
        with self._lock:
            self.alive -= 1
            self.are_short = self.alive == 0
            return self.alive
