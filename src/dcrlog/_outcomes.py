"""What becomes of a batch after the answer to its request.

Refused batches are bisected: the first half is sent, and the second held back. If the first is taken, the
second is to blame and is halved without being sent; so a guilty row in n costs about log2(n) requests.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from dcrlog._backoff import Backoff
from dcrlog._batch import Batch
from dcrlog._cut import shorten
from dcrlog._queue import Queue
from dcrlog._report import Report
from dcrlog._retry import Answer, Outcome, classify

if TYPE_CHECKING:
    from dcrlog._revived import Revived

MOST_STRIKES: Final = 8
"""So many failures of one batch in a row, with others passing and none failing between, and it is halved."""

MOST_STRIKES_OF_A_ROW: Final = 16
"""So many of a row that stands alone, and it is rejected."""


class Keeper(Protocol):
    """What keeps rows that the service has refused for good."""

    def keep(self, batch: Batch, answer: Answer) -> bool:
        """Keep the one row of a batch, which nobody else will; return whether it is kept. Never raises."""
        ...


class Outcomes:
    """Settles batches, makes them wait, splits them, or finds the guilty rows.

    Args:
        queue: Where the batches are from.
        backoff: Is told what the service is like.
        count: Adds to a counter of `Stats`.
        report: Tells people.
        dead: Keeps the rows that are refused for good; None for memory only.

    Attributes:
        revived: Is told what becomes of dead letters that are sent again.
    """

    def __init__(
        self,
        queue: Queue,
        backoff: Backoff,
        *,
        count: Callable[[str, int], None],
        report: Report,
        dead: Keeper | None,
    ) -> None:
        self._queue = queue
        self._backoff = backoff
        self._count = count
        self._report = report
        self._dead = dead
        self.revived: Revived | None = None

    def apply(self, batch: Batch, answer: Answer, number: int) -> None:
        """Do with a batch under way what the answer to a request asks for."""
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
