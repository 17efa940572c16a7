"""Ends at which Python runs nothing, and threads that go on until the very end."""

import pytest

ABRUPT = {
    "sigterm": ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -15),
    "sigkill": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9),
    "os._exit": ("import os; os._exit(3)", 3),
    "os.abort": ("import os; os.abort()", -6),
}


@pytest.mark.parametrize("way", ABRUPT)
def test_an_abrupt_end_is_immediate_and_keeps_what_was_flushed(run, messages, way):
    """Python runs nothing at these ends, so what no answer has come for may be lost."""
    ending, status = ABRUPT[way]
    program = run(
        f"""
        import os, time
        log.info("flushed")
        assert logging.getLogger().handlers[0].flush(30)
        for _ in range(100):
            log.info("tail")
        os.write(1, str(time.monotonic()).encode())
        {ending}
        """,
        DCRLOG_CLOSE_TIMEOUT="30",
    )

    assert program.status == status
    assert program.ended - float(program.stdout) < 1
    assert messages()[0] == "flushed"
    assert messages().count("flushed") == 1
    assert messages().count("tail") <= 100


def test_threads_that_log_until_the_very_end_neither_hold_nor_break_it(run, counted):
    """Daemon threads are stopped in the middle of whatever they do."""
    program = run(
        """
        import threading, time
        pause = threading.Event()

        def chatter():
            while True:
                log.info("chatter")
                pause.wait(0.001)

        for _ in range(4):
            threading.Thread(target=chatter, daemon=True).start()
        log.info("last")
        pause.wait(0.05)
        """,
        stderr=None,
    )

    assert program.status == 0
    assert program.seconds < 15
    assert counted()["last"] == 1
    assert "Traceback" not in program.stderr
