"""The OpenTelemetry front ends: what they take, what they answer, and that they end."""

import inspect
import threading

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import LogRecordExportResult, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from dcrlog import ConfigError, DropReason, LogsIngestionHandler
from dcrlog._own_threads import untraced
from dcrlog.otel import LogsIngestionExporter, LogsIngestionProcessor
from dcrlog.settings import MIB
from dcrlog.testing import ManualClock, RecordingSender
from otel_records import in_span, otel_record

SUCCESS, FAILURE = LogRecordExportResult.SUCCESS, LogRecordExportResult.FAILURE


class Thread(threading.Thread):
    """Runs a function, and has its result."""

    def __init__(self, function):
        super().__init__(daemon=True)
        self._function = function
        self.start()

    def run(self):
        self._result = self._function()

    def result(self):
        self.join(30)
        return self._result


class HangingSender(RecordingSender):
    """A service that answers nothing until it is told to."""

    def __init__(self):
        super().__init__()
        self.answers = threading.Event()

    def send(self, *args, **options):
        assert self.answers.wait(30)
        return super().send(*args, **options)


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
    logger.emit(LogRecord(body="paid", severity_number=SeverityNumber.WARN, attributes={"a": {"b": [1, 2]}}))

    assert front.force_flush(10_000)
    (row,) = sender.rows
    assert (row["Message"], row["Level"], row["Logger"]) == ("paid", "WARNING", "app")
    assert row["Properties"] == {"a": {"b": [1, 2]}}
    assert (row["ServiceName"], row["Resource"]) == ("shop", {"service.name": "shop"})


def test_the_arguments_are_those_of_the_handler():
    """Names, order, kinds, defaults and types."""
    arguments = inspect.signature(LogsIngestionHandler).parameters

    assert inspect.signature(LogsIngestionExporter).parameters == arguments
    assert inspect.signature(LogsIngestionProcessor).parameters == arguments


def test_records_below_the_level_are_not_taken(provide):
    """By the number that the stdlib gives a severity; a record without one has none to be below."""
    logger, front, _ = provide(level="WARNING")
    for number in (SeverityNumber.INFO4, SeverityNumber.WARN, SeverityNumber.FATAL, None, "none at all"):
        logger.emit(LogRecord(body="m", severity_number=number))

    assert front.force_flush(10_000)
    assert front.stats().accepted == 4


def test_a_disabled_front_end_does_nothing_and_needs_nothing(provide, monkeypatch):
    """For local development: no endpoint, no thread, no row."""
    monkeypatch.delenv("DATA_COLLECTION_ENDPOINT", raising=False)
    logger, front, _ = provide(enabled=False, sender=None)
    logger.emit(LogRecord(body="nowhere"))

    assert front.force_flush()
    assert front.stats().accepted == 0


def test_a_front_end_without_an_endpoint_says_which_settings_are_missing(monkeypatch):
    """As the handler does."""
    monkeypatch.delenv("DATA_COLLECTION_ENDPOINT", raising=False)
    for front_end in (LogsIngestionExporter, LogsIngestionProcessor):
        with pytest.raises(ConfigError, match="DATA_COLLECTION_ENDPOINT"):
            front_end()


def test_an_export_tells_success_while_there_is_room_and_failure_for_what_was_dropped():
    """Of a batch of which the last rows found no room; and each drop is in the accounts."""
    sender = HangingSender()
    exporter = LogsIngestionExporter(sender=sender, capacity=2 * MIB)
    large = [otel_record("x" * 60_000, resource=None) for _ in range(30)]
    results = [exporter.export(large), exporter.export(large), exporter.export(large[:1])]

    assert results == [SUCCESS, FAILURE, FAILURE]
    stats = exporter.stats()
    assert stats.accepted == 61
    assert stats.pending == 61 - stats.dropped[DropReason.QUEUE_FULL] > 30
    sender.answers.set()
    exporter.shutdown()


def test_the_oldest_dropped_is_no_failure_of_the_newest():
    """With `drop_oldest` the rows of this export are held."""
    sender = HangingSender()
    exporter = LogsIngestionExporter(sender=sender, capacity=2 * MIB, on_full="drop_oldest")
    large = [otel_record("x" * 60_000, resource=None) for _ in range(30)]
    results = [exporter.export(large) for _ in range(3)]

    assert results == [SUCCESS] * 3
    assert exporter.stats().dropped[DropReason.QUEUE_FULL] > 0
    sender.answers.set()
    exporter.shutdown()


def test_an_export_tells_failure_for_a_row_in_its_midst():
    """The last one of it found room all the same."""
    sender = HangingSender()
    exporter = LogsIngestionExporter(sender=sender, capacity=2 * MIB)
    bodies = ["x" * 60_000] * 30 + ["x" * 60_000, "small"]

    assert exporter.export([otel_record(body, resource=None) for body in bodies[:30]]) is SUCCESS
    while exporter.export([otel_record("x" * 60_000, resource=None)]) is SUCCESS:
        pass
    dropped = exporter.stats().dropped[DropReason.QUEUE_FULL]
    assert exporter.export([otel_record(body, resource=None) for body in bodies[30:]]) is FAILURE
    assert exporter.stats().dropped[DropReason.QUEUE_FULL] == dropped + 1
    sender.answers.set()
    exporter.shutdown()


