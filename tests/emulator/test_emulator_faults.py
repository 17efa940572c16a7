"""Faults on order: what a client sees of each."""

import json
import socket
import ssl
import threading
import time

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError, ServiceResponseError
from azure.identity import ClientSecretCredential
from azure.monitor.ingestion import LogsIngestionClient

from dcrlog.emulator import Emulator, Fault

SCHEMES = pytest.mark.parametrize("scheme", ["http", "https"])


def test_a_status_is_answered_in_the_service_s_form(emulator, post):
    """The answer has the service's body and headers, and nothing is stored."""
    emulator.faults.add(Fault("status", status=503))
    answer = post(emulator, [{"Message": "refused"}])

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == answer.headers["x-ms-error-code"] == "ServiceUnavailable"
    assert {"x-ms-request-id", "Date", "Strict-Transport-Security"} <= answer.headers.keys()
    assert "Retry-After" not in answer.headers
    assert emulator.count("AppLogs_CL") == 0


@pytest.mark.parametrize(
    "value",
    [2, 0.5, -1, "soon", "inf", "Wed, 21 Oct 2037 07:28:00 GMT", "", "9" * 4096],
    ids=lambda v: str(v)[:9],
)
def test_retry_after_is_sent_word_for_word(emulator, post, value):
    """A number, a date, or what no server ought to send."""
    emulator.faults.add(Fault("status", status=429, retry_after=value))

    assert post(emulator, [{}]).headers["Retry-After"] == str(value)


def test_a_code_and_headers_can_be_chosen(emulator, post):
    """They win over the usual ones: here the challenge with which Azure asks for another kind of token."""
    challenge = 'Bearer error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="'
    headers = {"WWW-Authenticate": challenge, "date": "Wed, 21 Oct 1970 07:28:00 GMT"}
    emulator.faults.add(Fault("status", status=401, code="TokenRevoked", headers=headers))
    answer = post(emulator, [{}])

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "TokenRevoked")
    assert (answer.headers["WWW-Authenticate"], answer.headers["Date"]) == (challenge, headers["date"])


def test_401_says_that_the_token_expired(emulator, post):
    """Unless told otherwise, as the most common reason."""
    emulator.faults.add(Fault("status", status=401))
    answer = post(emulator, [{}])

    assert answer.json()["error"]["code"] == "ExpiredAuthenticationToken"
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_a_redirect_has_a_location_and_no_body(emulator, web, post):
    """Whether to follow it is the client's affair; this one does, without its token."""
    with Emulator() as other:
        path = f"/dataCollectionRules/{other.rule_id}/streams/Custom-AppLogs?api-version=2023-01-01"
        location = {"Location": f"{other.http_endpoint}{path}"}
        emulator.faults.add(Fault("status", status=307, headers=location))

        assert post(emulator, [{}]).history[0].content == b""
        assert [entry["error"] for entry in other.requests()] == ["AuthenticationFailed"]


@pytest.mark.parametrize("status", [200, 204])
def test_a_success_that_stores_nothing(emulator, post, status):
    """The row is lost without a word, as no client can know."""
    emulator.faults.add(Fault("status", status=status))

    assert post(emulator, [{}]).status_code == status
    assert emulator.count("AppLogs_CL") == 0


def test_a_body_can_be_anything(emulator, post):
    """Other than JSON, and as large as it likes."""
    page = {"body": "<p>no</p>", "headers": {"content-type": "text/html"}}
    emulator.faults.add(Fault("status", status=400, nth=1, **page))
    emulator.faults.add(Fault("status", status=502, body="x", repeat=10_000_000))
    answer = post(emulator, [{}])

    assert (answer.text, answer.headers["Content-Type"]) == ("<p>no</p>", "text/html")
    assert len(post(emulator, [{}]).content) == 10_000_000


def test_a_body_can_be_a_gzip_bomb(emulator, post):
    """What is small on the wire is large when it is unpacked."""
    emulator.faults.add(Fault("status", status=400, body="0", repeat=20_000_000, gzip="whole"))
    answer = post(emulator, [{}])

    assert int(answer.headers["Content-Length"]) < 50_000
    assert len(answer.content) == 20_000_000


