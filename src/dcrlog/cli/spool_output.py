"""What the commands of the spool write: nothing in a row can steer the terminal, or rich."""

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dcrlog.errors import printable

_WIDTH_OF_A_FILE = 160


def plain(value: object) -> str:
    """Write a value so that nothing in it can steer the terminal."""
    return "" if value is None else printable(str(value))


def print_json(value: Mapping[str, Any]) -> None:
    """Print an object as one line of ASCII."""
    print(json.dumps(value))


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


def say(text: str) -> None:
    """Print a line for a person."""
    print(plain(text))


def row_of(row: bytes) -> Any:
    """Return a row as what its JSON says, or as text where that cannot be told."""
    try:
        # NaN is no JSON; a row of ours never has it.
        return json.loads(row, parse_constant=str)
    except (ValueError, RecursionError):
        return row.decode("utf-8", "backslashreplace")


def give_up(command: str, reason: object) -> NoReturn:
    """End with one line of what is wrong, and status 1."""
    sys.exit(f"dcrlog spool {command}: {plain(reason)}")
