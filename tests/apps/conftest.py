"""What tests of examples and of commands share."""

import io
import json
import os
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from dcrlog.cli import make_app
from dcrlog.emulator.auth import CLIENT_SECRET
from provisioned import COLUMNS, RULE, SAMPLE
from servers import EXAMPLES, free_port, running


@pytest.fixture
def serve(emulator, tmp_path):
    """Run a command in the directory of an example, on a port that takes the place of PORT."""

    def start(command, *, directory=EXAMPLES, port=True, **environment):
        number = free_port() if port else None
        words = [str(word).replace("PORT", str(number)) for word in command]
        # Rows wait for the process's end: what arrives was flushed there.
        environment = {"DCRLOG_FLUSH_INTERVAL": "60", **emulator.environment(), **environment}
        return running(words, environment=environment, cwd=directory, output=tmp_path / "output", port=number)

    return start


@pytest.fixture
def doctor(emulator, tmp_path, monkeypatch):
    """`dcrlog doctor` in this process, an empty directory and an environment that knows the emulator only.

    It returns the status and what was found; no secret is in that, whatever else.
    """
    for name in os.environ:
        if name.startswith(("AZURE_", "DCRLOG_", "IDENTITY_", "MSI_")):
            monkeypatch.delenv(name)
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        done = CliRunner().invoke(make_app(), ["doctor", "--json", *map(str, arguments)])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        assert CLIENT_SECRET not in done.output
        assert "eyJ" not in done.output
        return done.exit_code, json.loads(done.stdout)

    return run


@pytest.fixture
def provision(tmp_path, monkeypatch):
    """The command, in a directory with files to work on; returns what it wrote."""
    for name, content in {"columns": COLUMNS, "sample": SAMPLE, "rule": RULE}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    monkeypatch.chdir(tmp_path)

    def run(*arguments, status=0):
        done = CliRunner().invoke(make_app(), ["provision", *arguments])
        # Where it gives up, the reason is written as the process ends, which is here.
        run.stderr = done.output if status else done.stderr
        assert done.exit_code == status, done.output
        return done.stdout

    return run


@pytest.fixture
def send(emulator, tmp_path, monkeypatch):
    """`dcrlog send` in this process, in an empty directory: the exit status, and what it told as JSON."""
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def run(*arguments, stdin=""):
        data = io.BytesIO(stdin.encode() if isinstance(stdin, str) else stdin)
        # As Python opens it, and the runner does not.
        given = io.TextIOWrapper(io.BufferedReader(data))
        monkeypatch.setattr("dcrlog.cli.sending.source.sys", SimpleNamespace(stdin=given))
        done = CliRunner().invoke(make_app(), ["send", "--json", *map(str, arguments)])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        told = json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout
        run.stderr = done.stderr
        return done.exit_code, told

    return run
