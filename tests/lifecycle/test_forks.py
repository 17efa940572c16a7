"""Forks at the worst moments: no child hangs, its rows arrive, and none of its parent's comes twice."""

import os

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

SOAK = [pytest.mark.soak, pytest.mark.timeout(1000)]

FORKING = """
import logging, os, signal, sys, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of a fork beside threads
from dcrlog import LogsIngestionHandler
log = logging.getLogger("app")
log.setLevel(logging.INFO)

def use(**options):
    handler = LogsIngestionHandler(**options)
    log.addHandler(handler)
    return handler

def in_child(work):
    child = os.fork()
    if child == 0:
        work()
        sys.exit(0)
    return child

def wait_for(children, seconds=40):
    started = time.monotonic()
    left = set(children)
    while left and time.monotonic() - started < seconds:
        for child in tuple(left):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                left.discard(child)
                if status:
                    print("status", status)
        threading.Event().wait(0.01)
    if left:
        print("hang:", len(left))
"""


@pytest.fixture
def run_forking(run):
    """Run a program that forks; what it prints are complaints."""

    def run_program(source, **options):
        program = run(source, preamble=FORKING, **options)
        assert program.stdout == ""
        assert program.status == 0

    return run_program


@pytest.mark.parametrize("forks", [15, pytest.param(100, marks=SOAK)])
def test_children_forked_during_the_first_import_and_token_deliver_their_rows(run_forking, counted, forks):
    """Without a guard, all of them hang at the import that their parent's sender was in the middle of."""
    run_forking(
        f"""
        use(flush_interval=0.01, close_timeout=30)
        log.info("parent")
        began = time.monotonic()

        def work():
            import azure.identity, requests
            log.info("child %d", number)

        children = []
        for number in range({forks}):
            due = began + 0.02 + 0.38 * number / {forks}
            threading.Event().wait(max(0.0, due - time.monotonic()))
            children.append(in_child(work))
        wait_for(children)
        """
    )

    assert counted() == {"parent": 1} | {f"child {number}": 1 for number in range(forks)}


@pytest.mark.parametrize("forks", [40, pytest.param(1000, marks=SOAK)])
def test_forks_beside_threads_that_log_all_the_time_double_no_row(run_forking, counted, forks):
    """Most of them fall into a put, or into an upload."""
    run_forking(
        f"""
        handler = use(flush_interval=0.05, close_timeout=30)
        log.info("parent")
        handler.flush(30)  # with the SDK imported, more of the forks fall into uploads
        is_over = threading.Event()

        def chatter(name):
            while not is_over.wait(0.0005):
                log.info("parent")

        threads = [threading.Thread(target=chatter, args=(name,)) for name in range(3)]
        for thread in threads:
            thread.start()
        for begin in range(0, {forks}, 20):
            wait_for([
                in_child(lambda: log.info("child %d", number)) for number in range(begin, begin + 20)
            ])
        is_over.set()
        for thread in threads:
            thread.join()
        handler.flush(30)
        stats = handler.stats()
        if stats.delivered != stats.accepted:
            print(stats)
        log.info("of the parent: %d", stats.accepted)
        """,
        seconds=60 + forks,
    )

    arrived = counted()
    parents = arrived.pop("parent")
    assert arrived == {f"child {number}": 1 for number in range(forks)} | {f"of the parent: {parents}": 1}


@pytest.mark.parametrize("forks", [40, pytest.param(1000, marks=SOAK)])
def test_forks_by_a_signal_handler_inside_a_put_double_no_row(run_forking, counted, forks):
    """Half of the children end in the handler, half go on with what their parent was at."""
    run_forking(
        f"""
        # Python itself hangs in the child of a handler that interrupts Thread.start: the thread that it
        # waits for is not there. So there is one sender, and it has begun.
        handler = use(flush_interval=0.05, close_timeout=30, max_senders=1)
        log.info("parent")
        handler.flush(30)
        children = []
        is_child = False

        def fork(*_):
            global is_child
            number = len(children)
            child = os.fork()
            if child == 0:
                signal.signal(signal.SIGALRM, signal.SIG_IGN)
                is_child = True
                log.info("child %d", number)
                if number % 2:
                    sys.exit(0)
            children.append(child)

        signal.signal(signal.SIGALRM, fork)
        while len(children) < {forks} and not is_child:
            known = len(children)
            signal.setitimer(signal.ITIMER_REAL, 0.001)
            while len(children) == known:
                log.info("parent")
            if len(children) % 20 == 0 and not is_child:
                wait_for(children[-20:])
        """,
        seconds=60 + forks,
    )

    arrived = counted()
    assert arrived.pop("parent") > forks
    assert arrived == {f"child {number}": 1 for number in range(forks)}


