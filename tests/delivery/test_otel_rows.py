"""Records of OpenTelemetry as they stand in the table: over real HTTP and TLS, into the emulator."""

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from dcrlog.emulator import Emulator
from dcrlog.emulator.rules import DEFAULT_RULE
from dcrlog.otel import LogsIngestionExporter, LogsIngestionProcessor

TYPED = {
    "Amount": ("real", "attributes.amount"),
    "Retries": ("int", "attributes.retries"),
    "IsPaid": ("boolean", "attributes.is_paid"),
    "Version": ("string", "resource.service.version"),
    "Library": ("string", "scope.name"),
    "Lines": ("dynamic", "attributes.lines"),
}
SPANS = 50


@pytest.fixture
def typed_emulator(monkeypatch):
    """An emulator whose rule has typed columns for attributes."""
    declared = DEFAULT_RULE["streamDeclarations"]["Custom-AppLogs"]["columns"]
    added = [{"name": name, "type": kind} for name, (kind, _) in TYPED.items()]
    rule = {**DEFAULT_RULE, "streamDeclarations": {"Custom-AppLogs": {"columns": [*declared, *added]}}}
    with Emulator(rule) as emulator:
        for name, value in emulator.environment().items():
            monkeypatch.setenv(name, value)
        yield emulator


@pytest.mark.parametrize("front", ["exporter", "processor"])
def test_every_row_has_its_span_its_typed_columns_and_the_resource(typed_emulator, front):
    """With what no column takes in the dynamic one, nested as it was."""
    columns = {name: {"field": field, "type": kind} for name, (kind, field) in TYPED.items()}
    resource = Resource({"service.name": "shop", "service.instance.id": "shop-1", "service.version": "2.1"})
    tracer = TracerProvider(resource=resource).get_tracer("shop")
    if front == "exporter":
        processor = BatchLogRecordProcessor(LogsIngestionExporter(columns=columns, account_rows="never"))
    else:
        processor = LogsIngestionProcessor(columns=columns, account_rows="never")
    provider = LoggerProvider(resource=resource)
    provider.add_log_record_processor(processor)
    logger = provider.get_logger("shop.orders", "1.0")
    ids = {}
    for number in range(SPANS):
        with tracer.start_as_current_span("checkout") as span:
            context = span.get_span_context()
            ids[f"order {number}"] = f"{context.trace_id:032x}", f"{context.span_id:016x}"
            logger.emit(
                body=f"order {number}",
                severity_number=SeverityNumber.WARN,
                attributes={
                    "amount": number / 4,
                    "retries": number,
                    "is_paid": number % 2 == 0,
                    "lines": [{"sku": "X", "counts": [1, 2.5, None, True]}],
                    "tenant": {"id": number, "tags": {"plan": "gold"}},
                },
            )
    provider.shutdown()
    rows = {row["Message"]: row for row in typed_emulator.rows("AppLogs_CL")}

    assert {message: (row["TraceId"], row["SpanId"]) for message, row in rows.items()} == ids
    for number in range(SPANS):
        row = rows[f"order {number}"]
        assert {name: row[name] for name in TYPED} == {
            "Amount": number / 4,
            "Retries": number,
            "IsPaid": number % 2 == 0,
            "Version": "2.1",
            "Library": "shop.orders",
            "Lines": [{"sku": "X", "counts": [1, 2.5, None, True]}],
        }
        assert row["Properties"] == {"tenant": {"id": number, "tags": {"plan": "gold"}}}
        assert row["Level"] == "WARNING"
        assert (row["ServiceName"], row["ServiceInstance"]) == ("shop", "shop-1")
        assert row["Resource"] == dict(resource.attributes)
