"""Sender threads that die or cannot be started, and records from where no lock may be waited for."""

import pytest

KILLING = """
import ctypes, threading
handler = logging.getLogger().handlers[0]

def kill_senders(error):
    for thread in threading.enumerate():
        if thread.name == "dcrlog-sender":
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(error))
"""

ERRORS = pytest.mark.parametrize(
    "error", ["SystemExit", pytest.param("KeyboardInterrupt", marks=pytest.mark.soak)]
)


@ERRORS
def test_a_sender_that_dies_while_it_waits_is_replaced(run, messages, error):
    """The next record wakes it to its death, and another has to take that record."""
    program = run(
        KILLING
        + f"""
for number in range(5):
    log.info("record %d", number)
    assert handler.flush(4), handler.stats()
    kill_senders({error})
""",
        stderr=None,
        DCRLOG_CLOSE_TIMEOUT="2",
    )

    assert program.status == 0, program.stderr
    assert messages() == [f"record {number}" for number in range(5)]


@ERRORS
def test_an_upload_that_is_hit_is_made_again(run, messages, error):
    """The sender counts it as a failure of the attempt, and lives."""
    program = run(
        KILLING
        + f"""
from dcrlog import LogsIngestionHandler
from azure.identity import DefaultAzureCredential
hits = 0

class Hit(DefaultAzureCredential):
    def get_token(self, *scopes, **options):
        global hits
        hits += 1
        if hits < 3:
            kill_senders({error})
        return super().get_token(*scopes, **options)

handler = LogsIngestionHandler(credential={{"()": Hit}})
other = logging.getLogger("other")
other.propagate = False
other.addHandler(handler)
other.warning("hit")
assert handler.flush(20), handler.stats()
""",
        stderr=None,
    )

    assert program.status == 0, program.stderr
    assert messages() == ["hit"]


def test_a_batch_outlives_a_sender_that_dies_before_it_sends(run, messages):
    """An exception from outside can come at any point, also right after a batch was taken."""
    program = run(
        """
        handler = logging.getLogger().handlers[0]
        delivery = handler._pipeline._delivery
        deliver = delivery.deliver

        def die(*args):
            delivery.deliver = deliver
            raise SystemExit

        delivery.deliver = die
        log.info("first")
        assert handler.flush(3), handler.stats()
        """,
        stderr=None,
        DCRLOG_CLOSE_TIMEOUT="2",
    )

    assert program.status == 0, program.stderr
    assert messages() == ["first"]


NO_THREADS = """
import _thread, threading

def refuse(*args, **options):
    raise RuntimeError("can't start new thread")

threading._start_new_thread = refuse
threading._start_joinable_thread = refuse
"""


@pytest.mark.parametrize(
    "ending", ["assert logging.getLogger().handlers[0].flush(30)", ""], ids=["flush", "exit"]
)
def test_where_no_thread_can_be_started_the_caller_delivers(run, messages, ending):
    """As in a container whose limit of processes is reached: logging goes on, and an orderly end delivers."""
    run(NO_THREADS + "for number in range(1000): log.info('record %d', number)\n" + ending)

    assert sorted(messages()) == sorted(f"record {number}" for number in range(1000))


def test_a_thread_that_can_be_started_later_takes_what_waits(run, messages):
    """The limit was reached for a moment only."""
    run(
        """
        import threading
        starters = {
            name: getattr(threading, name)
            for name in ("_start_new_thread", "_start_joinable_thread")
            if hasattr(threading, name)
        }

        def refuse(*args, **options):
            raise RuntimeError("can't start new thread")

        for name in starters:
            setattr(threading, name, refuse)
        log.info("waits")
        for name, starter in starters.items():
            setattr(threading, name, starter)
        log.info("starts one")
        assert logging.getLogger().handlers[0].flush(30)
        assert any(thread.name == "dcrlog-sender" for thread in threading.enumerate())
        """
    )

    assert sorted(messages()) == ["starts one", "waits"]


def test_records_from_a_signal_handler_inside_puts_and_flushes_all_arrive(run, counted):
    """The handler logs, and now and then flushes, at whatever point the main thread is."""
    run(
        """
        import signal, time
        handler = logging.getLogger().handlers[0]
        ticks = 0

        def tick(*_):
            global ticks
            ticks += 1
            log.info("from the signal")
            if ticks % 50 == 0:
                handler.flush(0.01)

        signal.signal(signal.SIGALRM, tick)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        until = time.monotonic() + 1.0
        number = 0
        while time.monotonic() < until:
            number += 1
            log.info("from the loop")
            if number % 1000 == 0:
                handler.flush(0.01)
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert handler.flush(30)
        stats = handler.stats()
        assert stats.accepted == stats.delivered == number + ticks, (stats, number, ticks)
        log.info("of the signal: %d, of the loop: %d", ticks, number)
        """
    )

    arrived = counted()
    told = f"of the signal: {arrived['from the signal']}, of the loop: {arrived['from the loop']}"
    assert arrived[told] == 1
    assert arrived["from the signal"] > 10


def test_records_from_del_in_garbage_collections_all_arrive(run, counted):
    """A collection may begin at any allocation, also inside our own lock.

    What it logs in a sender's thread is refused, like all that senders log.
    """
    program = run(
        """
        import gc, threading

        main, elsewhere = threading.get_ident(), []

        class Logs:
            def __init__(self):
                self.me = self

            def __del__(self):
                log.info("from __del__")
                if threading.get_ident() != main:
                    elsewhere.append(1)

        gc.set_threshold(5)
        for _ in range(2000):
            Logs()
            log.info("from the loop")
        gc.collect()
        assert logging.getLogger().handlers[0].flush(30)
        print(len(elsewhere))
        """
    )
    refused = int(program.stdout)

    assert refused < 1_000
    assert counted() == {"from __del__": 2000 - refused, "from the loop": 2000}
