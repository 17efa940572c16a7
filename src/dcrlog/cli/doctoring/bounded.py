"""Steps that come to an end, whatever is at the other one."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_Made = TypeVar("_Made")


def within(seconds: float, work: Callable[[], _Made]) -> _Made:
    """Return what the work returns, which is done in another thread, or raise what it raises.

    A name that is resolved, a server that answers byte by byte and a credential that runs a program have no
    time limit of their own. Work that is late is left behind, and ends with the process.

    Raises:
        TimeoutError: It took longer.
    """
    future: Future[_Made] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # whoever asked for the work gets it
            future.set_exception(error)

    threading.Thread(target=run, name="dcrlog-doctor", daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():
            raise
        raise TimeoutError(f"no end within {seconds:g} seconds") from None
