"""The OpenTelemetry front ends: what they take, what they answer, and that they end."""

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from dcrlog.otel import LogsIngestionExporter, LogsIngestionProcessor
from dcrlog.testing import RecordingSender


@pytest.fixture(params=["exporter", "processor"])
def provide(request):
    """Makes a provider that ends in either front end."""
    providers = []

    def make(**options):
        sender = options.setdefault("sender", RecordingSender())
        if request.param == "exporter":
            front = LogsIngestionExporter(**options)
            processor = SimpleLogRecordProcessor(front)
        else:
            front = processor = LogsIngestionProcessor(**options)
        provider = LoggerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
        provider.add_log_record_processor(processor)
        providers.append(provider)
        return provider.get_logger("app", "1.2"), front, sender

    yield make
    for provider in providers:
        provider.shutdown()


def test_a_record_becomes_a_row(provide):
    """Through either front end, into the default columns."""
    logger, front, sender = provide()
    logger.emit(
        LogRecord(body="paid", severity_number=SeverityNumber.WARN, attributes={"a": {"b": [1, "c"]}})
    )

    assert front.force_flush(10_000)
    (row,) = sender.rows
    assert (row["Message"], row["Level"], row["Logger"]) == ("paid", "WARNING", "app")
    assert row["Properties"] == {"a": {"b": [1, "c"]}}
    assert (row["ServiceName"], row["Resource"]) == ("shop", {"service.name": "shop"})
