"""`dcrlog send`: files of any size, or standard input, into a stream."""

import os
import secrets
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated, Any

import typer

from dcrlog._clock import SystemClock
from dcrlog._pipeline import Pipeline
from dcrlog.cli.options import AsJson, Audience, Credential, Endpoint, RuleFile, RuleId, Stream
from dcrlog.cli.output import give_up, print_json
from dcrlog.cli.sending.account import account, say_account
from dcrlog.cli.sending.bar import shown_progress
from dcrlog.cli.sending.checkpoint import Checkpoint, CheckpointFile
from dcrlog.cli.sending.destination import Destination, find_destination
from dcrlog.cli.sending.pieces import Format
from dcrlog.cli.sending.refused import Refused
from dcrlog.cli.sending.rejects import Rejects
from dcrlog.cli.sending.rows import RowMaker
from dcrlog.cli.sending.settling import Settling
from dcrlog.cli.sending.source import STDIN, Source
from dcrlog.cli.sending.stop import Stop, caught_signals
from dcrlog.cli.sending.work import Work
from dcrlog.errors import ConfigError, DcrlogError, shown


def send(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE|-", show_default=False, help="What to send; - is standard input."),
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
        Path, typer.Option(help="File for lines that cannot be sent, or that the service refuses.")
    ] = Path("dcrlog-rejects.ndjson"),
    patience: Annotated[
        float, typer.Option(min=0.0, help="Seconds without any row settled after which it gives up.")
    ] = 300.0,
    as_json: AsJson = False,
) -> None:
    """Send NDJSON, JSON arrays or plain text, gzipped or not; status 1 unless every line arrives."""
    given = {
        "endpoint": endpoint,
        "rule_id": rule_id,
        "stream_name": stream_name,
        "rule": None if rule is None else str(rule),
        "audience": audience,
        "credential": credential,
    }
    try:
        sources = _sources(files or [STDIN], checkpoint, rejects)
        kind = _format(field, kind)
        destination = find_destination(given)
        if field is not None and destination.declared is not None and field not in destination.declared:
            raise ConfigError(f"--field: the rule's stream has no column {shown(field)}.")
        asked = Checkpoint(
            destination=destination.name,
            sources=[source.path for source in sources],
            format=kind,
            input_id=secrets.token_hex(12),
        )
        with ExitStack() as stack:
            file = None if checkpoint is None else stack.enter_context(closing(CheckpointFile(checkpoint)))
            begun = asked if file is None else file.begin(asked)
            for source in sources[begun.position.source :]:
                source.check()
            kept = stack.enter_context(
                closing(Rejects(rejects, begun.input_id, begun.position.rejects_bytes))
            )
            stop = stack.enter_context(caught_signals())
            told = _carry(
                destination,
                sources,
                begun,
                file=file,
                rejects=kept,
                stop=stop,
                field=field,
                patience=patience,
            )
    except DcrlogError as error:
        give_up("send", error)
    print_json(told) if as_json else say_account(told, rejects)
    raise typer.Exit(128 + stop.number if stop.number is not None else int(not told["complete"]))


def _sources(names: list[str], checkpoint: Path | None, rejects: Path) -> list[Source]:
    """Return the inputs, each of which is another one, and none of which is written to.

    Raises:
        ConfigError: A file has two purposes.
    """
    given = [*names, str(rejects), *([] if checkpoint is None else [str(checkpoint)])]
    files = [name if name == STDIN else os.path.realpath(name) for name in given]
    for name, file in zip(given, files, strict=True):
        if files.count(file) > 1:
            raise ConfigError(
                f"{shown(name)} is given twice among inputs, --rejects and --checkpoint. Name each file once."
            )
    return [Source(name) for name in names]


def _format(field: str | None, kind: Format | None) -> Format | None:
    """Return how the inputs are to be read; None to find out.

    Raises:
        ConfigError: The two options say different things.
    """
    if field is None and kind is Format.TEXT:
        raise ConfigError("plain text needs a column: add --field Message, or another of the stream's.")
    if field is not None and kind not in {None, Format.TEXT}:
        raise ConfigError("--field takes lines of plain text. Leave --format out, or make it text.")
    return kind if field is None else Format.TEXT


def _carry(
    destination: Destination,
    sources: list[Source],
    begun: Checkpoint,
    *,
    file: CheckpointFile | None,
    rejects: Rejects,
    stop: Stop,
    field: str | None,
    patience: float,
) -> dict[str, Any]:
    """Send what is to be sent, and return the account of it."""
    numbers = destination.numbers and (*destination.numbers, begun.input_id)
    maker = RowMaker(
        field=field,
        numbers=numbers,
        declared=destination.declared,
        redact=destination.settings.redact,
    )
    refused = Refused()
    pipeline = Pipeline(destination.settings, dead=refused)
    with shown_progress(_total(sources)) as tell:
        settling = Settling(
            pipeline,
            refused=refused,
            rejects=rejects,
            checkpoint=begun,
            file=file,
            most_ahead=destination.most_ahead,
            patience=patience,
            clock=SystemClock(),
            stop=stop,
            tell=tell,
        )
        work = Work(sources, begun, maker=maker, settling=settling, stop=stop, may_grow=file is not None)
        progress = work.run()
    pipeline.close()
    stats = pipeline.stats()
    # Nothing is sent any more behind what the account says.
    pipeline.drop_rest()
    return account(
        progress,
        stats,
        maker,
        begun,
        maybe_delivered=pipeline.stats().maybe_delivered,
        is_stopped=bool(stop),
    )


def _total(sources: list[Source]) -> int | None:
    sizes = [source.size for source in sources]
    return None if None in sizes else sum(size or 0 for size in sizes)
