"""What a pipeline is made of, wired. The only composition root."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from dcrlog._account import Account, CompileOwn
from dcrlog._backoff import Backoff
from dcrlog._batch import Stamp
from dcrlog._client import ClientSender
from dcrlog._clock import Clock
from dcrlog._dead import DeadLetters
from dcrlog._delivery import Delivery
from dcrlog._flush import Flush
from dcrlog._ledger import Ledger
from dcrlog._queue import Queue
from dcrlog._report import Report
from dcrlog._retry import Sender
from dcrlog._room import Room
from dcrlog._senders import Senders
from dcrlog._spool import Spool
from dcrlog._syncer import Syncer
from dcrlog.settings import AccountRows, Settings

_LEVELS: Final = ("levelname", "severity_text", "syslog_severity", "windows_level_name", "cef_severity")
"""Fields of which one tells how grave the rows are that were lost."""


class Parts:
    """The parts of one instance: a forked child makes all of them anew.

    Args:
        settings: Checked settings.
        home: The spool's own directory; None for memory only.
        sender: What carries bodies; None for the official client.
        clock: What time is read from and waits are measured with.
        report: Tells people.
        count: Adds to a counter of `Stats`.
        adopts: Whether it takes over what dead instances have left in its spool.
        compile_own: Makes what turns a record of ours into a row of the front end's columns.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        home: Path | None,
        sender: Sender | None,
        clock: Clock,
        report: Report,
        count: Callable[[str, int], None],
        adopts: bool,
        compile_own: CompileOwn,
    ) -> None:
        columns = {field: column.name for column in settings.columns for field in column.fields}
        stamp = Stamp(columns.get("instance_id"), columns.get("seq"))
        sender = sender or _make_client(settings)
        backoff = Backoff(clock)
        self.spool = None if home is None else _make_spool(settings, home, stamp.instance_id, clock, report)
        self.syncer = Syncer(self.spool, clock) if self.spool is not None and settings.fsync else None
        self.queue = Queue(
            stamp=stamp,
            spool=self.spool,
            ledger=Ledger(
                next((columns[field] for field in _LEVELS if field in columns), None),
                is_told=settings.account_rows is not AccountRows.NEVER,
            ),
            capacity=settings.capacity,
            flush_interval=settings.flush_interval,
            on_full=settings.on_full,
            clock=clock,
            wake=self._wake_senders,
        )
        self.account = Account(settings, self.queue, clock, report, compile_own)
        self.delivery = Delivery(
            self.queue,
            sender,
            backoff,
            self.account,
            count=count,
            report=report,
            stamp=stamp,
            spool=self.spool if adopts else None,
            dead=None if self.spool is None else _make_dead(settings, self.spool, clock, report, count),
            clock=clock,
        )
        self.senders = Senders(self.queue, sender, clock, backoff, self.delivery, most=settings.max_senders)
        self.flush = Flush(self.queue, self.senders, clock)
        self.room = Room(self.queue, self.flush, clock, settings.block_timeout)

    def _wake_senders(self) -> None:
        self.senders.wake()


def _make_spool(settings: Settings, home: Path, instance_id: str, clock: Clock, report: Report) -> Spool:
    url = "" if settings.endpoint is None else settings.endpoint.url
    return Spool(
        home,
        f"{url}|{settings.rule_id}|{settings.stream_name}",
        instance_id,
        capacity=settings.spool_capacity,
        clock=clock,
        report=report,
    )


def _make_dead(
    settings: Settings, spool: Spool, clock: Clock, report: Report, count: Callable[[str, int], None]
) -> DeadLetters:
    return DeadLetters(
        spool.home,
        spool.destination,
        clock=clock,
        report=report,
        count=count,
        is_synced=settings.fsync,
    )


def _make_client(settings: Settings) -> Sender:
    if settings.endpoint is None:
        raise TypeError("settings without an endpoint need a sender")
    return ClientSender(settings.endpoint, settings.rule_id, settings.stream_name, settings.credential)
