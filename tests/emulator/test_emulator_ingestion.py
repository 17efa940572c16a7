"""What an accepted request does: the answer, the rows, the line in the log."""

import asyncio
import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest
from starlette.requests import Request

from dcrlog.emulator import Emulator
from dcrlog.emulator.answers import Refusal
from dcrlog.emulator.auth import Authority
from dcrlog.emulator.ingestion import Ingestion
from dcrlog.emulator.requestlog import RequestEntry
from dcrlog.emulator.workspace import Workspace

TIME = "2026-11-23T12:00:00Z"


def test_success_is_204_with_the_recorded_headers(emulator, post):
    """The answer has no body and the headers of the official recordings."""
    answer = post(emulator, [{}], headers={"x-ms-client-request-id": "5ff1ad9a4bb34b3c9b2cd1d38fb58e4f"})

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Server"] == "Microsoft-HTTPAPI/2.0"
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["x-ms-client-request-id"] == "5ff1ad9a-4bb3-4b3c-9b2c-d1d38fb58e4f"
    assert {"Date", "x-ms-request-id"} <= answer.headers.keys()


def test_rows_come_back_as_they_were_sent(emulator, post):
    """Every column type survives the way through the store, in the order of arrival."""
    moment = (datetime.now(UTC) - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    row = {
        "TimeGenerated": moment,
        "Level": "INFO",
        "Message": "naïve 日本語 😀\n\x00",
        "Process": 42,
        "Properties": {"nested": [1, 2.5, None, {"deep": True}]},
        "Seq": 2**62,
    }
    post(emulator, [row, {"Seq": 2}])
    first, second = emulator.rows("AppLogs_CL")

    assert {name: value for name, value in first.items() if value is not None} | {
        "TimeGenerated": datetime.fromisoformat(first["TimeGenerated"])
    } == row | {"TimeGenerated": datetime.fromisoformat(moment)}
    assert second["Seq"] == 2


def test_a_row_without_a_time_gets_the_time_of_receipt(emulator, post):
    """TimeGenerated is never null."""
    post(emulator, [{"Message": "now"}])
    (row,) = emulator.rows("AppLogs_CL")

    assert abs(datetime.fromisoformat(row["TimeGenerated"]) - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("version", ["2021-11-01-preview", "2023-01-01", "2023-04-01-preview"])
def test_every_specified_api_version_is_taken(emulator, post, version):
    """The version of the 2023 document, the current one, and one that only has a specification."""
    assert post(emulator, [{}], query=f"?api-version={version}").status_code == 204


def test_a_percent_encoded_query_name_is_understood(emulator, post):
    """The JavaScript client sends `api%2Dversion`."""
    assert post(emulator, [{}], query="?api%2Dversion=2023-01-01").status_code == 204


@pytest.mark.parametrize("segment", ["datacollectionRules", "DATACOLLECTIONRULES", "datacollectionrules"])
def test_the_path_may_have_any_case(emulator, post, segment):
    """Microsoft's own documents do not agree on the case of the path."""
    path = f"/{segment}/{emulator.rule_id.upper()}/Streams/Custom-AppLogs"

    assert post(emulator, [{}], path=path).status_code == 204


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_a_content_type_may_have_parameters(emulator, post, content_type):
    """AzLogDcrIngestPS sends a charset."""
    assert post(emulator, b"[{}]", headers={"Content-Type": content_type}).status_code == 204


def test_an_empty_array_is_accepted(emulator, post):
    """Vector's health check posts `[]` and expects 204."""
    assert post(emulator, []).status_code == 204
    assert emulator.rows("AppLogs_CL") == []


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b'[{"Seq": 1}]'), gzip.compress(b'[{"Seq"') + gzip.compress(b": 1}]")],
    ids=["one member", "two members"],
)
def test_a_gzip_body_is_decompressed(emulator, post, body):
    """Gzip, also in several members, arrives as what it holds."""
    post(emulator, body, headers={"Content-Encoding": "GZIP"})

    assert [row["Seq"] for row in emulator.rows("AppLogs_CL")] == [1]


def test_an_object_is_answered_204_and_lost_as_in_azure(emulator, post):
    """In strict mode a bare object stores nothing, and only the log tells."""
    answer = post(emulator, {"Message": "lost"})

    assert answer.status_code == 204
    assert emulator.rows("AppLogs_CL") == []
    assert "stored nothing" in emulator.requests()[-1]["warning"]


