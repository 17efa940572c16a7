"""For processes that end without Python's exit hooks: functions, ASGI servers, SIGTERM.

A process that ends in order needs none of this, nor do the workers of multiprocessing, gunicorn and Celery.
docs/delivery.md has the table of ends, docs/frameworks.md says what to use where.
"""

import _thread
import atexit
import os
import signal
import sys
import warnings
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from time import monotonic
from typing import Any

from dcrlog import _lifecycle
from dcrlog._forking import RENEWALS
from dcrlog.errors import ConfigWarning

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]


def flush(timeout: float | None = None) -> bool:
    """Wait until everything accepted so far by this process is settled; return whether it is.

    All handlers, processors and exporters are flushed, at the same time. To be called where a process is
    frozen or killed after its work: at the end of an invocation, before `os._exit`.

    Args:
        timeout: Seconds to wait at most, for all of them together; None for the `close_timeout` of each. With
            0 it only hands over, and never waits.
    """
    began = monotonic()
    pipelines = _lifecycle.known()
    for pipeline in pipelines:
        pipeline.flush(0)
    are_flushed = [
        pipeline.flush(None if timeout is None else max(0.0, timeout - (monotonic() - began)))
        for pipeline in pipelines
    ]
    return all(are_flushed)


class FlushAtShutdown:
    """Wraps an ASGI application, so that a server which shuts down flushes in order.

    uvicorn ends by the signal that stopped it, and with it ends every worker of it, without exit hooks. This
    answers `lifespan.shutdown` when the rows are settled, or after the timeout. Startup and shutdown of the
    application itself run as ever; where it has none, as Django's, this has them in its place.

    The wait is in a thread; the event loop goes on. Without asyncio, it is in the loop.

    Args:
        app: An ASGI 3 application: `app = FlushAtShutdown(app)`, or `app.add_middleware(FlushAtShutdown)`.
        timeout: Seconds to wait at most; None for the `close_timeout` of each handler.
    """

    def __init__(self, app: _App, timeout: float | None = None) -> None:
        self._app = app
        self._timeout = timeout

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Serve a connection, or the lifespan."""
        if scope["type"] == "lifespan":
            await _Lifespan(receive, send, self._timeout).run(self._app, scope)
        else:
            await self._app(scope, receive, send)


class _Lifespan:
    def __init__(self, receive: _Receive, send: _Send, timeout: float | None) -> None:
        self._receive = receive
        self._send = send
        self._timeout = timeout
        self._taken: set[str] = set()
        self._sent: set[str] = set()

    async def run(self, app: _App, scope: _Message) -> None:
        try:
            await app(scope, self._receive_for_app, self._send_for_app)
        except Exception:
            # One that knows no lifespan raises at once. Later it is a failure, and the server's to see.
            if self._taken:
                await self._flush()
                raise
        await self._finish()

    async def _receive_for_app(self) -> _Message:
        message = await self._receive()
        self._taken.add(message["type"])
        return message

    async def _send_for_app(self, message: _Message) -> None:
        self._sent.add(message["type"])
        if message["type"].startswith("lifespan.shutdown."):
            # After the application's own shutdown, which may log too.
            await self._flush()
        await self._send(message)

    async def _finish(self) -> None:
        """Take the application's part, from where it has left off."""
        if self._sent & {"lifespan.startup.failed", "lifespan.shutdown.complete", "lifespan.shutdown.failed"}:
            return
        if not self._taken:
            await self._receive_for_app()
        if "lifespan.startup.complete" not in self._sent:
            await self._send({"type": "lifespan.startup.complete"})
        if "lifespan.shutdown" not in self._taken:
            await self._receive_for_app()
        await self._flush()
        await self._send({"type": "lifespan.shutdown.complete"})

    async def _flush(self) -> None:
        asyncio = sys.modules.get("asyncio")
        if asyncio is None or asyncio._get_running_loop() is None:  # noqa: SLF001
            flush(self._timeout)
        else:
            await asyncio.to_thread(flush, self._timeout)


def flush_on_sigterm() -> bool:
    """Let SIGTERM flush, as the exit of the process does, before it ends the process.

    It is for programs without a handler of their own, which SIGTERM ends at once. The process still ends by
    the signal, after `close_timeout` at most, whatever its threads do; until then they work on. A second
    SIGTERM ends it at once. A Python handler that is there already is called as ever, and meanwhile what
    waits is sent: ending the process in order is its business. One that is installed later replaces this.

    Call it in the main thread, before a server installs its handlers. The setting `flush_on_sigterm` of a
    handler does the same. A forked child begins without it, and may call it again.

    Returns:
        Whether SIGTERM flushes now. It cannot outside of the main thread, which is warned of, nor where the
        signal is ignored or handled by something that is not Python, nor in a daemonic process of
        multiprocessing, such as the workers of a Pool.
    """
    present = signal.getsignal(signal.SIGTERM)
    if isinstance(present, _OnSigterm):
        return True
    if present is None or present == signal.SIG_IGN or _is_daemonic():
        return False
    try:
        signal.signal(signal.SIGTERM, _OnSigterm(present))
    except ValueError:
        warnings.warn(
            "flush_on_sigterm has no effect: Python lets only the main thread install a handler for a "
            "signal. Call dcrlog.ends.flush_on_sigterm() there.",
            ConfigWarning,
            stacklevel=2,
        )
        return False
    if _restore not in RENEWALS:
        RENEWALS.append(_restore)
    return True


def _is_daemonic() -> bool:
    """Whether the parent terminates this process when it likes, and waits for its end without a limit.

    Python runs a handler between two of its instructions. One that comes right before a wait in C, as for the
    lock of a Pool's queue, runs after it: never, since no task comes any more.
    """
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is None:
        return False
    process = multiprocessing.current_process()
    # Private: a spawned process is importing its main module, and does not know yet what it is.
    return bool(process.daemon) or getattr(process, "_inheriting", False)


def _restore() -> None:
    """In a forked child, which may be such a process: only its parent's handler was ours."""
    present = signal.getsignal(signal.SIGTERM)
    if isinstance(present, _OnSigterm):
        signal.signal(signal.SIGTERM, present.previous)


class _OnSigterm:
    def __init__(self, previous: Any) -> None:
        self.previous = previous

    def __call__(self, number: int, frame: Any) -> None:
        # The main thread may have been interrupted with any lock in hand: the queue's, logging's, that of an
        # import. So this returns, and lets go of it; another thread flushes, started without the locks of
        # `threading`.
        if callable(self.previous):
            with suppress(RuntimeError):
                _thread.start_new_thread(flush, ())
            self.previous(number, frame)
            return
        signal.signal(number, signal.SIG_DFL)
        # Where the main thread comes to its end meanwhile, that waits.
        atexit.register(_end_flushed, number)
        try:
            _thread.start_new_thread(_end_flushed, (number,))
        except RuntimeError:
            _end_flushed(number)


def _end_flushed(number: int) -> None:
    try:
        _lifecycle.exit_now()
    finally:
        signal.raise_signal(number)
        # The first process of a container is not ended by a signal that it sends to itself.
        os._exit(128 + number)
