"""The ways out of a process: what was logged before arrives, without a flush, and the end is prompt."""

import sys

import pytest

SIGTERM_WITH_A_HANDLER = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_one_record_at_debug_makes_one_upload_and_the_process_ends_at_once(run, messages, uploads):
    """The client's own records are refused, so a root logger at DEBUG does not feed itself."""
    program = run(
        """
        import time
        log.info("only one")
        print(time.time())
        """
    )

    assert program.status == 0
    assert messages() == ["only one"]
    assert len(uploads()) == 1
    # The import of the SDKs, the token and the upload all happen after the work has ended.
    assert program.seconds < 30


def test_the_end_comes_within_two_seconds_of_the_work(run, messages):
    """Measured in the child, from its last statement to its last exit callback."""
    program = run(
        """
        import atexit, time
        log.info("hello")
        worked_until = time.monotonic()

        class Last:
            def __del__(self):
                print(time.monotonic() - worked_until)

        last = Last()
        """
    )

    assert messages() == ["hello"]
    assert float(program.stdout) < 2.0


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("", 0),
        ("raise SystemExit(3)", 3),
        ("import threading; threading.Thread(target=lambda: log.info('from a thread')).start()", 0),
        ("import atexit; atexit.register(log.info, 'in atexit')", 0),
        ("logging.shutdown(); log.info('after shutdown')", 0),
        (SIGTERM_WITH_A_HANDLER, 0),
    ],
    ids=["normal", "sys.exit", "thread", "atexit", "shutdown", "sigterm handler"],
)  # fmt: skip
def test_every_orderly_end_delivers_everything(run, messages, ending, status):
    """No flush is called in any of these programs."""
    program = run("log.info('first')\n" + ending)

    assert program.status == status
    expected = {"first"} | {
        part for part in ("from a thread", "in atexit", "after shutdown") if part in ending
    }
    assert set(messages()) == expected
    assert len(messages()) == len(expected)


def test_an_unhandled_exception_delivers_everything(run, messages):
    """The traceback goes to stderr as ever, and the rows to the table."""
    program = run("log.info('first')\n1 / 0", stderr=None)

    assert program.status == 1
    assert "ZeroDivisionError" in program.stderr
    assert messages() == ["first"]


def test_a_record_logged_by_an_exit_callback_that_runs_after_ours_arrives(run, messages):
    """Callbacks registered before logging was imported run last of all."""
    run(
        """
        import atexit

        def late():
            logging.getLogger("app").warning("late")

        atexit.register(late)
        import logging
        from dcrlog import LogsIngestionHandler
        logging.getLogger().addHandler(LogsIngestionHandler())
        """,
        preamble="",
    )

    assert messages() == ["late"]


def test_dict_config_50_times_after_a_record_each_is_quick_and_loses_nothing(run, messages):
    """It flushes old handlers while it holds logging's module lock, which senders need for their imports."""
    program = run(
        """
        import time
        for number in range(50):
            log.info("record %d", number)
            started = time.monotonic()
            logging.config.dictConfig(CONFIG)
            if time.monotonic() - started > 1.0:
                print("slow:", number, time.monotonic() - started)
        """
    )

    assert program.stdout == ""
    assert sorted(messages()) == sorted(f"record {number}" for number in range(50))


def test_a_dead_endpoint_holds_the_exit_for_close_timeout_and_says_what_was_lost(run):
    """Nothing listens there: the process ends all the same, and the loss is told on stderr."""
    program = run(
        "log.info('lost'); log.info('lost too')",
        stderr=None,
        DATA_COLLECTION_ENDPOINT="https://127.0.0.1:9",
        DCRLOG_CLOSE_TIMEOUT="3",
    )

    assert program.status == 0
    assert "2 rows were not delivered when the process ended" in program.stderr
    assert "x-ms-client-request-id" in program.stderr


def test_a_forked_child_delivers_its_own_rows_and_not_its_parents(run, messages):
    """The child has a new instance id, an empty queue and a new client."""
    run(
        """
        import os, sys, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of a fork beside threads
        log.info("parent before")
        child = os.fork()
        if child == 0:
            log.info("child")
            sys.exit(0)
        os.waitpid(child, 0)
        log.info("parent after")
        """
    )

    assert sorted(messages()) == ["child", "parent after", "parent before"]


def test_importing_and_constructing_loads_no_sdk_and_starts_no_thread(run):
    """What an application does not use yet costs it neither memory nor time."""
    program = run(
        """
        import sys, threading
        found = {name.partition(".")[0] for name in sys.modules}
        sdks = {"azure", "msal", "opentelemetry", "pythonjsonlogger", "requests", "starlette"}
        costly = {"email", "hashlib", "ssl", "tempfile"}
        print(sorted(found & (sdks | costly)))
        print(threading.active_count())
        """
    )

    assert program.stdout.split("\n")[:2] == ["[]", "1"]


def test_the_pytest_plugin_loads_no_handler_until_one_is_used(run):
    """Every run of pytest imports it, in programs that have nothing to do with it, too."""
    program = run(
        """
        import sys
        import dcrlog.testing
        heavy = {"dcrlog.handler", "dcrlog.settings", "dcrlog.emulator", "msgspec", "requests", "azure"}
        print(sorted(heavy & sys.modules.keys()))
        from dcrlog import LogsIngestionHandler
        print(sorted(heavy & sys.modules.keys()))
        """,
        preamble="",
    )

    assert program.stdout.splitlines() == ["[]", "['dcrlog.handler', 'dcrlog.settings', 'msgspec']"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="only Python 3.12 and newer refuse threads at exit")
def test_the_first_record_ever_in_an_exit_callback_arrives(run, messages):
    """Python 3.12.0 to 3.12.2 start no thread any more by then: the caller delivers."""
    run("import atexit; atexit.register(log.info, 'first and last')")

    assert messages() == ["first and last"]
