"""SIGTERM, with `flush_on_sigterm`: rows arrive, and the process ends by the signal all the same."""

import signal

import pytest

ASKS_FOR_IT = {"DCRLOG_FLUSH_ON_SIGTERM": "true", "DCRLOG_FLUSH_INTERVAL": "60"}
SENDS_ITSELF = "\nimport os, signal, threading\nos.kill(os.getpid(), signal.SIGTERM)\n"
WAITS = "threading.Event().wait()\n"


@pytest.mark.parametrize(
    "doing",
    [
        pytest.param(WAITS, id="waits"),
        pytest.param("while True: log.debug('more')\n", id="logs"),
        pytest.param("threading.Thread(target=threading.Event().wait).start()\n", id="has a thread left"),
        pytest.param("", id="is at its end"),
    ],
)  # fmt: skip
def test_sigterm_flushes_and_ends_the_process_by_the_signal(run, counted, doing):
    """As it would have ended without dcrlog, but for the rows."""
    program = run("log.info('first')\n" + SENDS_ITSELF + doing, stderr=None, **ASKS_FOR_IT)

    assert program.status == -signal.SIGTERM
    assert counted()["first"] == 1


@pytest.mark.parametrize(
    "interrupted",
    [
        "handler._pipeline._queue.section.run(os.kill, os.getpid(), signal.SIGTERM)",
        "with logging._lock: os.kill(os.getpid(), signal.SIGTERM)",
    ],
    ids=["the queue", "logging"],
)  # fmt: skip
def test_sigterm_while_its_thread_holds_a_lock_neither_hangs_nor_loses_a_row(run, counted, interrupted):
    """The senders need both; the signal's handler lets go of them."""
    program = run(
        f"""
        import os, signal, threading
        handler = logging.getLogger().handlers[0]
        log.info("first")
        {interrupted}
        threading.Event().wait()
        """,
        **ASKS_FOR_IT,
    )

    assert program.status == -signal.SIGTERM
    assert counted() == {"first": 1}


def test_a_service_that_hangs_keeps_sigterm_for_the_close_timeout_at_most(run, mute):
    """The process ends, and says how many rows it has lost."""
    program = run(
        "log.info('lost')\n" + SENDS_ITSELF + WAITS,
        stderr=None, DATA_COLLECTION_ENDPOINT=mute, DCRLOG_CLOSE_TIMEOUT="0.5",
        DCRLOG_AUDIENCE="https://monitor.azure.com", **ASKS_FOR_IT,
    )  # fmt: skip

    assert program.status == -signal.SIGTERM
    assert "1 rows were not delivered" in program.stderr
    assert program.seconds < 20


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_handler_of_the_application_keeps_its_part(run, counted, order):
    """It is called, and what it does to end the process is done."""
    pair = (
        "signal.signal(signal.SIGTERM, lambda *_: (log.info('cleaned up'), sys.exit(3)))",
        "import dcrlog.ends; dcrlog.ends.flush_on_sigterm()",
    )
    program = run(
        "\n".join(
            ["import signal, sys", *(pair if order == "before" else reversed(pair)), "log.info('first')"]
        ) + SENDS_ITSELF + WAITS
    )  # fmt: skip

    assert program.status == 3
    assert counted() == {"first": 1, "cleaned up": 1}


def test_a_handler_that_calls_ours_may_have_it_installed_once_more(run, counted):
    """Each calls the one before it, and the last ends the process."""
    program = run(
        """
        import os, signal, threading, dcrlog.ends
        assert dcrlog.ends.flush_on_sigterm()
        before = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, lambda *given: (log.info("cleaned up"), before(*given)))
        assert dcrlog.ends.flush_on_sigterm()
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait()
        """
    )

    assert program.status == -signal.SIGTERM
    assert counted() == {"cleaned up": 1}


def test_a_signal_that_is_ignored_stays_ignored(run, counted):
    """dcrlog does not make a program end that has decided otherwise."""
    program = run(
        """
        import os, signal, dcrlog.ends
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        assert not dcrlog.ends.flush_on_sigterm()
        os.kill(os.getpid(), signal.SIGTERM)
        log.info("still there")
        """
    )

    assert program.status == 0
    assert counted() == {"still there": 1}


def test_another_thread_cannot_install_the_handler_and_is_told_so(run, counted):
    """The record is delivered all the same."""
    program = run(
        """
        import threading, warnings, dcrlog.ends

        def work():
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                assert not dcrlog.ends.flush_on_sigterm()
            assert "main thread" in str(caught[0].message)
            log.info("delivered")

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        """
    )

    assert program.status == 0
    assert counted() == {"delivered": 1}


def test_the_workers_of_a_pool_end_by_sigterm_as_ever(run_script):
    """Their parent terminates them, and waits: in one that just waits for a task a handler runs too late."""
    program = run_script(
        """
        import multiprocessing, signal, dcrlog.ends

        def work(number):
            is_default = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
            return is_default and not dcrlog.ends.flush_on_sigterm()

        if __name__ == "__main__":
            for method in "fork", "spawn":
                with multiprocessing.get_context(method).Pool(1) as pool:
                    print(pool.map(work, range(1)))
        """,
        **ASKS_FOR_IT,
    )

    assert program.stdout.splitlines() == ["[True]", "[True]"]


def test_flush_is_for_all_handlers_at_once(run, messages):
    """A function that is frozen after each call, or ends by `os._exit`, calls it."""
    program = run(
        """
        import os
        import dcrlog, dcrlog.ends
        other = dcrlog.LogsIngestionHandler()
        logging.getLogger("other").addHandler(other)
        logging.getLogger("other").propagate = False
        log.info("one")
        logging.getLogger("other").error("two")
        assert dcrlog.ends.flush()
        os._exit(0)
        """,
        DCRLOG_FLUSH_INTERVAL="60",
    )

    assert program.status == 0
    assert sorted(messages()) == ["one", "two"]
