"""Answers and failures as the real client meets them, over real HTTP and TLS."""

import base64
import json
import re
import socket
import time

import pytest
import trustme
from azure.core.credentials import AccessToken

from dcrlog import DropReason, LogsIngestionHandler
from dcrlog._client import ClientSender
from dcrlog._endpoint import parse_endpoint
from dcrlog._gzip import compress
from dcrlog._retry import TLS_FAILURE
from dcrlog.emulator import Emulator, Fault

BODY = compress(b'[{"Message":"m"}]')


class Tokens:
    """A credential of the application's own, with a cache that only claims get past."""

    def __init__(self, token):
        self._token = token
        self.calls = []

    def get_token(self, *scopes, **options):
        self.calls.append(options.get("claims"))
        return AccessToken(self._token, int(time.time()) + 3_600)


@pytest.fixture
def sender(emulator):
    """What carries bodies to the emulator, with a credential made from the environment."""
    made = ClientSender(
        parse_endpoint(emulator.endpoint, None), emulator.rule_id, "Custom-AppLogs", "environment"
    )
    yield made
    made.close()


def send(sender, timeout=30.0):
    return sender.send(BODY, request_id="9c2e6d1f-0000-4000-8000-000000000000", timeout=timeout)


def log_one(logger, **options):
    handler = LogsIngestionHandler(**options)
    logger.addHandler(handler)
    logger.warning("one")
    return handler


def tokens_asked_for(emulator):
    return len([request for request in emulator.requests() if request["kind"] == "token"])


def test_after_a_401_a_new_token_is_asked_for_once_and_the_rows_go_out(emulator, logger):
    """The login service is asked again, though the credential has a token in its cache."""
    handler = log_one(logger, credential="environment")
    assert handler.flush(20)
    assert tokens_asked_for(emulator) == 1
    emulator.faults.add(Fault("status", status=401, times=1))
    logger.warning("two")

    assert handler.flush(20)
    assert tokens_asked_for(emulator) == 2
    assert len(emulator.rows("AppLogs_CL")) == 2


def test_a_credential_of_the_application_is_asked_for_a_token_that_no_cache_has(emulator, sender):
    """By claims, once; where the service's challenge names some, by those."""
    tokens = Tokens(emulator.token())
    sender = ClientSender(parse_endpoint(emulator.endpoint, None), emulator.rule_id, "Custom-AppLogs", tokens)
    emulator.faults.add(Fault("status", status=401, times=1))
    assert send(sender).is_token_renewed
    assert send(sender).status == 204
    claims = {"access_token": {"nbf": {"essential": True, "value": "1604106651"}}}
    encoded = base64.b64encode(json.dumps(claims).encode()).decode()
    challenge = f'Bearer realm="", error="insufficient_claims", claims="{encoded}"'
    emulator.faults.add(Fault("status", status=401, times=1, headers={"WWW-Authenticate": challenge}))
    assert send(sender).is_token_renewed
    assert send(sender).status == 204
    sender.close()

    assert tokens.calls[0] is None
    assert json.loads(tokens.calls[1])["access_token"]["nbf"]["essential"] is True
    assert [call and json.loads(call) for call in tokens.calls[2:]] == [claims]
    # Every one had its body: the client's own answer to a challenge sends an empty one.
    ingestions = [request for request in emulator.requests() if request["kind"] == "ingestion"]
    assert {request["raw_bytes"] for request in ingestions} == {len(BODY)}


def test_a_token_that_is_refused_again_is_not_asked_for_again(emulator, sender):
    """Then rows are held, and the login service is left alone."""
    emulator.faults.add(Fault("status", status=401))

    assert send(sender).is_token_renewed
    assert not send(sender).is_token_renewed
    assert not send(sender).is_token_renewed
    # The first, the renewed, and one that the client asks for by itself after each refusal; all but two
    # are from the credential's cache.
    assert tokens_asked_for(emulator) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"body": "<html><body>Bad request</body></html>"},
        {"body": ""},
        {"body": "{"},
        {"body": "[1, 2]"},
        {"body": "x", "repeat": 10_000_000},
        {"body": "0", "repeat": 60_000_000, "gzip": "whole"},
        {"body": "0", "repeat": 1_000, "gzip": "broken"},
    ],
    ids=["html", "empty", "cut", "list", "10 MB", "bomb", "broken gzip"],
)
def test_an_error_s_body_of_any_kind_is_survived(emulator, sender, options):
    """The status decides; at most 64 KB are read of the rest."""
    emulator.faults.add(Fault("status", status=400, **options))

    answer = send(sender)
    assert answer.status == 400
    assert len(str(answer)) < 2_000
    emulator.faults.clear()
    assert send(sender).status == 204


