"""What the commands of the spool write beside lines: tables, in which nothing can steer rich, and rows."""

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dcrlog.cli.output import plain

_WIDTH_OF_A_FILE = 160


def print_table(title: str, columns: Mapping[str, bool], rows: Iterable[Iterable[object]]) -> None:
    """Print a table.

    Args:
        title: What stands above it.
        columns: Names, each with whether its values may be cut to fit.
        rows: The cells.
    """
    table = Table(title=Text(plain(title)), title_justify="left", title_style="bold")
    for name in columns:
        table.add_column(Text(name, no_wrap=True), overflow="fold")
    for row in rows:
        # Cut as a text and not as a column: rich would take the room that a column needs from the others.
        cells = zip(row, columns.values(), strict=True)
        table.add_row(
            *(Text(plain(cell), no_wrap=cut, overflow="ellipsis" if cut else "fold") for cell, cut in cells)
        )
    width = None if sys.stdout.isatty() else _WIDTH_OF_A_FILE
    Console(width=width, markup=False, emoji=False, highlight=False).print(table)


def row_of(row: bytes) -> Any:
    """Return a row as what its JSON says, or as text where that cannot be told."""
    try:
        # NaN is no JSON; a row of ours never has it.
        return json.loads(row, parse_constant=str)
    except (ValueError, RecursionError):
        return row.decode("utf-8", "backslashreplace")