def test_gzip_can_be_broken(emulator, post):
    """The header says gzip, and the body is none; so it is for the service's own body."""
    emulator.faults.add(Fault("status", status=400, gzip="broken", nth=1))
    emulator.faults.add(Fault("status", status=400, gzip="whole", nth=2))
    with pytest.raises(requests.exceptions.ContentDecodingError):
        post(emulator, [{}])

    assert post(emulator, [{}]).json()["error"]["code"] == "BadRequest"


@SCHEMES
def test_a_delay_holds_an_answer_back(emulator, scheme):
    """The rows are stored at once, the answer comes after so many seconds and is the usual one."""
    fault = emulator.faults.add(Fault("delay", seconds=0.2))
    with connect(emulator, scheme) as connection:
        connection.sendall(upload(emulator))
        started = time.monotonic()
        assert fault.wait()
        assert emulator.count("AppLogs_CL") == 1
        assert connection.recv(12) == b"HTTP/1.1 204"

    assert time.monotonic() - started > 0.1


@SCHEMES
@pytest.mark.parametrize(("settings", "status"), [({}, b"204"), ({"status": 503}, b"503")])
def test_a_drip_sends_an_answer_bit_by_bit(emulator, scheme, settings, status):
    """It arrives in many pieces, begins with the status line, and the connection still works afterwards."""
    emulator.faults.add(Fault("drip", seconds=0.2, times=1, **settings))
    with connect(emulator, scheme) as connection:
        connection.sendall(upload(emulator))
        pieces = []
        while not is_whole(b"".join(pieces)):
            pieces.append(connection.recv(65_536))
        connection.sendall(upload(emulator))
        second = connection.recv(65_536)

    assert len(pieces) > 5
    assert b"".join(pieces).startswith(b"HTTP/1.1 " + status)
    assert second.startswith(b"HTTP/1.1 204")


def test_a_drip_closes_the_connection_where_that_was_agreed(emulator):
    """An answer with Connection: close is closed after its last byte, not before."""
    emulator.faults.add(Fault("drip", seconds=0.05))
    with connect(emulator, "http") as connection:
        connection.sendall(upload(emulator, "Connection: close"))

        assert is_whole(read_to_end(connection))


@SCHEMES
@pytest.mark.parametrize(("action", "stored"), [("reset_before", 0), ("reset_after", 0), ("lose_reply", 1)])
def test_a_reset_is_a_real_one(emulator, scheme, action, stored):
    """The peer gets a TCP reset and no byte of an answer; lose_reply alone has stored the row, once."""
    fault = emulator.faults.add(Fault(action))
    with connect(emulator, scheme) as connection:
        connection.sendall(upload(emulator))
        received, was_reset = read_to_reset(connection)

    assert (received, was_reset) == (b"", True)
    assert emulator.count("AppLogs_CL") == stored
    assert [(entry["status"], entry["fault"]) for entry in emulator.requests()] == [(0, action)]
    assert fault.hits == 1


def test_reset_before_does_not_wait_for_the_body(emulator):
    """The head alone is enough to be reset."""
    emulator.faults.add(Fault("reset_before"))
    with connect(emulator, "http") as connection:
        connection.sendall(upload(emulator).partition(b"\r\n\r\n")[0] + b"\r\n\r\n")

        assert read_to_reset(connection) == (b"", True)


@SCHEMES
def test_a_reply_can_be_cut(emulator, scheme):
    """Half of the answer arrives, then a reset; the row is stored."""
    emulator.faults.add(Fault("cut_reply"))
    with connect(emulator, scheme) as connection:
        connection.sendall(upload(emulator))
        received, was_reset = read_to_reset(connection)

    assert received.startswith(b"HTTP/1.1 204")
    assert was_reset
    assert not is_whole(received)
    assert emulator.count("AppLogs_CL") == 1


