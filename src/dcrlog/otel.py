"""The OpenTelemetry front ends: an exporter and a processor of log records, into the handler's own pipeline.

Needs the extra `otel`: `pip install dcrlog[otel]`.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

try:
    from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
    from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
except ImportError as error:
    raise ImportError(
        f"dcrlog.otel needs opentelemetry-sdk 1.39 or newer ({error}): pip install 'dcrlog[otel]'"
    ) from error

from dcrlog import _lifecycle
from dcrlog import settings as _settings
from dcrlog._clock import Clock
from dcrlog._doubles import OTEL, note
from dcrlog._mapping import OTEL_DEFAULTS
from dcrlog._otel_fields import level_number
from dcrlog._otel_rows import compile_otel_builder, compile_own_otel
from dcrlog._own_threads import SENDER_IDENTS, TRACE_ID
from dcrlog._pipeline import Pipeline
from dcrlog._retry import Sender
from dcrlog.rules import Rule
from dcrlog.stats import DropReason, Stats

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

__all__ = ["LogsIngestionExporter", "LogsIngestionProcessor"]


class _FrontEnd:
    """What exporter and processor share: arguments, pipeline, row builder and accounts."""

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
        settings = _settings.load(given, needs_endpoint=sender is None, defaults=OTEL_DEFAULTS)
        self._level = settings.level
        self._is_shut_down = False
        self._pipeline = None
        if settings.enabled:
            self._pipeline = Pipeline(settings, sender=sender, clock=clock, compile_own=compile_own_otel)
            note(OTEL, self, settings)
            _lifecycle.begin_exit_early()
            self._build = compile_otel_builder(
                settings.columns, count=self._pipeline.count, redact=settings.redact
            )

    def _is_wanted(self, record: Any) -> bool:
        """Whether a record is neither our own senders' doing nor below the level."""
        if record.log_record.trace_id == TRACE_ID:
            return False
        number = level_number(record) if self._level else None
        return number is None or number >= self._level

    def force_flush(self, timeout_millis: int | None = None) -> bool:
        """Wait until everything accepted so far is settled; return whether it is.

        Args:
            timeout_millis: Milliseconds to wait at most; None for 30,000.
        """
        seconds = 30.0 if timeout_millis is None else timeout_millis / 1000
        return self._pipeline is None or self._pipeline.flush(seconds)

    def shutdown(self) -> None:
        """Flush for at most `close_timeout` seconds, and take no record any more. Once; again does nothing.

        Nothing is dropped: what is left is delivered in the background, or at the process's exit.
        """
        if not self._is_shut_down:
            self._is_shut_down = True
            OTEL.pop(self, None)
            if self._pipeline is not None:
                # A LoggerProvider calls this from an exit hook of its own, before ours.
                if _lifecycle.is_in_exit_hook():
                    _lifecycle.begin_exit()
                self._pipeline.close()

    def stats(self) -> Stats:
        """Return the accounts of this moment."""
        if self._pipeline is None:
            return Stats(dropped=MappingProxyType({}))
        return self._pipeline.stats()


class LogsIngestionExporter(_FrontEnd, LogRecordExporter):
    """Sends the batches of any OpenTelemetry log record processor to a stream of a data collection rule.

    The arguments, and their variables in the environment, are those of `dcrlog.LogsIngestionHandler`. There
    are three default columns more: ServiceName, ServiceInstance and Resource.

    Behind a `BatchLogRecordProcessor` there are two queues. That of the processor drops the oldest beyond
    2,048 records, and ignores what an export returns (opentelemetry-sdk 1.45); this one's, of `capacity`
    bytes, holds rows through an outage. `LogsIngestionProcessor` is the shorter way.

    Raises:
        ConfigError: An option, the rule or a column is wrong, or no endpoint is set anywhere.
    """

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Take records, without waiting for their delivery.

        Args:
            batch: The records.

        Returns:
            SUCCESS when all that the level lets pass were held; FAILURE when one was dropped instead, which
            `stats()` counts by reason, and after `shutdown`. What `on_full="drop_oldest"` gives up later for
            newer rows is counted only.
        """
        if self._is_shut_down:
            return LogRecordExportResult.FAILURE
        # What a sender's thread logs would feed itself for ever.
        if self._pipeline is None or threading.get_ident() in SENDER_IDENTS:
            return LogRecordExportResult.SUCCESS
        is_wanted, build = self._is_wanted, self._build
        are_held = self._pipeline.put_all([build(record) for record in batch if is_wanted(record)])
        return LogRecordExportResult.SUCCESS if are_held else LogRecordExportResult.FAILURE


class LogsIngestionProcessor(_FrontEnd, LogRecordProcessor):
    """Sends log records to a stream of a data collection rule, without an exporter and its queue in between.

    A record becomes a row in the thread that emits it. The arguments, and their variables in the environment,
    are those of `dcrlog.LogsIngestionHandler`. There are three default columns more: ServiceName,
    ServiceInstance and Resource.

    Raises:
        ConfigError: An option, the rule or a column is wrong, or no endpoint is set anywhere.
    """

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Take a record. Nothing is raised, and nothing waited for; after `shutdown`, nothing taken.

        Args:
            log_record: The record, which is not changed.
        """
        try:
            # First of all, before any lock: what a sender's thread logs would feed itself for ever.
            if self._pipeline is None or self._is_shut_down or threading.get_ident() in SENDER_IDENTS:
                return
            if self._is_wanted(log_record):
                self._pipeline.put(self._build(log_record))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:
            # The application's stack or memory has come to its end, and it will hear so from its own code.
            return
