"""The commands, as a person or a script runs them."""

import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from dcrlog.cli import emulator as command
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


def test_a_signal_at_any_moment_of_the_wait_ends_the_emulator(monkeypatch):
    """Its handler never waits for what the code that it interrupts holds."""
    monkeypatch.setattr(command, "_LOOK", 0.01)
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    before = [signal.getsignal(number) for number in numbers]
    try:
        for stop_at in range(1, 30):
            stops, events = command._caught_signals(), 0

            def interrupt(*_, stop_at=stop_at):
                nonlocal events
                events += 1
                if events == stop_at:
                    sys.setprofile(None)
                    signal.raise_signal(signal.SIGTERM)

            sys.setprofile(interrupt)
            while not command._is_stopped(stops):
                pass
            assert events == stop_at
    finally:
        sys.setprofile(None)
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def test_a_rule_that_cannot_be_used_is_told_in_one_line(tmp_path):
    """What is wrong, and where; no traceback."""
    rule = tmp_path / "dcr.json"
    rule.write_text("{}")
    done = run("emulator", "--rule", str(rule))

    assert done.returncode == 1
    assert "streamDeclarations" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [("provision",), ("emulator",), ("doctor", "--offline"), ("transform", "--rule", "dcr.json")]
)
def test_output_that_cannot_be_written_is_told_in_one_line(arguments, tmp_path):
    """A full disk behind standard output ends a command, with status 1."""
    (tmp_path / "dcr.json").write_text(json.dumps(demo_rule()))
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*DCRLOG, *arguments], stdout=full, stderr=subprocess.PIPE, input=b"{}", check=False, cwd=tmp_path
        )

    *_, last = done.stderr.decode().splitlines()
    assert done.returncode == 1
    assert last == (
        "dcrlog: what there is to tell cannot be written to standard output: No space left on device."
    )
    assert b"Traceback" not in done.stderr


def test_without_standard_error_nothing_else_stands_in_the_output():
    """What is told there beside the file would spoil it."""
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", *DCRLOG, "provision"], stdout=subprocess.PIPE, check=True
    )

    assert json.loads(done.stdout)["metadata"]["deploy"]


def told_by_the_emulator(*arguments):
    """The one line with which the command gives up."""
    done = run("emulator", *map(str, arguments))

    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    return line


def test_a_database_that_cannot_be_made_is_told_in_one_line(tmp_path):
    """A directory that is missing, one in place of a file, another sort of file: each with the remedy."""
    missing = tmp_path / "missing"
    other = tmp_path / "rows.csv"
    other.write_text("a,b\n" * 1000)

    assert told_by_the_emulator("--db", missing / "rows.sqlite") == (
        f"dcrlog emulator: the database '{missing}/rows.sqlite' cannot be opened: "
        f"there is no directory '{missing}'. Make it, or name a file in another."
    )
    assert told_by_the_emulator("--db", tmp_path) == (
        f"dcrlog emulator: the database '{tmp_path}' cannot be opened: "
        f"it is a directory. Name a file in it: '{tmp_path}/rows.sqlite'."
    )
    assert told_by_the_emulator("--db", other) == (
        f"dcrlog emulator: the database '{other}' cannot be used: file is not a database. "
        "Name the file of an emulator, or one that does not exist yet."
    )


def test_a_port_in_use_is_told_in_one_line():
    """With its number and the way out."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert told_by_the_emulator("--port", port) == (
            f"dcrlog emulator: cannot listen on 127.0.0.1 port {port}: {os.strerror(errno.EADDRINUSE)}. "
            "Name an address of this machine, and a port that is free, or 0."
        )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n", "byte 0x89 at position 0 is no text"),
        (b"streamDeclarations:", "Expecting value: line 1 column 1 (char 0)"),
        (None, "Is a directory"),
    ],
    ids=["binary", "yaml", "directory"],
)
def test_a_file_that_is_no_rule_is_told_in_one_line(tmp_path, content, reason):
    """With its path, what is wrong with it and what to give."""
    path = tmp_path / "dcr.json"
    path.mkdir() if content is None else path.write_bytes(content)
    line = told_by_the_emulator("--rule", path)

    assert str(path) in line
    assert reason in line
    assert re.search(r"\. (Give the ARM resource|Name the rule's JSON file)", line)


def test_without_the_extra_the_command_says_how_to_get_it():
    """Typer, rich and the server come with [tools]."""
    program = "import sys; sys.modules['typer'] = None; from dcrlog.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "pip install 'dcrlog[tools]'" in done.stderr
