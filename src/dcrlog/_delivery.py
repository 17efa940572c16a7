"""One request: the batch it takes, the attempt, and what becomes of the batch after the answer.

Refused batches are bisected: the first half is sent, and the second held back. If the first is taken, the
second is to blame and is halved without being sent; so a guilty row in n costs about log2(n) requests.
"""

import errno
import threading
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from dcrlog._account import Account
from dcrlog._backoff import Backoff
from dcrlog._batch import Batch, Stamp
from dcrlog._clock import Clock
from dcrlog._cut import shorten
from dcrlog._dead import DeadLetters
from dcrlog._queue import Queue
from dcrlog._report import Report
from dcrlog._retry import Answer, Outcome, Sender, classify
from dcrlog._spool import Spool
from dcrlog._values import text

if TYPE_CHECKING:
    from dcrlog._revived import Revived

MOST_STRIKES: Final = 8
"""So many failures of one batch in a row, with others passing and none failing between, and it is halved."""

MOST_STRIKES_OF_A_ROW: Final = 16
"""So many of a row that stands alone, and it is rejected."""


_PASSING: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""What says nothing of the file that was to be read."""


class Delivery:
    """Makes requests, and settles batches, makes them wait, splits them, or finds the guilty rows.

    Args:
        queue: Where the batches are from.
        sender: What carries them.
        backoff: Says when a request may be made, and is told what the service is like.
        account: Tells what was lost.
        count: Adds to a counter of `Stats`.
        report: Tells people.
        stamp: Writes into rows of this instance; those of others get the same columns.
        spool: Where rows of dead instances are; None for memory only.
        dead: Keeps the rows that are refused for good; None for memory only.
        clock: What time is read from.
    """

    def __init__(
        self,
        queue: Queue,
        sender: Sender,
        backoff: Backoff,
        account: Account,
        *,
        count: Callable[[str, int], None],
        report: Report,
        stamp: Stamp,
        spool: Spool | None,
        dead: DeadLetters | None,
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._stamp = stamp
        self._spool = spool
        self._dead = dead
        self._clock = clock
        self._adopting = threading.Lock()
        self._adopts = spool is not None
        self._sender = sender
        self._backoff = backoff
        self._account = account
        self._count = count
        self._report = report
        self.last_error: str | None = None
        """What the last request met, in words; None if its rows were taken."""
        self.revived: Revived | None = None
        """Is told what becomes of dead letters that are sent again."""

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
                self._spool.note_trouble(error, "rows wait until they can be read")
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

    def stop_adopting(self) -> None:
        """Leave what dead instances have to others from now on."""
        self._adopts = False

    def adopt(self) -> bool:
        """Take over a segment of an instance that has died; return whether there was one."""
        spool = self._spool
        if (
            spool is None
            or not self._adopts
            or not self._backoff.is_well
            or not self._adopting.acquire(blocking=False)
        ):
            return False
        try:
            found = spool.adopt()
            if found is None:
                return False
            instance_id, segment, recovered = found
            try:
                rows = [(frame.seq, frame.row) for frame in recovered.frames]
                stamp, now = self._stamp.of(instance_id), self._clock.monotonic()
                batch = Batch.adopted(stamp, now, segment, rows) if rows else None
            except BaseException:
                spool.orphans.forget(segment)
                raise
            self._queue.adopt_damage(sum(damage.rows for damage in recovered.damages), instance_id)
            self._queue.adopt(batch, segment)
        finally:
            self._adopting.release()
        return True

    def is_any_left(self) -> bool:
        """Whether there is something to adopt. Looks at once, and waits for an adoption under way."""
        with self._adopting:
            return self._spool is not None and self._spool.orphans.look()

    def adopt_in(self) -> float | None:
        """Return the seconds after which there may be something to adopt; None where there is no spool."""
        if self._spool is None or not self._adopts or not self._backoff.is_well:
            return None
        return self._spool.orphans.adopt_in()

    def deliver(self, number: int, batch: Batch, timeout: float) -> bool:
        """Send a batch, within about `timeout` seconds, and do what the answer asks for.

        Returns:
            Whether a wait has ended.
        """
        was_well = self._backoff.is_well
        try:
            answer = self._attempt(batch, timeout)
            self.last_error = None if answer.status == 204 else str(answer)
            self._conclude(batch, answer, number)
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
            self._spool.say_trouble()
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

    def _conclude(self, batch: Batch, answer: Answer, number: int) -> None:
        outcome = classify(answer)
        if answer.may_have_arrived:
            self._count("maybe_delivered", batch.count)
        if outcome is Outcome.SETTLED:
            self._report.note_success()
            self._backoff.succeeded(number)
            self._settle(batch)
        elif outcome is Outcome.AGAIN:
            self._backoff.withdraw(number)
            self._queue.give_back(batch, 0)
        elif outcome is Outcome.SPLIT:
            self._split(batch, answer, number)
        elif outcome is Outcome.REFUSED and self._are_rows_to_blame(batch, number):
            self._report.say(f"the service refuses rows: {answer}")
            self._bisect(batch, answer)
        elif outcome is Outcome.REFUSED:
            self._report.say_held(answer)
            self._queue.clear_suspects()
            self._queue.give_back(batch)
        elif outcome is Outcome.HOLD:
            self._report.say_held(answer)
            self._backoff.held(number)
            self._queue.give_back(batch)
        else:
            self._report.say(f"rows wait and are sent again: {answer}")
            self._backoff.failed(answer, number)
            self._wait(batch, answer, may_be_rows=answer.may_have_arrived)

    def _settle(self, batch: Batch) -> None:
        if self.revived is not None:
            self.revived.note(batch, is_delivered=True)
        twin = batch.twin
        if twin is None or twin.count == 1 or batch.is_cleared:
            # A row is rejected for a refusal of its own only, so one that stands alone is sent all the same.
            condemned = self._queue.settle(batch, _released(batch))
        else:
            condemned = self._queue.settle(batch, [_with_twin(twin)])
        for suspect, refusal in condemned:
            self._reject(suspect, refusal)

    def _reject(self, batch: Batch, answer: Answer) -> None:
        """Give up a row that stands alone. It is on the disk elsewhere before the spool lets go of it."""
        is_kept = self._dead is not None and self._dead.keep(batch, answer)
        if is_kept and self.revived is not None:
            self.revived.note(batch, is_delivered=False)
        self._queue.reject(batch, _released(batch), is_kept=is_kept)

    def _are_rows_to_blame(self, batch: Batch, number: int) -> bool:
        if self._is_proved_guilty(batch):
            # No evidence of a wrong configuration, however many such rows there are.
            self._backoff.answered(number)
            return True
        return self._backoff.refused(number)

    def _is_proved_guilty(self, batch: Batch) -> bool:
        """Whether its rows were refused before, too, and others have passed between."""
        # Another sender may set it back meanwhile.
        refused_at = batch.refused_at
        if refused_at is None:
            batch.refused_at = refused_at = self._backoff.begun
        return self._backoff.taken > refused_at

    def _bisect(self, batch: Batch, answer: Answer) -> None:
        if batch.count > 1:
            self._queue.replace(batch, [*_released(batch), _with_twin(batch)])
        else:
            self._give_up(batch, answer)

    def _split(self, batch: Batch, answer: Answer, number: int) -> None:
        if batch.count > 1:
            self._backoff.answered(number)
            self._queue.replace(batch, [*_released(batch), *reversed(batch.halves())])
            return
        (row,) = batch.rows()
        is_proved = self._is_proved_guilty(batch)
        shorter = shorten(row) if is_proved else None
        if shorter is not None:
            self._backoff.answered(number)
            self._count("truncated", 1)
            self._queue.replace(batch, [*_released(batch), batch.with_row(shorter)])
        else:
            # The limit may be a proxy's, for any body at all; what others meet will show.
            self._backoff.failed(answer, number)
            self._wait(batch, answer, may_be_rows=is_proved)

    def _give_up(self, batch: Batch, answer: Answer) -> None:
        """Reject a row that stands alone, at once or when another has passed."""
        if self._is_proved_guilty(batch):
            self._reject(batch, answer)
        else:
            self._queue.replace(batch, _released(batch), refusal=answer)

    def _wait(self, batch: Batch, answer: Answer, *, may_be_rows: bool) -> None:
        backoff = self._backoff
        # Its own failure is counted already, so a larger number means that others fail as well.
        if not may_be_rows or backoff.failed_requests > batch.failures + 1:
            batch.strikes = 0
        elif backoff.taken > batch.taken:
            batch.strikes += 1
        batch.failures, batch.taken = backoff.failed_requests, backoff.taken
        if batch.count == 1 and batch.strikes >= MOST_STRIKES_OF_A_ROW:
            self._reject(batch, answer)
        elif batch.count > 1 and batch.strikes >= MOST_STRIKES:
            # Both halves are sent, since a success of the one proves less than it does after a refusal.
            batch.strikes = MOST_STRIKES // 2
            self._queue.replace(batch, [*_released(batch), *reversed(batch.halves())])
        else:
            self._queue.give_back(batch)


def _with_twin(batch: Batch) -> Batch:
    first, second = batch.halves()
    first.twin = second
    return first


def _released(batch: Batch) -> list[Batch]:
    """Return what is held back for a batch's sake, and need not be any more."""
    return [] if batch.twin is None else [batch.twin]
