"""The query API: bodies, timespans, limits, and what else goes on meanwhile."""

import asyncio
import importlib.util
from datetime import UTC, datetime, timedelta

import pytest

pytest.importorskip("azure.monitor.query")


from dcrlog.emulator import Emulator
from dcrlog.emulator.timespan import parse_timespan
from emulator_client import credential_of, query_client

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b"no JSON", 400, "Malformed JSON"),
        (b"[" * 600 + b"]" * 600, 400, "nested more than 500 levels deep"),
        (b"[]", 400, "The body must be an object with 'query'"),
        ({"query": 1}, 400, "The body must be an object with 'query'"),
        ({"query": " "}, 400, "The body must be an object with 'query'"),
        ({"query": "print 1", "timespan": "yesterday"}, 400, "'yesterday' is not an ISO 8601 duration"),
        ({"query": "print 1", "timespan": ["P1D"]}, 400, "The timespan is invalid"),
        ({"query": "x" * (1 << 20)}, 413, "Maximum allowed content length"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_body_that_is_none_is_refused(ask, body, status, told):
    """With what was wrong."""
    found, answer = ask(body)

    assert found == status
    assert told in answer["error"]["message"]


def test_a_query_may_be_asked_by_get(emulator, web):
    """As the service has it, too."""
    answer = web.get(
        f"{emulator.http_endpoint}/v1/workspaces/any/query",
        params={"query": "print x = 1", "timespan": "P1D"},
        headers={"Authorization": f"Bearer {emulator.token()}"},
    )

    assert answer.json()["tables"] == [
        {"name": "PrimaryResult", "columns": [{"name": "x", "type": "long"}], "rows": [[1]]}
    ]


def test_cells_are_those_of_the_service(ask):
    """What JSON has not is its name; times, guids and dynamic values are text, and nulls null."""
    text = (
        "print r = real(nan), i = real(+inf), j = real(-inf), t = 1.02:03:04.5, d = datetime(2026-11-24), "
        "g = guid(74be27de-1e4e-49d9-b579-fe0b331d3642), x = dynamic({'a': 1}), s = dynamic('text'), "
        "n = dynamic(null), b = true, m = int(null), w = 'ü'"
    ).replace("1.02:03:04.5", "timespan(1.02:03:04.5)")
    status, answer = ask({"query": text})
    (table,) = answer["tables"]

    assert status == 200
    assert dict(zip([each["name"] for each in table["columns"]], table["rows"][0], strict=True)) == {
        "r": "NaN",
        "i": "Infinity",
        "j": "-Infinity",
        "t": "1.02:03:04.5000000",
        "d": "2026-11-24T00:00:00.0000000Z",
        "g": "74be27de-1e4e-49d9-b579-fe0b331d3642",
        "x": '{"a":1}',
        "s": '"text"',
        "n": None,
        "b": True,
        "m": None,
        "w": "ü",
    }
    assert [each["type"] for each in table["columns"]] == [
        "real", "real", "real", "timespan", "datetime", "guid", "dynamic", "dynamic", "dynamic", "bool",
        "int", "string",
    ]  # fmt: skip


def test_statistics_and_render_come_where_they_are_preferred(ask):
    """And not otherwise."""
    body = {"query": "print x = 1 | render columnchart with (title='a')"}
    _, plain = ask(body)
    _, full = ask(body, Prefer="wait=10,include-statistics=true,include-render=true")

    assert plain.keys() == {"tables"}
    assert full["render"] == {"visualization": "columnchart", "title": "a"}
    assert full["statistics"]["query"]["datasetStatistics"] == [{"tableRowCount": 1, "tableSize": 3}]


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("PT1H", NOW - timedelta(hours=1), NOW),
        ("PT3600.5S", NOW - timedelta(seconds=3600.5), NOW),
        ("P1DT2H3M4S", NOW - timedelta(days=1, hours=2, minutes=3, seconds=4), NOW),
        ("P2W", NOW - timedelta(weeks=2), NOW),
        ("2026-11-01T00:00:00Z/2026-11-02T00:00:00+02:00", datetime(2026, 11, 1, tzinfo=UTC), None),
        ("2026-11-01/P1D", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)),
        ("P1D/2026-11-02", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)),
    ],
)
def test_a_timespan_is_read_in_its_four_forms(text, start, end):
    """A duration up to now, two times, a time and a duration, a duration and a time."""
    assert parse_timespan(text, NOW) == (start, end or datetime(2026, 11, 1, 22, tzinfo=UTC))


NO_TIMESPANS = ["", "P", "PT", "1h", "P1X", "/", "2026-13-01/P1D", "P999999999W", "P1D/", "P1D/x"]


