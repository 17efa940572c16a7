"""Options that several commands of the spool take."""

from pathlib import Path
from typing import Annotated

import typer

Directory = Annotated[
    Path | None,
    typer.Argument(envvar="DCRLOG_SPOOL_DIR", show_default=False, help="The directory that spool_dir names."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]