def test_a_fork_while_another_thread_holds_the_queue_leaves_the_child_a_free_one(run_forking, counted):
    """The holder is not there in the child to let go of it."""
    run_forking(
        """
        handler = use(close_timeout=30)
        log.info("before")
        is_held, is_over = threading.Event(), threading.Event()

        def hold():
            with handler._pipeline._queue.section.lock:
                is_held.set()
                is_over.wait(30)

        holder = threading.Thread(target=hold)
        holder.start()
        is_held.wait()
        wait_for([in_child(lambda: log.info("child"))])
        is_over.set()
        holder.join()
        log.info("after")
        """
    )

    assert counted() == {"before": 1, "child": 1, "after": 1}


def test_a_handler_that_forks_while_its_thread_waits_for_the_queue_leaves_the_child_a_way_on(
    run_forking, counted
):
    """The child returns into the wait, for a thread that is not there."""
    run_forking(
        """
        handler = use(close_timeout=30)
        log.info("before")
        is_held, is_over = threading.Event(), threading.Event()
        children = []

        def hold():
            with handler._pipeline._queue.section.lock:
                is_held.set()
                is_over.wait(30)

        def fork(*_):
            child = os.fork()
            if child == 0:
                log.info("child")
            else:
                children.append(child)
                is_over.set()

        holder = threading.Thread(target=hold)
        holder.start()
        is_held.wait()
        signal.signal(signal.SIGALRM, fork)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        log.info("after")
        wait_for(children)
        """
    )

    assert counted() == {"before": 1, "child": 1, "after": 1}


@pytest.mark.parametrize("waits", ["handler.flush(60)", "fill_up()"])
def test_a_handler_that_forks_while_its_thread_waits_for_answers_leaves_the_child_a_way_on(
    run_forking, waits
):
    """The child returns into the wait, for rows that are its parent's."""
    run_forking(
        f"""
        from dcrlog.testing import RecordingSender

        is_over = threading.Event()
        has_forked = is_child = False

        class Held(RecordingSender):
            def send(self, body, **options):
                is_over.wait(40)
                return super().send(body, **options)

        def fill_up():
            while not has_forked:
                log.info("x" * 60_000)

        def fork(*_):
            global has_forked, is_child
            has_forked = True
            child = os.fork()
            if child:
                wait_for([child], 20)
                is_over.set()
            else:
                is_child = True

        handler = use(sender=Held(), capacity=2**21, on_full="block", block_timeout=60)
        log.info("before")
        signal.signal(signal.SIGALRM, fork)
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        {waits}
        if is_child and handler.stats().accepted:
            print("a row of the parent's in the child")
        """
    )


def test_a_fork_while_a_sender_is_at_its_pool_leaves_the_child_an_end(run_forking, counted):
    """At exit, and when a pool is dropped, urllib3 closes what waits in it, also in the child."""
    run_forking(
        """
        handler = use(close_timeout=30)
        log.info("before")
        handler.flush(30)
        from contextlib import ExitStack
        from dcrlog._transport import _pools
        assert len(_pools) == 2  # of the service, and of the login service
        is_held, is_over = threading.Event(), threading.Event()

        def hold():
            with ExitStack() as held:
                for pool in _pools:
                    held.enter_context(pool.pool.mutex)
                is_held.set()
                is_over.wait(30)

        holder = threading.Thread(target=hold)
        holder.start()
        is_held.wait()
        wait_for([in_child(lambda: log.info("child"))], seconds=20)
        is_over.set()
        holder.join()
        """
    )

    assert counted() == {"before": 1, "child": 1}


def test_a_fork_while_a_token_is_awaited_waits_two_seconds_and_both_sides_go_on(run_forking, counted):
    """The second fork does not wait: what hangs may hang for ever."""
    run_forking(
        """
        parent = os.getpid()
        is_asked, may_answer = threading.Event(), threading.Event()

        class Hangs:
            def __init__(self):
                from azure.identity import DefaultAzureCredential
                self.real = DefaultAzureCredential()

            def get_token(self, *scopes, **options):
                if os.getpid() == parent:
                    is_asked.set()
                    may_answer.wait(60)
                return self.real.get_token(*scopes, **options)

            def close(self):
                self.real.close()

        use(flush_interval=0.01, close_timeout=30, credential={"()": Hangs})
        log.info("parent")
        is_asked.wait(30)
        for number, (least, most) in enumerate([(1.9, 3.5), (0.0, 1.0)]):
            began = time.monotonic()
            child = in_child(lambda: log.info("child %d", number))
            if not least <= time.monotonic() - began <= most:
                print("fork took", time.monotonic() - began)
            wait_for([child])
        may_answer.set()
        """
    )

    assert counted() == {"parent": 1, "child 0": 1, "child 1": 1}
