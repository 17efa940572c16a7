"""The final account of `dcrlog send`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dcrlog.cli.output import say
from dcrlog.cli.sending.checkpoint import Checkpoint
from dcrlog.cli.sending.rows import RowMaker
from dcrlog.cli.sending.settling import Progress
from dcrlog.stats import Stats


def account(
    progress: Progress,
    stats: Stats,
    maker: RowMaker,
    begun: Checkpoint,
    *,
    maybe_delivered: int,
    is_stopped: bool,
) -> dict[str, Any]:
    """Return what became of the input, for a machine."""
    is_complete = not (
        is_stopped
        or progress.unusable
        or progress.unfinished
        or progress.failure
        or progress.gave_up
        or stats.dead_lettered
        or stats.pending
        or any(stats.dropped.values())
    )
    return {
        "before": begun.position.total,
        "read": progress.pieces,
        "rows": progress.rows,
        "delivered": stats.delivered,
        "unusable": progress.unusable,
        "refused": stats.dead_lettered,
        "dropped": {str(reason): count for reason, count in stats.dropped.items() if count},
        "left": stats.pending,
        "unfinished_bytes": progress.unfinished,
        "maybe_delivered": maybe_delivered,
        "truncated": maker.truncated,
        "too_old": maker.too_old,
        "undeclared": dict(maker.undeclared.most_common()),
        "requests": stats.requests,
        "sent_bytes": stats.sent_bytes,
        "input_id": begun.input_id,
        "failure": progress.failure,
        "gave_up": progress.gave_up,
        "last_error": stats.last_error,
        "complete": is_complete,
    }


def say_account(told: Mapping[str, Any], rejects: Path) -> None:
    """Say it to a person."""
    counts = [f"{told['read']:,} read", f"{told['rows']:,} rows", f"{told['delivered']:,} delivered"]
    counts += [f"{told[name]:,} {name} (see {rejects})" for name in ("unusable", "refused") if told[name]]
    counts += [f"{count:,} dropped ({reason})" for reason, count in told["dropped"].items()]
    if told["left"]:
        counts.append(f"{told['left']:,} not delivered")
    counts.append(f"{told['requests']:,} requests, {told['sent_bytes']:,} bytes")
    say(", ".join(counts))
    if told["maybe_delivered"]:
        say(f"up to {told['maybe_delivered']:,} rows may be double: sent again after no clear answer")
    if told["truncated"]:
        say(f"{told['truncated']:,} values over 64 KB were cut, as the service would do without a mark")
    if told["too_old"]:
        say(
            f"{told['too_old']:,} rows have a TimeGenerated of over two days ago, which the service replaces "
            "by the time of arrival: put it into another column as well"
        )
    for name, count in told["undeclared"].items():
        say(f"the stream does not declare {name!r}: the service drops it, here from {count:,} rows")
    if told["unfinished_bytes"]:
        say(
            f"the last line has no end yet: its {told['unfinished_bytes']:,} bytes are left for the next "
            "run. End it with a newline, or send it without --checkpoint"
        )
    if told["failure"]:
        say(told["failure"])
    if told["gave_up"]:
        say("gave up: the service has taken nothing for too long. With --checkpoint the same command goes on")
    if told["last_error"] and not told["complete"]:
        say(f"the last request that failed met: {told['last_error']}")
