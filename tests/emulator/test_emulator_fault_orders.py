"""Faults on order: which requests they hit, and how they are ordered, shown and ended."""

import json
import random
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcrlog.emulator import Emulator, Fault
from dcrlog.emulator.fault import parse_faults
from dcrlog.emulator.fault_settings import CHECKS
from dcrlog.emulator.faults import Arrival, Faults
from dcrlog.errors import ConfigError


@pytest.mark.parametrize(
    ("settings", "hit"),
    [
        ({}, "1111111"),
        ({"times": 2}, "1100000"),
        ({"nth": 3}, "0010000"),
        ({"nth": [1, 4]}, "1001000"),
        ({"nth": (2, 3, 5), "times": 2}, "0110000"),
        ({"rate": 1}, "1111111"),
    ],
)
def test_requests_are_hit_by_number(settings, hit):
    """Numbers count from the moment the fault is added."""
    faults = Faults()
    faults.choose(arrival())
    faults.add(Fault("hang", **settings))

    assert "".join("01"[faults.choose(arrival()) is not None] for _ in hit) == hit


def test_a_rate_follows_from_its_seed():
    """The same seed hits the same requests, another one others; the share is about right."""
    hits = {}
    for seed in (None, 0, 1):
        faults = Faults()
        faults.add(Fault("hang", rate=0.25, seed=seed))
        hits[seed] = [faults.choose(arrival()) is not None for _ in range(1000)]

    assert hits[None] == hits[0] == [drawn < 0.25 for drawn in seeded(0, 1000)]
    assert hits[1] == [drawn < 0.25 for drawn in seeded(1, 1000)] != hits[0]
    assert 200 < sum(hits[0]) < 300


def test_the_first_fault_that_is_due_wins():
    """Each fault counts for itself, also what another one hits."""
    faults = Faults()
    first = faults.add(Fault("hang", nth=2))
    second = faults.add(Fault("reset_after", nth=[2, 3]))
    third = faults.add(Fault("lose_reply"))

    assert [faults.choose(arrival()) for _ in range(4)] == [third, first, second, third]


def test_only_its_stream_and_kind_count():
    """Requests of another stream or kind are neither hit nor counted."""
    faults = Faults()
    fault = faults.add(Fault("hang", stream="Custom-One", nth=2))
    token = faults.add(Fault("hang", kind="token", nth=2))
    told = [("ingestion", "Custom-One"), ("ingestion", "Custom-Two"), ("token", None)] * 2

    assert [faults.choose(Arrival(kind, stream, 0)) for kind, stream in told] == [None] * 3 + [
        fault,
        None,
        token,
    ]


def test_a_throttle_counts_anew_in_each_window():
    """Retry-After is the time to the next window, in which everything is let through again."""
    now = [100.0]
    faults = Faults(clock=lambda: now[0])
    fault = faults.add(Fault("throttle", requests=1, bytes=1000))
    hits = [faults.choose(arrival(length=length)) for length in (900, 10)]
    now[0] += 17.5
    assert (hits, fault.retry_after()) == ([None, fault], 43)

    now[0] += 42.5
    assert [faults.choose(arrival(length=length)) for length in (1001, 1000)] == [fault, None]


def test_a_throttle_has_the_service_s_limits():
    """Unless told otherwise: 12,000 requests and 2 GB in a minute."""
    faults = Faults(clock=lambda: 0.0)
    throttle = faults.add(Fault("throttle"))
    by_requests = [faults.choose(arrival()) for _ in range(12_001)]
    assert by_requests.index(throttle) == 12_000

    faults.clear()
    throttle = faults.add(Fault("throttle"))
    by_bytes = [faults.choose(arrival(length=1_048_576)) for _ in range(2049)]
    assert by_bytes.index(throttle) == 2048


