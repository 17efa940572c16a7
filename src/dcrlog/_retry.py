"""From an answer to an outcome, and how long to wait before the next try.

Pure: time and chance are arguments.
"""

import datetime as dt
import enum
import re
from dataclasses import dataclass
from typing import Final, Protocol

SHORTEST_WAIT: Final = 0.1
FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 60.0
LONGEST_RETRY_AFTER: Final = 900.0
SHORTEST_HOLD: Final = 30.0
LONGEST_HOLD: Final = 60.0

MOST_REFUSALS: Final = 32
"""So many refusals in a row, with nothing taken: not the rows are to blame, but the configuration."""

TLS_FAILURE: Final = "TLS"
"""The code of an answer where the certificate or the protocol was not accepted, by either side."""

_CONFIGURATION_CODES: Final = frozenset(
    {"InvalidStream", "InvalidApiVersionParameter", "MissingApiVersionParameter"}
)
"""Codes of a 400 that says nothing about the rows."""

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
        was_sent: False where the body has certainly not reached the service.
        is_token_renewed: Whether a new token will be asked for, so that the next try is worth while at once.
    """

    status: int | None
    code: str = ""
    message: str = ""
    retry_after: str | None = None
    request_id: str = ""
    was_sent: bool = True
    is_token_renewed: bool = False

    @property
    def may_have_arrived(self) -> bool:
        """Whether the service may have stored the rows, although it did not say so."""
        return self.was_sent and (self.status is None or self.status == 408 or self.status >= 500)

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
    """The service is unwell, or out of reach: the same rows again, after a while."""
    AGAIN = "again"
    """The same rows again, at once."""
    SPLIT = "split"
    """The body is too large."""
    REFUSED = "refused"
    """One or more of the rows are to blame."""
    HOLD = "hold"
    """Somebody has to put something right; until then nothing can be delivered, and nothing is given up."""


def classify(answer: Answer) -> Outcome:
    """Decide what an answer means. The service answers 204 to what it takes, and nothing else is success."""
    status = answer.status
    if status is None:
        return Outcome.HOLD if answer.code == TLS_FAILURE else Outcome.WAIT
    if status >= 500:
        return Outcome.WAIT
    if status == 400 and answer.code not in _CONFIGURATION_CODES:
        return Outcome.REFUSED
    if status == 401 and answer.is_token_renewed:
        return Outcome.AGAIN
    return _BY_STATUS.get(status, Outcome.HOLD)


_BY_STATUS: Final = {
    204: Outcome.SETTLED,
    408: Outcome.WAIT,
    413: Outcome.SPLIT,
    429: Outcome.WAIT,
}


def remedy(answer: Answer) -> str:
    """Say what somebody has to put right after an answer that makes the rows be held."""
    if answer.status == 400 and answer.code in _CONFIGURATION_CODES:
        return "check that the rule declares the stream, and its name"
    return _REMEDIES.get(
        answer.status,
        "check the endpoint and the proxy: this is not an answer of the Logs Ingestion API",
    )


_REMEDIES: Final = {
    None: "check the endpoint's certificate, REQUESTS_CA_BUNDLE and the proxy",
    400: "the service refuses every row: compare the columns with those that the rule's stream declares",
    401: "check the credential, its tenant and the audience of its tokens",
    403: "give the identity the role Monitoring Metrics Publisher on the data collection rule; "
    "a new role takes up to 30 minutes to work",
    404: "check the rule's immutable id, and that the endpoint is the rule's own",
}


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
    # Not above: 6 ms of every start. The official client has loaded it before it can have an answer.
    import email.utils

    try:
        date = email.utils.parsedate_to_datetime(value)
        # "-0000" gives a time without a zone, which timestamp() would take for local.
        date = date.replace(tzinfo=dt.UTC) if date.tzinfo is None else date
        return max(0.0, date.timestamp() - now)
    except Exception:  # the parser of the standard library raises many kinds for hostile text
        return None
