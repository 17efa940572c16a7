"""The threads that deliver batches, and the same loop run in a caller's thread where none can start."""

import _thread
import contextvars
import sys
import threading
from typing import Final

from dcrlog._adoption import Adoption
from dcrlog._backoff import Backoff
from dcrlog._clock import Clock, Signal
from dcrlog._delivery import Delivery
from dcrlog._own_threads import SENDER_IDENTS, untraced
from dcrlog._queue import Queue
from dcrlog._retry import Sender

ATTEMPT_TIMEOUT: Final = 30.0
_IDLE_SECONDS: Final = 30.0


class Senders:
    """Up to `most` threads that take batches from a queue and send them.

    Args:
        queue: Where batches come from.
        sender: What is closed when the threads have ended.
        adoption: Takes over what dead instances have left.
        delivery: Makes the requests.
        backoff: Says when a request may be made.
        clock: What waits are measured with.
        most: How many threads at most.
    """

    def __init__(
        self,
        queue: Queue,
        sender: Sender,
        adoption: Adoption,
        delivery: Delivery,
        *,
        backoff: Backoff,
        clock: Clock,
        most: int,
    ) -> None:
        self._queue = queue
        self._sender = sender
        self._adoption = adoption
        self._delivery = delivery
        self._backoff = backoff
        self._clock = clock
        self._most = most
        self._starting = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._sleeping: dict[int, Signal] = {}
        self._is_ending = False
        self._starter = _thread.start_new_thread
        self.are_short = True
        """Whether one more thread should be started. Read without a lock after every put; `start` alone
        sets it back, before the thread looks at the queue, so that no wish for another is lost."""

    @property
    def are_alive(self) -> bool:
        """Whether a thread is there to deliver. At finalization Python has stopped them all."""
        return not sys.is_finalizing() and any(thread.is_alive() for thread in tuple(self._threads))

    def start(self) -> bool:
        """Start one more thread, unless there are enough; return whether any can be expected to deliver.

        It fails where Python starts no thread any more: at exit on 3.12, in some subinterpreters.
        """
        # Not waited for: whoever holds it is starting a thread, maybe in this very thread, interrupted;
        # and looks again at its end, since the thread that it starts may already ask for the next.
        while self._starting.acquire(blocking=False):
            try:
                self.are_short = False
                for thread in tuple(self._threads):
                    if not thread.is_alive():
                        self._threads.discard(thread)
                if len(self._threads) < self._most:
                    self._start_thread()
            finally:
                # By an exception, or because Python starts none any more, nobody is there to deliver.
                is_any = bool(self._threads)
                self.are_short = self.are_short or not is_any
                self._starting.release()
            if not (is_any and self.are_short):
                return self.are_alive
        return True

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._run, name="dcrlog-sender", daemon=True)
        self._is_ending = False
        self._starter = _thread.start_new_thread
        self._threads.add(thread)
        try:
            # An empty context: or every upload would belong to the request that logged first.
            contextvars.Context().run(thread.start)
        except RecursionError:
            raise
        except RuntimeError:
            return
        finally:
            # At the end of the caller's stack, or on Ctrl-C, the thread may run although start() raised.
            if thread.ident is None:
                self._threads.discard(thread)

    def can_deliver_by(self, deadline: float) -> bool:
        """Whether an answer may still come: one is awaited, or the next try is before the deadline."""
        is_any_in_flight, due_in = self._queue.outlook()
        left = deadline - self._clock.monotonic()
        return is_any_in_flight or (due_in is not None and self._backoff.left_but_for_probe() <= left)

    def wake(self) -> None:
        """Let a sender look at the queue. Called inside the queue's lock, so it starts no thread itself."""
        sleeping = list(self._sleeping.values())
        if sleeping:
            sleeping[0].set()
            self.are_short = self.are_short or _thread.start_new_thread is not self._starter
        elif len(self._threads) < self._most and self._backoff.left() <= 0:
            self.are_short = True

    def hurry(self) -> None:
        """End the wait after a failure; the next try comes at once."""
        self._backoff.clear()
        self._wake_all()

    def end(self) -> None:
        """Let the threads end, and the connections be closed, once everything is delivered."""
        self._is_ending = True
        self._wake_all()
        if not self._threads:
            self._sender.close()

    def run_here(self, deadline: float) -> None:
        """Deliver what is due in the calling thread until nothing is left or the deadline has come."""
        ident = threading.get_ident()
        SENDER_IDENTS.add(ident)
        try:
            with untraced():
                self._deliver_until(deadline)
        finally:
            self._queue.reclaim(ident)
            SENDER_IDENTS.discard(ident)

    def _deliver_until(self, deadline: float) -> None:
        while (left := deadline - self._clock.monotonic()) > 0:
            wait = self._backoff.left()
            if wait > 0:
                self._clock.wait(Signal(), min(wait, left))
                continue
            number, batch = self._delivery.take()
            if batch is not None:
                self._delivery.deliver(number, batch, min(left, ATTEMPT_TIMEOUT))
            elif self._queue.due_in() != 0.0:
                return

    def _run(self) -> None:
        ident = threading.get_ident()
        signal = Signal()
        SENDER_IDENTS.add(ident)
        thread, starter = threading.current_thread(), _thread.start_new_thread
        self._threads.add(thread)
        try:
            # Until gevent makes greenlets of threads. The SDK fails in one from before: it runs a program,
            # which gevent allows in the main thread only.
            while starter is _thread.start_new_thread and self._step_untraced(ident, signal):
                pass
        except BaseException as error:
            self._delivery.report_death(error)
        finally:
            self._threads.discard(thread)
            if not self._threads:
                self.are_short = True
            self._queue.reclaim(ident)
            try:
                if self._is_ending and not self._threads:
                    with untraced():
                        self._sender.close()
            finally:
                # Python gives the ident to another thread, whose records are its own.
                SENDER_IDENTS.discard(ident)
        while starter is not _thread.start_new_thread:
            # `threading` cannot let it end any more, since gevent has replaced the ident that it is known by.
            signal.wait(None)

    def _step_untraced(self, ident: int, signal: Signal) -> bool:
        # Anew each time: the application may import OpenTelemetry at any.
        with untraced():
            return self._step(ident, signal)

    def _step(self, ident: int, signal: Signal) -> bool:
        """Deliver a batch, or wait for one; return False when this thread is no longer needed."""
        # Before its own rows, which may never end; ten times a second at most.
        if self._adoption.adopt():
            return True
        number, batch = self._delivery.take()
        if batch is not None:
            if self._queue.due_in() is not None:
                self.wake()
                if self.are_short:
                    self.start()
            if self._delivery.deliver(number, batch, ATTEMPT_TIMEOUT):
                self._wake_all()
            return True
        if self._delivery.pack_one():
            return True
        self._sleeping[ident] = signal
        try:
            # Looked at again now that a wake-up would reach this thread: one before it went to another.
            tell_in = self._delivery.tell()
            due_in = self._queue.due_in()
            adopt_in = self._adoption.due_in() if self._is_in_charge(ident) else None
            send_in = None if due_in is None else max(self._backoff.left(), due_in)
            waits = [each for each in (tell_in, adopt_in, send_in) if each is not None]
            is_needed = bool(waits) or not self._is_ending
            if is_needed:
                wait = min(waits, default=_IDLE_SECONDS)
                is_needed = wait <= 0 or self._clock.wait(signal, wait) or bool(waits)
        finally:
            self._sleeping.pop(ident, None)
        return is_needed or self._is_needed_after_all()

    def _is_in_charge(self, ident: int) -> bool:
        """Whether this thread is the one that looks after dead instances while there is nothing to send.

        One of many too: they would sleep for half a minute each, with all that is left waiting.
        """
        idents = (thread.ident for thread in tuple(self._threads))
        return not self._is_ending and ident == min((each for each in idents if each is not None), default=0)

    def _is_needed_after_all(self) -> bool:
        """Count this thread out, then look at the queue again.

        A put before the look is seen here; one after it finds a thread too few, and starts another.
        """
        thread = threading.current_thread()
        self._threads.discard(thread)
        if self._queue.due_in() is None or len(self._threads) >= self._most:
            return False
        self._threads.add(thread)
        return True

    def _wake_all(self) -> None:
        for signal in list(self._sleeping.values()):
            signal.set()
