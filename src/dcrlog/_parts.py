"""What a pipeline is made of, wired. The only composition root."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from dcrlog._account import Account, CompileOwn
from dcrlog._adoption import Adoption
from dcrlog._backoff import Backoff
from dcrlog._client import ClientSender
from dcrlog._clock import Clock
from dcrlog._dead import DeadLetters
from dcrlog._delivery import Delivery
from dcrlog._flush import Flush
from dcrlog._ledger import Ledger
from dcrlog._outcomes import Keeper, Outcomes
from dcrlog._queue import Queue
from dcrlog._report import Report
from dcrlog._retry import Sender
from dcrlog._room import Room
from dcrlog._senders import Senders
from dcrlog._spool import Spool
from dcrlog._stamp import Stamp
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
        wake: Called when there is something for a sender to look at.
        adopts: Whether it takes over what dead instances have left in its spool.
        dead: Keeps rows that are refused for good; None for the spool, if there is one.
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
        wake: Callable[[], None],
        adopts: bool,
        dead: Keeper | None,
        compile_own: CompileOwn,
    ) -> None:
        columns = {field: column.name for column in settings.columns for field in column.fields}
        stamp = Stamp(columns.get("instance_id"), columns.get("seq"))
        sender = sender or _make_client(settings)
        backoff = Backoff(clock)
        spool = None if home is None else _make_spool(settings, home, stamp.instance_id, clock, report)
        if dead is None and spool is not None:
            dead = _make_dead(settings, spool, clock, report, count)
        queue = Queue(
            stamp=stamp,
            spool=spool,
            ledger=_make_ledger(settings, columns, wake),
            capacity=settings.capacity,
            flush_interval=settings.flush_interval,
            on_full=settings.on_full,
            clock=clock,
            wake=wake,
        )
        self.spool, self.queue = spool, queue
        self.syncer = Syncer(spool, clock) if spool is not None and settings.fsync else None
        self.account = Account(settings, queue, clock, report, compile_own)
        self.adoption = Adoption(queue, backoff, stamp=stamp, spool=spool if adopts else None, clock=clock)
        self.outcomes = Outcomes(queue, backoff, count=count, report=report, dead=dead)
        self.delivery = Delivery(
            queue, sender, backoff, self.outcomes, self.account, count=count, report=report, spool=spool
        )
        most = settings.max_senders
        self.senders = Senders(
            queue, sender, self.adoption, self.delivery, backoff=backoff, clock=clock, most=most
        )
        self.flush = Flush(queue, self.senders, clock)
        self.room = Room(queue, self.flush, clock, settings.block_timeout)


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


def _make_ledger(settings: Settings, columns: Mapping[str, str], wake: Callable[[], None]) -> Ledger:
    level = next((columns[field] for field in _LEVELS if field in columns), None)
    return Ledger(level, is_told=settings.account_rows is not AccountRows.NEVER, wake=wake)


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
