"""The real query client reads back what ingestion has stored."""

from datetime import UTC, datetime, timedelta

import pytest

pytest.importorskip("azure.monitor.query")

from azure.core.exceptions import HttpResponseError
from azure.monitor.query import LogsBatchQuery, LogsQueryStatus

from dcrlog.emulator import Emulator
from dcrlog.kql import KqlError
from emulator_client import query_client

NOW = datetime.now(UTC)
ROWS = [
    {"TimeGenerated": (NOW - timedelta(hours=number)).isoformat(), "Level": "INFO", "Seq": number}
    for number in range(10)
]


@pytest.fixture
def client(emulator):
    """The real client, with a credential that asks the emulator for tokens."""
    with query_client(emulator) as client:
        yield client


def rows_of(result):
    """The rows of a result, as lists."""
    (table,) = result.tables
    return [list(row) for row in table.rows]


def test_rows_come_back_with_their_types(emulator, client, post):
    """Times are aware, numbers numbers, dynamic values text, as the service has it, and null None."""
    row = {"TimeGenerated": "2026-11-24T10:20:30.1234567Z", "Message": "a ✓", "Seq": 1 << 53, "Line": 7}
    row["TimeGenerated"] = (NOW - timedelta(hours=1)).isoformat()
    post(emulator, [row | {"Properties": {"a": [1, None]}}])
    query = "AppLogs_CL | project TimeGenerated, Message, Seq, Line, Properties, Exception, Half = Line / 2.0"

    (table,) = client.query_workspace("any", query, timespan=None).tables

    assert table.columns_types == ["datetime", "string", "long", "int", "dynamic", "string", "real"]
    assert list(table.rows[0]) == [
        NOW - timedelta(hours=1), "a ✓", 1 << 53, 7, '{"a":[1,null]}', "", 3.5
    ]  # fmt: skip


def test_a_query_filters_takes_counts_and_summarizes(emulator, client, post):
    """The first steps of anyone."""
    post(emulator, ROWS)

    def ask(query):
        return rows_of(client.query_workspace("any", query, timespan=None))

    assert ask("AppLogs_CL | where Seq > 7 | project Seq") == [[8], [9]]
    assert ask("AppLogs_CL | take 2 | count") == [[2]]
    assert ask("AppLogs_CL | summarize count() by Level, Odd = Seq % 2 == 1") == [
        ["INFO", False, 5],
        ["INFO", True, 5],
    ]


def test_a_workspace_without_a_token_is_closed(emulator, web):
    """As ingestion is; the audience may be any, since a client asks for whatever its endpoint is."""
    url = f"{emulator.http_endpoint}/v1/workspaces/any/query"
    body = {"query": "AppLogs_CL | count"}
    bearer = {"Authorization": f"Bearer {emulator.token('https://api.loganalytics.io')}"}

    assert web.post(url, json=body).status_code == 401
    assert web.post(url, json=body, headers=bearer).status_code == 200


@pytest.mark.parametrize(
    ("query", "error", "message"),
    [
        (
            "AppLogs_CL | where Nope > 1",
            ("SEM0100", 1, 20),
            "'where' operator: Failed to resolve column or scalar expression named 'Nope' on line [1,20]",
        ),
        (
            "Nope | count",
            ("SEM0100", 1, 1),
            "Failed to resolve table or column expression named 'Nope' on line [1,1]",
        ),
        (
            "AppLogs_CL\n| mv-apply x",
            ("SYN0002", 2, 3),
            "Query could not be parsed at 'mv-apply' on line [2,3]: the operator 'mv-apply' is not supported",
        ),
    ],
)
def test_a_query_that_is_wrong_is_answered_as_azure_does(emulator, client, query, error, message):
    """The client's error has the outer code, and what is wrong and where; the body has the steps between."""
    with pytest.raises(HttpResponseError) as caught:
        client.query_workspace("any", query, timespan=None)

    assert caught.value.status_code == 400
    assert caught.value.model.code == "BadArgumentError"
    assert message in caught.value.model.message
    inner = caught.value.response.json()["error"]["innererror"]["innererror"]
    assert (inner["code"], inner["line"], inner["pos"]) == error


def test_a_batch_is_answered_in_its_order_each_for_itself(emulator, client, post):
    """A success, and an error beside it."""
    post(emulator, ROWS)
    queries = ["AppLogs_CL | count", "Nope", "AppLogs_CL | take 1 | project Seq"]

    found = client.query_batch([LogsBatchQuery("any", each, timespan=None) for each in queries])

    assert [each.status for each in found] == [
        LogsQueryStatus.SUCCESS,
        LogsQueryStatus.FAILURE,
        LogsQueryStatus.SUCCESS,
    ]
    assert (rows_of(found[0]), found[1].code, rows_of(found[2])) == ([[10]], "BadArgumentError", [[0]])


def test_a_resource_is_asked_as_a_workspace_is(emulator, client, post):
    """The emulator has one set of tables, whoever is asked."""
    post(emulator, ROWS)
    resource = "/subscriptions/a/resourceGroups/b/providers/Microsoft.Compute/virtualMachines/c"

    assert rows_of(client.query_resource(resource, "AppLogs_CL | count", timespan=None)) == [[10]]


def test_more_rows_than_an_answer_takes_make_it_partial(post):
    """The rows up to the limit come with an error that names it."""
    with Emulator(max_query_rows=3) as emulator:
        post(emulator, ROWS)
        with query_client(emulator) as client:
            found = client.query_workspace("any", "AppLogs_CL", timespan=None)
            whole = client.query_workspace("any", "AppLogs_CL | take 3", timespan=None)

    assert (found.status, whole.status) == (LogsQueryStatus.PARTIAL, LogsQueryStatus.SUCCESS)
    assert len(found.partial_data[0].rows) == 3
    assert found.partial_error.code == "PartialError"
    assert "the set limit of 3 records" in found.partial_error.details[0]["innererror"]["message"]


def test_a_timespan_limits_the_rows_by_their_time(emulator, client, post):
    """A duration up to now, from a time on for a duration, and between two times, both of them included."""
    post(emulator, ROWS)
    start = NOW - timedelta(hours=5)

    def count(timespan):
        ((found,),) = rows_of(client.query_workspace("any", "AppLogs_CL | count", timespan=timespan))
        return found

    assert count(None) == 10
    assert count(timedelta(hours=4, minutes=30)) == 5
    assert count((start, timedelta(hours=2))) == 3
    assert count((start, NOW)) == 6


def test_the_same_query_runs_in_python(emulator, post):
    """Rows by column, dynamic values as Python values, and the same errors."""
    post(emulator, [{"Seq": 1, "Properties": {"a": [1]}}])

    assert emulator.query("AppLogs_CL | project Seq, Properties") == [{"Seq": 1, "Properties": {"a": [1]}}]
    with pytest.raises(KqlError, match=r"named 'Nope' on line \[1,1\]"):
        emulator.query("Nope")
