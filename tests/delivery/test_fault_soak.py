"""Every kind of fault at once, in a seeded order, with the table as the oracle."""

import collections
import random
import sys

import pytest

from dcrlog import LogsIngestionHandler
from dcrlog._client import ClientSender
from dcrlog._endpoint import parse_endpoint
from dcrlog.emulator import Fault
from pipelines import HurriedClock, assert_balanced, make_logger

SPEED = 500
INGESTION_FAULTS = {
    "429": {"action": "status", "status": 429, "retry_after": "2"},
    "429 without Retry-After": {"action": "status", "status": 429},
    "500": {"action": "status", "status": 500, "body": "<html>", "repeat": 10_000},
    "502": {"action": "status", "status": 502},
    "503 with a date": {"action": "status", "status": 503, "retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"},
    "408": {"action": "status", "status": 408},
    "413": {"action": "status", "status": 413},
    "401": {"action": "status", "status": 401},
    "403": {"action": "status", "status": 403},
    "404": {"action": "status", "status": 404},
    "200": {"action": "status", "status": 200, "body": "<html>captive portal</html>"},
    "delay": {"action": "delay", "seconds": 0.05},
    "drip": {"action": "drip", "seconds": 0.1},
    "hang": {"action": "hang"},
    "reset before": {"action": "reset_before"},
    "reset after": {"action": "reset_after"},
    "lose reply": {"action": "lose_reply"},
    "cut reply": {"action": "cut_reply"},
}


class ImpatientSender(ClientSender):
    """The real client, which waits a quarter of a second for an answer and not 30."""

    def send(self, body, *, request_id, timeout):
        return super().send(body, request_id=request_id, timeout=min(timeout, 0.25))


def order_faults(emulator, each, chance):
    """Order every fault `each` times, shuffled, with some that pass in between.

    A request with a poisoned row is refused, whatever else was ordered for it; hence some more of each.
    """
    ordered = {"poison": emulator.faults.add(Fault("status", status=400, containing="poison"))}
    names = [name for name in INGESTION_FAULTS for _ in range(2 * each)]
    chance.shuffle(names)
    requests = collections.defaultdict(list)
    number = 0
    for name in names:
        number += chance.randint(2, 4)
        requests[name].append(number)
    for name, nth in requests.items():
        ordered[name] = emulator.faults.add(Fault(**INGESTION_FAULTS[name], nth=nth, times=each))
    token = Fault("status", kind="token", status=503, rate=0.75, seed=1, times=each)
    ordered["token 503"] = emulator.faults.add(token)
    return ordered


def soak(emulator, each, seed):
    chance = random.Random(seed)
    faults = order_faults(emulator, each, chance)
    endpoint = parse_endpoint(emulator.endpoint, None)
    sender = ImpatientSender(endpoint, emulator.rule_id, "Custom-AppLogs", "environment")
    handler = LogsIngestionHandler(sender=sender, clock=HurriedClock(SPEED), account_rows="never")
    log, good, poison = make_logger("soak"), 0, 0
    log.handlers = [handler]
    while any(fault.hits < each for fault in faults.values()):
        for _ in range(chance.randint(1, 40)):
            good += 1
            log.info("good %d", good)
        if poison < each and chance.random() < 0.3:
            poison += 1
            log.info("poison %d", poison)
        assert_balanced(handler)
        handler.flush(chance.uniform(0.0, 20.0))
        assert good < 1_000_000, {name: fault.hits for name, fault in faults.items() if fault.hits < each}
    log.info("fresh")
    assert handler.flush(20_000.0)
    return handler, faults, good, poison


@pytest.mark.parametrize(
    ("each", "seed"),
    [(10, 1), pytest.param(112, 2, marks=[pytest.mark.soak, pytest.mark.timeout(1_800)])],
    ids=["180 faults", "2,000 faults"],
)
def test_under_every_fault_nothing_is_lost_or_invented(emulator, each, seed):
    """Each good row is there, each bad one is rejected, and there are no more duplicates than announced."""
    handler, faults, good, poison = soak(emulator, each, seed)
    handler.close()
    stats = handler.stats()
    rows = emulator.rows("AppLogs_CL")
    seen = collections.Counter((row["InstanceId"], row["Seq"]) for row in rows)
    messages = {row["Message"] for row in rows}

    assert {name: fault.hits for name, fault in faults.items() if fault.hits < each} == {}
    assert messages == {f"good {number}" for number in range(1, good + 1)} | {"fresh"}
    assert len(seen) == good + 1
    assert sum(seen.values()) - len(seen) <= stats.maybe_delivered
    assert sum(seen.values()) > len(seen), "the oracle saw no duplicate: replies were not lost"
    assert stats.dropped == {"rejected": poison}
    assert (stats.delivered, stats.pending) == (good + 1, 0)
    print(
        f"{sum(fault.hits for fault in faults.values())} faults, {good} rows, {stats.requests} requests,"
        f" {sum(seen.values()) - len(seen)} duplicates of at most {stats.maybe_delivered}",
        file=sys.stderr,
    )