@pytest.mark.parametrize("ends", [True, False])
def test_an_export_of_many_rows_waits_once_for_room(ends):
    """For `block_timeout`, and not that long for each; and the exit ends the wait."""
    clock, sender = ManualClock(), HangingSender()
    exporter = LogsIngestionExporter(
        sender=sender, clock=clock, capacity=2 * MIB, on_full="block", block_timeout=10, close_timeout=1
    )
    export = Thread(lambda: exporter.export([otel_record("x" * 60_000, resource=None) for _ in range(60)]))
    clock.wait_for_waiter(9.0)
    if ends:
        exporter._pipeline.begin_exit()
        while export.is_alive():
            clock.advance(0.1)
            export.join(0.01)
    else:
        clock.advance(10.0)

    assert export.result() is FAILURE
    stats = exporter.stats()
    assert (stats.accepted, sum(stats.dropped.values()) + stats.pending + stats.delivered) == (60, 60)
    sender.answers.set()


def test_rows_that_tell_of_losses_have_the_columns_of_the_front_end():
    """Message, level and time among them, whatever fields those take; and no trace of the senders'."""
    clock, sender = ManualClock(), HangingSender()
    processor = LogsIngestionProcessor(
        sender=sender,
        clock=clock,
        capacity=2 * MIB,
        columns={
            "Message": "body",
            "Level": "severity_text",
            "TimeGenerated": {"field": "observed_timestamp"},
        },
    )
    for _ in range(40):
        processor.on_emit(otel_record("x" * 60_000, severity_text="ERROR"))
    dropped = processor.stats().dropped[DropReason.QUEUE_FULL]
    sender.answers.set()
    while not any("dcrlog" in (row.get("Properties") or {}) for row in sender.rows):
        clock.advance(0.5)
    (row,) = (row for row in sender.rows if "dcrlog" in (row.get("Properties") or {}))

    assert row["Message"].startswith(f"{dropped} rows lost: queue_full")
    assert (row["Level"], row["Logger"]) == ("WARNING", "dcrlog")
    assert row["TimeGenerated"].endswith("Z")
    assert row["Properties"]["dcrlog"]["levels"] == {"ERROR": dropped}
    assert "TraceId" not in row or row["TraceId"] is None
    processor.shutdown()


def test_the_exit_of_a_thread_other_than_the_main_one_is_no_exit(monkeypatch):
    """Threads may outlive `main` for days; whoever shuts a provider down there ends nothing else."""
    main = threading.main_thread()
    monkeypatch.setattr(main, "is_alive", lambda: False)
    handler = LogsIngestionHandler(sender=RecordingSender())
    processor = LogsIngestionProcessor(sender=RecordingSender())
    Thread(processor.shutdown).result()
    assert handler._pipeline._flush.deadline is None

    LogsIngestionProcessor(sender=RecordingSender()).shutdown()
    assert handler._pipeline._flush.deadline is not None


def test_a_flush_is_bounded_and_says_whether_everything_is_settled(provide):
    """In milliseconds, as OpenTelemetry counts them."""
    clock = ManualClock()
    logger, front, sender = provide(sender=HangingSender(), clock=clock)
    logger.emit(LogRecord(body="m"))
    flush = Thread(lambda: front.force_flush(2_500))
    assert clock.wait_for_waiter(2.0) == 2.5
    clock.advance(2.5)

    assert flush.result() is False
    sender.answers.set()
    assert front.force_flush(2_500) is True


def test_a_shutdown_flushes_once_and_nothing_is_taken_after_it(provide):
    """The second does nothing; an export tells failure then."""
    logger, front, sender = provide()
    logger.emit(LogRecord(body="before"))
    front.shutdown()
    front.shutdown()
    logger.emit(LogRecord(body="after"))

    assert [row["Message"] for row in sender.rows] == ["before"]
    if isinstance(front, LogsIngestionExporter):
        assert front.export([otel_record()]) is FAILURE
    assert front.force_flush(1_000)
    assert front.force_flush(None)
    assert front.stats().accepted == 1


def test_a_record_made_under_the_senders_trace_is_refused(provide):
    """What a batch processor brings back later, in a thread of its own, carries the private trace id."""
    logger, front, _ = provide()
    with untraced():
        logger.emit(LogRecord(body="ours"))
    logger.emit(LogRecord(body="theirs"))

    assert front.force_flush(10_000)
    assert front.stats().accepted == 1


def test_a_record_made_by_a_sender_is_refused(provide):
    """Without the trace too, by its thread."""

    class Logs(RecordingSender):
        def send(self, *args, **options):
            logger.emit(LogRecord(body="ours", context=in_span()))
            return super().send(*args, **options)

    logger, front, sender = provide(sender=Logs())
    logger.emit(LogRecord(body="theirs"))

    assert front.force_flush(10_000)
    assert [row["Message"] for row in sender.rows] == ["theirs"]


def test_nothing_escapes_from_a_processor():
    """Whatever it is given; and an interrupt passes."""

    class Interrupts:
        @property
        def log_record(self):
            raise KeyboardInterrupt

    processor = LogsIngestionProcessor(sender=RecordingSender())
    with pytest.raises(KeyboardInterrupt):
        processor.on_emit(Interrupts())
    for thing in (None, object(), otel_record(attributes=3), otel_record(attributes={1: 2})):
        processor.on_emit(thing)
    processor.shutdown()


def test_a_provider_with_spans_gives_each_row_the_ids_of_its_span(provide):
    """Through the SDK's own tracer."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("app")
    logger, front, sender = provide(columns={"Method": "attributes.http.request.method"})
    wanted = []
    for number in range(20):
        with tracer.start_as_current_span(f"s{number}") as span:
            logger.emit(LogRecord(body=str(number), attributes={"http.request.method": "GET"}))
            context = span.get_span_context()
            wanted.append((str(number), f"{context.trace_id:032x}", f"{context.span_id:016x}", "GET"))

    assert front.force_flush(10_000)
    assert [(row["Message"], row["TraceId"], row["SpanId"], row["Method"]) for row in sender.rows] == wanted
