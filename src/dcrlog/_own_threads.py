"""Which threads deliver, and under which trace, so that what they log themselves can be refused."""

import logging
import os
import threading
import uuid
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
