"""What the command takes, and how it refuses what it cannot use."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dcrlog.cli import main

SOURCES = str(Path(__file__).parents[2] / "src")
DCRLOG = [sys.executable, "-m", "dcrlog", "emulator"]


def test_the_command_line_takes_rules_tables_and_faults(tmp_path, web):
    """What the options name is served, and the file with the variables is there while it runs.

    Of the faults, those given as JSON come first; the rate and the latency apply to what they leave.
    """
    (tmp_path / "schema.json").write_text('{"TimeGenerated": "datetime", "Text": "string"}')
    (tmp_path / "rule.json").write_text(json.dumps(rule("Custom-Text_CL", "1")))
    (tmp_path / "other.json").write_text(json.dumps(rule("Custom-Made_CL", "2")))
    command = [*DCRLOG, "--rule", "rule.json", "--rule", "other.json", "--table", "Text_CL:schema.json"]
    command += ["--create-tables", "--mode", "lenient", "--limits", "--max-rows", "5", "--env-file", "it.env"]
    command += ["--fail-rate", "1", "--latency", "0.01"]
    command += ["--fault", '{"action": "status", "status": 429, "nth": 1}']
    environment = os.environ | {"PYTHONPATH": SOURCES}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            ready = json.loads(process.stdout.readline())
            served = web.get(f"{ready['http']}/_emulator/ready").json()
            page = web.get(ready["page"]).status_code
            faults = web.get(f"{ready['http']}/_emulator/faults").json()
            variables = (tmp_path / "it.env").read_text().splitlines()
        finally:
            process.terminate()
        assert process.wait(20) == 0
        told = process.stderr.read().splitlines()

    assert (ready["rule_ids"], page) == (served["rules"], 200)
    assert (served["mode"], served["tables"]) == ("lenient", ["Text_CL", "Made_CL"])
    assert f"DATA_COLLECTION_ENDPOINT={ready['https']}" in variables
    assert not (tmp_path / "it.env").exists()
    assert [(fault["action"], fault.get("status"), fault.get("rate")) for fault in faults] == [
        ("status", 429, None),
        ("status", 503, 1.0),
        ("delay", None, None),
    ]
    assert told == [
        f"dcrlog emulator: ready. Look at {ready['page']} and send to {ready['https']}; Ctrl+C stops it."
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fault", '{"action": "hang", "nth": 0}'], "a fault's nth must be a whole number of at least 1"),
        (["--table", "Text_CL"], "--table 'Text_CL' must be a table's name, a colon and a JSON file"),
        (["--table", "Text_CL:{schema}", "--rule", "{rule}"], "InvalidOutputTable: Table for output stream"),
        (["--env-file", "/nowhere/it.env"], "--env-file '/nowhere/it.env' cannot be written: No such file"),
        (["--name", "a b"], "names must be names of hosts or addresses, got ['a b']: "),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1 port 0: "),
    ],
)
def test_the_command_line_refuses_what_it_cannot_use(tmp_path, capsys, monkeypatch, options, message):
    """In one line, with the remedy, and with status 1."""
    schema, wanted = tmp_path / "schema.json", tmp_path / "rule.json"
    schema.write_text('{"TimeGenerated": "datetime"}')
    wanted.write_text(json.dumps(rule("Custom-Other_CL", "1")))
    words = [option.replace("{schema}", str(schema)).replace("{rule}", str(wanted)) for option in options]
    monkeypatch.setattr(sys, "argv", ["dcrlog", "emulator", *words])
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with pytest.raises(SystemExit) as ended:
        main()
    for number, handler in handlers.items():
        signal.signal(number, handler)

    assert str(ended.value.code).startswith(f"dcrlog emulator: {message}")


def test_a_file_with_variables_of_another_run_is_gone_at_once(tmp_path, capsys, monkeypatch):
    """One that a killed emulator has left would say that this one is ready, before it is or without that."""
    left = tmp_path / "it.env"
    left.write_text("DATA_COLLECTION_ENDPOINT=https://localhost:1\n")
    refused = ["--env-file", str(left), "--host", "192.0.2.1"]
    test_the_command_line_refuses_what_it_cannot_use(tmp_path, capsys, monkeypatch, refused, "cannot listen")

    assert not left.exists()


def test_to_listen_for_others_is_warned_of(tmp_path, web):
    """There is no password, and the line says so before the emulator is ready.

    What goes wrong inside is told when it does; and it stops, too, when its terminal is closed.
    """
    command = [*DCRLOG, "--host", "0.0.0.0", "--name", "emulator", "--db", "rows.db", "--env-file", "it.env"]
    environment = os.environ | {"PYTHONPATH": SOURCES}
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run under nohup it would be ignored, and is then meant to stay so.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        try:
            ready = json.loads(process.stdout.readline())
            warning, _ = process.stderr.readline(), process.stderr.readline()
            with closing(sqlite3.connect(tmp_path / "rows.db")) as other:
                other.execute("DROP TABLE _requests")
            answer = web.get(f"{ready['http']}/nowhere")
            failed = process.stderr.readline()
        finally:
            process.send_signal(signal.SIGHUP)
        assert process.wait(20) == 0

    assert warning.startswith("dcrlog emulator: warning: listening on 0.0.0.0. Whoever reaches this machine")
    assert (
        "The emulator failed: OperationalError: no such table: _requests" in answer.json()["error"]["message"]
    )
    assert failed == (
        "dcrlog emulator: the emulator failed 1 times; first: OperationalError: no such table: _requests.\n"
    )
    assert not (tmp_path / "it.env").exists()


def rule(output, number):
    return {
        "immutableId": f"dcr-{number:0>32}",
        "streamDeclarations": {"Custom-Text": {"columns": [{"name": "Text", "type": "string"}]}},
        "dataFlows": [{"streams": ["Custom-Text"], "destinations": ["ws"], "outputStream": output}],
    }
