"""Options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

Directory = Annotated[
    Path | None,
    typer.Argument(envvar="DCRLOG_SPOOL_DIR", show_default=False, help="The directory that spool_dir names."),
]
Endpoint = Annotated[str | None, typer.Option(help="Logs ingestion endpoint; else as the handler finds it.")]
RuleId = Annotated[str | None, typer.Option(help="The rule's immutable id; else as the handler finds it.")]
_STREAM_HELP = "The rule's stream; else as the handler finds it."
StreamName = Annotated[str | None, typer.Option(help=_STREAM_HELP)]
Stream = Annotated[str | None, typer.Option("--stream", "--stream-name", help=_STREAM_HELP)]
RuleFile = Annotated[
    Path | None, typer.Option("--rule", help="JSON file of the rule, as the handler takes it.")
]
Audience = Annotated[
    str | None, typer.Option(help="What tokens are asked for; else it follows from the host.")
]
Credential = Annotated[
    str | None,
    typer.Option(
        help="default, managed_identity, workload_identity, environment or azure_cli. "
        "DCRLOG_CREDENTIAL takes others, too."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]
