"""From OpenTelemetry's `Logger.emit` to an accepted request, against an exporter with `client.upload(list)`.

Each runs in a process of its own, in turns, against the same sink over TLS; the sink counts distinct rows,
and a run that lost or doubled one fails. The batch processors' queues hold all records, so that none is lost.
"""

import datetime as dt
import json
import logging
import statistics
import sys
import time
from pathlib import Path

from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.resources import Resource

from _common import RULE, RULE_ID, tell
from dcrlog.otel import LogsIngestionExporter, LogsIngestionProcessor
from end_to_end import RECORDS, ROUNDS, Credential, measure, sink

COLUMNS = {
    "user_id": "UserId",
    "duration_ms": "DurationMs",
    "count": "Count",
    "success": "Success",
    "request_id": "RequestId",
}


class UploadingExporter(LogRecordExporter):
    """What a careful application writes around the official client."""

    def __init__(self, endpoint):
        from azure.monitor.ingestion import LogsIngestionClient

        self.client = LogsIngestionClient(endpoint, Credential())

    def export(self, batch):
        self.client.upload(RULE_ID, "Custom-Bench", [self.row(record) for record in batch])
        return LogRecordExportResult.SUCCESS

    def row(self, record):
        log = record.log_record
        row = {
            "TimeGenerated": dt.datetime.fromtimestamp(log.timestamp / 1e9, dt.UTC).isoformat(),
            "Level": log.severity_text,
            "Logger": record.instrumentation_scope.name,
            "Message": log.body,
        }
        for name, value in log.attributes.items():
            row[COLUMNS.get(name, name)] = value
        return row

    def shutdown(self):
        self.client.close()

    def force_flush(self, timeout_millis=30_000):  # noqa: ARG002
        return True


def make(which, endpoint):
    """Return a processor, and what waits until all is delivered."""
    if which == "rival":
        processor = BatchLogRecordProcessor(UploadingExporter(endpoint), max_queue_size=RECORDS)
        return processor, processor.force_flush
    options = {"credential": Credential(), "rule": RULE, "on_full": "block"}
    if which == "processor":
        processor = LogsIngestionProcessor(endpoint, RULE_ID, **options)
        return processor, lambda: processor.force_flush(120_000)
    exporter = LogsIngestionExporter(endpoint, RULE_ID, **options)
    processor = BatchLogRecordProcessor(exporter, max_queue_size=RECORDS)
    return processor, lambda: processor.force_flush() and exporter.force_flush(120_000)


def run(which, endpoint):
    """Emit everything, deliver everything, tell seconds and CPU seconds."""
    logging.getLogger("azure").setLevel(logging.WARNING)
    processor, finish = make(which, endpoint)
    provider = LoggerProvider(Resource.create({"service.name": "bench"}), shutdown_on_exit=False)
    provider.add_log_record_processor(processor)
    logger = provider.get_logger("bench")
    started, cpu = time.perf_counter(), time.process_time()
    for number in range(RECORDS):
        logger.emit(
            timestamp=time.time_ns(),
            severity_text="INFO",
            severity_number=SeverityNumber.INFO,
            body="user alice@example.org did checkout",
            attributes={
                "user_id": "alice@example.org",
                "duration_ms": 12.5,
                "count": number,
                "success": True,
                "request_id": "6f1c0e9a-8f0e-4a6e-9d57-1b1f6f2f8a11",
            },
        )
    finish()
    print(json.dumps({"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}))


def main():
    found = {"rival": [], "exporter": [], "processor": []}
    with sink() as (endpoint, bundle):
        for _ in range(ROUNDS):
            for which, results in found.items():
                results.append(measure(which, 1, endpoint, bundle, Path(__file__)))
    table = []
    for which, results in found.items():
        paired = list(zip(found["rival"], results, strict=True))
        table.append(
            [
                which,
                int(RECORDS / statistics.median(one["seconds"] for one in results)),
                statistics.median(one["cpu"] for one in results) / RECORDS * 1e6,
                results[0]["requests"],
                statistics.median(rival["seconds"] / one["seconds"] for rival, one in paired),
                statistics.median(rival["cpu"] / one["cpu"] for rival, one in paired),
            ]
        )
    tell(
        f"{RECORDS} OpenTelemetry records end to end over TLS, {ROUNDS} rounds; rival: batch processor + "
        "client.upload(list), exporter: batch processor + ours, processor: ours",
        ["which", "records/s", "CPU us/record", "requests", "x records/s", "x less CPU"],
        table,
    )


if __name__ == "__main__":
    if "--run" in sys.argv:
        run(*sys.argv[sys.argv.index("--run") + 1 :][:2])
    else:
        main()
