"""Which threads deliver, so that what they log themselves can be refused."""

import logging
import os
import threading
from typing import Final

SENDER_IDENTS: Final[set[int]] = set()
"""Idents of threads that are delivering now: what they log must not come back to us."""


def is_made_by_sender(record: logging.LogRecord) -> bool:
    """Whether a thread of ours, in this process, made the record while it was delivering.

    It goes by the record's own thread, which holds behind a QueueListener too; where logging does not
    note threads (`logging.logThreads`), by the thread that asks.
    """
    thread = record.__dict__.get("thread")
    if type(thread) is not int:
        thread = threading.get_ident()
    return thread in SENDER_IDENTS and record.__dict__.get("process") in {None, os.getpid()}
