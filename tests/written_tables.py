"""The tables of the documentation that are written from the code, each between two marks on its page."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from dcrlog import Sample, Stats
from dcrlog.emulator import Emulator
from dcrlog.kql._coverage import support_table
from dcrlog.kql.query._coverage import query_table
from option_tables import arguments_table, attributes_table, command_table, commands, handler_table, table
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


def scale_table() -> str:
    """Return what the simulation of many hosts comes to; it is the same each time."""
    command = [sys.executable, str(ROOT / "benchmarks" / "scale.py"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = json.loads(done.stdout)["rows"]
    lines = (
        (
            case, f"{requests:,}", f"{throttled:.0f} %", f"{delivered:.1f} %", f"{dropped:.1f} %",
            f"{median:.1f} s", f"{longest:.1f} s", f"{queue:.2f} MiB",
        )
        for case, requests, throttled, delivered, dropped, median, longest, queue in rows
    )  # fmt: skip
    heads = (
        "case", "requests in the last minute", "of them 429", "delivered", "dropped", "delay, median",
        "delay, 99 %", "largest queue",
    )  # fmt: skip
    return table(heads, lines)


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "kql": support_table,
    "queries": query_table,
    "handler": handler_table,
    "Sample": partial(arguments_table, Sample),
    "Stats": partial(attributes_table, Stats),
    "Emulator": partial(arguments_table, Emulator),
    "presets": presets_table,
    "preset sections": preset_sections,
    "commands": commands_table,
    "scale": scale_table,
    **{f"dcrlog {name}": partial(command_table, name) for name in commands()},
}
"""What writes each table, by the name in its marks."""


def rewritten(text: str) -> str:
    """Return a page with its tables written anew.

    Raises:
        KeyError: Nothing writes a table of that name.
    """
    return _MARKED.sub(lambda found: f"{found[1]}\n{TABLES[found['name']]().rstrip()}\n\n{found[4]}", text)
