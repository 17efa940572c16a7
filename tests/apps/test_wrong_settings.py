"""Each of the usual wrong settings is told by its name, and with what to write instead.

The table is the one in docs/doctor.md.
"""

import json
import re
import time
from pathlib import Path

import pytest

from dcrlog.emulator import Fault
from findings import finding
from greeters import greeter

PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"
AZURE = "https://shop-abcd.westeurope-1.ingest.monitor.azure.com"
EXPIRED = json.dumps(
    {
        "error": "invalid_client",
        "error_description": "AADSTS7000222: The provided client secret keys are expired.",
    }
)
NO_TENANT = json.dumps(
    {"error": "invalid_request", "error_description": "AADSTS90002: Tenant 'contoso' not found."}
)


def refuses_tokens(body):
    """What makes the login service answer so."""
    return lambda emulator: emulator.faults.add(Fault("status", kind="token", status=400, body=body))


WRONG = {
    # What is wrong: variables, what else is done, the step that tells, and words of what is told.
    "no endpoint": (
        {"DATA_COLLECTION_ENDPOINT": None}, None, "settings", "endpoint (DATA_COLLECTION_ENDPOINT)"),
    "no rule id": ({"LOGS_DCR_RULE_ID": None}, None, "settings", "rule_id (LOGS_DCR_RULE_ID)"),
    "an endpoint without https://": (
        {"DATA_COLLECTION_ENDPOINT": AZURE.removeprefix("https://")}, None, "settings", "must be a URL"),
    "an http endpoint": (
        {"DATA_COLLECTION_ENDPOINT": AZURE.replace("https", "http")}, None, "settings", "must be https"),
    "the whole URL of the stream": (
        {"DATA_COLLECTION_ENDPOINT": f"{AZURE}/dataCollectionRules/dcr-1/streams/Custom-A"}, None, "settings",
        "may have a scheme and a host only"),
    "a trailing slash": (
        {"DATA_COLLECTION_ENDPOINT": "{endpoint}/"}, None, "settings", "a slash, which is left out"),
    "a mistyped host": (
        {"DATA_COLLECTION_ENDPOINT": "https://shop.ingest.monitor.azure.invalid"}, None, "settings",
        "is not a host of Azure"),
    "an endpoint that does not exist": (
        {"DATA_COLLECTION_ENDPOINT": "https://shop.invalid", "DCRLOG_AUDIENCE": "https://monitor.azure.com"},
        None, "dns", "Check the endpoint letter by letter"),
    "the endpoint for metrics": (
        {"DATA_COLLECTION_ENDPOINT": AZURE.replace(".ingest", ".metrics.ingest")}, None, "settings",
        "that for logs has no '.metrics'"),
    "the configuration access endpoint": (
        {"DATA_COLLECTION_ENDPOINT": AZURE.replace(".ingest", ".handler.control")}, None, "settings",
        "rows go to the logs ingestion endpoint"),
    "another cloud's endpoint": (
        {"DATA_COLLECTION_ENDPOINT": AZURE.replace(".com", ".us"),
         "AZURE_AUTHORITY_HOST": "login.microsoftonline.com"},
        None, "settings", "but the endpoint belongs to Azure Government"),
    "the audience of ARM": (
        {"DATA_COLLECTION_ENDPOINT": AZURE, "DCRLOG_AUDIENCE": "https://management.azure.com",
         "AZURE_AUTHORITY_HOST": None},
        None, "settings", "Leave audience out, or make it 'https://monitor.azure.com'"),
    "a password in the endpoint": (
        {"DATA_COLLECTION_ENDPOINT": AZURE.replace("https://", "https://me:hunter2@")}, None, "settings",
        "leave out what stands before '@'"),
    "two endpoints": (
        {"DCRLOG_ENDPOINT": "{endpoint}", "DATA_COLLECTION_ENDPOINT": AZURE}, None, "settings",
        "DATA_COLLECTION_ENDPOINT has no effect, since DCRLOG_ENDPOINT comes first"),
    "an audience without https://": (
        {"DCRLOG_AUDIENCE": "monitor.azure.com"}, None, "settings", "audience must be an https URL"),
    "a rule id with an underscore": (
        {"LOGS_DCR_RULE_ID": "dcr_" + "0" * 32}, None, "settings", "rule_id must be the rule's immutable id"),
    "the rule's resource id": (
        {"LOGS_DCR_RULE_ID": "/subscriptions/1/resourceGroups/g/providers/Microsoft.Insights/"
                             "dataCollectionRules/shop"},
        None, "settings", "--query immutableId"),
    "another rule's id": (
        {"LOGS_DCR_RULE_ID": "dcr-" + "0" * 32}, None, "probe", "Check rule_id (dcr-000000"),
    "the table as the stream": (
        {"LOGS_DCR_STREAM_NAME": "AppLogs_CL"}, None, "settings", "did you mean 'Custom-AppLogs_CL'?"),
    "a stream without Custom-": (
        {"LOGS_DCR_STREAM_NAME": "AppLogs"}, None, "settings", "did you mean 'Custom-AppLogs'?"),
    "the output stream": (
        {"LOGS_DCR_STREAM_NAME": "Custom-AppLogs_CL"}, None, "probe", "stream_name is a key of the rule's"),
    "a credential of that name": (
        {"DCRLOG_CREDENTIAL": "managed-identity"}, None, "settings", "credential must be"),
    "half of a client secret's variables": (
        {"DCRLOG_CREDENTIAL": "environment", "AZURE_CLIENT_SECRET": None}, None, "credential",
        "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"),
    "the client secret's id": (
        {"DCRLOG_CREDENTIAL": "environment", "AZURE_CLIENT_SECRET": "11111111-2222-3333-4444-555555555555"},
        None, "credential", "AZURE_CLIENT_SECRET takes the secret's value, not its id"),
    "an expired client secret": (
        {"DCRLOG_CREDENTIAL": "environment"}, refuses_tokens(EXPIRED), "credential",
        "The client secret has expired"),
    "another tenant": (
        {"DCRLOG_CREDENTIAL": "environment"}, refuses_tokens(NO_TENANT), "credential",
        "check AZURE_TENANT_ID"),
    "an identity without the role": (
        {"DCRLOG_CREDENTIAL": "environment", "AZURE_CLIENT_ID": "no-role"}, None, "probe",
        "the role Monitoring Metrics Publisher on the data collection rule"),
    "a clock ten minutes off": (
        {"DATA_COLLECTION_ENDPOINT": "{late}"}, None, "clock",
        "seconds ahead: tokens are taken for expired"),
    "a secret as the credential": (
        {"DCRLOG_CREDENTIAL": "hunter2~hunter2"}, None, "settings",
        "credential must be a TokenCredential, one of"),
    "a proxy that is no URL": (
        {"HTTPS_PROXY": "http://proxy:port", "NO_PROXY": "a.invalid", "no_proxy": "a.invalid"}, None, "dns",
        "Write HTTPS_PROXY"),
    "a bundle of authorities that is not there": (
        {"REQUESTS_CA_BUNDLE": "/nowhere/ca.pem"}, None, "tls", "REQUESTS_CA_BUNDLE"),
    "a reserved column": (
        {"DCRLOG_COLUMNS": '{{"Type": "kind"}}'}, None, "settings", "'Type' is reserved by Azure Monitor"),
    "a preset that there is not": ({"DCRLOG_COLUMNS": "perf"}, None, "settings", "is no preset"),
    "a rule file that is not there": ({"DCRLOG_RULE": "dcr.json"}, None, "settings", "rule file 'dcr.json'"),
    "a number with a unit": ({"DCRLOG_CAPACITY": "64MB"}, None, "settings", "DCRLOG_CAPACITY='64MB' cannot"),
    "a rule file that is no rule": (
        {"DCRLOG_RULE": "/dev/null"}, None, "settings", "rule file '/dev/null': the"),
    "JSON that is none": (
        {"DCRLOG_COLUMNS": "{{Tenant: t}}"}, None, "settings", "DCRLOG_COLUMNS='{Tenant: t}'"),
    "a level that there is not": (
        {"DCRLOG_LEVEL": "LOUD"}, None, "settings", "level must be a number or a name"),
    "a word for yes that is none": (
        {"DCRLOG_FSYNC": "ja"}, None, "settings", "DCRLOG_FSYNC='ja' cannot be read"),
    "what a full queue does, misspelled": (
        {"DCRLOG_ON_FULL": "drop-newest"}, None, "settings", "on_full must be one of 'drop_newest'"),
    "a capacity of no size": (
        {"DCRLOG_CAPACITY": "64"}, None, "settings", "capacity must be a whole number of bytes"),
    "a handler that is switched off": (
        {"DCRLOG_ENABLED": "false"}, None, "settings", "Set enabled=True, or DCRLOG_ENABLED=true"),
    "a spool where nobody may write": (
        {"DCRLOG_SPOOL_DIR": "/dev/null/spool"}, None, "spool", "spool_dir='/dev/null/spool'"),
}  # fmt: skip