def test_a_hit_is_in_the_log_when_it_can_be_waited_for(emulator, post):
    """Another thread waits until the fault has hit often enough, or for so long."""
    fault = emulator.faults.add(Fault("status", status=500))
    assert not fault.wait(timeout=0.01)

    sender = threading.Thread(target=lambda: [post(emulator, [{}]) for _ in range(2)])
    sender.start()
    assert fault.wait(2)
    assert [entry["fault"] for entry in emulator.requests()] == ["status", "status"]
    sender.join()


def test_reset_and_clear_end_faults(emulator, web, post):
    """A reset, in Python and over http, forgets faults as it does rows."""
    ends = [
        emulator.faults.clear,
        emulator.reset,
        lambda: web.post(f"{emulator.http_endpoint}/_emulator/reset", json={}),
        lambda: web.delete(f"{emulator.http_endpoint}/_emulator/faults", json={}),
    ]
    for end in ends:
        emulator.faults.add(Fault("status", status=500))
        assert post(emulator, [{}]).status_code == 500
        end()
        assert post(emulator, [{}]).status_code == 204
        assert list(emulator.faults) == []


def test_faults_can_be_added_before_the_start(post):
    """They wait for it."""
    emulator = Emulator()
    emulator.faults.add(Fault("status", status=500, times=1))
    with emulator:
        assert [post(emulator, [{}]).status_code for _ in range(2)] == [500, 204]


def test_faults_are_ordered_and_shown_over_http(emulator, web, post):
    """One object or an array; each is shown with an id and its hits."""
    url = f"{emulator.http_endpoint}/_emulator/faults"
    one = web.post(url, json={"action": "status", "status": 503, "nth": [1, 2]})
    two = web.post(
        url, json=[{"action": "reset_after", "kind": "token"}, {"action": "delay", "seconds": 0.01}]
    )
    post(emulator, [{}])
    shown = web.get(url).json()

    assert (one.status_code, two.status_code) == (201, 201)
    first = one.json()[0]["id"]
    assert shown == [
        {"id": first, "hits": 1, "action": "status", "kind": "ingestion", "nth": [1, 2], "status": 503},
        {"id": first + 1, "hits": 0, "action": "reset_after", "kind": "token"},
        {"id": first + 2, "hits": 0, "action": "delay", "kind": "ingestion", "seconds": 0.01},
    ]
    assert [active.show() for active in emulator.faults] == shown


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_ordering_needs_json_and_no_foreign_origin(emulator, web, method):
    """A web page can neither add a fault nor remove one."""
    emulator.faults.add(Fault("hang", nth=99))
    url, data = f"{emulator.http_endpoint}/_emulator/faults", b'{"action": "hang"}'
    plain = web.request(method, url, data=data, headers={"Content-Type": "text/plain"})
    headers = {"Content-Type": "application/json", "Origin": "https://example.com"}
    foreign = web.request(method, url, data=data, headers=headers)

    assert (plain.status_code, foreign.status_code) == (415, 403)
    assert len(list(emulator.faults)) == 1


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ("{", "faults must be JSON, got b'{': "),
        ("[1]", 'a fault must be a JSON object such as {"action": "hang"}, got 1.'),
        ('{"status": 503}', "a fault needs an 'action', got {'status': 503}."),
        ('{"action": "explode"}', "a fault's action must be one of status, delay, "),
        ('{"action": "hang", "nht": 1}', "a fault has no 'nht'. It has: action, kind, stream, "),
        (
            '{"action": "hang", "kind": "other"}',
            "a fault's kind must be one of ingestion, token; got 'other'.",
        ),
        ('{"action": "status"}', "a fault with action 'status' needs 'status'."),
        (
            '{"action": "status", "status": 99}',
            "a fault's status must be a whole number from 200 to 599; got 99.",
        ),
        (
            '{"action": "status", "status": true}',
            "a fault's status must be a whole number from 200 to 599; got True.",
        ),
        ('{"action": "delay"}', "a fault with action 'delay' needs 'seconds'."),
        (
            '{"action": "delay", "seconds": 0}',
            "a fault's seconds must be seconds, over 0 and at most 86400; got 0.",
        ),
        (
            '{"action": "hang", "seconds": 1}',
            "'seconds' does nothing with action 'hang'. Leave it out; it takes: ",
        ),
        ('{"action": "drip", "seconds": 1, "code": "A"}', "a fault's 'code' does nothing without 'status'."),
        (
            '{"action": "hang", "seed": 1}',
            "a fault's 'seed' does nothing without 'rate'. Add that, or leave it out.",
        ),
        (
            '{"action": "hang", "nth": []}',
            "a fault's nth must be a whole number of at least 1, or a list of such;",
        ),
        ('{"action": "hang", "nth": 1, "rate": 1}', "a fault has 'nth' or 'rate', not both."),
        ('{"action": "hang", "rate": 1.5}', "a fault's rate must be a number over 0 and at most 1; got 1.5."),
        (
            '{"action": "hang", "kind": "token", "containing": "x"}',
            "'containing' does nothing with kind 'token'",
        ),
        ('{"action": "status", "status": 204, "body": "x"}', "an answer with status 204 has no body."),
        (
            '{"action": "status", "status": 400, "body": "x", "repeat": 1e9}',
            "a fault's repeat must be a whole",
        ),
        (
            '{"action": "status", "status": 400, "body": "x", "repeat": 100000000}',
            "a fault's body may have 67108864",
        ),
        (
            '{"action": "status", "status": 429, "retry_after": "a\\nb"}',
            "a fault's retry_after must be seconds, or",
        ),
        (
            '{"action": "status", "status": 400, "headers": {"Content-Length": "1"}}',
            "a fault's headers must be names",
        ),
        ('{"action": "status", "status": 400, "headers": {"a b": "1"}}', "a fault's headers must be names"),
    ],
)
def test_a_wrong_order_is_refused(emulator, web, order, message):
    """The message says what is wrong, the value, and what to do; nothing of the order is taken."""
    order = order if order in ("{", "[1]") else f'[{{"action": "hang"}}, {order}]'
    answer = web.post(
        f"{emulator.http_endpoint}/_emulator/faults",
        data=order.encode(),
        headers={"Content-Type": "application/json"},
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidFault")
    assert answer.json()["error"]["message"].startswith(message)
    assert list(emulator.faults) == []


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 700),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from(["token", "ingestion", "whole", "broken", "status", "drip", "delay", "hang", "throttle"]),
    st.lists(st.integers(-1, 9), max_size=3),
    st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=2),
)


