"""What the documentation says of the code, held against the code."""

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from dcrlog import LogsIngestionHandler
from dcrlog._presets import PRESETS
from dcrlog.cli import doctor, emulator, provision, send
from dcrlog.emulator import Emulator
from written_tables import TABLES, names, pages

ROOT = Path(__file__).parents[2]
VOLATILE = {"TimeGenerated", "Host", "Process", "InstanceId"}


def block(page, language):
    """The first fenced block of that language on a page."""
    return re.search(rf"```{language}\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)[1]


def test_the_rows_in_the_readme_are_those_that_arrive():
    """The program of the README, run against the emulator, gives the rows shown below it."""
    with Emulator() as emulator:
        environment = {**os.environ, **emulator.environment()}
        subprocess.run([sys.executable, "-c", block("README.md", "python")], env=environment, check=True)
        arrived = emulator.rows("AppLogs_CL")

    shown = json.loads(block("README.md", "json"))
    assert [row.keys() for row in shown] == [
        {name for name, value in row.items() if value is not None} for row in arrived
    ]
    for one, other in zip(shown, arrived, strict=True):
        assert all(other[name] == value for name, value in one.items() if name not in VOLATILE)


def test_every_option_of_the_handler_is_documented():
    """docs/handler.md has a line for each argument of the constructor, or names it below the table."""
    text = (ROOT / "docs" / "handler.md").read_text(encoding="utf-8")
    options = set(inspect.signature(LogsIngestionHandler).parameters)

    told = set(re.findall(r"^\| (\w+) \|", text, re.MULTILINE)) | set(re.findall(r"`(\w+)`", text))
    assert options - told == set()


EXCERPT = re.compile(
    r"<!-- not run: (examples/\S+), which the tests (?:serve|run) -->\n```python\n(.*?)```", re.DOTALL
)


def test_a_snippet_that_is_said_to_be_of_an_example_is():
    """Word for word, so that what a person pastes is what the tests serve."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    excerpts = [found for page in pages for found in EXCERPT.findall(page.read_text(encoding="utf-8"))]

    assert len(excerpts) >= 8
    assert [path for path, text in excerpts if text not in (ROOT / path).read_text(encoding="utf-8")] == []


@pytest.mark.parametrize(("language", "path"), [("json", "fastapi/log.json"), ("yaml", "dictconfig.yaml")])
def test_a_configuration_in_the_documentation_is_that_of_the_example(language, path):
    """uvicorn's, and the one in YAML."""
    assert block("docs/frameworks.md", language) == (ROOT / "examples" / path).read_text(encoding="utf-8")


def test_the_tables_that_come_from_the_code_have_what_is_there():
    """`scripts/write-tables` writes them anew."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "write-tables"), "--check"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr


def test_each_table_that_comes_from_the_code_is_on_one_page():
    """None is left over whose page has lost its marks."""
    found = [name for page in pages() for name in names(page.read_text(encoding="utf-8"))]

    assert sorted(found) == sorted(TABLES)


def test_each_column_of_a_preset_is_in_its_table():
    """docs/presets.md says which field fills it, and shows the transformation."""
    page = (ROOT / "docs" / "presets.md").read_text(encoding="utf-8")
    for preset in PRESETS.values():
        section = page.partition(f"\n## {preset.table}\n")[2].partition("\n## ")[0]
        fields = {column: source for column, _, source in preset.defaults() if column not in preset.extras}

        assert dict(re.findall(r"^\| (\w+) \| (.*) \|$", section, re.MULTILINE)) | {"column": "field"} == {
            "column": "field",
            **{
                name: " or ".join(f"`{each}`" for each in source.split("|"))
                for name, source in fields.items()
            },
        }
        assert all(re.search(rf"\b{column}\b", section) for column in preset.extras)
        assert f"```kusto\n{preset.transformation}\n```" in section


@pytest.mark.parametrize("command", [doctor.doctor, emulator.emulator, provision.provision, send.send])
def test_every_option_of_a_command_is_on_its_page(command):
    """Each by its long name."""
    page = (ROOT / "docs" / f"{command.__name__}.md").read_text(encoding="utf-8")
    app = typer.Typer(add_completion=False)
    app.command()(command)
    named = {option.opts[0] for option in get_command(app).params if option.opts[0].startswith("--")}

    assert {option for option in named if not re.search(rf"{option}\b", page)} == set()
