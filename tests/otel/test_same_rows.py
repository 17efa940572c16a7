"""One program, three ways: the rows of handler, exporter and processor say the same."""

import datetime as dt
import logging

import pytest
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from dcrlog import LogsIngestionHandler
from dcrlog.otel import LogsIngestionExporter, LogsIngestionProcessor
from dcrlog.testing import RecordingSender

COLUMNS = {"Amount": {"field": "amount", "type": "real"}, "Tenant": "tenant_id"}
OWN = {
    "InstanceId",
    "TimeGenerated",
    "Thread",
    "Function",
    "Line",
    "ServiceName",
    "ServiceInstance",
    "Resource",
}
RECORDS = 10_000


def log_records(logger, count):
    """Every level, extras of every kind that OpenTelemetry takes, spans and none, tracebacks."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("app")
    for number in range(count):
        level = (10, 15, 20, 30, 40, 50)[number % 6]
        extra = {
            "tenant_id": f"t{number % 7}", "amount": number / 8, "n": number, "flag": number % 2 == 0,
            "nested": {"a": {"b": [number, "x", None]}}, "text": "é😀"[: number % 3], "blob": b"abc",
            "nothing": None,
        }  # fmt: skip
        extra = dict(list(extra.items())[: number % 9])
        if number % 3:
            log_one(logger, level, number, extra)
        else:
            with tracer.start_as_current_span("work"):
                log_one(logger, level, number, extra)


def log_one(logger, level, number, extra):
    if number % 50:
        logger.log(level, "record %d of %s", number, logger.name, extra=extra)
    else:
        try:
            raise ValueError(number)
        except ValueError:
            logger.log(level, "failed", exc_info=True, extra=extra)


@pytest.mark.parametrize("has_code", [False, True])
def test_handler_exporter_and_processor_make_the_same_values(has_code):
    """In every column that they share, but for the places, which OpenTelemetry notes if told to."""
    count = RECORDS if not has_code else 1_000
    senders = [RecordingSender() for _ in range(3)]
    handler = LogsIngestionHandler(sender=senders[0], columns=COLUMNS)
    exporter = LogsIngestionExporter(sender=senders[1], columns=COLUMNS)
    processor = LogsIngestionProcessor(sender=senders[2], columns=COLUMNS)
    provider = LoggerProvider(Resource.create({"service.name": "shop"}), shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter, max_queue_size=count))
    provider.add_log_record_processor(processor)
    logger = logging.getLogger("dcrlog-test.same")
    logger.propagate, handlers = False, [handler, LoggingHandler(0, provider, log_code_attributes=has_code)]
    logger.setLevel(logging.DEBUG)
    for each in handlers:
        logger.addHandler(each)
    try:
        log_records(logger, count)
    finally:
        for each in handlers:
            logger.removeHandler(each)
    provider.force_flush()
    for front_end in (exporter, processor):
        assert front_end.force_flush(30_000)
    assert handler.flush(30)
    provider.shutdown()
    handler.close()

    ours, exported, processed = (sorted(sender.rows, key=lambda row: row["Seq"]) for sender in senders)
    assert len(ours) == len(exported) == len(processed) == count
    assert [without_ids(row) for row in exported] == [without_ids(row) for row in processed]
    for row, other in zip(ours, exported, strict=True):
        properties = dict(other.get("Properties", {}))
        if has_code:
            assert (row["Function"], row["Line"]) == (other["Function"], other["Line"])
            assert properties.pop("code.file.path") == __file__
        assert shared(row, row.get("Properties", {})) == shared(other, properties)
        # OpenTelemetry's handler multiplies a float, and loses half a microsecond now and then.
        assert abs(time_of(row) - time_of(other)) <= dt.timedelta(microseconds=1)


def without_ids(row):
    return {name: value for name, value in row.items() if name != "InstanceId"}


def shared(row, properties):
    row = {name: value for name, value in row.items() if name not in OWN}
    return row | {"Properties": properties}


def time_of(row):
    return dt.datetime.fromisoformat(row["TimeGenerated"])
