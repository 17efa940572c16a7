"""`dcrlog doctor`, beside an emulator in every state that it can tell."""

import json
import re
import subprocess
import sys

import pytest

from dcrlog.cli.doctor import examine
from dcrlog.cli.doctoring.identity import _REMEDIES
from dcrlog.emulator import Fault
from findings import STEPS, finding, of


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


class Stale:
    """A credential that keeps a token for too long, or has one for somebody else."""

    token = ""

    def get_token(self, *_, **__):
        return type("AccessToken", (), {"token": self.token, "expires_on": 0})


@pytest.mark.parametrize(
    ("minted", "told"),
    [
        ({"expires_in": -60}, "the token has expired"),
        (
            {"audience": "https://management.azure.com"},
            "the token is for https://management.azure.com, not for",
        ),
    ],
)
def test_a_token_that_cannot_be_taken_is_told_before_the_service_says_so(emulator, doctor, minted, told):
    """By its own claims."""
    credential = Stale()
    credential.token = emulator.token(**minted)
    report = examine({"credential": credential}, "here")
    (token,) = [each for each in report.findings if each.step == "token"]

    assert (token.state, told in token.text) == ("FAIL", True)
    assert not report.is_well


def test_a_token_that_is_no_jwt_is_only_a_warning(doctor):
    """The service may take it."""
    credential = Stale()
    credential.token = "opaque"
    report = examine({"credential": credential}, "here", sends=False)

    assert [each.state for each in report.findings if each.step == "token"] == ["warn"]


@pytest.mark.parametrize(
    ("credential", "remedy"),
    [
        ("environment", "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"),
        ("azure_cli", "for azure_cli, run az login"),
        ({"()": "nowhere.Credential"}, 'Behind "()" stands the dotted path of a class or a function'),
        ({"()": "sys.exit"}, 'Behind "()" stands the dotted path of a class or a function'),
        ({"()": "builtins.dict"}, 'Behind "()" stands the dotted path of a class or a function'),
        (Stale(), "It is an object of the application's: look at what makes it"),
    ],
)
def test_a_credential_that_has_no_token_is_told_with_what_it_is(doctor, monkeypatch, credential, remedy):
    """What is to be done depends on who made it."""
    monkeypatch.delenv("AZURE_CLIENT_SECRET")
    monkeypatch.setenv("PATH", "")
    if isinstance(credential, Stale):
        monkeypatch.delattr(Stale, "token")
    report = examine({"credential": credential}, "here")

    found = of(report, "credential")
    assert (found.state, remedy in found.remedy) == ("FAIL", True), found
    assert of(report, "token").state == of(report, "probe").state == "skip"


@pytest.mark.parametrize("code", _REMEDIES)
def test_each_refusal_of_the_login_service_that_has_a_remedy_is_told_with_it(emulator, doctor, code):
    """By the number that Entra ID gives it."""
    body = json.dumps({"error": "invalid_request", "error_description": f"AADSTS{code}: Refused."})
    emulator.faults.add(Fault("status", kind="token", status=400, body=body))
    _, told = doctor("--credential", "environment")

    assert f"AADSTS{code}" in finding(told, "credential")
    assert finding(told, "credential").endswith(f"-> {_REMEDIES[code]}")


def test_a_token_that_was_refused_once_is_asked_for_anew(emulator, doctor):
    """As the handler does."""
    emulator.faults.add(Fault("status", status=401, times=1))

    assert doctor()[0] == 0


INSTALLED = {"azure_core": "1.20.0", "dcrlog": "0.1.0", "msgspec": "0.19.0b1", "opentelemetry_sdk": "1.2"}
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
            ("azure-core 1.20.0 is older than dcrlog needs it", "pip install 'azure-core>=1.33'"),
            ("azure-nothing is not installed", "pip install 'azure-nothing>=2'"),
            ("opentelemetry-sdk 1.2 is older than dcrlog needs it", "pip install 'opentelemetry-sdk>=1.39'"),
        ],
    )
