"""Many connections, slow ones and strange ones: an answer or a closed connection, and nothing stored."""

import socket
from contextlib import ExitStack, suppress

import pytest

from dcrlog.emulator import server
from dcrlog.emulator.connection import Protocol

ROW = b'[{"Message": "one"}]'


def head(emulator, path=None):
    path = path or f"/dataCollectionRules/{emulator.rule_id}/streams/Custom-AppLogs"
    lines = [
        f"POST {path}?api-version=2023-01-01 HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {emulator.token()}",
        "Content-Type: application/json",
        f"Content-Length: {len(ROW)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def connect(emulator):
    port = int(emulator.http_endpoint.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def test_two_hundred_connections_at_once_are_all_answered(emulator):
    """Each sends before any reads, and keeps its connection."""
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(emulator)) for _ in range(200)]
        request = head(emulator) + ROW
        for connection in connections:
            connection.sendall(request)
        answers = [connection.recv(12) for connection in connections]

    assert answers == [b"HTTP/1.1 204"] * 200
    assert emulator.count("AppLogs_CL") == 200


def test_slow_senders_hold_up_nobody(emulator, post):
    """Half-sent headers and half-sent bodies wait for their time; others are answered meanwhile."""
    request = head(emulator) + ROW
    with ExitStack() as stack:
        for sent in range(1, len(request), len(request) // 60):
            stack.enter_context(connect(emulator)).sendall(request[:sent])
        assert post(emulator, [{"Message": "quick"}]).status_code == 204

        assert [row["Message"] for row in emulator.rows("AppLogs_CL")] == ["quick"]


@pytest.mark.parametrize(
    ("answered", "first"),
    [(False, b""), (False, b"POST /data"), (True, b"POST /data")],
    ids=["nothing", "half a line", "half a line after an answer"],
)
def test_headers_that_do_not_arrive_end_the_connection(emulator, monkeypatch, answered, first):
    """After their time, for the first request of a connection and for every other one that has begun."""
    monkeypatch.setattr(Protocol, "header_timeout", 0.05)
    with connect(emulator) as connection:
        if answered:
            connection.sendall(head(emulator) + ROW)
            assert connection.recv(4096).startswith(b"HTTP/1.1 204")
        connection.sendall(first)
        assert connection.recv(100) == b""


@pytest.mark.parametrize("first", [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"])
def test_a_handshake_that_does_not_come_to_an_end_ends_the_connection(emulator, monkeypatch, first):
    """Of silence and of half a greeting after its time; of what is no TLS at once."""
    monkeypatch.setattr(server, "_HANDSHAKE_TIMEOUT", 0.05)
    port = int(emulator.endpoint.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(first)
        with suppress(ConnectionResetError):
            assert len(b"".join(iter(lambda: connection.recv(4096), b""))) < 100


@pytest.mark.parametrize("path", ["/adfs/oauth2/v2.0/token", "/_emulator/faults", "/nowhere"])
def test_a_body_that_does_not_arrive_ends_the_connection(emulator, monkeypatch, path):
    """After its time, whether somebody waits for it or the request has been refused already."""
    monkeypatch.setattr(Protocol, "body_timeout", 0.05)
    with connect(emulator) as connection:
        connection.sendall(head(emulator, path=path) + ROW[:1])
        answer = b"".join(iter(lambda: connection.recv(4096), b""))

    assert answer[:12] == (b"HTTP/1.1 404" if path == "/nowhere" else b"")
    assert emulator.rows("AppLogs_CL") == []


def test_a_request_in_two_pieces_is_one_request(emulator):
    """Wherever it is cut, and on a connection that is kept."""
    request = head(emulator) + ROW
    with connect(emulator) as connection:
        for cut in (40, len(request) - 5):
            connection.sendall(request[:cut])
            connection.sendall(request[cut:])
            assert connection.recv(4096).startswith(b"HTTP/1.1 204")


@pytest.mark.parametrize(
    "path",
    [
        "/dataCollectionRules/../_emulator/reset",
        "/dataCollectionRules/..%2f..%2fetc/streams/Custom-AppLogs",
        "/dataCollectionRules/{rule_id}%00/streams/Custom-AppLogs",
        "/dataCollectionRules/{rule_id}/streams/Custom-AppLogs/..",
        "/dataCollectionRules/{rule_id}/streams/Custom-AppLogs%2f..",
        "//dataCollectionRules/{rule_id}/streams/Custom-AppLogs",
        "/dataCollectionRules/{rule_id}/streams/Custom-AppLogs%20",
        "/dataCollectionRules/{rule_id}/streams/" + "x" * 20_000,
        "/dataCollectionRules/{rule_id}/streams/%F0%9F%98%80",
        "/dataCollectionRules/{rule_id}/streams/%FF",
    ],
)
def test_tricks_in_a_path_lead_nowhere(emulator, path):
    """They are names like others, of rules and streams that there are not."""
    with connect(emulator) as connection:
        connection.sendall(head(emulator, path=path.replace("{rule_id}", emulator.rule_id)) + ROW)
        answer = connection.recv(4096)

    assert answer[:12] in {b"HTTP/1.1 400", b"HTTP/1.1 404"}
    assert emulator.count("AppLogs_CL") == 0
