"""Which threads deliver, and under which trace, so that what they log themselves can be refused."""

import logging
import os
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SENDER_IDENTS: Final[set[int]] = set()
"""Idents of threads that are delivering now: what they log must not come back to us."""

TRACE_ID: Final = uuid.uuid4().int
SPAN_ID: Final = TRACE_ID >> 64
"""The ids of the span under which they do, so that it shows on a record of OpenTelemetry long after."""


def is_made_by_sender(record: logging.LogRecord) -> bool:
    """Whether a thread of ours, in this process, made the record while it was delivering.

    It goes by the record's own thread, which holds behind a QueueListener too; where logging does not
    note threads (`logging.logThreads`), by the thread that asks.
    """
    thread = record.__dict__.get("thread")
    if type(thread) is not int:
        thread = threading.get_ident()
    return thread in SENDER_IDENTS and record.__dict__.get("process") in {None, os.getpid()}


@contextmanager
def untraced() -> Iterator[None]:
    """Keep OpenTelemetry, where the application has imported it, from tracing what a sender does.

    Records made inside carry `TRACE_ID`, so that they are known after a queue and in another thread too.
    """
    if "opentelemetry.trace" not in sys.modules:
        yield
        return
    from opentelemetry import context, trace

    span = trace.NonRecordingSpan(trace.SpanContext(TRACE_ID, SPAN_ID, is_remote=False))
    ours = trace.set_span_in_context(span, context.set_value("suppress_instrumentation", value=True))
    token = context.attach(ours)
    try:
        yield
    finally:
        context.detach(token)
