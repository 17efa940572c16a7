"""Forks beside threads that import, get tokens and make clients: no child hangs, no fork waits for ever."""

import os
import threading
import time

import pytest

from dcrlog._forking import ForkGuard


@pytest.fixture
def guard():
    """A guard of its own, so that no thread of another test is inside."""
    return ForkGuard(patience=0.3)


@pytest.fixture
def insider(guard):
    """A thread inside a section, which leaves it when told to."""
    entered, leave = threading.Event(), threading.Event()

    def stay():
        with guard.section():
            entered.set()
            leave.wait(30)

    thread = threading.Thread(target=stay)
    thread.start()
    assert entered.wait(30)
    thread.leave = leave.set
    yield thread
    leave.set()
    thread.join()


def test_a_fork_waits_until_a_thread_has_left_its_section(guard, insider):
    """Or else the child had the lock of a module that nobody imports any more."""
    threading.Timer(0.05, insider.leave).start()

    guard.hold()

    assert not guard._inside
    guard.release()


def test_nobody_enters_between_the_wait_and_the_fork(guard):
    """A thread that comes then would be caught inside."""
    is_inside = threading.Event()

    def enter():
        with guard.section():
            is_inside.set()

    guard.hold()
    thread = threading.Thread(target=enter)
    thread.start()
    assert not is_inside.wait(0.05)
    guard.release()

    assert is_inside.wait(30)
    thread.join()


def test_a_thread_that_stays_inside_is_waited_for_once(guard, insider):
    """A credential that hangs must not cost every fork that much."""
    seconds = []
    for _ in range(10):
        started = time.monotonic()
        guard.hold()
        guard.release()
        seconds.append(time.monotonic() - started)

    assert 0.29 < seconds[0] < 2
    assert sum(seconds[1:]) < 0.3


def test_a_thread_inside_may_fork_and_enter_again(guard):
    """A signal handler forks while its thread gets a token in an exit hook."""
    started = time.monotonic()
    with guard.section():
        guard.hold()
        with guard.section():
            pass
        guard.release()

    assert not guard._inside
    assert time.monotonic() - started < 1


def test_two_threads_fork_while_a_third_is_inside(guard, insider):
    """The second gives up its wait for the first in the end, and lets nobody in that the first keeps out."""

    def fork():
        guard.hold()
        guard.release()

    threads = [threading.Thread(target=fork) for _ in range(2)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert time.monotonic() - started < 3
    fork()


def test_the_child_has_a_guard_with_nobody_inside(guard, insider):
    """The threads inside stayed with the parent."""
    guard.hold()
    guard.renew()
    guard.hold()

    assert not guard._inside
    guard.release()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_request_imports_and_connects_inside_sections_only(run, messages):
    """A fork in the middle of it leaves a child that hangs at the same import, or at OpenSSL's locks."""
    program = run(
        """
        import sys, threading
        from dcrlog._forking import FORK_GUARD
        from dcrlog._senders import SENDER_IDENTS

        def note(event, args):
            ident = threading.get_ident()
            if ident not in SENDER_IDENTS or ident in FORK_GUARD._inside:
                return
            if event in {"import", "socket.connect", "context"}:
                print(event, args[0])

        import urllib3.util
        create_context = urllib3.util.create_urllib3_context

        def create_and_note(*args, **options):
            note("context", ["made"])
            return create_context(*args, **options)

        urllib3.util.create_urllib3_context = create_and_note
        sys.addaudithook(note)
        log.info("first")
        assert logging.getLogger().handlers[0].flush(30)
        log.info("second")
        """
    )

    assert messages() == ["first", "second"]
    assert program.stdout == ""
