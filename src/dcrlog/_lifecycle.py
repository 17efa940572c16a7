"""What the life of the process means for pipelines: fork and exit.

The exit hook is registered after `import logging`, so that it runs before `logging.shutdown` and with
no logging lock held.
"""

import atexit
import logging
import os
import sys
import threading
import weakref
from contextlib import suppress
from typing import Final, Protocol

from dcrlog._forking import FORK_GUARD, LOCK_GUARD, RENEWALS
from dcrlog._own_threads import SENDER_IDENTS


class Living(Protocol):
    """What a pipeline does at the turning points of its process."""

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything accepted so far is settled, with 0 not at all; return whether it is."""

    def begin_exit(self) -> None:
        """Make everything due at once, and start the one deadline, unless it was started before."""

    def finish_exit(self) -> None:
        """Wait for it until the deadline, and count what is left as lost."""

    def renew(self) -> None:
        """Begin anew in a forked child: the rows so far are the parent's."""


_known: Final[weakref.WeakSet[Living]] = weakref.WeakSet()
_held: Final[set[Living]] = set()


def register(pipeline: Living) -> None:
    """Remember a pipeline for as long as somebody uses it; its threads do."""
    _known.add(pipeline)


def known() -> list[Living]:
    """Return the pipelines of this process that are in use."""
    return list(_known)


def hold(pipeline: Living) -> None:
    """Keep a pipeline that has rows and can start no thread, so that the exit still finds it."""
    _held.add(pipeline)


def let_go(pipeline: Living) -> None:
    """Keep it no longer: its rows are settled."""
    _held.discard(pipeline)


def owns_logging_lock() -> bool:
    """Whether the caller holds logging's module lock, as inside `dictConfig`.

    A sender needs that lock for its imports and level checks, so waiting for it here would be for ever.
    """
    lock = getattr(logging, "_lock", None)
    is_owned = getattr(lock, "_is_owned", None)
    return bool(is_owned()) if is_owned is not None else False


def is_in_exit_hook() -> bool:
    """Whether the caller is what atexit calls: in the main thread, after Python has ended it.

    Without the thread's part it would be true for as long as other threads outlive `main`.
    """
    main = threading.main_thread()
    return threading.get_ident() == main.ident and not main.is_alive()


def begin_exit() -> None:
    """Start the one deadline of all pipelines, where the exit hook of another library comes before ours."""
    for pipeline in known():
        pipeline.begin_exit()


def begin_exit_early() -> None:
    """Let the deadline start before the exit hooks that were registered before this call.

    A LoggerProvider drains from a hook and in a thread of its own, which must not wait for room then.
    """
    # Once, and behind all that came before this.
    atexit.unregister(begin_exit)
    atexit.register(begin_exit)


@atexit.register
def exit_now() -> None:
    """Flush all pipelines within one deadline, and count what is left then as lost: the process ends."""
    begin_exit()
    for pipeline in known():
        pipeline.finish_exit()


def watch_child_process() -> None:
    """Let a child of multiprocessing or Celery flush at its end, where `os._exit` runs no atexit hook."""
    _watch_celery()
    _watch_multiprocessing()


def _watch_celery() -> None:
    global _watches_celery  # noqa: PLW0603
    signal = getattr(sys.modules.get("celery.signals"), "worker_process_shutdown", None)
    if signal is not None and not _watches_celery:
        _watches_celery = True
        with suppress(Exception):
            signal.connect(_exit_celery)


def _exit_celery(**_: object) -> None:
    exit_now()


def _watch_multiprocessing() -> None:
    global _watched_pid  # noqa: PLW0603
    util, process = sys.modules.get("multiprocessing.util"), sys.modules.get("multiprocessing.process")
    if util is None or process is None or _watched_pid == os.getpid():
        return
    _watched_pid = os.getpid()
    if process.parent_process() is not None:
        # Registered at the child's first row: earlier ones are cleared while it starts.
        util.Finalize(None, exit_now, exitpriority=100)


_watched_pid: int | None = None
_watches_celery = False


def _hold_guards() -> None:
    FORK_GUARD.hold()
    LOCK_GUARD.hold()


def _release_guards() -> None:
    LOCK_GUARD.release()
    FORK_GUARD.release()


def _forget_parent() -> None:
    FORK_GUARD.renew()
    LOCK_GUARD.renew()
    for renew in RENEWALS:
        renew()
    # A new thread may get the ident that one of the parent's had.
    SENDER_IDENTS.clear()
    for pipeline in known():
        pipeline.renew()


if hasattr(os, "register_at_fork"):
    # Hooks run before a fork in the reverse order of their registration. Were logging's the first to run,
    # the guard would wait with its lock held, for imports that need it.
    os.register_at_fork(before=_hold_guards, after_in_parent=_release_guards, after_in_child=_forget_parent)
