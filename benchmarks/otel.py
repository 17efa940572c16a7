"""From OpenTelemetry's `Logger.emit` to an accepted request, against an exporter with `client.upload(list)`.

Each runs in a process of its own, in turns, against the same sink over TLS; the sink counts distinct rows,
and a run that lost or doubled one fails. The batch processors' queues hold all records, so that none is lost.
"""

import importlib
import json
import logging
import statistics
import sys
import time
from pathlib import Path

from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from _common import EXTRAS, IS_QUICK, RULE, RULE_ID, Credential, command_line, tell
from _otel_peer import UploadingExporter
from _service import sink
from dcrlog.otel import LogsIngestionExporter, LogsIngestionProcessor
from end_to_end import ROUNDS, WARM_UP, measure

RECORDS = 10_000 if IS_QUICK else 100_000
RIVAL = "batch processor + upload(list)"
EXPORTER = "batch processor + LogsIngestionExporter"
PROCESSOR = "LogsIngestionProcessor"


def make(which, endpoint, records):
    """Return a processor, and what waits until all is delivered."""
    if which == RIVAL:
        processor = BatchLogRecordProcessor(UploadingExporter(endpoint), max_queue_size=records)
        return processor, processor.force_flush
    options = {"credential": Credential(), "rule": RULE, "on_full": "block"}
    if which == PROCESSOR:
        processor = LogsIngestionProcessor(endpoint, RULE_ID, **options)
        return processor, lambda: processor.force_flush(120_000)
    exporter = LogsIngestionExporter(endpoint, RULE_ID, **options)
    processor = BatchLogRecordProcessor(exporter, max_queue_size=records)
    return processor, lambda: processor.force_flush() and exporter.force_flush(120_000)


def run(which, endpoint, _, records):
    """Emit everything, deliver everything, tell seconds and CPU seconds."""
    records = int(records)
    importlib.import_module("azure.monitor.ingestion")
    logging.getLogger("azure").setLevel(logging.WARNING)
    started, cpu = time.perf_counter(), time.process_time()
    processor, finish = make(which, endpoint, records)
    provider = LoggerProvider(Resource.create({"service.name": "bench"}), shutdown_on_exit=False)
    provider.add_log_record_processor(processor)
    logger = provider.get_logger("bench")
    for number in range(records):
        logger.emit(
            timestamp=time.time_ns(),
            severity_text="INFO",
            severity_number=SeverityNumber.INFO,
            body="user alice@example.org did checkout",
            attributes={**EXTRAS, "count": number},
        )
    if not finish():
        sys.exit(f"{which} has not finished")
    print(json.dumps({"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}))


def main():
    found = {RIVAL: [], EXPORTER: [], PROCESSOR: []}
    with sink() as service:
        for which in found:
            measure(service, Path(__file__), which, 1, WARM_UP)
        for _ in range(ROUNDS):
            for which, results in found.items():
                results.append(measure(service, Path(__file__), which, 1, RECORDS))
    table = []
    for which, results in found.items():
        paired = list(zip(found[RIVAL], results, strict=True))
        table.append(
            [
                which,
                int(statistics.median(one["rate"] for one in results)),
                statistics.median(one["cpu"] for one in results),
                results[0]["requests"],
                statistics.median(one["rate"] / rival["rate"] for rival, one in paired),
                statistics.median(rival["cpu"] / one["cpu"] for rival, one in paired),
            ]
        )
    tell(
        f"{RECORDS} OpenTelemetry records end to end over TLS, {ROUNDS} rounds",
        ["pipeline", "records/s", "CPU us/record", "requests", "x records/s", "x less CPU"],
        table,
    )


if __name__ == "__main__":
    command_line(main, run)
