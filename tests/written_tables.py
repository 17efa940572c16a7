"""The tables of the documentation that are written from the code, each between two marks on its page."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from dcrlog.kql._coverage import support_table

ROOT: Final = Path(__file__).parents[1]
TABLES: Final[Mapping[str, Callable[[], str]]] = {"kql": support_table}
"""What writes each table, by the name in its marks."""

_MARKED: Final = re.compile(
    r"(<!-- table: (?P<name>[^\n]*) -->\n)(?P<table>.*?)(<!-- end of table -->)", re.DOTALL
)


def pages() -> list[Path]:
    """Return the pages that may have such tables."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def names(text: str) -> Iterator[str]:
    """Yield the names of the tables that a page has."""
    for found in _MARKED.finditer(text):
        yield found["name"]


def rewritten(text: str) -> str:
    """Return a page with its tables written anew.

    Raises:
        KeyError: Nothing writes a table of that name.
    """
    return _MARKED.sub(lambda found: f"{found[1]}\n{TABLES[found['name']]().rstrip()}\n\n{found[4]}", text)
