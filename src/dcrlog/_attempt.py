"""How long the attempt that a thread is making may still take.

The official client and its credential pass a request through a dozen layers, each with time limits for a
single step. This is the one for all of them together, told to the transport past them.
"""

import math
import threading
import time
from typing import Final

_LEAST: Final = 0.001
"""A limit of 0 seconds would mean none at all, or a socket that does not wait."""


class _Attempt(threading.local):
    ends = math.inf


_of_this_thread: Final = _Attempt()


def begin_attempt(seconds: float) -> None:
    """Let what this thread requests from now on take so many seconds in all."""
    _of_this_thread.ends = time.monotonic() + seconds


def seconds_left() -> float:
    """Return what is left of this thread's attempt: little, but never nothing."""
    return max(_of_this_thread.ends - time.monotonic(), _LEAST)
