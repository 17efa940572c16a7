"""How a type checker sees the public surface. Only checked, never run."""

import logging
from collections.abc import Mapping
from typing import Any, assert_type

from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult

from dcrlog import (
    Column,
    ColumnType,
    ConfigError,
    DcrlogError,
    DropReason,
    LogsIngestionHandler,
    Rule,
    Sample,
    Stats,
    Stream,
    ends,
)
from dcrlog.context import REQUEST_COLUMNS
from dcrlog.emulator import Emulator
from dcrlog.otel import LogsIngestionExporter, LogsIngestionProcessor
from dcrlog.testing import LogsIngestionEmulator, ManualClock, RecordingSender, ScriptedSender


def a_config_error_can_be_caught_as_dcrlog_error_or_value_error(error: ConfigError) -> None:
    as_own: DcrlogError = error
    as_builtin: ValueError = error
    print(as_own, as_builtin)


def what_ends_without_hooks_can_flush(app: ends.FlushAtShutdown) -> None:
    assert_type(ends.flush(), bool)
    assert_type(ends.flush(timeout=2.5), bool)
    assert_type(ends.flush_on_sigterm(), bool)
    ends.FlushAtShutdown(app, timeout=2)


def a_handler_is_a_logging_handler_with_accounts() -> None:
    handler = LogsIngestionHandler(
        "https://x.ingest.monitor.azure.com", "dcr-0", columns={"Tenant": "tenant"}
    )
    LogsIngestionHandler(columns="request")
    LogsIngestionHandler(columns={**REQUEST_COLUMNS, "Tenant": "tenant"})
    LogsIngestionHandler(columns="syslog")
    as_stdlib: logging.Handler = handler
    as_stdlib.close()
    assert_type(handler.flush(), bool)
    assert_type(handler.flush(timeout=2.5), bool)
    stats = handler.stats()
    assert_type(stats, Stats)
    assert_type(stats.pending, int)
    assert_type(stats.dropped, Mapping[DropReason, int])


def a_sender_and_a_clock_can_be_given_for_tests() -> None:
    sender = ScriptedSender([503, 204])
    LogsIngestionHandler(sender=sender, clock=ManualClock())
    LogsIngestionHandler(sender=RecordingSender())


def a_sample_is_a_filter_that_counts() -> None:
    sample = Sample({"DEBUG": 0.1, "noisy.logger": 0.01}, keep="WARNING", default=0.5)
    as_stdlib: logging.Filter = sample
    print(as_stdlib)
    assert_type(sample.kept, int)
    assert_type(sample.left_out, int)


def a_rule_has_streams_of_columns(rule: Rule) -> None:
    stream = rule.stream("Custom-A")
    assert_type(stream, Stream)
    assert_type(stream.columns, tuple[Column, ...])
    assert_type(stream.types, dict[str, ColumnType])


def an_emulator_is_a_context_manager() -> None:
    with Emulator() as emulator:
        assert_type(emulator, Emulator)
        assert_type(emulator.endpoint, str)
        assert_type(emulator.environment(), dict[str, str])


def the_emulator_of_the_fixture_is_one_with_more(emulator: LogsIngestionEmulator) -> None:
    as_emulator: Emulator = emulator
    print(as_emulator)
    assert_type(emulator.fail_next(503, retry_after=1).hits, int)
    assert_type(emulator.wait_for("AppLogs_CL", 1)[0], dict[str, Any])
    emulator.assert_nothing_dropped()


def the_front_ends_for_opentelemetry_are_what_its_sdk_asks_for() -> None:
    exporter = LogsIngestionExporter(columns={"Tenant": "attributes.tenant"}, capacity=4_000_000)
    processor = LogsIngestionProcessor(
        "https://x.ingest.monitor.azure.com", "dcr-0", sender=RecordingSender()
    )
    as_exporter: LogRecordExporter = exporter
    as_processor: LogRecordProcessor = processor
    as_processor.shutdown()
    assert_type(as_exporter.export([]), LogRecordExportResult)
    assert_type(exporter.force_flush(5_000), bool)
    assert_type(processor.stats(), Stats)
