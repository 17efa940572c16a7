"""The exporter behind OpenTelemetry's own batch processor, for pipelines that expect exporters."""

from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from dcrlog.otel import LogsIngestionExporter

exporter = LogsIngestionExporter()
provider = LoggerProvider(resource=Resource.create({"service.name": "shop"}))
provider.add_log_record_processor(BatchLogRecordProcessor(exporter))

logger = provider.get_logger("shop")
for number in range(100):
    logger.emit(body=f"order {number} paid", severity_number=SeverityNumber.INFO)

assert provider.force_flush()  # what the processor holds goes to the exporter
assert exporter.force_flush(10_000)  # and from there into the table
print(exporter.stats())
provider.shutdown()
