"""One request: the batch it takes, and the attempt. `_outcomes` does what the answer asks for."""

import errno
import threading
import uuid
from collections.abc import Callable
from typing import Final

from dcrlog._account import Account
from dcrlog._backoff import Backoff
from dcrlog._batch import Batch
from dcrlog._outcomes import MOST_STRIKES, Outcomes
from dcrlog._queue import Queue
from dcrlog._report import Report
from dcrlog._retry import Answer, Sender
from dcrlog._spool import Spool
from dcrlog._values import text

_PASSING: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""What says nothing of the file that was to be read."""


class Delivery:
    """Makes requests, one at a time for each sender that calls it.

    Args:
        queue: Where the batches are from.
        sender: What carries them.
        backoff: Says when a request may be made, and is told what the service is like.
        outcomes: Does with a batch what its answer asks for.
        account: Tells what was lost.
        count: Adds to a counter of `Stats`.
        report: Tells people.
        spool: Where batches may be on the disk only; None for memory only.

    Attributes:
        last_error: What the last request met, in words; None if its rows were taken.
    """

    def __init__(
        self,
        queue: Queue,
        sender: Sender,
        backoff: Backoff,
        outcomes: Outcomes,
        account: Account,
        *,
        count: Callable[[str, int], None],
        report: Report,
        spool: Spool | None,
    ) -> None:
        self._queue = queue
        self._sender = sender
        self._backoff = backoff
        self._outcomes = outcomes
        self._account = account
        self._count = count
        self._report = report
        self._spool = spool
        self.last_error: str | None = None

    def take(self) -> tuple[int, Batch | None]:
        """Take a batch if a request may be made now, with the request's number."""
        number = self._backoff.admit() if self._queue.due_in() == 0.0 else 0
        batch = self._queue.take(self._backoff.refusals) if number else None
        try:
            if batch is not None and batch.is_away and not self._restore(batch, number):
                batch = None
        except BaseException:
            # Of memory that has come to its end: the thread ends, and others must not wait for its probe.
            self._backoff.withdraw(number)
            raise
        if number and batch is None:
            self._backoff.withdraw(number)
        return number, batch

    def _restore(self, batch: Batch, number: int) -> bool:
        """Read a batch back from the disk; return whether it can be sent."""
        assert self._spool is not None
        assert batch.segment is not None
        try:
            found = batch.segment.read()
        except OSError as error:
            batch.strikes += error.errno not in _PASSING
            if batch.strikes < MOST_STRIKES or not self._spool.set_aside(batch.segment):
                self._spool.trouble.note(error, "rows wait until they can be read")
                # For a while, as after a failure of the service, and nothing of it is deleted.
                answer = Answer(status=None, code="spool", message=text(error), was_sent=False)
                self._backoff.failed(answer, number)
                self._queue.give_back(batch)
                return False
            found = {}
        missing = batch.come_back(found)
        if missing:
            self._spool.keep_damaged(batch.segment)
        return self._queue.restore(batch, missing)

    def deliver(self, number: int, batch: Batch, timeout: float) -> bool:
        """Send a batch, within about `timeout` seconds, and do what the answer asks for.

        Returns:
            Whether a wait has ended.
        """
        was_well = self._backoff.is_well
        try:
            answer = self._attempt(batch, timeout)
            self.last_error = None if answer.status == 204 else str(answer)
            self._outcomes.apply(batch, answer, number)
        except BaseException:
            # Or the others would wait for the answer to a probe that nobody makes any more.
            self._backoff.withdraw(number)
            raise
        self._queue.is_stretched = self._backoff.is_throttled
        self.tell()
        return self._backoff.is_well and not was_well

    def pack_one(self) -> bool:
        """Pack a batch while there is a wait, so that the capacity holds more of them; whether it did."""
        unpacked = self._queue.take_unpacked() if self._backoff.left() > 0 else None
        if unpacked is None:
            return False
        place, batch = unpacked
        batch.pack()
        self._queue.give_back(batch, place)
        return True

    def tell(self) -> float | None:
        """Tell what was lost, as far as that can be now; return the seconds until there is more to tell."""
        if self._spool is not None:
            self._spool.trouble.say()
        return self._account.tell(is_well=self._backoff.is_well)

    def report_death(self, error: BaseException) -> None:
        """Say that a thread has ended that should not have; the next row starts another."""
        self._report.say(f"a sender has ended: {type(error).__name__}: {text(error)}")

    def _attempt(self, batch: Batch, timeout: float) -> Answer:
        """Send a batch. Whatever is raised, a credential's SystemExit too, ends the attempt and no more."""
        request_id = str(uuid.uuid4())
        was_sent = False
        try:
            body = batch.pack()
            was_sent = True
            self._count("requests", 1)
            self._count("sent_bytes", len(body))
            return self._sender.send(body, request_id=request_id, timeout=timeout)
        except BaseException as error:
            is_for_us = threading.current_thread() is threading.main_thread()
            if is_for_us and isinstance(error, KeyboardInterrupt | SystemExit):
                self._count("maybe_delivered", batch.count)
                raise
            return Answer(
                status=None,
                code=type(error).__name__,
                message=text(error),
                request_id=request_id,
                was_sent=was_sent,
            )
