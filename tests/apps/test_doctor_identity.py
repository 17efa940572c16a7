"""`dcrlog doctor` asks for a token, and judges what comes of it."""

import base64
import json

import pytest

from dcrlog.cli.doctor import examine
from dcrlog.cli.doctoring.identity import _REMEDIES
from dcrlog.emulator import Fault
from findings import finding, of


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


@pytest.mark.parametrize(
    ("claims", "state", "told"),
    [
        ({"aud": "https://monitor.azure.com/"}, "ok", "audience https://monitor.azure.com/"),
        # As Entra ID names it in tokens of version 2.0.
        ({"aud": "be14bf7e-8ab4-49b0-9dc6-a0eddd6fa73e"}, "ok", "audience be14bf7e"),
        ({"exp": 500.0}, "FAIL", "the token has expired"),
        ({"exp": 4_600}, "ok", "ends in 60 minutes"),
        ({"nbf": 1_290}, "ok", ""),
        ({"nbf": 1_310}, "FAIL", "the token is not valid yet"),
        ({"exp": "soon", "nbf": None}, "ok", ""),
        ({"exp": 10**400}, "ok", ""),
    ],
)
def test_what_a_token_says_is_judged_as_the_service_would(doctor, claims, state, told):
    """With the five minutes that it allows a clock."""
    credential = Stale()
    credential.token = f"h.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.s"
    token = of(examine({"credential": credential}, "here", sends=False, now=lambda: 1_000.0), "token")

    assert (token.state, told in token.text) == (state, True), token


class Verbose:
    """A credential of the application that says much and may be needed again."""

    is_closed = False

    def get_token(self, *_, **__):
        raise ValueError("tried and failed " * 1_000)

    def close(self):
        self.is_closed = True


def test_a_credential_of_the_application_is_left_open_and_its_error_is_cut(doctor):
    """It belongs to somebody else."""
    credential = Verbose()
    found = of(examine({"credential": credential}, "here"), "credential")

    assert (credential.is_closed, len(found.text) < 900, found.text.endswith("...")) == (False, True, True)


@pytest.mark.parametrize("token", ["opaque", f"h.{base64.b64encode(b'[' * 99_999).decode()}.s"])
def test_a_token_that_is_no_jwt_is_only_a_warning(doctor, token):
    """The service may take it."""
    credential = Stale()
    credential.token = token
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
