"""OpenTelemetry log records, and the rows that become of them."""

from opentelemetry._logs import LogRecord
from opentelemetry.context import Context
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from dcrlog import settings
from dcrlog._mapping import OTEL_DEFAULTS
from dcrlog._otel_rows import compile_otel_builder
from hostile import Counts, parse

RESOURCE = Resource({"service.name": "shop", "service.instance.id": "i-1", "zones": ["a", "b"]})
SCOPE = InstrumentationScope("app", "1.2", "https://schema", {"team": "blue"})
NOON = 1_700_000_000_250_000_000


def otel_columns(columns=None, rule=None):
    """The mapped columns of an OpenTelemetry front end with these options."""
    options = {"columns": columns, "rule": rule}
    return settings.load(options, {}, needs_endpoint=False, defaults=OTEL_DEFAULTS).columns


def otel_record(body="message", *, resource=RESOURCE, scope=SCOPE, timestamp=NOON, **fields):
    """A record as an exporter gets it, but with attributes as they are given."""
    log = LogRecord(timestamp=timestamp, observed_timestamp=NOON + 1_000_000_000, body=body, **fields)
    return ReadableLogRecord(log, resource, scope)


def in_span(trace_id=0xABC, span_id=0xDEF, flags=TraceFlags.SAMPLED):
    """A context in which a span of these ids is the current one."""
    span = SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(flags))
    return set_span_in_context(NonRecordingSpan(span), Context())


def build_otel_row(record, columns=None, *, rule=None, count=None, redact=None):
    """Build one row and read it."""
    count = Counts() if count is None else count
    return parse(compile_otel_builder(otel_columns(columns, rule), count=count, redact=redact)(record))
