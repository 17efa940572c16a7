"""Every snippet of the documentation runs, or says why it cannot.

A snippet is exempted by a comment on the line directly above it: `<!-- not run: reason -->`.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dcrlog.emulator import Emulator

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
RUN = {"python", "json", "toml", "console"}
SHOWN = {"text", "kusto", "yaml", "ini", "dockerfile", "mermaid"}

_FENCE = re.compile(r"(?P<indent> *)(?P<ticks>`{3,}) *(?P<language>\S*)")
_EXEMPTION = re.compile(r"\s*<!-- not run: \S.* -->\s*")


@dataclass(frozen=True)
class Snippet:
    """A fenced block; `line` is that of its first line of text, counted from 1."""

    page: str
    line: int
    language: str
    text: str
    is_exempt: bool

    def __str__(self):
        return f"{self.page}:{self.line}"


def find_snippets(page: str, text: str) -> Iterator[Snippet]:
    """Yield the fenced blocks of a Markdown page."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        fence = _FENCE.match(lines[number])
        if fence:
            start, indent = number + 1, len(fence["indent"])
            end = start
            while end < len(lines) and lines[end].strip() != fence["ticks"]:
                end += 1
            assert end < len(lines), f"{page}:{start} opens a block that nothing closes"
            body = "\n".join(line[indent:] for line in lines[start:end])
            is_exempt = number > 0 and _EXEMPTION.fullmatch(lines[number - 1]) is not None
            yield Snippet(page, start + 1, fence["language"], body, is_exempt)
            number = end
        number += 1


def script_of(snippets: list[Snippet]) -> str:
    """Put a page's Python into one script in which each line has the number it has on the page."""
    lines: list[str] = []
    for snippet in snippets:
        lines += [""] * (snippet.line - 1 - len(lines))
        lines += snippet.text.splitlines()
    return "\n".join(lines) + "\n"


def commands_of(snippet: Snippet) -> list[list[str]]:
    """Return the words of each `$` line, without leading assignments and what follows a pipe or `&&`."""
    commands = []
    for line in snippet.text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            for part in re.split(r"&&|\||;", line[2:]):
                words = shlex.split(part, comments=True)
                while words and re.match(r"[A-Z_]+=", words[0]):
                    words.pop(0)
                commands += [words] if words else []
    return commands


def check_make(words: list[str]) -> None:
    """Every target exists."""
    targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    wanted = {word for word in words if "=" not in word and not word.startswith("-")}

    assert wanted <= targets


def check_dcrlog(words: list[str]) -> None:
    """The command exists, and its help names the options."""
    depth = 2 if words[:1] == ["spool"] else 1
    command = [word for word in words[:depth] if not word.startswith("-")]
    plain = os.environ | {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(
        [sys.executable, "-m", "dcrlog", *command, "--help"],
        capture_output=True, text=True, env=plain, timeout=60, check=False,
    )  # fmt: skip
    options = {word.partition("=")[0] for word in words if word.startswith("--")}

    assert done.returncode == 0, done.stderr
    assert {option for option in options if not re.search(rf"{option}\b", done.stdout)} == set()


def check_pip(words: list[str]) -> None:
    """The extras that are asked for exist."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {
        extra
        for word in words
        for group in re.findall(r"^dcrlog\[(.*)\]", word)
        for extra in group.split(",")
    }

    assert extras <= set(project["optional-dependencies"])


def check_python(words: list[str]) -> None:
    """The module is one that is checked itself, or the file exists."""
    if words[0] == "-m":
        CHECKS[words[1]](words[2:])
    else:
        assert (ROOT / words[0]).is_file()


CHECKS = {"make": check_make, "dcrlog": check_dcrlog, "pip": check_pip, "python": check_python}

SNIPPETS = [
    snippet
    for page in PAGES
    for snippet in find_snippets(str(page.relative_to(ROOT)), page.read_text(encoding="utf-8"))
]
TO_RUN = [snippet for snippet in SNIPPETS if not snippet.is_exempt]


def of(language: str) -> list[Snippet]:
    """Return the snippets of a language that are not exempted."""
    return [snippet for snippet in TO_RUN if snippet.language == language]


@pytest.mark.parametrize("page", sorted({snippet.page for snippet in of("python")}))
def test_the_python_of_a_page_runs_from_top_to_bottom(page: str, tmp_path: Path):
    """One fresh process in an empty directory, told of an emulator: no error, and no row lost."""
    script = tmp_path / f"{Path(page).name}.py"
    script.write_text(
        script_of([snippet for snippet in of("python") if snippet.page == page]), encoding="utf-8"
    )
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DCRLOG_")}

    with Emulator() as emulator:
        done = subprocess.run(
            [sys.executable, script.name],
            cwd=tmp_path, env=inherited | emulator.environment(),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    assert done.returncode == 0, done.stderr
    # A page may script a failure, which is told on stderr; a row must not be lost on any.
    assert "were not delivered" not in done.stderr


@pytest.mark.parametrize("snippet", of("json") + of("toml"), ids=str)
def test_a_data_snippet_parses(snippet: Snippet):
    """JSON is JSON, and TOML is TOML."""
    {"json": json, "toml": tomllib}[snippet.language].loads(snippet.text)


@pytest.mark.parametrize("snippet", of("console"), ids=str)
def test_the_commands_of_a_console_snippet_exist(snippet: Snippet):
    """Each `$` line calls something that exists here; other programs need an exemption."""
    commands = commands_of(snippet)

    assert commands, "a console snippet has lines that start with '$ '"
    for program, *words in commands:
        assert program in CHECKS, f"{program} cannot be checked: exempt the snippet, with the reason"
        CHECKS[program](words)


@pytest.mark.parametrize("snippet", TO_RUN, ids=str)
def test_a_snippet_names_a_language_that_is_run_or_only_shown(snippet: Snippet):
    """So that nothing escapes by being called `py`, `sh` or nothing at all."""
    assert snippet.language in RUN | SHOWN


PAGE = """\
Text.

```python
a = 1
```

<!-- not run: needs a subscription -->
```python
boom
```

- item

  ```python
  assert a == 1
  ```

```console
$ A=1 make test && dcrlog demo \\
    --json   # fast
output
```
"""


def test_snippets_are_found_with_line_and_exemption():
    """Indented blocks count; only the line directly above exempts."""
    found = list(find_snippets("page.md", PAGE))

    assert [(str(each), each.language, each.is_exempt) for each in found] == [
        ("page.md:4", "python", False),
        ("page.md:9", "python", True),
        ("page.md:15", "python", False),
        ("page.md:19", "console", False),
    ]


def test_a_script_keeps_the_line_numbers_of_its_page():
    """So that a traceback points into the page."""
    script = script_of([each for each in find_snippets("page.md", PAGE) if each.language == "python"])

    assert script.splitlines()[3] == "a = 1"
    assert script.splitlines()[14] == "assert a == 1"


def test_commands_are_split_and_freed_of_assignments_and_comments():
    """What is checked is the program and its words."""
    *_, console = find_snippets("page.md", PAGE)

    assert commands_of(console) == [["make", "test"], ["dcrlog", "demo", "--json"]]
