"""What became of the rows: reasons, and one immutable snapshot of all counters."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass


class DropReason(enum.StrEnum):
    """Why a row that was accepted will never be delivered. The list is closed."""

    QUEUE_FULL = "queue_full"
    """The queue was at its capacity."""
    REJECTED = "rejected"
    """The service refused the row itself."""
    TOO_LARGE = "too_large"
    """The row is over the limit of a request even after its fields were cut."""
    EXIT = "exit"
    """The process ended before the row could be delivered."""
    CORRUPT = "corrupt"
    """The row's bytes in the spool were damaged or gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """The accounts of one handler since it was made, read at one moment.

    `accepted + adopted == delivered + dead_lettered + sum(dropped.values()) + pending` holds at
    every moment. After a fork the child's accounts begin at zero.

    Attributes:
        accepted: Rows that passed level and filters and were given a `Seq`.
        adopted: Rows taken over from the spool of a process that died.
        delivered: Rows that the service answered with 204.
        dead_lettered: Refused rows that were kept in the spool's `dead/`.
        dead_dropped: Dead letters of any process that were deleted there, the oldest first, to make room.
        dropped: Rows lost, by reason.
        unspooled: Rows that were kept in memory only, because the disk of the spool was full or failed.
        pending: Rows in the queue or in a request under way.
        misfits: Values that did not fit their column and became null.
        withheld: Values left out of rows because the redactor failed at them.
        truncated: Values cut because the service would cut them at 64 KB.
        maybe_delivered: Rows of requests that got no clear answer, each time they did: the service may have
            stored them, and they were sent again. There are no more duplicates than these.
        requests: Requests sent, whatever the answer.
        sent_bytes: Bytes of the bodies of these requests, compressed.
        last_error: What the last unsuccessful request met, in words; None while all go well.
    """

    accepted: int = 0
    adopted: int = 0
    delivered: int = 0
    dead_lettered: int = 0
    dead_dropped: int = 0
    dropped: Mapping[DropReason, int]
    pending: int = 0
    unspooled: int = 0
    misfits: int = 0
    withheld: int = 0
    truncated: int = 0
    maybe_delivered: int = 0
    requests: int = 0
    sent_bytes: int = 0
    last_error: str | None = None
