"""The stdlib front end: a `logging.Handler` that turns records into rows and puts them into a pipeline."""

import logging
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dcrlog import settings as _settings
from dcrlog._clock import Clock
from dcrlog._doubles import HANDLERS, note
from dcrlog._own_threads import is_made_by_sender
from dcrlog._pipeline import Pipeline
from dcrlog._retry import Sender
from dcrlog._rows import compile_builder
from dcrlog.rules import Rule
from dcrlog.stats import DropReason, Stats

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential


class LogsIngestionHandler(logging.Handler):
    """Sends log records to a stream of a data collection rule.

    A record becomes a row in the thread that logs, which costs microseconds and never waits; threads
    in the background deliver rows in batches. Neither is started before the first record. Every
    option can also be set in the environment as `DCRLOG_<OPTION>`; an argument comes first.

    Args:
        endpoint: Logs ingestion endpoint; else DATA_COLLECTION_ENDPOINT, else the rule's own.
        rule_id: Immutable id of the rule, `dcr-...`; else LOGS_DCR_RULE_ID, else the rule's own.
        stream_name: Stream that takes the rows; else LOGS_DCR_STREAM_NAME, else the rule's only
            stream, else `Custom-AppLogs`.
        credential: A TokenCredential; or "default", "managed_identity", "workload_identity",
            "environment", "azure_cli"; or `{"()": "package.factory", ...}`. Used in a sender's thread.
        audience: What tokens are asked for. It follows from the endpoint's host in the three clouds; any
            other host needs it.
        columns: Field by column: `{"Tenant": "tenant_id", "Amount": {"field": "amount", "type":
            "real"}, "Line": None}`. Adds to the default columns; None removes one. "request" adds those of
            the request at hand, see docs/context.md; "syslog" and others are those of an Azure table, see
            docs/presets.md.
        rule: The rule's JSON file, or its content. Its stream then says which columns there are.
        enabled: False takes no record, starts nothing and needs no endpoint.
        level: Records below it are not taken; 0 takes all.
        capacity: Bytes of rows that may wait, each counted with 64 on top. Default 64 MiB.
        flush_interval: Seconds a row waits for others. Default 1.
        close_timeout: Seconds that `close` and the process's exit wait at most. Default 5.
        on_full: "drop_newest" (default), "drop_oldest", or "block" for at most `block_timeout`.
        block_timeout: Seconds that `on_full="block"` waits at most; it never waits in a thread that runs an
            event loop. Default 10.
        max_senders: Threads that deliver at the same time, at most. Default 8.
        redact: True, `{"keys": [...], "patterns": [...], "shipped": True}`, or a callable that takes and
            returns a row. See docs/handler.md#redaction.
        on_drop: Called with a `DropReason` and a number of rows when rows were lost: by a sender, outside of
            all locks, at most once a second. What it logs through this handler is refused.
        account_rows: "losses" (default) tells losses in the table, in a row with reason, count by level and
            ranges of `Seq`, once the service takes rows again; "always" adds a closing row with the last
            `Seq` and the totals; "never". See docs/delivery.md#proof-of-completeness.
        spool_dir: A directory in which rows outlive the process, in `dcrlog-<uid>/` there. Any number of
            processes may share it. Default: rows are in memory only. See docs/spool.md.
        spool_capacity: Bytes that this handler's part of the spool may take, at least 8 MiB. Default 1 GiB.
        fsync: Whether what was written is synced to the disk, twice a second: a loss of power then costs the
            last half second.
        flush_on_sigterm: Whether SIGTERM flushes before it ends the process, where the application has no
            handler for it. See docs/delivery.md#ways-to-end-a-process.
        sender: For tests: what carries the bodies, in place of the official client.
        clock: For tests: what time is read from.

    Raises:
        ConfigError: An option, the rule or a column is wrong, or no endpoint is set anywhere.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        rule_id: str | None = None,
        stream_name: str | None = None,
        *,
        credential: "TokenCredential | str | Mapping[str, Any] | None" = None,
        audience: str | None = None,
        columns: Mapping[str, Any] | str | None = None,
        rule: str | PathLike[str] | Mapping[str, Any] | Rule | None = None,
        enabled: bool | None = None,
        level: int | str | None = None,
        capacity: int | None = None,
        flush_interval: float | None = None,
        close_timeout: float | None = None,
        on_full: str | None = None,
        block_timeout: float | None = None,
        max_senders: int | None = None,
        redact: "bool | Mapping[str, Any] | Callable[[dict[str, Any]], dict[str, Any]] | None" = None,
        on_drop: Callable[[DropReason, int], None] | None = None,
        account_rows: str | None = None,
        spool_dir: str | PathLike[str] | None = None,
        spool_capacity: int | None = None,
        fsync: bool | None = None,
        flush_on_sigterm: bool | None = None,
        sender: Sender | None = None,
        clock: Clock | None = None,
    ) -> None:
        given = {name: value for name, value in locals().items() if name in _settings.OPTIONS}
        settings = _settings.load(given, needs_endpoint=sender is None)
        self._columns = settings.columns
        self._redact = settings.redact
        self._pipeline = Pipeline(settings, sender=sender, clock=clock) if settings.enabled else None
        # What has raised until here is no handler that `logging.shutdown` would flush.
        super().__init__(settings.level)
        note(HANDLERS, self, settings)
        self.setFormatter(None)

    def setFormatter(self, fmt: logging.Formatter | None) -> None:  # noqa: N802 - logging's name
        """Let a formatter supply the message column; None for the record's own message.

        The formatter gets a copy of the record, without the traceback where a column takes that.
        """
        super().setFormatter(fmt)
        if self._pipeline is not None:
            self._build = compile_builder(
                self._columns, count=self._pipeline.count, redact=self._redact, formatter=fmt
            )

    def handle(self, record: logging.LogRecord) -> bool:
        """Take a record that passes the filters. Nothing is raised, and no lock held while it is read."""
        return self._take(record, self.filters)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record without asking the filters, for code that calls a handler's `emit` itself."""
        self._take(record, ())

    def _take(self, record: logging.LogRecord, filters: Sequence[Any]) -> bool:
        try:
            # First of all, before any lock: what a sender's thread logs would feed itself for ever.
            if self._pipeline is None or is_made_by_sender(record):
                return False
            if filters:
                passed = _filtered(record, filters)
                if passed is None:
                    return False
                record = passed
            self._pipeline.put(self._build(record))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:
            # The application's stack or memory has come to its end, and it will hear so from its own code.
            return False
        return True

    def flush(self, timeout: float | None = None) -> bool:  # type: ignore[override]
        """Wait until everything accepted so far is settled; return whether it is.

        Inside `dictConfig`, which holds logging's module lock, it hands over and returns at once.

        Args:
            timeout: Seconds to wait at most; None for `close_timeout`.
        """
        return self._pipeline is None or self._pipeline.flush(timeout)

    def close(self) -> None:
        """Flush for at most `close_timeout` seconds. A later record opens the handler again.

        Nothing is dropped: what is left is delivered in the background, or at the process's exit.
        """
        if self._pipeline is not None:
            self._pipeline.close()
        super().close()

    def stats(self) -> Stats:
        """Return the accounts of this moment."""
        if self._pipeline is None:
            return Stats(dropped=MappingProxyType({}))
        return self._pipeline.stats()


def _filtered(record: logging.LogRecord, filters: Sequence[Any]) -> logging.LogRecord | None:
    """Run filters; one may return another record (of Python 3.12, honoured on 3.11 too)."""
    for entry in filters:
        try:
            passed = entry.filter(record) if hasattr(entry, "filter") else entry(record)
            if not passed:
                return None
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:
            # A filter that fails has not refused the record, and losing it would go untold.
            continue
        if isinstance(passed, logging.LogRecord):
            record = passed
    return record