@pytest.mark.parametrize("text", NO_TIMESPANS)
def test_what_is_no_timespan_is_told(text):
    """And never another error."""
    with pytest.raises(ValueError, match=r"is not an ISO 8601|beyond the years"):
        parse_timespan(text, NOW)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ([], "must be an object with 'requests'"),
        ({"requests": ["print 1"]}, "must be an object with 'requests'"),
        ({"requests": [{}] * 101}, "takes 100 requests, got 101"),
    ],
    ids=["array", "no objects", "too many"],
)
def test_a_batch_that_is_none_is_refused(ask, body, told):
    """As a whole."""
    status, answer = ask(body, "/v1/$batch")

    assert (status, answer["error"]["code"]) == (400, "BadArgumentError")
    assert told in answer["error"]["message"]


def test_a_part_of_a_batch_that_is_none_is_refused_alone(ask):
    """The others are answered."""
    parts = [{"id": "1"}, {"id": "2", "body": {"query": "print x = 1"}, "headers": {"Prefer": "wait=5"}}]
    status, answer = ask({"requests": parts}, "/v1/$batch")
    one, other = answer["responses"]

    assert status == 200
    assert (one["id"], one["status"], one["body"]["error"]["code"]) == ("1", 400, "BadArgumentError")
    assert (other["id"], other["status"], other["body"]["tables"][0]["rows"]) == ("2", 200, [[1]])


def test_the_asynchronous_client_reads_rows(emulator, post):
    """With its own credential and its own transport."""
    if importlib.util.find_spec("aiohttp") is None:
        pytest.skip("aiohttp is not installed")
    from azure.identity.aio import ClientSecretCredential
    from azure.monitor.query.aio import LogsQueryClient

    from dcrlog.emulator import auth

    post(emulator, [{"Seq": number} for number in range(3)])

    async def ask():
        async with (
            ClientSecretCredential(
                auth.TENANT,
                auth.CLIENT_ID,
                auth.CLIENT_SECRET,
                authority=emulator.endpoint,
                connection_verify=emulator.ca_bundle,
            ) as credential,
            LogsQueryClient(
                credential, endpoint=emulator.endpoint, connection_verify=emulator.ca_bundle
            ) as client,
        ):
            found = await client.query_workspace(
                "any", "AppLogs_CL | project Seq", timespan=timedelta(hours=1)
            )
            return [row["Seq"] for row in found.tables[0].rows]

    assert asyncio.run(ask()) == [0, 1, 2]


def test_all_types_of_a_table_are_read_as_they_were_stored(post):
    """From the database: booleans and dynamic values, guids, and names that differ in case only."""
    types = {
        "TimeGenerated": "datetime", "Text": "string", "text": "int", "Big": "long", "Share": "real",
        "Flag": "boolean", "Bag": "dynamic", "Id": "guid",
    }  # fmt: skip
    columns = [{"name": name, "type": "string" if of == "guid" else of} for name, of in types.items()]
    rule = {
        "properties": {
            "streamDeclarations": {"Custom-All": {"columns": columns}},
            "dataFlows": [
                {
                    "streams": ["Custom-All"],
                    "outputStream": "Custom-All_CL",
                    "transformKql": "source | extend Id = toguid(Id)",
                }
            ],
        }
    }
    row = {
        "TimeGenerated": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.1234567Z"), "Text": "a", "text": 1,
        "Big": 1 << 60, "Share": 0.5, "Flag": True, "Bag": {"a": [None, 1.5]},
        "Id": "74be27de-1e4e-49d9-b579-fe0b331d3642",
    }  # fmt: skip
    with Emulator(rule, tables={"All_CL": types}) as emulator:
        post(emulator, [row, {}], stream="Custom-All")
        first, empty = emulator.query("All_CL")
        schema = {each["ColumnName"]: each["ColumnType"] for each in emulator.query("All_CL | getschema")}
        flags = emulator.query("All_CL | where Flag and text == 1 and Bag.a[1] == 1.5 | count")

    assert first == row
    assert {name for name, value in empty.items() if value not in (None, "")} == {"TimeGenerated"}
    assert schema == types | {"Flag": "bool"}
    assert flags == [{"Count": 1}]


def test_a_token_is_asked_for_the_address_of_the_emulator(emulator):
    """As the client does it where no audience is given."""
    with query_client(emulator) as client:
        client.query_workspace("any", "print 1", timespan=None)
    with credential_of(emulator) as credential:
        assert credential.get_token(f"{emulator.endpoint}/.default").token
    assert [entry["kind"] for entry in emulator.requests()][:2] == ["token", "query"]