def test_lenient_mode_accepts_and_warns(post):
    """What strict mode loses or refuses for its form is stored, and each time the log says so."""
    with Emulator(mode="lenient") as emulator:
        statuses = [
            post(emulator, {"Seq": 1}).status_code,
            post(emulator, [{"Seq": 2}], query="").status_code,
            post(emulator, b'[{"Seq": 3}]', headers={"Content-Type": None}).status_code,
        ]
        warnings = [entry["warning"] for entry in emulator.requests()]

        assert statuses == [204, 204, 204]
        assert [row["Seq"] for row in emulator.rows("AppLogs_CL")] == [1, 2, 3]
        assert [
            word in warning
            for word, warning in zip(["object", "api-version", "Content-Type"], warnings, strict=True)
        ] == [True, True, True]


def test_lenient_mode_still_checks_tokens(post):
    """Lenient is about forms, not about who may send."""
    with Emulator(mode="lenient") as emulator:
        assert post(emulator, [{}], token=emulator.token(expires_in=-1)).status_code == 401


def test_the_log_tells_what_became_of_a_request(emulator, post):
    """A line has sizes, counts, the sender and what was lost."""
    rows = [{"Message": "a", "Extra": 1}, {"Message": "b", "Extra": 2, "Other": 3}, {"Line": "no number"}]
    body = gzip.compress(json.dumps(rows).encode())
    post(emulator, body, headers={"Content-Encoding": "gzip", "User-Agent": "tester/1"})
    (entry,) = emulator.requests()

    assert {
        name: entry[name] for name in ("kind", "method", "status", "error", "rows_in", "rows_stored")
    } == {
        "kind": "ingestion",
        "method": "POST",
        "status": 204,
        "error": None,
        "rows_in": 3,
        "rows_stored": 3,
    }
    assert (entry["raw_bytes"], entry["bytes"]) == (len(body), len(json.dumps(rows)))
    assert entry["columns_dropped"] == 3
    assert entry["user_agent"] == "tester/1"
    assert entry["ms"] > 0
    assert datetime.fromisoformat(entry["time"]).tzinfo is not None
    assert "not declared: Extra, Other." in entry["warning"]
    assert "values that do not fit their column became null: Line (1)." in entry["warning"]


def test_losses_that_leave_the_row_are_told(emulator, post):
    """Truncated values and replaced times show in the log."""
    post(emulator, [{"Message": "x" * 70_000, "TimeGenerated": "2001-01-01T00:00:00Z"}])
    warning = emulator.requests()[-1]["warning"]

    assert "values over 64 KB were truncated: Message (1)." in warning
    assert "times outside the window that became the time of receipt: 1." in warning


def test_what_senders_name_does_not_fill_the_memory(emulator, post, web):
    """Paths, user agents, ids and names of properties are kept up to a length, however long they come."""
    long = "x" * 30_000
    headers = {"User-Agent": long, "x-ms-client-request-id": long}
    answer = post(emulator, [{long: 1, f"{long}2": 2}], headers=headers)
    post(emulator, [], headers=headers, path=f"/{long}")
    told = emulator.requests()

    assert answer.headers["x-ms-client-request-id"] == long[:256]
    assert [len(entry["user_agent"]) for entry in told] == [256, 256]
    assert [entry["status"] for entry in told] == [204, 404]
    assert len(json.dumps([told, emulator.drops()])) < 5_000
    assert sum(drop["count"] for drop in emulator.drops()) == 2


def test_a_full_table_loses_its_oldest_rows_and_says_so(post):
    """The cap holds, and a test that runs into it can see why rows are missing."""
    with Emulator(max_rows=3) as emulator:
        post(emulator, [{"Seq": number} for number in range(5)])
        post(emulator, [{"Seq": 5}])

        assert [row["Seq"] for row in emulator.rows("AppLogs_CL")] == [3, 4, 5]
        assert [entry["warning"] for entry in emulator.requests()] == [
            "The table is full: its 2 oldest rows were removed.",
            "The table is full: its 1 oldest rows were removed.",
        ]


def test_a_body_that_does_not_arrive_is_given_up():
    """A sender that announces a body and then is silent does not hold its connection for ever."""

    async def silence():
        return await asyncio.Event().wait()

    async def answer():
        workspace = Workspace({}, create_tables=None)
        rule = workspace.add(None)
        authority = Authority(grant_role=True)
        headers = {
            "content-length": "4",
            "content-type": "application/json",
            "authorization": f"Bearer {authority.mint('https://monitor.azure.com')}",
        }
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "query_string": b"api-version=2023-01-01",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "path_params": {"rule_id": rule.immutable_id, "stream": "Custom-AppLogs"},
        }
        ingestion = Ingestion(workspace, None, authority, "strict", run=None, read_timeout=0.01)
        await ingestion.answer(Request(scope, silence), RequestEntry("ingestion", "POST", "/", None, None))

    with pytest.raises(Refusal, match="408 TimeoutExpired"):
        asyncio.run(answer())
