"""Queries that take long or much, and what else goes on meanwhile."""

import json
import socket
import threading
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

pytest.importorskip("azure.monitor.query")

from azure.core.exceptions import AzureError
from azure.monitor.query import LogsBatchQuery

from dcrlog.emulator import Emulator
from dcrlog.emulator.queries import QueryTimeoutError, Wait
from emulator_client import query_client
from pipelines import until

FOR_EVER = "AppLogs_CL | join kind=inner AppLogs_CL on Level | join kind=inner AppLogs_CL on Level | count"
"""Of a thousand rows: a billion."""


def test_a_query_that_takes_too_long_is_stopped(emulator, ask, post):
    """At the time that its sender waits, with the answer of a gateway that has waited."""
    post(emulator, [{"Level": "INFO"}] * 1_000)
    status, answer = ask({"query": FOR_EVER}, Prefer="wait=1")

    assert (status, answer["error"]["code"]) == (504, "GatewayTimeout")
    assert answer["error"]["message"] == "The query took longer than 1 s."
    assert emulator.requests()[-1]["error"] == "GatewayTimeout"


def test_a_query_that_holds_too_much_is_stopped(emulator, ask, post, monkeypatch):
    """With what to do."""
    monkeypatch.setattr("dcrlog.kql.query._run.MAX_HELD", 10_000)
    post(emulator, [{"Seq": number} for number in range(101)])

    assert ask({"query": "AppLogs_CL | where Seq < 5 | sort by Seq | count"})[0] == 200
    status, answer = ask({"query": "AppLogs_CL | sort by Seq | count"})
    assert status == 400
    assert "Filter earlier" in answer["error"]["innererror"]["message"]


def query_threads():
    """The threads that run queries, of whichever emulator."""
    return {each for each in threading.enumerate() if each.name.startswith("dcrlog-emulator-query")}


def test_others_are_answered_and_it_stops_while_a_query_runs(post):
    """Queries have threads of their own, and end where the emulator does."""
    others = query_threads()
    with Emulator() as emulator:
        post(emulator, [{"Level": "INFO"}] * 1_000)

        def ask_in_vain():
            with query_client(emulator) as client, pytest.raises(AzureError):
                client.query_workspace("any", FOR_EVER, timespan=None, server_timeout=600)

        asking = threading.Thread(target=ask_in_vain)
        asking.start()
        until(lambda: query_threads() > others)
        assert post(emulator, [{"Level": "INFO"}]).status_code == 204
        assert emulator.query("AppLogs_CL | count") == [{"Count": 1_001}]
    asking.join(30)
    assert not asking.is_alive()
    assert query_threads() == others


def test_rows_that_come_meanwhile_are_not_read(emulator, post):
    """A query sees the rows that were there when it began to read, however many parts it reads them in."""
    post(emulator, [{"Seq": number} for number in range(3_000)])
    service = emulator._require().service
    rows = service.store.scan("AppLogs_CL", ["Seq"])
    first = next(rows)
    post(emulator, [{"Seq": -1}])

    assert [first, *rows] == [(number,) for number in range(3_000)]
    assert emulator.count("AppLogs_CL") == 3_001


def test_a_query_whose_sender_has_left_is_stopped(post):
    """So that others get its thread: it would go on for minutes."""
    others = query_threads()
    with Emulator() as emulator, ExitStack() as connections:
        post(emulator, [{"Level": "INFO"}] * 1_000)
        url = urlsplit(emulator.http_endpoint)
        body = json.dumps({"query": FOR_EVER})
        request = (
            f"POST /v1/workspaces/any/query HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {len(body)}\r\n"
            f"Authorization: Bearer {emulator.token('https://api.loganalytics.io')}\r\n\r\n{body}"
        ).encode()
        for _ in range(4):
            connection = connections.enter_context(socket.create_connection((url.hostname, url.port)))
            connection.sendall(request)
        until(lambda: len(query_threads() - others) == 4)
        connections.close()

        with query_client(emulator) as client:
            found = client.query_workspace(
                "any", "print 1", timespan=None, connection_timeout=20, read_timeout=20
            )
        assert found.tables


def test_a_query_that_waits_for_others_waits_no_longer_than_its_sender(emulator, post):
    """The time that it waits for a thread counts."""
    post(emulator, [{"Level": "INFO"}])
    queries = emulator._require().service.queries

    with pytest.raises(QueryTimeoutError):
        queries.answer("AppLogs_CL | count", None, Wait(-1))


def test_the_queries_of_a_batch_share_the_bytes_of_an_answer(emulator, post, monkeypatch):
    """Each has the same part, so that a hundred of them are no larger than one."""
    monkeypatch.setattr("dcrlog.emulator.query_api.MAX_BYTES", 1_000)
    post(emulator, [{"Message": "m" * 90} for _ in range(20)])
    query = LogsBatchQuery("any", "AppLogs_CL | project Message", timespan=None)

    with query_client(emulator) as client:
        found = client.query_batch([query, query])

    assert [len(each.partial_data[0].rows) for each in found] == [5, 5]
    assert "the set limit of 500 bytes" in found[0].partial_error.details[0]["innererror"]["message"]
