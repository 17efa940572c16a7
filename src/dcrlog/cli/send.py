"""`dcrlog send`: files of any size, or standard input, into a stream."""

import dataclasses
import os
import secrets
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Final

import typer

from dcrlog import settings
from dcrlog._clock import SystemClock
from dcrlog._environment import PREFIX
from dcrlog._mapping import DEFAULT_STREAM_NAME, STAMPED
from dcrlog._pipeline import Pipeline
from dcrlog.cli.options import AsJson, Audience, Credential, Endpoint, RuleFile, RuleId, Stream
from dcrlog.cli.output import give_up, print_json, say
from dcrlog.cli.sending.account import account, say_account
from dcrlog.cli.sending.bar import shown_progress
from dcrlog.cli.sending.checkpoint import Checkpoint, Position
from dcrlog.cli.sending.pieces import Format
from dcrlog.cli.sending.rejects import Rejects
from dcrlog.cli.sending.rows import RowMaker
from dcrlog.cli.sending.source import STDIN, Source
from dcrlog.cli.sending.stop import Stop
from dcrlog.cli.sending.work import Work
from dcrlog.errors import ConfigError, DcrlogError, printable, shown

_CAPACITY: Final = 16 * settings.MIB
"""Bytes of rows that may wait. Enough for eight requests under way and as many behind them."""

_OF_THE_APPLICATION: Final = (
    "ENABLED", "LEVEL", "CAPACITY", "FLUSH_INTERVAL", "CLOSE_TIMEOUT", "ON_FULL", "BLOCK_TIMEOUT", "ON_DROP",
    "ACCOUNT_ROWS", "SPOOL_DIR", "SPOOL_CAPACITY", "FSYNC", "FLUSH_ON_SIGTERM", "COLUMNS",
)  # fmt: skip
"""Variables that speak of the handler in an application, and not of where rows go."""


def send(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE...|-]", show_default=False, help="What to send; - is standard input."),
    ] = None,
    *,
    endpoint: Endpoint = None,
    rule_id: RuleId = None,
    stream_name: Stream = None,
    rule: RuleFile = None,
    audience: Audience = None,
    credential: Credential = None,
    field: Annotated[
        str | None, typer.Option(help="The input is plain text: each line goes into this column.")
    ] = None,
    kind: Annotated[
        Format | None, typer.Option("--format", help="How records stand in it; else it is found out.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="File that says how far it is; the same command goes on from there.")
    ] = None,
    rejects: Annotated[
        Path, typer.Option(help="File for lines of which no row can be made; made when there is one.")
    ] = Path("dcrlog-rejects.ndjson"),
    patience: Annotated[
        float, typer.Option(min=0.0, help="Seconds without any row delivered after which it gives up.")
    ] = 300.0,
    as_json: AsJson = False,
) -> None:
    """Send NDJSON, JSON arrays or plain text, gzipped or not; status 1 unless every line arrives."""
    sources = [Source(name) for name in files or [STDIN]]
    try:
        if field is not None and kind not in {None, Format.TEXT}:
            raise ConfigError("--field takes lines of plain text. Leave --format out, or make it text.")
        if field is None and kind is Format.TEXT:
            raise ConfigError("plain text needs a column: add --field Message, or another of the stream's.")
        if sum(source.name == STDIN for source in sources) > 1:
            raise ConfigError("standard input can be read once only: give - once.")
        for source in sources:
            source.check()
        given = {name: value for name, value in locals().items() if name in settings.OPTIONS}
        checked, numbers, declared = _settings(given, has_rule=rule is not None or _has_rule())
        if field is not None and declared is not None and field not in declared:
            raise ConfigError(f"--field: the rule's stream has no column {shown(field)}.")
        begun, kept = _begin(checkpoint, checked, sources, rejects)
        maker = RowMaker(
            field=field,
            numbers=numbers and (*numbers, begun.input_id),
            declared=declared,
            redact=checked.redact,
        )
        if begun.position.total and not as_json:
            say(_where(begun, sources))
        pipeline = Pipeline(checked)
        with _signals() as stop, shown_progress(_total(sources)) as tell:
            progress = Work(
                pipeline,
                sources,
                maker=maker,
                rejects=kept,
                checkpoint=begun,
                path=checkpoint,
                kind=Format.TEXT if field is not None else kind,
                patience=patience,
                clock=SystemClock(),
                stop=stop,
                tell=tell,
            ).run()
        pipeline.close()
    except DcrlogError as error:
        give_up("send", error)
    except OSError as error:
        give_up("send", f"{error}.")
    told = account(progress, pipeline.stats(), maker, begun, is_stopped=bool(stop))
    print_json(told) if as_json else say_account(told, rejects)
    raise typer.Exit(128 + stop.number if stop.number is not None else int(not told["complete"]))