HARMLESS = {"a trailing slash", "two endpoints"}


@pytest.fixture
def late():
    """A server whose clock is ten minutes behind, so that ours is ahead."""
    with greeter(date=time.time() - 600) as url:
        yield url


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_is_told_with_its_name_and_the_remedy(emulator, doctor, monkeypatch, late, name):
    """By one step, and the status is 1, but where it does no harm. What is told is no secret."""
    variables, prepare, step, words = WRONG[name]
    if prepare is not None:
        prepare(emulator)
    for variable, value in variables.items():
        if value is None:
            monkeypatch.delenv(variable)
        else:
            monkeypatch.setenv(variable, value.format(endpoint=emulator.endpoint, late=late))
    # No test asks Azure: its hosts are for the settings alone to judge.
    status, told = doctor(*(["--offline"] if "westeurope" in str(variables) else []))

    lines = [f"{each['text']} -> {each['remedy']}" for each in told["findings"] if each["step"] == step]
    assert any(words in line for line in lines), told["findings"]
    assert status == (name not in HARMLESS)
    assert "[redacted]" not in str(told)
    assert "hunter2" not in str(told)


def test_each_of_them_is_in_the_documentation():
    """The table has a row for each, and no other."""
    rows = re.findall(
        r"^\| ([^|]+) \| `(?:settings|dns|tls|clock|credential|probe|spool)` \|",
        PAGE.read_text(),
        re.MULTILINE,
    )

    assert rows == list(WRONG)
    assert len(rows) >= 33


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"DCRLOG_LEVEL": "WARNING"}, "level is 30: INFO, and what is below it, is not taken"),
        ({"LOGS_DCR_STREAM_NAME": "Custom-AppLogs_CL"}, "looks like the rule's outputStream"),
        (
            {"DATA_COLLECTION_ENDPOINT": "https://shop.azure.com"},
            "is not of the form https://NAME.REGION-1.ingest",
        ),
        (
            {"DCRLOG_COLUMNS": '{"Seq": null}', "DCRLOG_SPOOL_DIR": "/tmp/spool"},
            "no column of the stream takes Seq",
        ),
    ],
)
def test_what_works_but_is_perhaps_not_meant_is_a_warning(doctor, monkeypatch, variables, told):
    """And the status is 0."""
    monkeypatch.delenv("AZURE_AUTHORITY_HOST")
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    status, found = doctor("--offline")

    assert told in finding(found, "settings", "warn")
    assert status == 0


def test_an_option_whose_module_ends_the_process_is_told(doctor, tmp_path, monkeypatch):
    """As a script does that was meant to be run."""
    (tmp_path / "ends_it.py").write_text("raise SystemExit(3)")
    monkeypatch.setenv("DCRLOG_ON_DROP", "ends_it.count")
    _, told = doctor("--offline")

    assert "a module that is named ends with SystemExit(3)" in finding(told, "settings")
