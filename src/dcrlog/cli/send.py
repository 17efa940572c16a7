"""`dcrlog send`: files of any size, or standard input, into a stream."""

from pathlib import Path
from typing import Annotated

import typer

from dcrlog.cli.options import AsJson, Audience, Credential, Endpoint, RuleFile, RuleId, Stream
from dcrlog.cli.output import give_up, print_json
from dcrlog.cli.sending.account import say_account
from dcrlog.cli.sending.destination import find_destination
from dcrlog.cli.sending.job import Job
from dcrlog.cli.sending.pieces import Format
from dcrlog.cli.sending.source import STDIN, Source
from dcrlog.errors import DcrlogError

Files = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE|-", show_default=False, help="What to send; - is standard input."),
]
Field = Annotated[str | None, typer.Option(help="The input is plain text: each line goes into this column.")]
FormatName = Annotated[
    Format | None, typer.Option("--format", help="How the input is written; else its beginning tells.")
]
CheckpointPath = Annotated[
    Path | None, typer.Option(help="File that says how far it is; the same command goes on from there.")
]
RejectsPath = Annotated[
    Path, typer.Option(help="File for lines that cannot be sent, or that the service refuses.")
]
Patience = Annotated[
    float, typer.Option(min=0.0, help="Seconds without any row settled after which it gives up.")
]


def send(
    files: Files = None,
    *,
    endpoint: Endpoint = None,
    rule_id: RuleId = None,
    stream_name: Stream = None,
    rule: RuleFile = None,
    audience: Audience = None,
    credential: Credential = None,
    field: Field = None,
    format_name: FormatName = None,
    checkpoint: CheckpointPath = None,
    rejects: RejectsPath = Path("dcrlog-rejects.ndjson"),
    patience: Patience = 300.0,
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
        told, signal = Job(
            sources=[Source(name) for name in files or [STDIN]],
            format=format_name or (None if field is None else Format.TEXT),
            field=field,
            destination=find_destination(given),
            checkpoint=checkpoint,
            rejects=rejects,
            patience=patience,
        ).run()
    except DcrlogError as error:
        give_up("send", error)
    print_json(told) if as_json else say_account(told, rejects)
    raise typer.Exit(int(not told["complete"]) if signal is None else 128 + signal)
