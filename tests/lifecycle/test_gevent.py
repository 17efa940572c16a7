"""gevent makes greenlets of threads, before or after dcrlog has made its locks."""

import pytest

from servers import NO_GEVENT_AT_EXIT

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

AT_EXIT = pytest.mark.skipif(bool(NO_GEVENT_AT_EXIT), reason=NO_GEVENT_AT_EXIT)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "ending",
    [
        pytest.param("", marks=AT_EXIT),
        pytest.param("assert handler.flush(20)\n", marks=pytest.mark.soak),
        pytest.param("import sys; sys.exit(0)\n", marks=[pytest.mark.soak, AT_EXIT]),
    ],
)
def test_rows_of_greenlets_arrive_and_the_end_is_prompt(run, counted, order, ending):
    """The locks and signals that were made before the patch are those of real threads."""
    # The SDK asks for the processor by a program, and the hooks of gevent complain of a fork at exit.
    program = run(WORK + ending, preamble=ORDERS[order], stderr=None, DCRLOG_CLOSE_TIMEOUT="20")

    assert program.status == 0
    assert "dcrlog:" not in program.stderr
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


@AT_EXIT
def test_a_child_forked_between_greenlets_sends_none_of_its_parents_rows(run, counted):
    """gevent carries every greenlet into the child, the senders too."""
    run(
        """
        import gevent, os, sys, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # gevent has threads of its own
        log.info("before")
        assert handler.flush(20)
        for number in range(3):
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

    assert counted() == {"before": 1, "parent": 60} | {f"child {number}": 1 for number in range(3)}


def test_a_thread_from_before_the_patch_leaves_its_work_to_greenlets(run, counted):
    """As in gunicorn, which logs that a worker boots, and patches then."""
    program = run(
        """
        log.info("booting")
        from gevent import monkey
        monkey.patch_all()
        import gevent
        for number in range(20):
            log.info("%d", number)
            gevent.sleep(0.001)
        assert handler.flush(20)
        """,
        preamble=IMPORT + CONSTRUCT,
        stderr=None,
    )

    # On Python 3.13 gevent complains of the thread when the SDK forks.
    assert program.status == 0
    assert "dcrlog:" not in program.stderr
    assert counted() == {"booting": 1} | {str(number): 1 for number in range(20)}
