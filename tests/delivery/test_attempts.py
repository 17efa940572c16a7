"""An attempt takes no longer than it may, whatever the server does."""

import threading
import time

import pytest

from dcrlog._client import ClientSender
from dcrlog._endpoint import parse_endpoint
from dcrlog._gzip import compress
from dcrlog.emulator import Fault

AUDIENCE = "https://monitor.azure.com"


@pytest.fixture
def attempt(emulator):
    """One attempt of a second, with a credential that has no token yet; gives its answer and its seconds."""

    def send(endpoint=None, seconds=1.0):
        target = parse_endpoint(endpoint or emulator.endpoint, AUDIENCE)
        sender = ClientSender(target, emulator.rule_id, "Custom-AppLogs", "environment")
        started = time.monotonic()
        answer = sender.send(compress(b"[{}]"), request_id="one", timeout=seconds)
        took = time.monotonic() - started
        sender.close()
        return answer, took

    attempt_of_nothing = send(seconds=30.0)[0]
    assert attempt_of_nothing.status == 204
    return send


@pytest.mark.parametrize("kind", ["ingestion", "token"])
@pytest.mark.parametrize("action", ["hang", "drip", "delay"])
def test_a_slow_answer_ends_with_the_attempt(emulator, attempt, action, kind):
    """Though each byte of one that drips comes within the time of a single read."""
    emulator.faults.add(Fault(action, kind=kind, seconds=None if action == "hang" else 20))
    try:
        answer, took = attempt()
    finally:
        emulator.faults.clear()

    assert answer.status is None
    assert took < 5


def test_a_greeting_that_never_comes_ends_with_the_attempt(attempt, mute):
    """A connection that the system has accepted, and no program."""
    answer, took = attempt(mute)

    assert answer.status is None
    assert took < 5


def test_a_login_service_that_is_mute_ends_with_the_attempt(attempt, mute, monkeypatch):
    """The credential's own retries and its limit of 5 minutes for each notwithstanding."""
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", mute)

    answer, took = attempt()

    assert answer.code.startswith("token: ")
    assert took < 5


def test_a_token_that_another_waits_for_is_not_waited_for_beyond_the_attempt(emulator, attempt):
    """Two handlers with one credential: the second has less time."""
    fault = emulator.faults.add(Fault("hang", kind="token"))
    target = parse_endpoint(emulator.endpoint, AUDIENCE)
    sender = ClientSender(target, emulator.rule_id, "Custom-AppLogs", "environment")
    first = threading.Thread(target=sender.send, args=(b"",), kwargs={"request_id": "one", "timeout": 20.0})
    first.start()
    assert fault.wait()
    started = time.monotonic()
    answer = sender.send(compress(b"[{}]"), request_id="two", timeout=1.0)
    took = time.monotonic() - started
    emulator.faults.clear()
    first.join(30)
    sender.close()

    assert answer.code == "token: TimeoutError"
    assert took < 5


def test_a_connection_is_used_again_with_the_time_of_its_new_request(emulator, attempt):
    """What the answer before had left is not the limit of the next."""
    target = parse_endpoint(emulator.endpoint, AUDIENCE)
    sender = ClientSender(target, emulator.rule_id, "Custom-AppLogs", "environment")
    assert sender.send(compress(b"[{}]"), request_id="one", timeout=30.0).status == 204
    fault = emulator.faults.add(Fault("delay", seconds=0.8, times=1))
    assert sender.send(compress(b"[{}]"), request_id="two", timeout=1.0).status == 204
    assert fault.hits == 1
    emulator.faults.add(Fault("delay", seconds=1.5, times=1))

    answer = sender.send(compress(b"[{}]"), request_id="three", timeout=30.0)

    sender.close()
    assert answer.status == 204
