"""Tells what was lost: to `on_drop`, and in the table itself, where a gap in `Seq` has its reason then."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from dcrlog._clock import Clock
from dcrlog._ledger import Loss, LostFor
from dcrlog._mapping import MappedColumn
from dcrlog._queue import Queue
from dcrlog._quick import Build
from dcrlog._report import Report
from dcrlog.settings import AccountRows, Settings
from dcrlog.stats import DropReason

LOGGER_NAME: Final = "dcrlog"
"""What the rows that tell have as their logger."""

CompileOwn = Callable[[Sequence[MappedColumn]], Build]

_QUIET_SECONDS: Final = 1.0
"""So long nothing more must be lost before a loss is told in the table, so that one row tells it."""

_LONGEST_SILENCE: Final = 60.0
"""After so long it is told although more is lost all the time."""


class Account:
    """Watches a queue's ledger for what is to be told. Called by senders, between requests.

    Args:
        settings: Has `on_drop`, `account_rows` and the columns.
        queue: Takes the rows that tell.
        clock: What time is read from.
        report: Is told of an `on_drop` that raises.
        compile_own: Makes what turns a record of ours into a row of the front end's columns.
    """

    def __init__(
        self, settings: Settings, queue: Queue, clock: Clock, report: Report, compile_own: CompileOwn
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._clock = clock
        self._report = report
        self._telling = threading.Lock()
        self._has_more = False
        self._told: Mapping[DropReason, int] = {}
        self._called_at = float("-inf")
        self._seen = 0
        self._changed_at = float("-inf")
        self._untold_since: float | None = None
        self._closed_through = 0
        self._compile_own = compile_own
        self._build: Build | None = None

    def tell(self, *, is_well: bool) -> float | None:
        """Tell what can be told now.

        Args:
            is_well: Whether the service takes rows.

        Returns:
            The seconds after which there is more to tell; None for nothing.
        """
        ledger = self._queue.ledger
        if not (ledger.has_news or self._has_more) or not self._telling.acquire(blocking=False):
            return None
        try:
            ledger.has_news = False
            self._read_levels()
            accounts = self._queue.accounts()
            call_in, news = self._news(accounts.dropped)
            total = sum(accounts.dropped.values()) + accounts.dead_lettered
            waits = [call_in, self._put_rows(total, is_well)]
            wait = min((wait for wait in waits if wait is not None), default=None)
            self._has_more = wait is not None or bool(ledger.losses)
        finally:
            self._telling.release()
        self._call(news)
        return wait

    def finish(self) -> None:
        """Tell everything in the table, before a last flush."""
        if self._settings.account_rows is AccountRows.NEVER or not self._telling.acquire(timeout=1.0):
            return
        try:
            self._read_levels()
            self._queue.tell_losses(self._loss_row)
            now = self._queue.accounts()
            if self._settings.account_rows is AccountRows.ALWAYS and now.accepted > self._closed_through:
                totals = {
                    "delivered": now.delivered,
                    "dead_lettered": now.dead_lettered,
                    "dropped": {str(reason): count for reason, count in now.dropped.items()},
                    "pending": now.pending,
                }
                self._queue.put_own(lambda seq: self._closing_row(seq, totals))
                self._closed_through = now.accepted + 1
        finally:
            self._telling.release()

    def call_on_drop(self) -> None:
        """Call `on_drop` for what it was not told yet, at once."""
        if self._settings.on_drop is None or not self._telling.acquire(timeout=1.0):
            return
        try:
            self._called_at = float("-inf")
            _, news = self._news(self._queue.accounts().dropped)
        finally:
            self._telling.release()
        self._call(news)

    def _read_levels(self) -> None:
        for lost_for, batch in self._queue.take_unread():
            self._queue.add_levels(lost_for, self._queue.ledger.levels(batch.rows()))

    def _news(self, dropped: Mapping[DropReason, int]) -> tuple[float | None, dict[DropReason, int]]:
        """Return the seconds until `on_drop` may be called again, or what it is to be told now."""
        now = self._clock.monotonic()
        news = {
            reason: count - self._told.get(reason, 0)
            for reason, count in dropped.items()
            if count > self._told.get(reason, 0)
        }
        if self._settings.on_drop is None or not news:
            return None, {}
        if now - self._called_at < _QUIET_SECONDS:
            return self._called_at + _QUIET_SECONDS - now, {}
        self._called_at, self._told = now, dropped
        return None, news

    def _call(self, news: Mapping[DropReason, int]) -> None:
        on_drop = self._settings.on_drop
        for reason, count in news.items():
            assert on_drop is not None
            try:
                on_drop(reason, count)
            except BaseException as error:
                self._report.say(f"on_drop raised {type(error).__name__}")

    def _put_rows(self, total: int, is_well: bool) -> float | None:
        if not self._queue.ledger.losses:
            self._untold_since = None
            return None
        now = self._clock.monotonic()
        if total != self._seen:
            self._seen, self._changed_at = total, now
        self._untold_since = now if self._untold_since is None else self._untold_since
        at = min(self._changed_at + _QUIET_SECONDS, self._untold_since + _LONGEST_SILENCE)
        if at > now:
            return at - now
        # While the service takes nothing, the row would be one more that waits.
        if is_well:
            self._queue.tell_losses(self._loss_row)
            self._untold_since = None
        return None

    def _loss_row(self, lost_for: LostFor, loss: Loss) -> bytes:
        reason, other = lost_for
        spans = ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in loss.ranges)
        levels = ", ".join(f"{level} {count}" for level, count in loss.levels.items())
        of = f" of instance {other}" if other else ""
        text = f"{loss.count} rows lost{of}: {reason}; Seq {spans or 'unknown'}" + (
            f"; {levels}" if levels else ""
        )
        about = {
            "event": "loss",
            "instance_id": other or self._queue.instance_id,
            "reason": str(reason),
            "count": loss.count,
            "levels": loss.levels,
            "ranges": loss.ranges,
        }
        return self._row(logging.WARNING, text, about)

    def _closing_row(self, seq: int, totals: Mapping[str, Any]) -> bytes:
        text = f"closed after Seq {seq}: {seq - 1} rows were accepted before this one"
        return self._row(logging.INFO, text, {"event": "close", "last_seq": seq, **totals})

    def _row(self, level: int, text: str, about: Mapping[str, Any]) -> bytes:
        if self._build is None:
            self._build = self._compile_own(self._settings.columns)
        record = logging.LogRecord(LOGGER_NAME, level, __file__, 0, text, None, None, "tell")
        record.__dict__["dcrlog"] = about
        return self._build(record)
