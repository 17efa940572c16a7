"""Children by fork and by multiprocessing, and what is logged while Python ends."""

import pytest


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("way", ["Process", "ProcessPoolExecutor"])
def test_rows_of_a_multiprocessing_child_arrive(run, messages, tmp_path, method, way):
    """multiprocessing ends its children with os._exit, which runs no exit hook."""
    program = tmp_path / "program.py"
    program.write_text(
        f"""
import concurrent.futures, logging, logging.config, multiprocessing, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
HANDLERS = {{"azure": {{"class": "dcrlog.LogsIngestionHandler"}}}}
logging.config.dictConfig(
    {{"version": 1, "handlers": HANDLERS, "root": {{"level": "INFO", "handlers": ["azure"]}}}}
)

def work(number):
    logging.getLogger("app").info("child %d", number)

if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    logging.getLogger("app").info("parent")
    if "{way}" == "Process":
        child = context.Process(target=work, args=(1,))
        child.start()
        child.join()
    else:
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            pool.submit(work, 1).result()
"""
    )
    run(
        f"import subprocess, sys; subprocess.run([sys.executable, {str(program)!r}], check=True)", preamble=""
    )

    assert sorted(messages()) == ["child 1", "parent"]


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
