"""What a rule takes in a minute, where the emulator is told to hold it to that."""

import gzip
import json

import pytest

from dcrlog.emulator import Emulator
from dcrlog.emulator.pulse import SECONDS, Pulse
from dcrlog.emulator.window import BYTES, REQUESTS, Window

SECOND = "dcr-00000000000000000000000000000002"


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_a_window_lets_through_what_a_rule_may_send():
    """12,000 requests, and then none until the minute is over."""
    clock = Clock()
    window = Window(clock=clock)
    assert [window.admit(1) for _ in range(REQUESTS + 1)] == [True] * REQUESTS + [False]

    clock.now += 12.5
    assert (window.admit(1), window.retry_after()) == (False, 48)
    clock.now += 47.5
    assert window.admit(1)


def test_a_window_counts_what_is_inside_a_body_too():
    """2 GB, compressed and uncompressed."""
    window = Window(clock=Clock())
    assert window.admit(1_000_000)
    window.add(BYTES - 1_000_001)

    assert [window.admit(length) for length in (2, 1, 1)] == [False, True, False]


@pytest.fixture
def narrow(monkeypatch):
    """Change what windows let through where nobody says otherwise."""

    def narrowed(**most):
        usual = Window.__init__.__kwdefaults__
        monkeypatch.setattr(Window.__init__, "__kwdefaults__", {**usual, **most})

    return narrowed


def test_a_rule_over_its_limit_is_answered_429(post, narrow):
    """With Retry-After, and for that rule alone; nothing of the request is stored."""
    narrow(requests=2)
    with Emulator(limits=True) as emulator:
        emulator.put_rule(None, SECOND)
        answers = [post(emulator, [{}]) for _ in range(3)]
        other = post(emulator, [{}], rule_id=SECOND)

        assert [answer.status_code for answer in answers] == [204, 204, 429]
        assert 1 <= int(answers[2].headers["Retry-After"]) <= 60
        assert answers[2].json()["error"]["code"] == "TooManyRequests"
        assert other.status_code == 204
        assert emulator.count("AppLogs_CL") == 3
        emulator.reset()
        assert post(emulator, [{}]).status_code == 204


def test_what_a_body_has_inside_counts_to_the_limit_of_its_rule(post, narrow):
    """The request that goes beyond it is taken, since nobody can know before; the next one is not."""
    narrow(bytes=10_000)
    body = gzip.compress(json.dumps([{"Message": "x" * 20_000}]).encode())
    with Emulator(limits=True) as emulator:
        answers = [post(emulator, body, headers={"Content-Encoding": "gzip"}) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [204, 429]


def test_without_the_option_there_is_no_limit(post, monkeypatch):
    """An emulator is as fast as it is, unless told otherwise."""
    monkeypatch.setattr(Window, "admit", lambda *_: False)
    with Emulator() as emulator:
        assert post(emulator, [{}]).status_code == 204


@pytest.mark.parametrize("age", [0, 1, SECONDS - 1])
def test_rates_are_remembered_for_a_minute(age):
    """Each second of the last sixty has its rows."""
    clock = Clock()
    pulse = Pulse(clock)
    for table, rows in (("A", 2), ("B", 1), ("A", 3)):
        pulse.count(table, rows)
    clock.now += age

    assert pulse.recent("A") == [0] * (SECONDS - 1 - age) + [5] + [0] * age
    clock.now += SECONDS
    assert sum(pulse.recent("A")) == 0
