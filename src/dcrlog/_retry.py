"""From an answer to an outcome, and how long to wait before the next try.

Pure: time and chance are arguments.
"""

import datetime as dt
import email.utils
import enum
import re
from dataclasses import dataclass
from typing import Final, Protocol

SHORTEST_WAIT: Final = 0.1
FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 60.0
LONGEST_RETRY_AFTER: Final = 900.0

_SECONDS: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{0,9})?\Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one request met.

    Attributes:
        status: The HTTP status; None where no answer came.
        code: The service's error code, or the kind of the failure.
        message: The failure in words.
        retry_after: The Retry-After header as it stands.
        request_id: The request's `x-ms-client-request-id`.
    """

    status: int | None
    code: str = ""
    message: str = ""
    retry_after: str | None = None
    request_id: str = ""

    def __str__(self) -> str:
        told = "no answer" if self.status is None else f"HTTP {self.status}"
        parts = (told, self.code, self.message)
        return f"{': '.join(part for part in parts if part)} (x-ms-client-request-id {self.request_id})"


class Sender(Protocol):
    """What carries a body to the service. `dcrlog.testing` has one that records and one with a script."""

    def send(self, body: bytes, *, request_id: str, timeout: float) -> Answer:
        """Send a gzipped body, within about `timeout` seconds. Never raises."""

    def close(self) -> None:
        """Let go of connections. A later `send` opens them again."""


class Outcome(enum.Enum):
    """What an answer means for the batch."""

    SETTLED = "settled"
    WAIT = "wait"


def classify(answer: Answer) -> Outcome:
    """Decide what an answer means. The service answers 204 to what it takes, and nothing else is success."""
    return Outcome.SETTLED if answer.status == 204 else Outcome.WAIT


def wait_before_retry(answer: Answer, failures: int, *, now: float, chance: float) -> float:
    """Return the seconds that all senders wait after an answer that asks for it.

    Args:
        answer: The answer; its Retry-After comes first, up to `LONGEST_RETRY_AFTER`.
        failures: How many requests in a row have failed, this one included.
        now: Seconds since the epoch.
        chance: A random number from 0 to 1, for full jitter.
    """
    asked = parse_retry_after(answer.retry_after, now=now)
    # Retry-After: 0, or a date that a clock is ahead of, leaves the wait to us.
    if asked:
        return min(max(asked, SHORTEST_WAIT), LONGEST_RETRY_AFTER)
    ceiling = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failures - 1, 16))
    # Full jitter, but never so short that a hard failure becomes a busy loop.
    return max(SHORTEST_WAIT, ceiling * chance)


def parse_retry_after(value: str | None, *, now: float) -> float | None:
    """Read a Retry-After header, seconds or HTTP date; None where it is neither."""
    if value is None or len(value) > 64:
        return None
    value = value.strip()
    if _SECONDS.match(value):
        return float(value)
    try:
        date = email.utils.parsedate_to_datetime(value)
        # "-0000" gives a time without a zone, which timestamp() would take for local.
        date = date.replace(tzinfo=dt.UTC) if date.tzinfo is None else date
        return max(0.0, date.timestamp() - now)
    except Exception:  # the parser of the standard library raises many kinds for hostile text
        return None
