"""`dcrlog doctor` shows no secret, wherever it is, and hides nothing else."""

import json
import os
import subprocess
import sys

import pytest

from dcrlog.cli.doctoring.finding import Finding, State
from dcrlog.emulator import Fault
from findings import finding

CREDENTIAL = "DCRLOG_CREDENTIAL"
ENDPOINT = "DATA_COLLECTION_ENDPOINT"
SECRET = "hunter2-Zq8~hunter2"
LOUD = """
class Loud:
    def __init__(self, **given):
        raise ValueError(f"bad {given}")

class Chatty:
    def __init__(self, client_secret, tenant_id):
        self.told = client_secret, tenant_id
    def get_token(self, *_, **__):
        print("asked with", self.told)
        raise RuntimeError("no token with %s in %s" % self.told)
"""


def in_json(**members):
    """A credential setting in a variable."""
    return json.dumps({"tenant_id": "contoso-tenant", **members})


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        # What is not a name of a credential is perhaps the secret itself.
        ({CREDENTIAL: SECRET}, ("settings", "credential must be a TokenCredential, one of 'default'")),
        ({CREDENTIAL: "{" + SECRET}, ("settings", "what DCRLOG_CREDENTIAL says cannot be read")),
        ({CREDENTIAL: in_json(client_secret=SECRET)}, ("settings", "credential must be")),
        ({CREDENTIAL: in_json(**{"()": "nowhere.Loud"}, a=SECRET)}, ("credential", "'nowhere.Loud'")),
        ({CREDENTIAL: in_json(**{"()": "loud.Loud"}, a=SECRET)}, ("credential", "contoso-tenant")),
        ({CREDENTIAL: in_json(**{"()": "loud.Chatty"}, client_secret=SECRET)},
         ("credential", "no token with [redacted] in contoso-tenant")),
        ({"AZURE_CLIENT_SECRET": SECRET, CREDENTIAL: "environment"}, ("credential", "AADSTS7000215")),
        # One that was put into the wrong variable as well.
        ({"AZURE_CLIENT_SECRET": SECRET, "LOGS_DCR_RULE_ID": SECRET}, ("settings", "got '[redacted]'")),
        ({"SHOP_API_KEY": SECRET, "DCRLOG_RULE": SECRET}, ("settings", "file '[redacted]' cannot be read")),
        ({ENDPOINT: f"https://me:{SECRET}@shop.azure.com"}, ("settings", "before its host")),
        ({ENDPOINT: f"https://me:{SECRET}@[shop.azure.com"}, ("settings", "before its host")),
        ({ENDPOINT: f"https://me:{SECRET}@shop.azure.com:x"}, ("settings", "before its host")),
        ({ENDPOINT: f"https://shop.azure.com/?code={SECRET}"}, ("settings", "/?...' may have")),
        ({ENDPOINT: f"shop.azure.com/#{SECRET}"}, ("settings", "shop.azure.com/#...'")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_json", [True, False])
def test_a_secret_is_shown_nowhere(emulator, tmp_path, variables, wanted, is_json):
    """Not where it belongs, not where it does not, and not where an error of others repeats it."""
    (tmp_path / "loud.py").write_text(LOUD)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE", "DCR"))}
    done = subprocess.run(
        [sys.executable, "-m", "dcrlog", "doctor", "--no-probe", *(["--json"] if is_json else [])],
        env=environment | emulator.environment() | variables, cwd=tmp_path, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == 1
    # What a program of the user's prints is the user's.
    assert "hunter2" not in done.stdout + ("" if "Chatty" in str(variables) else done.stderr)
    if is_json:
        step, told = wanted
        assert told in finding(json.loads(done.stdout), step)


def test_a_token_that_somebody_repeats_is_shown_nowhere(emulator, doctor):
    """As a proxy's page may."""
    token = emulator.token()
    emulator.faults.add(Fault("status", status=403, body=f"<p>Authorization: Bearer {token}</p> refused"))
    _, told = doctor()

    assert "[redacted]" in finding(told, "probe")
    assert token not in str(told)


def test_the_password_of_a_proxy_in_an_error_is_shown_nowhere():
    """Whoever repeats the URL."""
    found = Finding("tls", State.FAIL, "no way through http://me:hunter2hunter2@proxy:80", "Use http://a:b@c")

    assert found.without([]) == Finding("tls", State.FAIL, "no way through http://[redacted]@proxy:80",
                                        "Use http://[redacted]@c")  # fmt: skip


def test_a_longer_secret_is_hidden_whole_where_a_shorter_is_a_part_of_it(doctor, tmp_path, monkeypatch):
    """Or its rest would be shown. One of four letters, which are in any text, hides nothing."""
    monkeypatch.setenv("A_SECRET", "hunter2")
    monkeypatch.setenv("B_SECRET", "hunter2-and-more")
    monkeypatch.setenv("C_KEY", "file")
    _, told = doctor("--rule", "hunter2-and-more", "--offline")

    assert "rule file '[redacted]' cannot be read" in finding(told, "settings")


def test_no_program_of_others_writes_between_the_lines(emulator, tmp_path):
    """Nor does azure-identity, which logs its failures."""
    environment = emulator.environment() | {"DCRLOG_CREDENTIAL": "azure_cli", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-m", "dcrlog", "doctor"],
        env=os.environ | environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (1, "")
