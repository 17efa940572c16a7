"""The tables of the documentation that are written from the code, each between two marks on its page."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from dcrlog import Sample
from dcrlog.emulator import Emulator
from dcrlog.kql._coverage import support_table
from option_tables import arguments_table, command_table, commands, handler_table, table
from preset_tables import preset_sections, presets_table

ROOT: Final = Path(__file__).parents[1]
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


def commands_table() -> str:
    """Return the commands with their help, each with a link to the page that has its options."""
    homes = {name: page for page in pages() for name in names(page.read_text(encoding="utf-8"))}
    lines = []
    for name, command in commands().items():
        home = homes.get(f"dcrlog {name}")
        shown = f"`dcrlog {name}`"
        lines.append((f"[{shown}]({home.relative_to(ROOT)})" if home else shown, command.help))
    return table(("command", "what it does"), lines)


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "kql": support_table,
    "handler": handler_table,
    "Sample": partial(arguments_table, Sample),
    "Emulator": partial(arguments_table, Emulator),
    "presets": presets_table,
    "preset sections": preset_sections,
    "commands": commands_table,
    **{f"dcrlog {name}": partial(command_table, name) for name in commands() if name != "demo"},
}
"""What writes each table, by the name in its marks."""


def rewritten(text: str) -> str:
    """Return a page with its tables written anew.

    Raises:
        KeyError: Nothing writes a table of that name.
    """
    return _MARKED.sub(lambda found: f"{found[1]}\n{TABLES[found['name']]().rstrip()}\n\n{found[4]}", text)
