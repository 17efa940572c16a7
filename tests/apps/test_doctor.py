"""`dcrlog doctor`, beside an emulator in every state that it can tell."""

import json
import os
import re
import subprocess
import sys
import time

import pytest

from dcrlog.cli.doctor import examine
from dcrlog.emulator import Fault

STEPS = ["versions", "settings", "dns", "tls", "clock", "credential", "token", "probe", "spool"]


def finding(told, step, state="fail"):
    """The one finding of a step that is in this state, as text."""
    found = [each for each in told["findings"] if (each["step"], each["state"]) == (step, state)]
    assert len(found) == 1, told["findings"]
    return f"{found[0]['text']} -> {found[0]['remedy']}"


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


def test_a_clock_that_is_off_is_told_by_the_date_of_an_answer(doctor):
    """Ten minutes break tokens; two are a warning."""
    report = examine({}, "here", sends=False, now=lambda: time.time() + 600)
    (clock,) = [each for each in report.findings if each.step == "clock"]
    assert clock.state == "FAIL"
    assert re.search(r"60\d seconds ahead: tokens are taken for expired", clock.text)
    assert "NTP" in clock.remedy

    report = examine({}, "here", sends=False, now=lambda: time.time() - 120)
    (clock,) = [each for each in report.findings if each.step == "clock"]
    assert (clock.state, "seconds behind" in clock.text) == ("warn", True)


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


LOGGING = {
    "version": 1,
    "handlers": {
        "console": {"class": "logging.StreamHandler"},
        "azure": {"class": "dcrlog.LogsIngestionHandler", "level": "INFO", "stream_name": "Custom-Other"},
    },
    "root": {"handlers": ["console", "azure"]},
}


def test_a_dict_config_says_the_options(doctor, tmp_path):
    """As JSON, or as a name in a module; a flag comes first."""
    (tmp_path / "logging.json").write_text(json.dumps(LOGGING))
    (tmp_path / "shop_logging.py").write_text(f"CONFIG = {LOGGING!r}")

    for where in ("logging.json", "shop_logging:CONFIG"):
        status, told = doctor("--dict-config", where)
        assert status == 1
        assert "the rule declares no stream 'Custom-Other'" in finding(told, "probe")
        assert "handler 'azure' of " in finding(told, "settings", "ok")
    assert doctor("--dict-config", "logging.json", "--stream", "Custom-AppLogs")[0] == 0


def test_the_settings_of_django_say_the_options(doctor, tmp_path):
    """The module is imported, and LOGGING read; Django itself is not needed."""
    (tmp_path / "shop_settings.py").write_text(f"LOGGING = {LOGGING!r}")
    status, told = doctor("--django", "shop_settings", "--stream", "Custom-AppLogs")

    assert status == 0
    assert "handler 'azure' of LOGGING of shop_settings" in finding(told, "settings", "ok")


def without(config, *path):
    """A copy of a configuration without one of its entries."""
    copy = json.loads(json.dumps(config))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return copy


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (without(LOGGING, "root"), "no logger has the handler 'azure', so no record reaches it"),
        (without(LOGGING, "handlers", "azure"), "has no handler of the class dcrlog.LogsIngestionHandler"),
        ({"handlers": dict.fromkeys("ab", LOGGING["handlers"]["azure"])}, "add --handler, one of a, b"),
        ({"handlers": {"azure": {**LOGGING["handlers"]["azure"], "stream": 1}}, "root": LOGGING["root"]},
         "has no option 'stream'"),
        ([], "is no dictionary for dictConfig"),
    ],
)  # fmt: skip
def test_what_is_wrong_around_the_handler_is_told(doctor, tmp_path, config, told):
    """A configuration that reaches no record is the quietest failure of all."""
    (tmp_path / "logging.json").write_text(json.dumps(config))
    status, found = doctor("--dict-config", "logging.json", "--no-probe")

    assert status == 1
    assert told in finding(found, "settings")


def test_a_spool_is_looked_at_and_not_touched(doctor, tmp_path):
    """One that is not there yet, one that cannot be used, and one with dead letters."""
    status, told = doctor("--spool-dir", tmp_path / "spool", "--no-probe")
    assert (status, "can be made" in finding(told, "spool", "ok")) == (0, True)
    assert not (tmp_path / "spool").exists()

    home = tmp_path / "spool" / f"dcrlog-{os.geteuid()}"
    home.mkdir(parents=True)
    home.chmod(0o777)
    status, told = doctor("--spool-dir", tmp_path / "spool", "--no-probe")
    assert (status, "chmod 700" in finding(told, "spool")) == (1, True)

    home.chmod(0o700)
    (home / "quarantine").mkdir(mode=0o700)
    (home / "quarantine" / "damaged").write_bytes(b"x")
    status, told = doctor("--spool-dir", tmp_path / "spool", "--no-probe")
    assert (status, "1 damaged files" in finding(told, "spool", "warn")) == (0, True)


LOUD = """
class Loud:
    def __init__(self, client_secret):
        raise ValueError(f"bad {client_secret}")
"""


def test_a_secret_in_a_credential_setting_is_shown_nowhere(doctor, tmp_path, monkeypatch):
    """Not even where the credential's own error repeats it."""
    (tmp_path / "loud.py").write_text(LOUD)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("DCRLOG_CREDENTIAL", '{"()": "loud.Loud", "client_secret": "hunter2-hunter2"}')
    status, told = doctor()

    assert status == 1
    assert "ValueError: bad [redacted]" in finding(told, "credential")
    assert "hunter2" not in json.dumps(told)


def test_a_dict_config_that_names_what_is_not_there_is_told(doctor, tmp_path):
    """As dictConfig itself would fail."""
    handler = {**LOGGING["handlers"]["azure"], "credential": "ext://nowhere.credential"}
    (tmp_path / "logging.json").write_text(json.dumps({**LOGGING, "handlers": {"azure": handler}}))
    status, told = doctor("--dict-config", "logging.json", "--offline")

    assert status == 1
    assert "the handler 'azure' cannot be made: Cannot resolve 'nowhere.credential'" in finding(
        told, "settings"
    )
