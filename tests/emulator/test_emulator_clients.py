"""The official clients send to the emulator as they are, driven by the environment alone."""

import importlib.util
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dcrlog.emulator import Emulator
from emulator_client import query_client

ROWS = 10_000
PYTHON = f"""
import os
from azure.identity import DefaultAzureCredential
from azure.monitor.ingestion import LogsIngestionClient

rows = [{{"Seq": number, "Level": "INFO", "Message": f"row {{number}} ✓ {{'x' * 200}}",
         "Properties": {{"number": number, "half": number / 2}}}} for number in range({ROWS})]
with LogsIngestionClient(os.environ["DATA_COLLECTION_ENDPOINT"], DefaultAzureCredential()) as client:
    client.upload(os.environ["LOGS_DCR_RULE_ID"], os.environ["LOGS_DCR_STREAM_NAME"], rows)
"""
PYTHON_AIO = f"""
import asyncio, os
from azure.identity.aio import DefaultAzureCredential
from azure.monitor.ingestion.aio import LogsIngestionClient

rows = [{{"Seq": number, "Level": "INFO", "Message": f"row {{number}} ✓ {{'x' * 200}}",
         "Properties": {{"number": number, "half": number / 2}}}} for number in range({ROWS})]

async def main():
    async with (
        DefaultAzureCredential() as credential,
        LogsIngestionClient(os.environ["DATA_COLLECTION_ENDPOINT"], credential) as client,
    ):
        await client.upload(os.environ["LOGS_DCR_RULE_ID"], os.environ["LOGS_DCR_STREAM_NAME"], rows)

asyncio.run(main())
"""


@pytest.mark.parametrize("credential", ["secret", "default"])
def test_the_javascript_client_sends(emulator, packages, credential):
    """With a client secret, and with a bare `DefaultAzureCredential`, over TLS with the emulator's CA."""
    run(["node", "send.mjs", credential, str(ROWS)], emulator, packages)

    check(emulator, "azsdk-js-monitor-ingestion/1.2.0")
    read_back(emulator)


@pytest.mark.parametrize("program", [PYTHON, PYTHON_AIO], ids=["sync", "aio"])
def test_the_python_client_sends(emulator, tmp_path, program):
    """Both variants of it."""
    if "aio" in program and importlib.util.find_spec("aiohttp") is None:
        pytest.skip("aiohttp is not installed")
    run([sys.executable, "-c", program], emulator, tmp_path)

    check(emulator, "azsdk-python-monitor-ingestion/")
    read_back(emulator)


def check(emulator: Emulator, agent: str) -> None:
    """Every row arrived once, whole and typed; a token was asked for with a secret."""
    rows = emulator.rows("AppLogs_CL")
    token, *uploads = emulator.requests()

    assert sorted(row["Seq"] for row in rows) == list(range(ROWS))
    assert all(row["Message"] == f"row {row['Seq']} ✓ {'x' * 200}" for row in rows)
    assert all(row["Properties"] == {"number": row["Seq"], "half": row["Seq"] / 2} for row in rows)
    assert (token["kind"], token["path"]) == ("token", "/adfs/oauth2/v2.0/token")
    assert {entry["status"] for entry in uploads} == {204}
    assert all(agent in entry["user_agent"] for entry in uploads)
    assert len({entry["client_request_id"] for entry in uploads}) == len(uploads)
    assert emulator.drops() == []


def read_back(emulator: Emulator) -> None:
    """The query client gives every row once, with values of the right types."""
    pytest.importorskip("azure.monitor.query")
    columns = ("TimeGenerated", "Seq", "Level", "Message", "Properties", "Half", "Even")
    query = (
        "AppLogs_CL | extend Half = toreal(Properties.half), Even = Seq % 2 == 0"
        f" | project {', '.join(columns)} | sort by Seq asc"
    )
    before = datetime.now(UTC) - timedelta(minutes=10)
    with query_client(emulator) as client:
        (table,) = client.query_workspace("any", query, timespan=timedelta(minutes=10)).tables

    assert table.columns == list(columns)
    assert table.columns_types == ["datetime", "long", "string", "string", "dynamic", "real", "bool"]
    assert len(table.rows) == ROWS
    for number, (time, *values) in enumerate(table.rows):
        assert before < time < datetime.now(UTC)
        properties = {"number": number, "half": number / 2}
        assert json.loads(values.pop(3)) == properties
        assert values == [number, "INFO", f"row {number} ✓ {'x' * 200}", number / 2, number % 2 == 0]
        assert [type(value) for value in values] == [int, str, str, float, bool]


def run(command: list[str], emulator: Emulator, folder: Path) -> None:
    """Run a program with the emulator's variables and nothing else that could point it anywhere."""
    usual = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    variables = {name: value for name, value in emulator.environment().items() if "IDENTITY" not in name}
    environment = usual | variables
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
