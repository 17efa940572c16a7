"""How the programs begin that tests run as children."""

SDK = """
import logging, os, sys, threading
from opentelemetry._logs import set_logger_provider
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from dcrlog import LogsIngestionHandler
from dcrlog.otel import LogsIngestionExporter, LogsIngestionProcessor

FRONT_ENDS = {
    "batch": lambda **options: BatchLogRecordProcessor(
        LogsIngestionExporter(**options), schedule_delay_millis=100
    ),
    "simple": lambda **options: SimpleLogRecordProcessor(LogsIngestionExporter(**options)),
    "processor": LogsIngestionProcessor,
}

def attach(front, **options):
    root = logging.getLogger()
    root.setLevel(logging.DEBUG)
    if front == "handler":
        root.addHandler(LogsIngestionHandler(**options))
        return None
    provider = LoggerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_log_record_processor(FRONT_ENDS[front](**options))
    set_logger_provider(provider)
    root.addHandler(LoggingHandler(logger_provider=provider))
    return provider

log = logging.getLogger("app")
"""