@given(st.dictionaries(st.sampled_from(sorted(CHECKS)), VALUES, max_size=6))
def test_an_order_is_taken_or_refused_with_a_reason(settings):
    """Whatever the values: a fault that reads back the same from JSON, or an error with a reason."""
    action = settings.pop("action", "status")
    reason = None
    try:
        fault = Fault(action, **settings)
    except ConfigError as error:
        reason = str(error)
    if reason is not None:
        assert reason.endswith(".")
        return
    assert parse_faults(json.dumps(fault.settings())) == [fault]
    Faults().add(fault).is_due(arrival())


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "nth": st.lists(st.integers(1, 9), min_size=1),
            "times": st.integers(1, 9),
            "status": st.integers(200, 203),
            "code": st.from_regex(r"\A[A-Z]{1,20}\Z"),
            "body": st.text(st.characters(exclude_categories=["Cs"])),
            "gzip": st.sampled_from(["whole", "broken"]),
            "retry_after": st.one_of(st.integers(), st.just("soon")),
            "headers": st.dictionaries(st.from_regex(r"\AX-[a-z]{1,9}\Z"), st.just("value")),
            "seconds": st.floats(0.1, 9),
        },
    )
)
def test_every_right_order_is_taken(settings):
    """Settings that are right each by itself are right together, where status and seconds are there."""
    fault = Fault("drip", **{"status": 503, "seconds": 1.0, **settings})

    assert parse_faults(json.dumps([fault.settings()])) == [fault]


def arrival(length=0):
    return Arrival("ingestion", "Custom-AppLogs", length)


def seeded(seed, number):
    generator = random.Random(seed)
    return [generator.random() for _ in range(number)]
