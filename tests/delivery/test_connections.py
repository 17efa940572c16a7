"""Connections are closed with the last handler that uses them, and not before."""

import gc
import socket
import threading

import pytest
from azure.core.credentials import AccessToken

from dcrlog import LogsIngestionHandler
from dcrlog._client import ClientSender
from dcrlog._endpoint import parse_endpoint
from dcrlog._gzip import compress
from pipelines import make_logger

AUDIENCE = "https://monitor.azure.com"


@pytest.fixture(autouse=True)
def _no_collector():
    """A garbage collector that does nothing, or it would close what nobody has closed."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def logger():
    """A logger of its own."""
    logger = make_logger("connections")
    yield logger
    logger.handlers = []


def connections(emulator):
    """How many sockets of this process are connected to the emulator."""
    ports = {int(url.rpartition(":")[2]) for url in (emulator.endpoint, emulator.http_endpoint)}
    # Not by isinstance, which asks the hostile objects of other tests for their class.
    sockets = [each for each in gc.get_objects() if issubclass(type(each), socket.socket)]
    return sum(each.family == socket.AF_INET and peer_port(each) in ports for each in sockets)


def peer_port(client):
    try:
        return client.getpeername()[1]
    except OSError:
        return None


def close(handler):
    """Close a handler and see its threads end."""
    handler.close()
    for thread in tuple(handler._pipeline._senders._threads):
        thread.join(30)


class Tokens:
    """A credential of the application's own, with a door that keeps a request waiting."""

    def __init__(self, token):
        self.token = token
        self.is_closed = False
        self.asked = threading.Event()
        self.door = threading.Event()
        self.door.set()

    def get_token(self, *scopes, **options):
        self.asked.set()
        assert self.door.wait(30)
        return AccessToken(self.token, 4_000_000_000)

    def close(self):
        self.is_closed = True


made = []


class Made(Tokens):
    """One that remembers what was made."""

    def __init__(self, token):
        super().__init__(token)
        made.append(self)


def lend(token):
    """A factory that may give the same credential to others."""
    return Made(token)


def sender_to(emulator, credential):
    endpoint = parse_endpoint(emulator.http_endpoint, AUDIENCE)
    return ClientSender(endpoint, emulator.rule_id, "Custom-AppLogs", credential)


def send(sender):
    return sender.send(compress(b'[{"Message":"m"}]'), request_id="r", timeout=30).status


@pytest.mark.parametrize("credential", ["environment", "managed_identity", "default"])
def test_the_last_handler_that_is_closed_closes_the_connections(emulator, logger, monkeypatch, credential):
    """Those to the ingestion service and those of the credential; a second handler goes on in between."""
    if credential == "managed_identity":
        monkeypatch.delenv("AZURE_CLIENT_ID")
    logger.handlers = [LogsIngestionHandler(credential=credential) for _ in range(2)]
    first, second = logger.handlers
    logger.info("from both")
    assert first.flush(30)
    assert second.flush(30)

    close(first)
    assert connections(emulator) > 0
    logger.removeHandler(first)
    logger.info("from the second")
    close(second)

    assert connections(emulator) == 0
    assert emulator.count("AppLogs_CL") == 3


def test_a_record_after_close_opens_a_connection_that_the_next_close_closes(emulator, logger):
    """A handler may be closed and used as often as one likes."""
    handler = LogsIngestionHandler()
    logger.handlers = [handler]
    for number in (1, 2):
        logger.info("record %d", number)
        assert handler.flush(30)
        assert connections(emulator) > 0
        close(handler)
        assert connections(emulator) == 0

    assert emulator.count("AppLogs_CL") == 2


def test_a_request_under_way_outlives_the_close(emulator):
    """The row is delivered, and the connection closed with the end of the request."""
    tokens = Tokens(emulator.token())
    sender = sender_to(emulator, tokens)
    answers = []
    tokens.door.clear()
    thread = threading.Thread(target=lambda: answers.append(send(sender)))
    thread.start()
    assert tokens.asked.wait(30)
    sender.close()
    tokens.door.set()
    thread.join(30)

    assert answers == [204]
    assert connections(emulator) == 0


def test_a_client_that_another_uses_stays_open(emulator):
    """Two senders with one credential share a client, whichever is closed first."""
    tokens = Tokens(emulator.token())
    first, second = sender_to(emulator, tokens), sender_to(emulator, tokens)
    assert [send(first), send(second), send(first)] == [204] * 3
    assert connections(emulator) == 1

    first.close()
    first.close()
    assert connections(emulator) == 1
    assert send(second) == 204
    second.close()
    assert connections(emulator) == 0


def test_a_sender_that_was_dropped_keeps_nothing_open(emulator):
    """Its handler was let go without a close; the other's close is the last."""
    tokens = Tokens(emulator.token())
    dropped, other = sender_to(emulator, tokens), sender_to(emulator, tokens)
    assert [send(dropped), send(other)] == [204] * 2

    del dropped
    other.close()
    assert connections(emulator) == 0


def test_threads_that_start_together_make_one_client(emulator):
    """A factory is called once, whoever comes first."""
    made.clear()
    sender = sender_to(emulator, {"()": Made, "token": emulator.token()})
    together = threading.Barrier(8)
    threads = [threading.Thread(target=lambda: (together.wait(30), send(sender))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    sender.close()

    assert len(made) == 1
    assert connections(emulator) == 0
    assert emulator.count("AppLogs_CL") == 8


@pytest.mark.parametrize(("factory", "is_closed"), [(Made, True), (f"{__name__}.Made", True), (lend, False)])
def test_a_credential_is_closed_only_where_nobody_else_can_have_it(emulator, factory, is_closed):
    """What a class made is ours; what a function returned, or the application gave, may be others' too."""
    made.clear()
    given = Tokens(emulator.token())
    for credential in (given, {"()": factory, "token": emulator.token()}):
        sender = sender_to(emulator, credential)
        assert send(sender) == 204
        sender.close()

    assert (made[0].is_closed, given.is_closed) == (is_closed, False)
