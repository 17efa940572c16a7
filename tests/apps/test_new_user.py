"""The way of a new user: from rows on paper to rows in a table, with the README and the commands alone."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

from azure.identity import ClientSecretCredential
from azure.monitor.query import LogsQueryClient

from dcrlog.emulator import Emulator
from dcrlog.emulator.auth import CLIENT_ID, CLIENT_SECRET, TENANT

ROOT = Path(__file__).parents[2]
DCRLOG = [sys.executable, "-m", "dcrlog"]


def block(language):
    """The first fenced block of that language in the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)[1]


def console(program):
    """The first block of commands of the README that calls a program, as the lines of a script."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return next(each for each in blocks if program in each).replace("$ ", "")


def test_the_first_minute_of_the_readme_ends_with_rows_in_a_table(tmp_path):
    """Its program and its commands, as they stand there; only the port is another one."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    (tmp_path / "shop.py").write_text(block("python"))
    variables = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    _, *options = shlex.split(console("dcrlog emulator").replace("8080", port))

    with subprocess.Popen([*DCRLOG, *options], cwd=tmp_path, stdout=subprocess.PIPE) as emulator:
        try:
            page = json.loads(emulator.stdout.readline())["page"]
            script = console("shop.py")
            done = subprocess.run(["sh", "-ec", script], cwd=tmp_path, env=variables, check=False, timeout=60)
            with urllib.request.urlopen(f"{page}_emulator/rows/AppLogs_CL") as answer:
                rows = json.load(answer)
        finally:
            emulator.terminate()

    assert done.returncode == 0
    assert page == f"http://127.0.0.1:{port}/"
    assert [row["Message"] for row in rows] == ["order A-17 paid", "stock is low: 3 left"]


def test_sample_rows_become_a_rule_a_program_and_rows_in_a_table(tmp_path):
    """Sample rows, provision, the emulator in Azure's place, the README's program, doctor, and the rows."""
    (tmp_path / "sample.json").write_text(block("json"))
    (tmp_path / "app.py").write_text(block("python"))

    def run(*command, **variables):
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ | variables, capture_output=True, text=True, check=False,
            timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    options = ("--sample", "sample.json", "--stream", "Custom-AppLogs", "--output", "dcrlog.json")
    run(*DCRLOG, "provision", *options)
    with Emulator(tmp_path / "dcrlog.json") as emulator:
        run(sys.executable, "app.py", **emulator.environment())
        told = json.loads(run(*DCRLOG, "doctor", "--rule", "dcrlog.json", "--json", **emulator.environment()))
        paid, low = ask(emulator, 'AppLogs_CL | where Logger == "shop" | sort by Seq asc')
        (probe,) = ask(emulator, told["query"])
        warnings = {entry["warning"] for entry in emulator.requests()}

    assert (paid["Message"], json.loads(paid["Properties"])["tenant"]) == ("order A-17 paid", "contoso")
    assert (low["Message"], json.loads(low["Properties"])["item"]["left"]) == ("stock is low: 3 left", 3)
    assert told["well"]
    assert probe["Logger"] == "dcrlog.doctor"
    assert warnings == {None}


def ask(emulator, query):
    """The rows that the official client of the query API reads, with the credential of the program."""
    credential = ClientSecretCredential(
        TENANT, CLIENT_ID, CLIENT_SECRET, authority=emulator.endpoint, connection_verify=emulator.ca_bundle
    )
    with (
        credential,
        LogsQueryClient(
            credential, endpoint=emulator.endpoint, connection_verify=emulator.ca_bundle, retry_total=0
        ) as client,
    ):
        (table,) = client.query_workspace("any", query, timespan=None).tables
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]
