"""The commands, as a person or a script runs them."""

import json
import signal
import subprocess
import sys
import urllib.request

import pytest

from dcrlog.cli.demo import Outcome, demo_rule
from dcrlog.rules import Rule

DCRLOG = [sys.executable, "-m", "dcrlog"]


def run(*arguments, **options):
    """Run a command to its end."""
    return subprocess.run(
        [*DCRLOG, *arguments], capture_output=True, text=True, timeout=300, check=False, **options
    )


def test_the_demo_delivers_every_record_once():
    """It parses the standard library; records logged, rows in the table and the accounts agree."""
    done = run("demo", "--json")

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["logged"] == told["rows"] == told["stats"]["delivered"] > 500
    assert told["duplicates"] == 0
    assert told["requests"] == told["stats"]["requests"]


@pytest.mark.parametrize(
    ("rows", "logged", "status"),
    [
        ([], 0, 0),
        ([{"InstanceId": "i", "Seq": 1}], 2, 0),
        ([{"InstanceId": "i", "Seq": 1}, {"InstanceId": "i", "Seq": 1}], 2, 0),
        ([{"InstanceId": "i", "Seq": 1}], 1, 1),
    ],
    ids=["nothing", "one lost", "one twice", "child failed"],
)
def test_a_demo_that_lost_or_doubled_a_row_is_not_complete(rows, logged, status):
    """Its exit status says so."""
    assert not Outcome(status, logged, rows, [], {}).is_complete


def test_the_demo_rule_declares_what_the_child_logs():
    """Typed columns for the extras, on top of the default ones."""
    types = Rule.parse(demo_rule()).stream("Custom-AppLogs").types

    assert types["Lines"] == "int"
    assert types["Seconds"] == "real"
    assert types["Seq"] == "long"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_emulator_prints_one_line_when_ready_and_ends_on_a_signal(number, tmp_path):
    """A script reads the line, goes on with the variables, and stops it by its id."""
    rule = tmp_path / "dcr.json"
    rule.write_text(json.dumps(demo_rule()))
    command = [*DCRLOG, "emulator", "--rule", str(rule), "--db", str(tmp_path / "rows.sqlite")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            ready = json.loads(process.stdout.readline())
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"{ready['http']}/_emulator/ready", timeout=30) as answer:
                assert answer.status == 200
            assert ready["environment"]["DATA_COLLECTION_ENDPOINT"] == ready["https"]
            assert ready["environment"]["REQUESTS_CA_BUNDLE"] == ready["ca_bundle"]
        finally:
            process.send_signal(number)
        assert process.wait(30) == 0
        assert process.stdout.read() == ""


def test_a_rule_that_cannot_be_used_is_told_in_one_line(tmp_path):
    """What is wrong, and where; no traceback."""
    rule = tmp_path / "dcr.json"
    rule.write_text("{}")
    done = run("emulator", "--rule", str(rule))

    assert done.returncode == 1
    assert "streamDeclarations" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_extra_the_command_says_how_to_get_it():
    """Typer, rich and the server come with [tools]."""
    program = "import sys; sys.modules['typer'] = None; from dcrlog.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "pip install 'dcrlog[tools]'" in done.stderr
