"""Children by fork and by multiprocessing, and what is logged while Python ends."""

from itertools import product

import pytest

POOLING = """
import concurrent.futures, logging, multiprocessing, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of a fork beside threads
from dcrlog import LogsIngestionHandler
log = logging.getLogger("app")
log.setLevel(logging.INFO)
log.addHandler(LogsIngestionHandler(close_timeout=30))

def work(child, ending="return"):
    for number in range(250):
        log.info("child %d: %d", child, number)
    if ending == "exception":
        raise ValueError("as ordered")
    if ending == "sys.exit":
        sys.exit(3)
"""

CHILDREN = {"parent": 1} | {f"child {child}: {number}": 1 for child, number in product(range(4), range(250))}

METHODS = ("fork", "spawn", "forkserver")
IN_BRIEF = {
    ("fork", "Process", "sys.exit"),
    ("spawn", "Process", "exception"),
    ("forkserver", "Process", "return"),
    ("fork", "ProcessPoolExecutor", "exception"),
    ("spawn", "ProcessPoolExecutor", "return"),
}


@pytest.mark.parametrize(
    ("method", "way", "ending"),
    [
        pytest.param(*cell, marks=() if cell in IN_BRIEF else pytest.mark.soak)
        for cell in product(METHODS, ("Process", "ProcessPoolExecutor"), ("return", "exception", "sys.exit"))
    ],
)
def test_all_1000_rows_of_four_multiprocessing_children_arrive_once(run_script, counted, method, way, ending):
    """multiprocessing ends its children with os._exit, which runs no exit hook."""
    program = run_script(
        f"""
        if __name__ == "__main__":
            context = multiprocessing.get_context("{method}")
            log.info("parent")
            if "{way}" == "Process":
                children = [context.Process(target=work, args=(child, "{ending}")) for child in range(4)]
                for child in children:
                    child.start()
                for child in children:
                    child.join()
            else:
                with concurrent.futures.ProcessPoolExecutor(4, mp_context=context) as pool:
                    tasks = [pool.submit(work, child, "{ending}") for child in range(4)]
                    concurrent.futures.wait(tasks)
        """,
        preamble=POOLING,
        stderr=None,
    )

    assert program.status == 0, program.stderr
    assert "dcrlog" not in program.stderr
    assert counted() == CHILDREN


@pytest.mark.parametrize(
    "method", ["fork", *(pytest.param(name, marks=pytest.mark.soak) for name in METHODS[1:])]
)
def test_a_pool_that_is_closed_and_joined_delivers_everything(run_script, counted, method):
    """Its workers come to an orderly end."""
    run_script(
        f"""
        if __name__ == "__main__":
            pool = multiprocessing.get_context("{method}").Pool(2)
            log.info("parent")
            pool.map(work, range(4), chunksize=1)
            pool.close()
            pool.join()
        """,
        preamble=POOLING,
    )

    assert counted() == CHILDREN


def test_a_pool_that_is_terminated_loses_no_more_than_what_was_not_flushed(run_script, counted):
    """`with Pool()` ends its workers with SIGTERM, at which Python runs nothing."""
    run_script(
        """
        def work_and_flush(child):
            work(child)
            log.handlers[0].flush(30)
            log.info("tail")

        if __name__ == "__main__":
            with multiprocessing.get_context("fork").Pool(2) as pool:
                log.info("parent")
                pool.map(work_and_flush, range(4), chunksize=1)
        """,
        preamble=POOLING,
    )

    arrived = counted()
    assert arrived.pop("tail", 0) <= 4
    assert arrived == CHILDREN


def test_a_thread_of_a_forked_child_is_heard(run, messages):
    """It may have the ident of a sender that its parent had, since the C library reuses the stack."""
    run(
        """
        import os, sys, threading, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        log.info("parent")
        logging.getLogger().handlers[0].flush()
        child = os.fork()
        if child == 0:
            threads = [threading.Thread(target=log.info, args=("child %d", number)) for number in range(20)]
            for thread in threads:
                thread.start()
                thread.join()
            sys.exit(0)
        os.waitpid(child, 0)
        """
    )

    assert sorted(messages()) == sorted(["parent", *(f"child {number}" for number in range(20))])


def test_a_record_logged_while_python_ends_neither_hangs_nor_goes_untold(run, messages):
    """Python has stopped all threads by then, so nobody waits for them."""
    program = run(
        """
        import os, time
        log.info("before")

        class Logs:
            def __del__(self, log=log, now=time.monotonic, write=os.write):
                started = now()
                log.info("from __del__")
                write(1, str(now() - started).encode())

        kept = Logs()
        """,
        stderr=None,
        DCRLOG_CLOSE_TIMEOUT="20",
    )

    assert float(program.stdout) < 10
    assert messages() == ["before"]
    assert "1 rows were not delivered when the process ended" in program.stderr


def test_without_thread_numbers_one_record_still_makes_one_upload(run, messages, uploads):
    """logging.logThreads = False takes away what tells a sender's records from others."""
    run("logging.logThreads = False; log.info('only one')")

    assert messages() == ["only one"]
    assert len(uploads()) == 1


def test_a_first_record_at_the_end_of_the_stack_does_not_strand_the_rest(run, messages):
    """The application logs a RecursionError where it catches it."""
    run(
        """
        def deep():
            try:
                deep()
            except RecursionError:
                log.error("too deep")
                raise

        for _ in range(3):
            try:
                deep()
            except RecursionError:
                pass
        log.info("after")
        """
    )

    assert messages()[-1] == "after"
