"""`dcrlog spool drain` and `retry`: rows of dead instances, and dead letters, are delivered."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from dcrlog import settings
from dcrlog._pipeline import Pipeline
from dcrlog.cli import spool_files
from dcrlog.cli.options import (
    AsJson,
    Audience,
    Credential,
    Directory,
    Endpoint,
    RuleFile,
    RuleId,
    StreamName,
)
from dcrlog.cli.output import give_up, print_json, say
from dcrlog.errors import ConfigError

Timeout = Annotated[float, typer.Option(min=0.0, help="Seconds to take at most.")]


def drain(
    directory: Directory = None,
    *,
    endpoint: Endpoint = None,
    rule_id: RuleId = None,
    stream_name: StreamName = None,
    rule: RuleFile = None,
    audience: Audience = None,
    credential: Credential = None,
    timeout: Timeout = 300.0,
    as_json: AsJson = False,
) -> None:
    """Deliver what dead instances have left for this endpoint, rule and stream; status 1 if some is left."""
    home, pipeline = _open("drain", directory, locals())
    recovery = pipeline.recovery()
    held = recovery.drain(timeout)
    stats = pipeline.stats()
    left, alive, elsewhere = _count_left(home, recovery.destination, held)
    told = {
        "adopted": stats.adopted,
        "delivered": stats.delivered,
        "dead_lettered": stats.dead_lettered,
        "dropped": {str(reason): count for reason, count in stats.dropped.items()},
        "left": left,
        "alive": alive,
        "elsewhere": elsewhere,
        "last_error": stats.last_error,
    }
    _tell(told, as_json)
    raise typer.Exit(1 if left or stats.pending else 0)


def retry(
    directory: Directory = None,
    *,
    endpoint: Endpoint = None,
    rule_id: RuleId = None,
    stream_name: StreamName = None,
    rule: RuleFile = None,
    audience: Audience = None,
    credential: Credential = None,
    timeout: Timeout = 300.0,
    as_json: AsJson = False,
) -> None:
    """Send the dead letters of this endpoint, rule and stream once more; status 1 if some are still there."""
    _, pipeline = _open("retry", directory, locals(), adopts=False)
    try:
        revived = pipeline.recovery().revive(timeout)
    except BlockingIOError:
        give_up(
            "spool retry",
            "another retry or purge is at work on these dead letters. Try again when it has ended.",
        )
    except OSError as error:
        give_up("spool retry", f"the dead letters cannot be read: {error.strerror}.")
    told = {
        "found": revived.found,
        "delivered": revived.delivered,
        "dead_again": revived.dead,
        "left": revived.left,
        "elsewhere": revived.elsewhere,
        "unreadable": revived.unreadable,
        "last_error": pipeline.stats().last_error,
    }
    _tell(told, as_json)
    raise typer.Exit(1 if revived.left or revived.dead else 0)


def _open(
    command: str, directory: Path | None, given: Mapping[str, Any], *, adopts: bool = True
) -> tuple[Path | None, Pipeline]:
    try:
        home = spool_files.find_home(directory)
        # It has no rows of its own to tell of, and DCRLOG_ENABLED speaks of the application.
        own = {"spool_dir": directory, "enabled": True, "account_rows": "never"}
        options = {name: value for name, value in given.items() if name in settings.OPTIONS}
        return home, Pipeline(settings.load(options | own), adopts=adopts)
    except ConfigError as error:
        give_up(f"spool {command}", error)


def _count_left(home: Path | None, destination: str, held: set[str]) -> tuple[int, int, int]:
    """Return how many rows are left for the destination, by dead and living instances, and for others."""
    left = alive = elsewhere = 0
    for instance in [] if home is None else spool_files.instances(home):
        # A file that cannot be read has one row at least, for all that is known.
        found = sum(len(each.rows) or bool(each.damages) for each in spool_files.segments(instance))
        if not destination.startswith(instance.destination):
            elsewhere += found
        elif instance.is_alive and instance.directory.name not in held:
            alive += found
        else:
            left += found
    return left, alive, elsewhere


def _tell(told: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    dropped = told.get("dropped", {})
    counts = {name: value for name, value in told.items() if isinstance(value, int)}
    counts |= {f"dropped: {reason}": count for reason, count in dropped.items()}
    say(", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items()))
    if told["last_error"]:
        say(f"the last request met: {told['last_error']}")