@SCHEMES
def test_a_hang_ends_when_the_client_leaves(emulator, scheme):
    """It is logged when it begins, stores nothing, and the emulator answers others meanwhile."""
    fault = emulator.faults.add(Fault("hang", times=1))
    with connect(emulator, scheme) as patient, connect(emulator, scheme) as other:
        patient.sendall(upload(emulator))
        assert fault.wait()
        (entry,) = emulator.requests()
        other.sendall(upload(emulator))

        assert other.recv(65_536).startswith(b"HTTP/1.1 204")
        patient.settimeout(0.05)
        with pytest.raises(TimeoutError):
            patient.recv(1)

    assert (entry["status"], entry["fault"], entry["rows_stored"]) == (0, "hang", 0)
    assert emulator.count("AppLogs_CL") == 1


@SCHEMES
def test_a_hang_ends_when_the_faults_are_cleared(emulator, scheme):
    """By a reset: the service has come back, and the client may try again."""
    fault = emulator.faults.add(Fault("hang"))
    with connect(emulator, scheme) as connection:
        connection.sendall(upload(emulator))
        assert fault.wait()
        emulator.faults.clear()
        received, was_reset = read_to_reset(connection)

    assert (received, was_reset) == (b"", True)
    assert emulator.count("AppLogs_CL") == 0


@SCHEMES
@pytest.mark.parametrize(
    "fault", [Fault("hang"), Fault("delay", seconds=600), Fault("drip", seconds=600)], ids=lambda f: f.action
)
def test_stopping_does_not_wait_for_a_fault(web, scheme, fault):
    """Requests that a fault holds up are cut off, at once and without an answer."""
    threads = set(threading.enumerate())
    emulator = Emulator()
    emulator.start()
    with connect(emulator, scheme) as connection:
        added = emulator.faults.add(fault)
        connection.sendall(upload(emulator))
        assert added.wait()
        # A request on a later connection is answered after the fault has begun.
        web.get(f"{emulator.http_endpoint}/_emulator/ready")
        started = time.monotonic()
        emulator.stop()
        elapsed = time.monotonic() - started
        received, _ = read_to_reset(connection)

    assert elapsed < 0.95
    assert not is_whole(received)
    assert set(threading.enumerate()) == threads


@SCHEMES
@pytest.mark.parametrize("action", ["status", "hang", "reset_after", "lose_reply", "cut_reply"])
def test_a_client_that_leaves_first_is_no_error(emulator, scheme, action):
    """The fault has hit all the same, and the log says that nobody was there any more."""
    fault = emulator.faults.add(Fault(action, status=503 if action == "status" else None))
    with connect(emulator, scheme) as connection:
        connection.sendall(upload(emulator)[:-1])
    assert fault.wait()
    (entry,) = emulator.requests()

    assert (entry["status"], entry["fault"], entry["error"]) == (0, action, "ClientDisconnected")
    assert emulator.count("AppLogs_CL") == 0


def test_a_throttle_answers_429_to_what_is_too_much(emulator, post):
    """Requests over the limit are told when to come back, and are not stored."""
    emulator.faults.add(Fault("throttle", requests=2))
    answers = [post(emulator, [{}]) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [204, 204, 429]
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 60
    assert answers[2].json()["error"]["code"] == "TooManyRequests"
    assert emulator.count("AppLogs_CL") == 2


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"status": 401}, (401, "invalid_client")),
        ({"status": 503}, (503, "temporarily_unavailable")),
        ({"status": 400, "code": "invalid_scope"}, (400, "invalid_scope")),
    ],
)
def test_a_token_is_refused_in_the_words_of_its_endpoint(emulator, web, settings, error):
    """The error has the form of OAuth, and uploads are not hit."""
    emulator.faults.add(Fault("status", kind="token", **settings))
    answer = web.post(
        f"{emulator.http_endpoint}/adfs/oauth2/token", data={"grant_type": "client_credentials"}
    )

    assert (answer.status_code, answer.json()["error"]) == error
    assert [(entry["kind"], entry["fault"]) for entry in emulator.requests()] == [("token", "status")]


@pytest.mark.parametrize("action", ["reset_after", "hang"])
def test_a_token_endpoint_can_be_down(emulator, web, post, action):
    """Whoever asks for a token is reset or waits in vain; who has one can upload."""
    fault = emulator.faults.add(Fault(action, kind="token"))
    with connect(emulator, "http") as connection:
        connection.sendall(
            b"POST /adfs/oauth2/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
        )
        assert fault.wait()

        assert post(emulator, [{}]).status_code == 204


