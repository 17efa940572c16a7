"""dcrlog and its peers, each as a handler and what waits until all it took is delivered.

A peer whose package is not installed is left out, by name: `requirements/peers.txt` has them all.
"""

import atexit
import contextlib
import datetime as dt
import importlib
import importlib.util
import logging
import logging.handlers
import queue
from pathlib import Path
from typing import NamedTuple

from _common import COLUMNS, RULE, RULE_ID, Credential

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class Pipeline(NamedTuple):
    """A handler with what is behind it.

    Attributes:
        handler: The handler.
        finish: Waits until what it took is delivered.
        count: Tells how many records a stub has taken; None where the sink counts.
    """

    handler: logging.Handler
    finish: object
    count: object = None


class UploadingHandler(logging.Handler):
    """What a careful application writes around the official client: rows in batches, as a list."""

    def __init__(self, endpoint, batch):
        super().__init__()
        from azure.monitor.ingestion import LogsIngestionClient

        self.client = LogsIngestionClient(endpoint, Credential())
        self.batch = batch
        self.rows = []

    def emit(self, record):
        when = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat()
        row = {
            "TimeGenerated": when,
            "Level": record.levelname,
            "Logger": record.name,
            "Message": record.message,
        }
        for name, value in record.__dict__.items():
            if name not in STANDARD:
                row[COLUMNS.get(name, name)] = value
        self.rows.append(row)
        if len(self.rows) >= self.batch:
            self.flush()

    def flush(self):
        rows, self.rows = self.rows, []
        if rows:
            # Or the listener's thread would end here, and all that is logged later would stay in its queue.
            with contextlib.suppress(Exception):
                self.client.upload(RULE_ID, "Custom-Bench", rows)


def make_listener(endpoint, *, batch=1000, **unused):  # noqa: ARG001
    uploading = UploadingHandler(endpoint, batch)
    waiting = queue.Queue()
    listener = logging.handlers.QueueListener(waiting, uploading)
    listener.start()

    def finish():
        atexit.unregister(finish)
        listener.stop()
        uploading.flush()

    atexit.register(finish)
    return Pipeline(logging.handlers.QueueHandler(waiting), finish)


def make_dcrlog(endpoint, *, directory=None, on_full="block", capacity=None, **unused):  # noqa: ARG001
    from dcrlog import LogsIngestionHandler

    handler = LogsIngestionHandler(
        endpoint,
        RULE_ID,
        credential=Credential(),
        rule=RULE,
        on_full=on_full,
        capacity=capacity,
        spool_dir=directory,
    )
    return Pipeline(handler, lambda: handler.flush(120))


def make_memory(endpoint, *, directory=None, **options):  # noqa: ARG001
    return make_dcrlog(endpoint, **options)


def _through_otel(exporter, most):
    from opentelemetry.instrumentation.logging.handler import LoggingHandler
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    provider = LoggerProvider()
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter, max_queue_size=most))
    return Pipeline(LoggingHandler(logger_provider=provider), provider.force_flush)


def make_otel(endpoint, *, most=2048, **unused):  # noqa: ARG001
    from _otel_peer import UploadingExporter

    return _through_otel(UploadingExporter(endpoint), most)


def make_azure_monitor(endpoint, *, directory, most=2048, rate=10_000, **unused):  # noqa: ARG001
    from azure.monitor.opentelemetry.exporter import AzureMonitorLogExporter

    key = f"InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint={endpoint}/"
    exporter = AzureMonitorLogExporter(
        connection_string=key, storage_directory=str(directory), max_envelopes_per_second=rate
    )
    return _through_otel(exporter, most)


def json_formatter():
    """Return what brings the extras along."""
    from pythonjsonlogger.json import JsonFormatter

    return JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s")


def make_json_logger(endpoint, *, directory, **unused):  # noqa: ARG001
    path = Path(directory) / "log.json"
    handler = logging.FileHandler(path)
    handler.setFormatter(json_formatter())
    return Pipeline(handler, handler.flush, lambda: path.read_bytes().count(b"\n"))


class CloudWatch:
    """In the place of boto3's client: counts what it is given."""

    taken = 0

    def put_log_events(self, *, logEvents, **options):  # noqa: ARG002, N803 - boto3's name
        self.taken += len(logEvents)
        return {}


def make_watchtower(endpoint, **unused):  # noqa: ARG001
    import watchtower

    client = CloudWatch()
    handler = watchtower.CloudWatchLogHandler(boto3_client=client, create_log_group=False)
    handler.setFormatter(json_formatter())
    return Pipeline(handler, handler.close, lambda: client.taken)


class GoogleCloud:
    """In the place of Google's client: counts what it is given."""

    project = "bench"

    def __init__(self):
        self._handlers = set()
        self.logging_api = self
        self.taken = 0

    def logger(self, name, **options):
        from google.cloud.logging_v2.logger import Logger

        return Logger(name, self, **options)

    def write_entries(self, entries, **options):  # noqa: ARG002
        self.taken += len(entries)


def make_google_cloud(endpoint, **unused):  # noqa: ARG001
    from google.cloud.logging_v2.handlers import CloudLoggingHandler
    from google.cloud.logging_v2.resource import Resource

    client = GoogleCloud()
    handler = CloudLoggingHandler(client, resource=Resource(type="global", labels={}))
    handler.setFormatter(json_formatter())
    return Pipeline(handler, handler.flush, lambda: client.taken)


MAKERS = {
    "dcrlog": (make_memory, ("dcrlog.handler", "azure.monitor.ingestion")),
    "dcrlog, spool": (make_dcrlog, ("dcrlog.handler", "azure.monitor.ingestion")),
    "QueueListener + upload(list)": (make_listener, ("azure.monitor.ingestion",)),
    "OTel batch processor + upload(list)": (
        make_otel,
        ("opentelemetry.instrumentation.logging.handler", "azure.monitor.ingestion"),
    ),
    "azure-monitor-opentelemetry-exporter": (
        make_azure_monitor,
        ("azure.monitor.opentelemetry.exporter", "opentelemetry.instrumentation.logging.handler"),
    ),
    "python-json-logger to a file": (make_json_logger, ("pythonjsonlogger.json",)),
    "watchtower, no network": (make_watchtower, ("watchtower", "pythonjsonlogger.json")),
    "google-cloud-logging, no network": (
        make_google_cloud,
        ("google.cloud.logging_v2.handlers", "pythonjsonlogger.json"),
    ),
}
"""What makes a pipeline, and the modules that it has to import, by name."""

OURS, SPOOL, LISTENER, OTEL, AZURE_MONITOR, JSON_LOGGER, WATCHTOWER, GOOGLE_CLOUD = MAKERS


def make(name, endpoint, **options):
    """Make a pipeline.

    Args:
        name: One of `MAKERS`.
        endpoint: The sink's address.
        options: `directory` for files of its own; `most`, the records that OpenTelemetry's queue holds;
            `batch`, the rows of an upload by the listener; `rate`, the exporter's own limit of envelopes a
            second, 0 for none; `on_full` and `capacity`, of dcrlog.
    """
    return MAKERS[name][0](endpoint, **options)


def load(name):
    """Import what a pipeline needs, before its clock starts: what that costs is measured by start.py."""
    for module in MAKERS[name][1]:
        importlib.import_module(module)


def installed(names):
    """Return the names of those whose package is there, and tell of the others."""
    found = [name for name in names if all(map(_is_there, MAKERS[name][1]))]
    absent = ", ".join(name for name in names if name not in found)
    return found, f"; not installed: {absent}" if absent else ""


def _is_there(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
