"""Queue, senders, client and counters, wired. The only composition root."""

import sys
import threading
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Final

from dcrlog import _doubles, _lifecycle
from dcrlog._account import Account, CompileOwn
from dcrlog._backoff import Backoff
from dcrlog._batch import Stamp
from dcrlog._client import ClientSender
from dcrlog._clock import Clock, SystemClock
from dcrlog._dead import DeadLetters
from dcrlog._delivery import Delivery
from dcrlog._home import prepare
from dcrlog._ledger import Ledger
from dcrlog._queue import Queue
from dcrlog._recovery import Recovery
from dcrlog._report import Report
from dcrlog._retry import Sender
from dcrlog._rows import compile_own
from dcrlog._senders import Senders
from dcrlog._spool import Spool
from dcrlog._syncer import Syncer
from dcrlog.settings import AccountRows, OnFull, Settings
from dcrlog.stats import DropReason, Stats

_COUNTERS: Final = (
    "misfits", "withheld", "truncated", "maybe_delivered", "requests", "sent_bytes", "dead_dropped",
)  # fmt: skip

_LEVELS: Final = ("levelname", "severity_text", "syslog_severity", "windows_level_name", "cef_severity")
"""Fields of which one tells how grave the rows are that were lost."""


class Pipeline:
    """Takes rows without waiting and delivers them in the background.

    Args:
        settings: Checked settings.
        sender: What carries bodies; by default the official client.
        clock: What time is read from and waits are measured with.
        adopts: Whether it takes over what dead instances have left in its spool.
        compile_own: Makes what turns a record of ours into a row of the front end's columns.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        sender: Sender | None = None,
        clock: Clock | None = None,
        adopts: bool = True,
        compile_own: CompileOwn = compile_own,
    ) -> None:
        self._settings = settings
        self._compile_own = compile_own
        self._adopts = adopts
        self._given_sender = sender
        self._clock = clock or SystemClock()
        self._report = Report(self._clock)
        self._blocks = settings.on_full is OnFull.BLOCK
        # Not again in a forked child, which nothing may keep from new locks.
        self._home = None if settings.spool_dir is None else prepare(settings.spool_dir)
        self._begin()
        _lifecycle.register(self)
        if settings.flush_on_sigterm:
            from dcrlog.ends import flush_on_sigterm

            flush_on_sigterm()

    def renew(self) -> None:
        """Begin with empty accounts, a new instance id, new locks and no thread."""
        self._queue.abandon()
        if self._spool is not None:
            self._spool.abandon()
        self._begin()

    def _begin(self) -> None:
        settings = self._settings
        stamped = {field: column.name for column in settings.columns for field in column.fields}
        self._counting = threading.RLock()
        self._counters = dict.fromkeys(_COUNTERS, 0)
        self._deadline: float | None = None
        self._blocked: set[int] = set()
        stamp = Stamp(stamped.get("instance_id"), stamped.get("seq"))
        self._spool = self._make_spool(stamp.instance_id)
        self._syncer = (
            Syncer(self._spool, self._clock) if self._spool is not None and settings.fsync else None
        )
        self._queue = Queue(
            stamp=stamp,
            spool=self._spool,
            ledger=Ledger(
                next((stamped[field] for field in _LEVELS if field in stamped), None),
                is_told=settings.account_rows is not AccountRows.NEVER,
            ),
            capacity=settings.capacity,
            flush_interval=settings.flush_interval,
            on_full=settings.on_full,
            clock=self._clock,
            wake=self._wake_senders,
        )
        self._account = Account(settings, self._queue, self._clock, self._report, self._compile_own)
        backoff, sender = Backoff(self._clock), self._given_sender or self._make_sender()
        self._delivery = Delivery(
            self._queue,
            sender,
            backoff,
            self._account,
            count=self.count,
            report=self._report,
            stamp=stamp,
            spool=self._spool if self._adopts else None,
            dead=self._make_dead(),
            clock=self._clock,
        )
        self._senders = Senders(
            self._queue,
            sender,
            self._clock,
            backoff,
            self._delivery,
            most=settings.max_senders,
        )

    @property
    def instance_id(self) -> str:
        """The id that the rows carry, new after a fork."""
        return self._queue.instance_id

    @property
    def endpoint_url(self) -> str | None:
        """Where its rows go; None where a given sender knows that."""
        return None if self._settings.endpoint is None else self._settings.endpoint.url

    def hurry(self) -> None:
        """End the wait after a failure; the next try comes at once."""
        self._senders.hurry()

    def recovery(self) -> Recovery:
        """Return what delivers what is left in its spool, which it must have."""
        assert self._spool is not None
        return Recovery(self._queue, self._senders, self._delivery, self._spool, self._clock)

    def put(self, row: bytes) -> bool:
        """Accept a row, a JSON object in UTF-8. Waits only where `on_full="block"` asks for it.

        Returns:
            Whether it is held, and was not dropped at once.
        """
        if self._deadline is not None and sys.is_finalizing():
            self._put_too_late(row)
            return False
        return self._put(row)

    def _put(self, row: bytes, until: float | None = None) -> bool:
        is_held = self._put_or_wait(row, until) if self._blocks else self._queue.put(row)
        if self._senders.are_short or self._deadline is not None:
            self._see_to_delivery()
        if self._syncer is not None and not self._syncer.is_running:
            self._syncer.start()
        return bool(is_held)

    def put_all(self, rows: Sequence[bytes]) -> bool:
        """Accept rows as `put` does, but see to their delivery with the last; return whether all are held."""
        if not rows:
            return True
        if sys.is_finalizing():
            are_held = [self.put(row) for row in rows]
            return all(are_held)
        # After the exit hook `put` delivers, and these go together. All of them wait as long as one may.
        until = self._clock.monotonic() + self._settings.block_timeout
        others = [
            self._put_or_wait(row, until) if self._blocks else self._queue.put(row) for row in rows[:-1]
        ]
        return self._put(rows[-1], until) and all(others)

    def offer(self, row: bytes, timeout: float) -> bool | None:
        """Accept a row as `put` does, but only once there is room for it.

        Returns:
            Whether it is held; None where there was no room for so many seconds, and it was not accepted.
        """
        is_held = self._queue.put(row, if_room=True)
        if is_held is None:
            is_held = self._put_when_room(row, self._clock.monotonic() + timeout)
        if self._senders.are_short:
            self._see_to_delivery()
        return is_held

    def is_settled(self, through: int) -> bool:
        """Whether every row up to this `Seq` is settled."""
        return self._queue.is_settled(through)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything accepted so far is settled; return whether it is.

        Args:
            timeout: Seconds to wait at most; None for `close_timeout`.
        """
        # A sender needs both locks: the one that dictConfig holds, and ours, where a signal handler
        # has interrupted a put.
        if _lifecycle.owns_logging_lock() or self._queue.section.is_interrupted():
            return self._queue.is_settled(self._queue.request_flush())
        deadline = self._clock.monotonic() + (self._settings.close_timeout if timeout is None else timeout)
        if self._deadline is not None:
            deadline = min(deadline, self._deadline)
        return self._drain(deadline)

    def close(self) -> None:
        """Flush for at most `close_timeout`. Rows that are left stay with the senders; nothing is dropped."""
        self._account.finish()
        self._senders.hurry()
        self.flush()
        self._account.call_on_drop()
        self._senders.end()
        if not self._queue.section.is_interrupted():
            self._queue.close_spool()

    def count(self, counter: str, number: int) -> None:
        """Add to a counter of `Stats`, from any thread and from within itself."""
        with self._counting:
            self._counters[counter] += number

    def stats(self) -> Stats:
        """Return the accounts of this moment."""
        accounts = self._queue.accounts()._asdict()
        with self._counting:
            counters = dict(self._counters)
        dropped = MappingProxyType(accounts.pop("dropped"))
        return Stats(dropped=dropped, last_error=self._delivery.last_error, **accounts, **counters)

    def begin_exit(self) -> None:
        """Make everything due at once, and start, once, the one deadline that `logging.shutdown` shares."""
        if self._deadline is None:
            self._deadline = self._clock.monotonic() + self._settings.close_timeout
        self._account.finish()
        self._delivery.stop_adopting()
        self._queue.leave_adopted()
        self._queue.request_flush()
        self._queue.release_waiters()
        self._senders.hurry()

    def finish_exit(self) -> None:
        """Wait until the deadline, and count what is left as lost at exit."""
        if self._deadline is not None and not self._drain(self._deadline):
            self._give_up()
        self._account.call_on_drop()
        if self._syncer is not None:
            self._syncer.sync()
        if self._spool is not None:
            self._spool.say_trouble()
            self._spool.close()

    def drop_rest(self) -> int:
        """Count what is not delivered as lost, and return how many rows that are."""
        # Their answers will not be seen.
        self.count("maybe_delivered", self._queue.rows_in_flight())
        return self._queue.drop_rest(DropReason.EXIT)

    def _give_up(self) -> None:
        lost = self.drop_rest()
        if lost:
            self._account.call_on_drop()
            last = f"; last answer: {self._delivery.last_error}" if self._delivery.last_error else ""
            self._report.say(f"{lost} rows were not delivered when the process ended{last}", always=True)

    def _wake_senders(self) -> None:
        self._senders.wake()

    def _see_to_delivery(self) -> None:
        if self._senders.are_short and not self._senders.start():
            _lifecycle.hold(self)
        _lifecycle.watch_child_process()
        _doubles.warn_of_double_rows()
        if (
            self._deadline is not None
            and not self._queue.section.is_interrupted()
            and not self._drain(self._deadline)
        ):
            self._give_up()

    def _put_too_late(self, row: bytes) -> None:
        """Count a row of which nothing can come any more.

        While Python ends, threads are stopped, whatever lock they hold, and modules are being emptied: an
        upload would fail, or hang. Records come here from `__del__`.
        """
        if not self._queue.section.is_stuck():
            self._queue.put(row)
            self._give_up()

    def _drain(self, deadline: float) -> bool:
        """Wait for, or where no thread runs do, the delivery of everything accepted so far."""
        through = self._queue.request_flush()
        if self._is_done(through) or self._is_vain(deadline):
            return self._is_done(through)
        if self._senders.are_short or not self._senders.are_alive:
            self._senders.start()
        if not self._senders.are_alive:
            self._senders.run_here(deadline)
        # What is under way then, another caller delivers.
        if self._senders.are_alive or self._queue.outlook()[0]:
            self._wait_until(lambda: self._is_over(through, deadline), deadline)
        is_done = self._is_done(through)
        if is_done:
            _lifecycle.let_go(self)
        return is_done

    def _is_done(self, through: int) -> bool:
        """Whether rows are settled and, at exit, no answer to another instance's rows is awaited."""
        return self._queue.is_settled(through) and not (
            self._deadline is not None and self._queue.rows_in_flight()
        )

    def _is_over(self, through: int, deadline: float) -> bool:
        if self._senders.are_short:
            # The last sender has died meanwhile.
            self._senders.start()
        return self._is_done(through) or self._is_vain(deadline)

    def _is_vain(self, deadline: float) -> bool:
        """Whether the process need not stay: nothing is on its way, and the next try would come too late."""
        return self._deadline is not None and not self._senders.can_deliver_by(deadline)

    def _wait_until(self, condition: Callable[[], bool], deadline: float) -> bool:
        with self._queue.changes() as signal:
            while not condition():
                left = deadline - self._clock.monotonic()
                if left <= 0:
                    return False
                self._clock.wait(signal, left)
            return True

    def _put_or_wait(self, row: bytes, until: float | None = None) -> bool:
        is_held = self._queue.put(row, if_room=True)
        if is_held is not None:
            return is_held
        # A blocked event loop could never let the rest of the application make room.
        asyncio = sys.modules.get("asyncio")
        is_loop = asyncio is not None and asyncio._get_running_loop() is not None  # noqa: SLF001
        ident = threading.get_ident()
        is_nested = ident in self._blocked
        is_last = self._deadline is not None or _lifecycle.is_in_exit_hook()
        if not (is_loop or is_nested or is_last or _lifecycle.owns_logging_lock()):
            deadline = self._clock.monotonic() + self._settings.block_timeout
            self._blocked.add(ident)
            try:
                is_held = self._put_when_room(row, deadline if until is None else until)
            finally:
                self._blocked.discard(ident)
        return bool(self._queue.put(row) if is_held is None else is_held)

    def _put_when_room(self, row: bytes, deadline: float) -> bool | None:
        """Accept a row once it can be held; None where it cannot by then, or the exit begins."""
        is_held = None

        def is_over() -> bool:
            nonlocal is_held
            is_held = self._queue.put(row, if_room=True)
            return is_held is not None or self._deadline is not None

        self._wait_until(is_over, deadline)
        return is_held

    def _make_dead(self) -> DeadLetters | None:
        if self._spool is None or self._home is None:
            return None
        return DeadLetters(
            self._home,
            self._spool.destination,
            clock=self._clock,
            report=self._report,
            count=self.count,
            is_synced=self._settings.fsync,
        )

    def _make_spool(self, instance_id: str) -> Spool | None:
        settings = self._settings
        if self._home is None:
            return None
        url = settings.endpoint.url if settings.endpoint is not None else ""
        return Spool(
            self._home,
            f"{url}|{settings.rule_id}|{settings.stream_name}",
            instance_id,
            capacity=settings.spool_capacity,
            clock=self._clock,
            report=self._report,
        )

    def _make_sender(self) -> Sender:
        settings = self._settings
        if settings.endpoint is None:
            raise TypeError("settings without an endpoint need a sender")
        return ClientSender(settings.endpoint, settings.rule_id, settings.stream_name, settings.credential)