@pytest.mark.parametrize("action", ["hang", "drip", "reset_before", "reset_after", "lose_reply", "cut_reply"])
def test_what_breaks_off_after_it_was_sent_may_have_arrived(emulator, sender, action):
    """No answer, an answer too late, or half of one."""
    seconds = {"seconds": 3.0} if action == "drip" else {}
    emulator.faults.add(Fault(action, **seconds))

    answer = send(sender, timeout=1.0)
    # Of a reply that is cut the status may have come, and of one that drips the whole.
    assert answer.may_have_arrived or (action in {"drip", "cut_reply"} and answer.status == 204)


def test_what_was_never_sent_has_not_arrived(emulator, sender, monkeypatch):
    """A port where nobody listens, a name that does not exist, a token that cannot be had."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"https://127.0.0.1:{closed.getsockname()[1]}"
    for url in (nobody, "https://does-not-exist.invalid"):
        endpoint = parse_endpoint(url, "https://monitor.azure.com")
        lost = ClientSender(endpoint, "dcr-" + "0" * 32, "Custom-AppLogs", Tokens("any"))
        answer = send(lost, timeout=5.0)
        lost.close()
        assert (answer.status, answer.was_sent) == (None, False), answer

    emulator.faults.add(Fault("status", kind="token", status=503))
    answer = send(sender)
    assert (answer.status, answer.was_sent) == (None, False)
    assert answer.code.startswith("token: ")


def test_a_redirect_is_not_followed(emulator, sender):
    """The rows, and the token, are for the endpoint that was set."""
    with Emulator() as elsewhere:
        location = f"{elsewhere.endpoint}/dataCollectionRules/{emulator.rule_id}/streams/Custom-AppLogs"
        emulator.faults.add(Fault("status", status=307, headers={"Location": location}))
        assert send(sender).status == 307
        assert not elsewhere.requests()


def test_a_certificate_that_nobody_vouches_for_is_a_matter_of_configuration(emulator, sender, monkeypatch):
    """Never without verification; held, with a remedy."""
    foreign = trustme.CA()
    with foreign.cert_pem.tempfile() as bundle:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
        sender = ClientSender(
            parse_endpoint(emulator.endpoint, None), emulator.rule_id, "Custom-AppLogs", Tokens("any")
        )
        answer = send(sender)
        sender.close()

    assert (answer.status, answer.code) == (None, TLS_FAILURE)


@pytest.mark.parametrize(
    "value", ["soon", "inf", "nan", "-1", "1e309", "9" * 4_096, "Wed, 21 Oct 9999 07:28:00 GMT"]
)
def test_no_retry_after_stops_a_sender(emulator, logger, value):
    """The client raises OverflowError for "inf"; here the header arrives as it stands."""
    emulator.faults.add(Fault("status", status=429, retry_after=value, times=1))
    handler = log_one(logger)
    assert not handler.flush(3) or handler.stats().delivered == 1
    handler.close()

    assert handler.stats().delivered == 1
    assert handler.stats().requests >= 2


def test_the_guilty_row_of_many_is_rejected_by_its_text(emulator, logger, capfd):
    """As the service refuses a body whole: one bad row in 3,000."""
    emulator.faults.add(Fault("status", status=400, containing="poison"))
    handler = LogsIngestionHandler(flush_interval=3_600.0)
    logger.addHandler(handler)
    for number in range(3_000):
        logger.info("poison" if number == 1_234 else "good %d", *([] if number == 1_234 else [number]))

    assert handler.flush(60)
    arrived = {row["Message"] for row in emulator.rows("AppLogs_CL")}
    assert len(arrived) == 2_999
    assert "poison" not in arrived
    assert handler.stats().dropped == {DropReason.REJECTED: 1}
    assert handler.stats().requests <= 26
    assert re.search(r"dcrlog: the service refuses rows: HTTP 400", capfd.readouterr().err)
