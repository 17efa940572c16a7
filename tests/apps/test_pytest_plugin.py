"""The pytest fixture, in the tests of an application: those that docs/testing.md shows."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
FILES = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)

# Each test tells which process it ran in and where its emulator was.
MORE = """
import os
import pathlib

import pytest

import shop


@pytest.mark.parametrize("number", range(4))
def test_each_test_begins_with_an_empty_table(table, number):
    with pathlib.Path("ports.txt").open("a") as file:
        file.write(f"{os.environ.get('PYTEST_XDIST_WORKER')} {table.endpoint}\\n")
    assert table.rows("AppLogs_CL") == []
    assert table.requests() == []
    shop.pay(number, card=None)
    # Left to the fixture to deliver.


def test_what_does_not_arrive_is_told(table):
    refused = table.fail_next(400, times=1_000)
    shop.pay("bad", card=None)
    with pytest.raises(AssertionError, match="1 rows still wait"):
        table.assert_nothing_dropped(timeout=0.1)
    assert refused.wait()
    with pytest.raises(TimeoutError, match=r"AppLogs_CL has 0 of 1 rows after 1 s\\. Last answer: HTTP 400"):
        table.wait_for("AppLogs_CL", 1, timeout=1.0)
"""


@pytest.fixture
def project(tmp_path):
    """An application with its tests, and a way to run them."""
    for name, text in [*FILES, ("test_more.py", MORE)]:
        (tmp_path / name).write_text(text, encoding="utf-8")

    def run(*arguments, code="import pytest, sys; sys.exit(pytest.main(sys.argv[1:]))"):
        plain = {
            name: value for name, value in os.environ.items() if not name.startswith(("DCRLOG_", "PYTEST_"))
        }
        return subprocess.run(
            [sys.executable, "-c", code, "-q", "-p", "no:cacheprovider", *arguments],
            cwd=tmp_path, env=plain, capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip

    return run


def emulators(tmp_path):
    return {tuple(line.split()) for line in (tmp_path / "ports.txt").read_text().splitlines()}


def test_an_application_tests_with_the_fixture_as_documented(project, tmp_path):
    """One emulator for all tests, each with empty tables."""
    done = project()

    assert done.returncode == 0, done.stdout
    assert "7 passed" in done.stdout
    assert len(emulators(tmp_path)) == 1


@pytest.mark.skipif(find_spec("xdist") is None, reason="needs pytest-xdist")
def test_each_worker_of_xdist_has_an_emulator_of_its_own(project, tmp_path):
    """On a port of its own."""
    done = project("-n", "2", "test_more.py", "-k", "empty", "--dist", "each")

    assert done.returncode == 0, done.stdout
    found = emulators(tmp_path)
    assert len({worker for worker, _ in found}) == len({port for _, port in found}) == len(found) == 2


def test_without_pytest_there_is_all_but_the_fixture():
    """Who tries a snippet of the documentation has it not installed."""
    code = """
import sys
sys.modules["pytest"] = None
import logging
from dcrlog import LogsIngestionHandler
from dcrlog.testing import RecordingSender
sender = RecordingSender()
log = logging.getLogger("app")
log.addHandler(LogsIngestionHandler(sender=sender))
log.warning("tried")
assert log.handlers[0].flush()
assert sender.rows[0]["Message"] == "tried"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_extra_the_fixture_names_it(project):
    """And a suite that does not use it runs."""
    hide = "import sys; sys.modules.update(dict.fromkeys(['starlette', 'uvicorn', 'trustme']))\n"
    done = project("test_shop.py", code=hide + "import pytest; sys.exit(pytest.main(sys.argv[1:]))")

    assert done.returncode == 1
    assert "The fixture logs_ingestion_emulator: the emulator needs" in done.stdout
    assert "pip install 'dcrlog[tools]'" in done.stdout
    assert "Traceback" not in done.stdout
