"""gevent makes greenlets of threads, before or after dcrlog has made its locks."""

import pytest

gevent = pytest.importorskip("gevent", reason="gevent has no wheel for this Python")

PATCH = """
from gevent import monkey
monkey.patch_all()
"""
IMPORT = """
import logging
import dcrlog
"""
CONSTRUCT = """
handler = dcrlog.LogsIngestionHandler()
log = logging.getLogger("app")
log.setLevel(logging.INFO)
log.addHandler(handler)
"""
WORK = """
import gevent, time

def work(number):
    for step in range(50):
        log.info("%d: %d", number, step)
        gevent.sleep(0.001)

gevent.joinall([gevent.spawn(work, number) for number in range(20)])
"""
ORDERS = {
    "patched first": PATCH + IMPORT + CONSTRUCT,
    "patched after the import": IMPORT + PATCH + CONSTRUCT,
    "patched after the construction": IMPORT + CONSTRUCT + PATCH,
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "ending",
    [
        "",
        pytest.param("assert handler.flush(20)\n", marks=pytest.mark.soak),
        pytest.param("import sys; sys.exit(0)\n", marks=pytest.mark.soak),
    ],
)
def test_rows_of_greenlets_arrive_and_the_end_is_prompt(run, counted, order, ending):
    """The locks and signals that were made before the patch are those of real threads."""
    program = run(WORK + ending, preamble=ORDERS[order], DCRLOG_CLOSE_TIMEOUT="20")

    assert program.status == 0
    assert program.seconds < 15
    assert counted() == {f"{number}: {step}": 1 for number in range(20) for step in range(50)}


@pytest.mark.parametrize("order", ORDERS)
def test_a_greenlet_that_waits_for_a_flush_lets_others_run(run, counted, order):
    """A wait that holds up the whole hub would be for ever: the sender is a greenlet too."""
    run(
        """
        import gevent
        ticks = 0

        def tick():
            global ticks
            while True:
                ticks += 1
                gevent.sleep(0.001)

        ticking = gevent.spawn(tick)
        log.info("first")
        assert handler.flush(20)
        assert ticks > 3, ticks
        ticking.kill()
        """,
        preamble=ORDERS[order],
    )

    assert counted() == {"first": 1}


@pytest.mark.xfail(reason="the copy of the sender goes on in the child, with its parent's queue")
def test_a_child_forked_between_greenlets_sends_none_of_its_parents_rows(run, counted):
    """gevent carries every greenlet into the child, the senders too."""
    run(
        """
        import gevent, os, sys, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # gevent has threads of its own
        log.info("before")
        assert handler.flush(20)
        for number in range(5):
            for _ in range(20):
                log.info("parent")
            gevent.sleep(0.3 * number)
            child = os.fork()
            if child == 0:
                log.info("child %d", number)
                sys.exit(0)
            os.waitpid(child, 0)
        """,
        preamble=ORDERS["patched first"],
    )

    assert counted() == {"before": 1, "parent": 100} | {f"child {number}": 1 for number in range(5)}
