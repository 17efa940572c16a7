"""The real credential classes get their tokens from the emulator, driven by the environment alone."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.identity import ClientSecretCredential
from azure.monitor.ingestion import LogsIngestionClient

from dcrlog.emulator import Emulator

SOURCES = str(Path(__file__).parents[2] / "src")
PROGRAM = """
import os
from azure.identity import {credential}
from azure.monitor.ingestion import LogsIngestionClient

client = LogsIngestionClient(os.environ["DATA_COLLECTION_ENDPOINT"], {credential}())
stream = os.environ["LOGS_DCR_STREAM_NAME"]
client.upload(os.environ["LOGS_DCR_RULE_ID"], stream, [{{"Message": "sent with {credential}"}}])
"""
IDENTITY = {"IDENTITY_ENDPOINT", "IDENTITY_HEADER"}
SECRET = {"AZURE_AUTHORITY_HOST", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"}


@pytest.mark.parametrize(
    ("credential", "without"),
    [
        ("DefaultAzureCredential", set()),
        ("DefaultAzureCredential", SECRET),
        ("EnvironmentCredential", IDENTITY),
        ("ManagedIdentityCredential", SECRET),
    ],
    ids=["default", "default by identity", "environment", "managed identity"],
)
def test_the_environment_alone_is_enough(emulator, credential, without):
    """An unmodified program uploads with nothing but the variables that `environment` returns."""
    done = run(PROGRAM.format(credential=credential), emulator, without)

    assert (done.returncode, done.stderr) == (0, "")
    assert [row["Message"] for row in emulator.rows("AppLogs_CL")] == [f"sent with {credential}"]


def test_imds_managed_identity_works(emulator):
    """A program that looks for its identity on the metadata address of a virtual machine finds one."""
    variables = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": emulator.http_endpoint}
    done = run(
        PROGRAM.format(credential="ManagedIdentityCredential"), emulator, SECRET | IDENTITY, **variables
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert emulator.requests()[0]["path"] == "/metadata/identity/oauth2/token"


def test_client_secret_credential_uploads(emulator):
    """The official client with a client secret stores its rows."""
    with client(emulator) as opened:
        opened.upload(emulator.rule_id, "Custom-AppLogs", [{"Message": "one"}, {"Message": "two"}])

    assert [row["Message"] for row in emulator.rows("AppLogs_CL")] == ["one", "two"]


def test_a_token_is_asked_for_once(emulator):
    """Two uploads need one token, and the log tells token requests apart."""
    with client(emulator) as opened:
        for _ in range(2):
            opened.upload(emulator.rule_id, "Custom-AppLogs", [{}])

    assert [entry["kind"] for entry in emulator.requests()] == ["token", "ingestion", "ingestion"]


def test_a_wrong_secret_is_refused(emulator):
    """A wrong client secret is answered in the words of Microsoft Entra ID."""
    refused = pytest.raises(ClientAuthenticationError, match="AADSTS7000215: Invalid client secret provided")
    with client(emulator, secret="wrong") as opened, refused:
        opened.upload(emulator.rule_id, "Custom-AppLogs", [{}])

    assert (emulator.requests()[-1]["status"], emulator.requests()[-1]["error"]) == (401, "invalid_client")


def test_the_client_without_a_role_is_refused(emulator):
    """The client id "no-role" gets tokens that may not ingest, so that anybody can see the 403."""
    refused = pytest.raises(HttpResponseError, match="OperationFailed")
    with client(emulator, client_id="no-role") as opened, refused as caught:
        opened.upload(emulator.rule_id, "Custom-AppLogs", [{}])

    assert caught.value.status_code == 403


def test_an_emulator_that_grants_no_role_refuses_all():
    """With `grant_role=False` every token lacks the role."""
    refused = pytest.raises(HttpResponseError, match="OperationFailed")
    with Emulator(grant_role=False) as emulator, client(emulator) as opened, refused:
        opened.upload(emulator.rule_id, "Custom-AppLogs", [{}])


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "client_secret": ""}, 401, "invalid_client"),
        (
            {"grant_type": "client_credentials", "client_secret": "dcrlog-emulator-secret"},
            400,
            "invalid_request",
        ),
        ({"filler": "x" * 70_000}, 413, "invalid_request"),
    ],
)
def test_a_wrong_token_request_is_refused(emulator, web, form, status, code):
    """Only the client credentials flow with the right secret and a scope gives a token."""
    answer = web.post(f"{emulator.http_endpoint}/adfs/oauth2/v2.0/token", data=form)

    assert (answer.status_code, answer.json()["error"]) == (status, code)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/msi/token?resource=https://monitor.azure.com", {}, 401),
        ("/msi/token?resource=https://monitor.azure.com", {"X-IDENTITY-HEADER": "wrong"}, 401),
        ("/msi/token", {"X-IDENTITY-HEADER": "dcrlog-emulator-identity"}, 400),
        ("/metadata/identity/oauth2/token?resource=https://monitor.azure.com", {}, 400),
    ],
)
def test_a_wrong_managed_identity_request_is_refused(emulator, web, path, headers, status):
    """Managed identity needs the header that a redirected request cannot bring."""
    answer = web.get(f"{emulator.http_endpoint}{path}", headers=headers)

    assert answer.status_code == status


@pytest.mark.parametrize("path", ["/adfs", "/tenant/v2.0"])
def test_the_discovery_document_names_the_token_endpoint(emulator, web, path):
    """MSAL finds the token endpoint here, and MSAL.js insists on `jwks_uri`."""
    found = web.get(f"{emulator.http_endpoint}{path}/.well-known/openid-configuration").json()

    assert found["token_endpoint"].startswith(emulator.http_endpoint)
    assert web.get(found["jwks_uri"]).json() == {"keys": []}


def test_no_token_or_secret_shows_in_the_log(emulator):
    """The request log holds nothing with which somebody could ask for a token."""
    with client(emulator) as opened:
        opened.upload(emulator.rule_id, "Custom-AppLogs", [{}])
    log = repr(emulator.requests())

    assert "eyJ" not in log
    assert "dcrlog-emulator-secret" not in log


@contextmanager
def client(emulator, client_id="anybody", secret="dcrlog-emulator-secret"):
    credential = ClientSecretCredential(
        "adfs", client_id, secret, authority=emulator.endpoint, connection_verify=emulator.ca_bundle
    )
    with (
        credential,
        LogsIngestionClient(emulator.endpoint, credential, connection_verify=emulator.ca_bundle) as opened,
    ):
        yield opened


def run(program, emulator, without=(), **variables):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AZURE_")}
    environment |= emulator.environment() | variables | {"PYTHONPATH": SOURCES}
    kept = {name: value for name, value in environment.items() if name not in without}
    command = [sys.executable, "-W", "ignore", "-c", program]
    return subprocess.run(command, env=kept, capture_output=True, text=True, timeout=60, check=False)
