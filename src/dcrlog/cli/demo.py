"""`dcrlog demo`: from `logger.info` to a row in a table, on this machine, with nothing set up."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from dcrlog._mapping import DEFAULT_STREAM_NAME, map_columns, stream_of
from dcrlog.cli import demo_work
from dcrlog.cli.output import print_json
from dcrlog.emulator import Emulator

TABLE = "AppLogs_CL"
NEWEST = 10


@dataclass
class Outcome:
    """What the child logged, and what arrived."""

    exit_status: int
    logged: int
    rows: list[dict[str, Any]]
    requests: list[dict[str, Any]]
    stats: dict[str, Any]

    @property
    def duplicates(self) -> int:
        """How many rows are there more than once, by (InstanceId, Seq)."""
        return len(self.rows) - len({(row["InstanceId"], row["Seq"]) for row in self.rows})

    @property
    def is_complete(self) -> bool:
        """Whether every record is a row, once, and the child ended well."""
        has_all = self.logged > 0 and len(self.rows) == self.logged
        return has_all and self.duplicates == 0 and self.exit_status == 0


def demo(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
) -> None:
    """Parse the standard library in a child process, carry its records to the emulator, read them back."""
    console = Console(stderr=as_json)
    with Emulator(demo_rule()) as emulator:
        outcome = _run(emulator) if as_json else _run_with_progress(emulator, console)
    if as_json:
        told = {
            "logged": outcome.logged,
            "rows": len(outcome.rows),
            "duplicates": outcome.duplicates,
            "requests": len(outcome.requests),
            "stats": outcome.stats,
        }
        print_json(told)
    else:
        _show(outcome, console)
    raise typer.Exit(0 if outcome.is_complete else 1)


def demo_rule() -> dict[str, Any]:
    """Return the rule that takes the child's columns, as its JSON would be written."""
    stream = stream_of(DEFAULT_STREAM_NAME, map_columns(None, demo_work.COLUMNS))
    listed = [{"name": column.name, "type": str(column.type)} for column in stream]
    return {
        "streamDeclarations": {stream.name: {"columns": listed}},
        "dataFlows": [{"streams": [stream.name], "outputStream": f"Custom-{TABLE}"}],
    }


def _run_with_progress(emulator: Emulator, console: Console) -> Outcome:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("modules parsed and logged", total=None)
        return _run(emulator, lambda done, total: progress.update(task, completed=done, total=total))


def _run(emulator: Emulator, show: Callable[[int, int | None], None] | None = None) -> Outcome:
    """Run the child to its end, and read what it told and what arrived."""
    child = subprocess.Popen(
        # As a script, like any application: dcrlog is first imported by dictConfig.
        [sys.executable, "-P", demo_work.__file__],
        env={**os.environ, **emulator.environment()},
        stdout=subprocess.PIPE,
        text=True,
    )
    logged = 0
    total: int | None = None
    stats: dict[str, Any] = {}
    with child:
        for line in child.stdout or ():
            news = json.loads(line)
            total = news.get("of", total)
            logged = news.get("logged", logged)
            stats = news.get("stats", stats)
            if show is not None:
                show(logged, total)
    requests = [request for request in emulator.requests() if request["kind"] == "ingestion"]
    return Outcome(child.returncode, logged, emulator.rows(TABLE), requests, stats)


def _show(outcome: Outcome, console: Console) -> None:
    title = f"{TABLE}: the newest {NEWEST} of {len(outcome.rows)} rows"
    newest = Table(title=title, title_justify="left", expand=True)
    for name, width in {
        "Time": 12,
        "Level": 7,
        "Message": None,
        "Lines": 5,
        "Functions": 9,
        "Seconds": 7,
    }.items():
        newest.add_column(name, overflow="ellipsis", no_wrap=True, width=width, ratio=None if width else 1)
    for row in outcome.rows[-NEWEST:]:
        seconds = "" if row["Seconds"] is None else f"{row['Seconds']:.4f}"
        cells = [row["TimeGenerated"][11:23], row["Level"], row["Message"], row["Lines"], row["Functions"]]
        newest.add_row(*("" if cell is None else str(cell) for cell in cells), seconds)
    console.print(newest)

    levels = Counter(row["Level"] for row in outcome.rows)
    failed = [row for row in outcome.rows if row["Exception"]]
    console.print("by level:", ", ".join(f"{level} {count}" for level, count in levels.most_common()))
    if failed:
        console.print(f"with a traceback: {len(failed)}, such as {failed[0]['Message']!r}")

    wire = sum(request["raw_bytes"] for request in outcome.requests)
    raw = sum(request["bytes"] for request in outcome.requests)
    ratio = raw / wire if wire else 0.0
    console.print(
        f"{len(outcome.requests)} requests: {raw:,} bytes of rows in {wire:,} bytes sent, {ratio:.1f}:1"
    )
    accounts = Table(title="accounts", title_justify="left", show_header=False)
    for name, value in outcome.stats.items():
        accounts.add_row(name, str(value))
    console.print(accounts)
    if outcome.is_complete:
        console.print(
            f"[green]{outcome.logged} records logged, {len(outcome.rows)} rows in the table, none twice."
        )
    else:
        console.print(
            f"[red]{outcome.logged} records logged, {len(outcome.rows)} rows in the table, "
            f"{outcome.duplicates} twice; the child ended with status {outcome.exit_status}."
        )
