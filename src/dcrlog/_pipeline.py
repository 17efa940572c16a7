"""What takes rows without waiting, delivers them in the background, and comes to rest with its process."""

import math
import sys
from collections.abc import Sequence
from functools import partial

from dcrlog import _doubles, _lifecycle
from dcrlog._account import CompileOwn
from dcrlog._clock import Clock, SystemClock
from dcrlog._counters import Counters
from dcrlog._home import prepare
from dcrlog._outcomes import Keeper
from dcrlog._parts import Parts
from dcrlog._recovery import Recovery
from dcrlog._report import Report
from dcrlog._retry import Sender
from dcrlog._rows import compile_own
from dcrlog.settings import OnFull, Settings
from dcrlog.stats import DropReason, Stats


class Pipeline:
    """Takes rows without waiting and delivers them in the background.

    Args:
        settings: Checked settings.
        sender: What carries bodies; by default the official client.
        clock: What time is read from and waits are measured with.
        adopts: Whether it takes over what dead instances have left in its spool.
        dead: Keeps rows that are refused for good; by default the spool does, if there is one.
        compile_own: Makes what turns a record of ours into a row of the front end's columns.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        sender: Sender | None = None,
        clock: Clock | None = None,
        adopts: bool = True,
        dead: Keeper | None = None,
        compile_own: CompileOwn = compile_own,
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._report = Report(self._clock)
        self._counters = Counters()
        self.count = self._counters.add
        """Adds to a counter of `Stats`. It stays the same in a forked child."""
        self._blocks = settings.on_full is OnFull.BLOCK
        # Not again in a forked child, which nothing may keep from new locks.
        home = None if settings.spool_dir is None else prepare(settings.spool_dir)
        self._make_parts = partial(
            Parts,
            settings,
            home=home,
            sender=sender,
            clock=self._clock,
            report=self._report,
            count=self.count,
            wake=self._wake_senders,
            adopts=adopts,
            dead=dead,
            compile_own=compile_own,
        )
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
        self._counters.renew()
        self._begin()

    def _begin(self) -> None:
        parts = self._make_parts()
        self._spool, self._syncer = parts.spool, parts.syncer
        self._queue, self._senders = parts.queue, parts.senders
        self._adoption, self._outcomes = parts.adoption, parts.outcomes
        self._account, self._delivery = parts.account, parts.delivery
        self._flush, self._room = parts.flush, parts.room

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
        return Recovery(
            self._queue,
            self._senders,
            adoption=self._adoption,
            outcomes=self._outcomes,
            spool=self._spool,
            clock=self._clock,
        )

    def put(self, row: bytes, until: float | None = None) -> bool:
        """Accept a row; return whether it is held, and was not dropped at once.

        Args:
            row: A JSON object in UTF-8.
            until: When a wait ends that `on_full="block"` asks for; None for that of one logging call.
        """
        if self._flush.deadline is not None and sys.is_finalizing():
            self._put_too_late(row)
            return False
        is_held = self._room.put(row, until) if self._blocks else self._queue.put(row)
        if self._senders.are_short or self._flush.deadline is not None:
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
        until = self._room.end_of_wait()
        others = [self._room.put(row, until) if self._blocks else self._queue.put(row) for row in rows[:-1]]
        return self.put(rows[-1], until) and all(others)

    def offer(self, row: bytes, timeout: float) -> bool | None:
        """Accept a row as `put` does, but only once there is room for it.

        Returns:
            Whether it is held; None where there was no room for so many seconds, and it was not accepted.
        """
        is_held = self._queue.put(row, if_room=True)
        if is_held is None:
            is_held = self._room.put_by(row, self._clock.monotonic() + timeout)
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
        return self._run_flush(self._settings.close_timeout if timeout is None else timeout)

    def close(self) -> None:
        """Flush for at most `close_timeout`. Rows that are left stay with the senders; nothing is dropped."""
        self._account.finish()
        self._senders.hurry()
        self.flush()
        self._account.call_on_drop()
        self._senders.end()
        if not self._queue.section.is_interrupted():
            self._queue.close_spool()

    def stats(self) -> Stats:
        """Return the accounts of this moment."""
        counts = self._queue.accounts()._asdict() | self._counters.read()
        return Stats(last_error=self._delivery.last_error, **counts)

    def begin_exit(self) -> None:
        """Make everything due at once, and start, once, the one deadline that `logging.shutdown` shares."""
        self._flush.begin_exit(self._settings.close_timeout)
        self._account.finish()
        self._adoption.end()
        self._queue.leave_adopted()
        self._queue.request_flush()
        self._queue.release_waiters()
        self._senders.hurry()

    def finish_exit(self) -> None:
        """Wait until the deadline, and count what is left as lost at exit."""
        if self._flush.deadline is not None and not self._run_flush():
            self._give_up()
        self._account.call_on_drop()
        if self._syncer is not None:
            self._syncer.sync()
        if self._spool is not None:
            self._spool.trouble.say()
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
        # A method of this object: so the senders hold it, and the exit finds it when nobody else does.
        self._senders.wake()

    def _see_to_delivery(self) -> None:
        if self._senders.are_short and not self._senders.start():
            _lifecycle.hold(self)
        _lifecycle.watch_child_process()
        _doubles.warn_of_double_rows()
        is_exit = self._flush.deadline is not None
        if is_exit and not (self._queue.section.is_interrupted() or self._run_flush()):
            self._give_up()

    def _run_flush(self, timeout: float = math.inf) -> bool:
        is_done = self._flush.run(timeout)
        if is_done:
            _lifecycle.let_go(self)
        return is_done

    def _put_too_late(self, row: bytes) -> None:
        """Count a row of which nothing can come any more.

        While Python ends, threads are stopped, whatever lock they hold, and modules are being emptied: an
        upload would fail, or hang. Records come here from `__del__`.
        """
        if not self._queue.section.is_stuck():
            self._queue.put(row)
            self._give_up()