def _has_rule() -> bool:
    return bool(os.environ.get("DCRLOG_RULE", "").strip())


def _settings(
    given: Mapping[str, Any], *, has_rule: bool
) -> tuple[settings.Settings, tuple[str, str] | None, frozenset[str] | None]:
    """Return settings, the columns that number rows, and the columns that the stream declares."""
    ours = {PREFIX + name for name in _OF_THE_APPLICATION}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    options = {"account_rows": "never", "capacity": _CAPACITY, "flush_interval": 0.5, "close_timeout": 0.5}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        checked = settings.load({**given, **options}, environment)
    for each in caught:
        print(f"dcrlog send: {printable(str(each.message))}", file=sys.stderr)
    stamped = {column.fields[0]: column.name for column in checked.columns if STAMPED & {*column.fields}}
    declared = frozenset(column.name for column in checked.columns) if has_rule else None
    numbers = None
    if stamped.keys() == STAMPED and (has_rule or checked.stream_name == DEFAULT_STREAM_NAME):
        numbers = stamped["instance_id"], stamped["seq"]
    # Rows are numbered here, by their place in the input, and not by the queue: those of a second run, too.
    columns = tuple(column for column in checked.columns if not STAMPED & {*column.fields})
    return dataclasses.replace(checked, columns=columns), numbers, declared


def _begin(
    path: Path | None, checked: settings.Settings, sources: list[Source], rejects: Path
) -> tuple[Checkpoint, Rejects]:
    assert checked.endpoint is not None
    destination = f"{checked.endpoint.url} {checked.rule_id} {checked.stream_name}"
    # A path that is the same from wherever the command is run.
    names = [each.name if each.name == STDIN else str(Path(each.name).absolute()) for each in sources]
    found = None if path is None else Checkpoint.read(path)
    if path is not None and found is not None:
        found.check(path, destination, names)
        return found, Rejects(rejects, found.position.rejects_bytes)
    kept = Rejects(rejects)
    begun = Checkpoint(
        destination, names, secrets.token_hex(12), position=Position(rejects_bytes=kept.length)
    )
    if path is not None:
        # Now, so that a run that is killed at once has given its rows the numbers that they will have again.
        begun.write(path, is_synced=True)
    return begun, kept


def _where(begun: Checkpoint, sources: list[Source]) -> str:
    at = begun.position
    name = sources[at.source].name if at.source < len(sources) else "the end"
    return (
        f"goes on behind record {at.number} of {name}: {at.rows:,} rows are settled. What the run before has "
        f"sent of those behind, {_CAPACITY // settings.MIB} MiB at most, arrives twice"
    )


def _total(sources: list[Source]) -> int | None:
    sizes = [source.size for source in sources]
    return None if None in sizes else sum(size or 0 for size in sizes)


@contextmanager
def _signals() -> Iterator[Stop]:
    """Yield what says that a signal has asked for an end; a second one ends at once."""
    stop = Stop()
    before: dict[signal.Signals, Any] = {}

    def note(number: int, _: FrameType | None) -> None:
        for each, handler in before.items():
            signal.signal(each, handler)
        stop.set(number)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, note)
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