def test_rows_with_a_text_can_be_refused(emulator, post):
    """A body with one such row is refused as a whole, whatever its encoding; others pass."""
    emulator.faults.add(Fault("status", status=400, code="InvalidRow", containing='"Seq":7,"Message":"naïve'))
    bad = [{"Seq": 1}, {"Seq": 7, "Message": "naïve"}]

    for body in (bad, json.dumps(bad, ensure_ascii=False).encode(), json.dumps(bad, indent=4).encode()):
        answer = post(emulator, body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidRow")
    assert post(emulator, [{"Seq": 1}, {"Seq": 70, "Message": "naïve"}]).status_code == 204
    assert emulator.count("AppLogs_CL") == 2


def test_what_cannot_be_searched_is_answered_as_usual(emulator, post):
    """Broken JSON, broken gzip and a body over the limit have no rows."""
    emulator.faults.add(Fault("hang", containing="x"))
    bodies = [(b"[x", {}, 400), (b"x", {"Content-Encoding": "gzip"}, 400), (b"x" * 1_048_577, {}, 413)]

    for body, headers, status in bodies:
        assert post(emulator, body, headers=headers).status_code == status


def test_the_official_client_waits_as_told_and_succeeds(emulator):
    """It retries a 429 with Retry-After by itself; each attempt is in the log with its fault."""
    emulator.faults.add(Fault("status", status=429, retry_after=0.05, times=2))
    official_upload(emulator)
    uploads = [entry for entry in emulator.requests() if entry["kind"] == "ingestion"]

    assert [(entry["status"], entry["fault"]) for entry in uploads] == [
        (429, "status"),
        (429, "status"),
        (204, None),
    ]
    assert emulator.count("AppLogs_CL") == 1


def test_the_official_client_does_not_know_that_a_lost_reply_was_a_success(emulator):
    """It raises, the row is there: who sends again, sends a duplicate."""
    emulator.faults.add(Fault("lose_reply", times=1))
    with pytest.raises(ServiceResponseError):
        official_upload(emulator)
    assert emulator.count("AppLogs_CL") == 1

    official_upload(emulator)
    assert emulator.count("AppLogs_CL") == 2


def test_the_official_credential_hears_why_it_gets_no_token(emulator):
    """A 401 of the token endpoint is an authentication error of the client library."""
    emulator.faults.add(Fault("status", kind="token", status=401))
    with pytest.raises(ClientAuthenticationError, match="asked for a fault: 401 Unauthorized"):
        official_upload(emulator)


def connect(emulator, scheme):
    address = emulator.endpoint if scheme == "https" else emulator.http_endpoint
    plain = socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=10)
    if scheme == "http":
        return plain
    context = ssl.create_default_context(cafile=emulator.ca_bundle)
    # Above 1.2, and without the goodbye of TLS, Python reports a reset as the end of the stream.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)


def upload(emulator, *headers):
    body = b'[{"Message": "faulty"}]'
    path = f"/dataCollectionRules/{emulator.rule_id}/streams/Custom-AppLogs?api-version=2023-01-01"
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {emulator.token()}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def is_whole(answer):
    head, separator, body = answer.partition(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
    )
    return bool(separator) and len(body) >= length


def read_to_end(connection):
    pieces = []
    while piece := connection.recv(65_536):
        pieces.append(piece)
    return b"".join(pieces)


def read_to_reset(connection):
    pieces = []
    try:
        while piece := connection.recv(65_536):
            pieces.append(piece)
    except (ConnectionResetError, ssl.SSLEOFError):
        return b"".join(pieces), True
    return b"".join(pieces), False


def official_upload(emulator):
    credential = ClientSecretCredential(
        "adfs",
        "dcrlog-emulator",
        "dcrlog-emulator-secret",
        authority=emulator.endpoint,
        disable_instance_discovery=True,
        connection_verify=emulator.ca_bundle,
    )
    with LogsIngestionClient(emulator.endpoint, credential, connection_verify=emulator.ca_bundle) as client:
        client.upload(emulator.rule_id, "Custom-AppLogs", [{"Message": "official"}])
