"""What the documentation says of the code, held against the code."""

import ast
import json
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

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


CALLS = {"say": 0, "warn": 0, "note": 1}


def messages():
    """What dcrlog itself says to people, on stderr and as warnings, each as the pieces between its values."""
    for path in (ROOT / "src" / "dcrlog").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            is_remark = isinstance(node, ast.Yield) and path.name == "rules.py"
            position = CALLS.get(node.func.attr) if is_call else None
            if is_remark or (position is not None and len(node.args) > position):
                told = node.value if is_remark else node.args[position]
                parts = [
                    each.value
                    for each in ast.walk(told)
                    if isinstance(each, ast.Constant) and isinstance(each.value, str)
                ]
                if parts:
                    yield f"{path.name}:{node.lineno}", parts


def pieces(text):
    """The parts of a text that are long enough to look for."""
    found = (each.strip(" :;,.'()") for each in re.split(r"[.:;,] ", text))
    return [each for each in found if len(each) >= 12]


def test_each_message_to_people_is_on_the_page_of_symptoms():
    """With its own words, so that it is found by them."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    words = {where: [each for part in parts for each in pieces(part)] for where, parts in messages()}

    assert len(words) >= 18
    assert {where for where, told in words.items() if not any(each in page for each in told)} == set()


PUBLIC = ("dcrlog", "dcrlog.emulator", "dcrlog.ends", "dcrlog.kql", "dcrlog.otel", "dcrlog.testing")


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_documented(module):
    """As code or in a snippet; and so are the emulator's methods and a fault's settings."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages())
    public = import_module(module)
    names = {*getattr(public, "__all__", ()), *defined_in(public)} - {"__version__"}
    if module == "dcrlog.emulator":
        names |= {name for name in (*vars(public.Emulator), *public.Fault.__annotations__) if name[0] != "_"}

    assert names
    assert {name for name in names if not re.search(rf"(?:[`.]|import .*\b){name}\b", text)} == set()


def defined_in(module):
    """The public names that stand in the module itself."""
    return [
        name
        for name, value in vars(module).items()
        if name[0] != "_" and getattr(value, "__module__", None) == module.__name__
    ]
