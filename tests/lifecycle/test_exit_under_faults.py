"""The end of the process under every fault: two handlers, one deadline of two seconds."""

import pytest

from dcrlog.emulator import Fault

TWO_HANDLERS = """
import logging, time
from dcrlog import LogsIngestionHandler

class Last:
    def __del__(self, now=time.monotonic, write=print):
        write(now() - ended)

last = Last()
for name in ("one", "two"):
    logger = logging.getLogger(name)
    logger.propagate = False
    logger.addHandler(LogsIngestionHandler(close_timeout=2, flush_interval=0.01, columns={"Extra": name}))
"""

WORK = """
logging.getLogger("one").warning("one")
logging.getLogger("two").warning("two")
ended = time.monotonic()
"""

AT_WORK = """
import json, os, threading
from urllib.request import urlopen

def are_at_work():
    for name in ("one", "two"):
        if not logging.getLogger(name).handlers[0].stats().requests:
            return False
    log = os.environ.get("REQUESTS")
    return not log or json.load(urlopen(log))

logging.getLogger("one").warning("one")
logging.getLogger("two").warning("two")
while not are_at_work():
    threading.Event().wait(0.02)
ended = time.monotonic()
"""

FIRST_AT_EXIT = """
import atexit
atexit.register(lambda: [logging.getLogger(name).warning(name) for name in ("one", "two")])
ended = time.monotonic()
"""

FAULTS = {
    "429": {"action": "status", "status": 429, "retry_after": 600},
    "503": {"action": "status", "status": 503},
    "403": {"action": "status", "status": 403},
    "400": {"action": "status", "status": 400},
    "401": {"action": "status", "status": 401},
    "delay": {"action": "delay", "seconds": 20},
    "drip": {"action": "drip", "seconds": 20},
    "hang": {"action": "hang"},
    "reset_before": {"action": "reset_before"},
    "reset_after": {"action": "reset_after"},
    "lose_reply": {"action": "lose_reply"},
    "cut_reply": {"action": "cut_reply"},
    "throttle": {"action": "throttle", "requests": 1, "window": 60},
    "token hangs": {"action": "hang", "kind": "token"},
    "token drips": {"action": "drip", "kind": "token", "seconds": 20},
    "token 401": {"action": "status", "kind": "token", "status": 401},
    "token 503": {"action": "status", "kind": "token", "status": 503},
}
WORKS = {"at once": WORK, "at work": AT_WORK, "in an exit callback": FIRST_AT_EXIT}
IN_BRIEF = {
    ("503", "at once"),
    ("hang", "at work"),
    ("drip", "at work"),
    ("token hangs", "at work"),
    ("429", "at work"),
}


def ends_in_time(program):
    """Whether the last exit callback ran within 2.5 seconds of the last statement."""
    assert program.status == 0, program.stderr
    assert float(program.stdout) < 2.5, program.stderr
    return True


@pytest.mark.parametrize(
    ("fault", "work"),
    [
        pytest.param(fault, work, marks=() if (fault, work) in IN_BRIEF else pytest.mark.soak)
        for fault in FAULTS
        for work in WORKS
    ],
)
def test_two_handlers_end_within_their_one_deadline(run, emulator, fault, work):
    """What is not delivered by then is told on stderr."""
    options = dict(FAULTS[fault])
    emulator.faults.add(Fault(options.pop("action"), **options))
    requests = f"{emulator.http_endpoint}/_emulator/requests"
    program = run(TWO_HANDLERS + WORKS[work], preamble="", stderr=None, REQUESTS=requests)

    assert ends_in_time(program)


@pytest.mark.parametrize(
    "work", [name if name == "at work" else pytest.param(name, marks=pytest.mark.soak) for name in WORKS]
)
@pytest.mark.parametrize(
    "which", ["DATA_COLLECTION_ENDPOINT", pytest.param("AZURE_AUTHORITY_HOST", marks=pytest.mark.soak)]
)
def test_a_port_that_never_answers_holds_no_end(run, mute, which, work):
    """A connection is made, and the greeting of TLS is never answered."""
    assert ends_in_time(run(TWO_HANDLERS + WORKS[work], preamble="", stderr=None, **{which: mute}))


@pytest.mark.soak
@pytest.mark.parametrize("work", WORKS)
def test_a_dead_port_holds_no_end(run, work):
    """Nobody listens there."""
    program = run(
        TWO_HANDLERS + WORKS[work], preamble="", stderr=None, DATA_COLLECTION_ENDPOINT="https://127.0.0.1:9"
    )

    assert ends_in_time(program)
    assert program.stderr.count("1 rows were not delivered when the process ended") == 2


@pytest.mark.soak
@pytest.mark.parametrize("work", WORKS)
def test_a_foreign_authority_holds_no_end(run, work):
    """A certificate that nobody known has signed is no service of ours, and nothing is sent there."""
    untold = dict.fromkeys(("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"), "")
    program = run(TWO_HANDLERS + WORKS[work], preamble="", stderr=None, **untold)

    assert ends_in_time(program)
    assert "not delivered" in program.stderr
