"""`dcrlog doctor`, beside an emulator in every state that it can tell."""

import json
import re
import subprocess
import sys

import pytest

from dcrlog.cli.doctor import examine
from dcrlog.emulator import Fault
from findings import STEPS, finding


def test_where_all_is_well_each_step_says_so_and_the_probe_is_in_the_table(emulator, doctor):
    """And the query at the end finds it."""
    status, told = doctor()

    assert (status, told["well"]) == (0, True)
    assert [each["step"] for each in told["findings"]] == STEPS
    assert {each["state"] for each in told["findings"]} == {"ok", "skip"}
    (row,) = emulator.rows("AppLogs_CL")
    table, where = told["query"].splitlines()
    mark = re.search(r'Message has "(probe-\w+)"', where)[1]
    assert (table, mark in row["Message"], row["Seq"], row["Logger"]) == (
        "AppLogs_CL",
        True,
        1,
        "dcrlog.doctor",
    )


def test_the_token_is_told_by_its_claims(emulator, doctor):
    """Which credential, for whom, and how long; never the token itself."""
    _, told = doctor("--credential", "environment")

    assert "EnvironmentCredential: ClientSecretCredential answers for https://monitor.azure.com" in finding(
        told, "credential", "ok"
    )
    assert re.search(
        r"audience https://monitor.azure.com, .* ends in \d+ minutes", finding(told, "token", "ok")
    )


def test_without_a_probe_nothing_is_sent(emulator, doctor):
    """For a look at a production table."""
    status, told = doctor("--no-probe")

    assert (status, told["query"], emulator.count("AppLogs_CL")) == (0, None, 0)
    assert "--no-probe" in finding(told, "probe", "skip")


def test_a_person_reads_it_as_lines_with_remedies_beneath(emulator, doctor):
    """Run as a command: its status is 1 where a step fails."""
    emulator.faults.add(Fault("status", status=403, code="OperationFailed"))
    done = subprocess.run(
        [sys.executable, "-m", "dcrlog", "doctor"], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 1
    assert re.search(r"^ok    dns         localhost is ", done.stdout, re.MULTILINE)
    assert re.search(
        r"^FAIL  probe       the identity may not send to this rule: HTTP 403", done.stdout, re.MULTILINE
    )
    assert re.search(r"^ {17} -> Give object [0-9a-f-]{36} the role", done.stdout, re.MULTILINE)
    assert done.stdout.rstrip().endswith("1 of the steps has failed.")


@pytest.mark.parametrize(
    ("fault", "state", "told"),
    [
        (Fault("status", status=401, code="InvalidAudience"), "fail", "leave audience out"),
        (Fault("status", status=403), "fail", "takes up to 30 minutes"),
        (Fault("status", status=404), "fail", "az monitor data-collection rule show --query immutableId"),
        (Fault("status", status=400, code="InvalidStream"), "fail", "a key of the rule's streamDeclarations"),
        (Fault("status", status=400, code="Malformed"), "fail", "Compare the columns"),
        (Fault("status", status=413), "fail", "the limit of a proxy"),
        (Fault("status", status=302), "fail", "not an answer of the Logs Ingestion API"),
        (Fault("status", status=429, retry_after=5), "warn", "busy or unwell"),
        (Fault("status", status=503), "warn", "busy or unwell"),
        (Fault("reset_after"), "fail", "No answer came"),
    ],
    ids=lambda value: str(value.status or value.action) if isinstance(value, Fault) else "",
)
def test_each_answer_to_the_probe_is_explained(emulator, doctor, fault, state, told):
    """With what to do about it."""
    emulator.faults.add(fault)
    status, found = doctor()

    assert told in finding(found, "probe", state)
    assert status == (state == "fail")
    assert found["query"] is None


def test_the_probe_is_redacted_as_every_row_is(emulator, doctor):
    """What redacts may be what breaks it."""
    examine({"redact": lambda row: {**row, "Level": "hidden"}}, "here")

    assert [row["Level"] for row in emulator.rows("AppLogs_CL")] == ["hidden"]


def test_a_token_that_was_refused_once_is_asked_for_anew(emulator, doctor):
    """As the handler does."""
    emulator.faults.add(Fault("status", status=401, times=1))

    assert doctor()[0] == 0


INSTALLED = {"azure_core": "1.9.0", "dcrlog": "0.1.0", "msgspec": "0.19.0b1", "opentelemetry_sdk": "1.2"}
NEEDS = "Requires-Dist: {}\n"
NEEDED = (
    "azure-core>=1.33", "msgspec>=0.19,<1", "azure-nothing>=2",
    'opentelemetry-sdk[all]>=1.39; extra == "otel"', 'nothing-else>=1; extra == "speed"',
)  # fmt: skip


def test_what_is_older_than_dcrlog_needs_it_is_told(doctor, tmp_path, monkeypatch):
    """And what is missing, but for the extras that nobody has asked for."""
    for name, version in INSTALLED.items():
        metadata = tmp_path / f"{name}-{version}.dist-info" / "METADATA"
        metadata.parent.mkdir()
        needs = "".join(map(NEEDS.format, NEEDED)) if name == "dcrlog" else ""
        metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}\n")
    monkeypatch.syspath_prepend(tmp_path)
    status, told = doctor("--offline")

    lines = [(each["text"], each["remedy"]) for each in told["findings"] if each["state"] == "fail"]
    assert (status, lines) == (
        1,
        [
            ("azure-core 1.9.0 is older than dcrlog needs it", "pip install 'azure-core>=1.33'"),
            ("azure-nothing is not installed", "pip install 'azure-nothing>=2'"),
            ("opentelemetry-sdk 1.2 is older than dcrlog needs it", "pip install 'opentelemetry-sdk>=1.39'"),
        ],
    )


def test_a_preset_among_the_options_says_the_table(doctor):
    """And JSON a mapping."""
    _, told = doctor("--columns", "syslog", "--stream", "Custom-AppLogs")
    assert told["query"].startswith("Syslog\n| where TimeGenerated > ago(1h) and SyslogMessage has ")

    _, told = doctor("--columns", '{"Message": null}')
    assert re.match(r'AppLogs_CL\n.* and \* has "probe-', told["query"])


def test_a_rule_says_the_table_of_its_stream(doctor, tmp_path):
    """Whatever it is called."""
    columns = [{"name": "TimeGenerated", "type": "datetime"}, {"name": "Text", "type": "string"}]
    rule = {
        "streamDeclarations": {name: {"columns": columns} for name in ("Custom-Other", "Custom-AppLogs")},
        "dataFlows": [
            {"streams": ["Custom-Other"], "outputStream": "Custom-Other_CL"},
            {"streams": ["Custom-AppLogs"], "outputStream": "Custom-Elsewhere_CL"},
        ],
    }
    (tmp_path / "dcr.json").write_text(json.dumps(rule))
    _, told = doctor("--rule", "dcr.json")

    assert told["query"].startswith("Elsewhere_CL\n")
