"""The listeners: uvicorn's HTTP protocol over https and http, on one event loop in a thread of its own.

uvicorn's `Server` is left out on purpose: it logs through the process's logging, it polls, and closing a TLS
connection takes it as long as the peer likes. What remains of it here is the accept loop below.
"""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.server import ServerState

from dcrlog.emulator.answers import MAX_HEADERS, EmulatorError
from dcrlog.emulator.connection import Protocol

_START_TIMEOUT: Final = 10.0
_GRACE: Final = 1.0
"""Seconds that requests under way get when the server stops."""
_STOP_TIMEOUT: Final = 5.0
_HANDSHAKE_TIMEOUT: Final = 10.0
_TURNS: Final = 10
FOUND_AS_USUAL: Final = frozenset({"127.0.0.1", "localhost", "0.0.0.0", "::"})
"""Who listens there is found at the usual names of loopback."""


async def _turns() -> None:
    """Let the event loop do what it has begun."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


class _QuietConfig(Config):
    def configure_logging(self) -> None:
        """Leave the process's logging alone."""


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket.

    Raises:
        EmulatorError: The port is taken or is none, or the host is no address of this machine.
    """
    # An empty one is every address to `socket`; nobody shall mean that by a variable that is not set.
    if not host:
        raise EmulatorError("host is empty. Name an address of this machine, such as 127.0.0.1.")
    try:
        listener = socket.create_server(
            (host, port),
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=512,
            # The wildcard of IPv6 is that of IPv4 too, as 0.0.0.0 is what people know.
            dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6(),
        )
    except (OSError, OverflowError) as error:
        # Its own text has the address once more.
        reason, _, _ = (getattr(error, "strerror", None) or str(error)).partition(" (while ")
        raise EmulatorError(
            f"cannot listen on {host} port {port}: {reason}. "
            "Name an address of this machine, and a port that is free, or 0."
        ) from None
    listener.setblocking(False)
    return listener


def found_at(host: str, usual: str) -> str:
    """Return how this machine's programs write the host of a listener: as usual, where that leads to it."""
    if host in FOUND_AS_USUAL:
        return usual
    return f"[{host}]" if ":" in host else host


class Server:
    """Serves an application on sockets that already listen, until it is stopped.

    Args:
        app: The application.
        listeners: Sockets, each with the TLS context of its connections or None.
        fail: Is told of every unexpected exception in the event loop.
    """

    def __init__(
        self,
        app: ASGIApp,
        listeners: list[tuple[socket.socket, ssl.SSLContext | None]],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._app = app
        self._listeners = listeners
        self._fail = fail
        self._config = _QuietConfig(
            app,
            http=Protocol,
            ws="none",
            interface="asgi3",
            lifespan="off",
            log_config=None,
            log_level=None,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            # A pooled connection that dies between two uploads costs the client an error.
            timeout_keep_alive=120,
            h11_max_incomplete_event_size=MAX_HEADERS,
        )
        self._state = ServerState()
        self._handshakes: set[asyncio.Task[Any]] = set()
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event
        self._thread = threading.Thread(target=self._run, name="dcrlog-emulator", daemon=True)

    def start(self) -> None:
        """Start the thread and return once it serves.

        Raises:
            EmulatorError: It did not come up in time.
        """
        self._thread.start()
        if not self._started.wait(_START_TIMEOUT) or self._loop is None:
            raise EmulatorError("the emulator's server thread did not start.")

    def stop(self) -> None:
        """Let requests under way finish for a moment, close every connection and end the thread.

        Raises:
            EmulatorError: The thread did not end in time.
        """
        if self._loop is not None:
            # The loop is closed already where it met its end by an error, which `fail` has been told.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(_STOP_TIMEOUT)
        if self._thread.is_alive():
            raise EmulatorError(f"the emulator's server thread did not end in {_STOP_TIMEOUT:.0f} s.")

    def _run(self) -> None:
        try:
            self._config.load()
            # Loading wraps the application in uvicorn's logging where the root logger's level is low enough.
            self._config.loaded_app = self._app
            with asyncio.Runner() as runner:
                runner.run(self._serve())
        except BaseException as error:
            self._fail(error)
        finally:
            self._started.set()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._note)
        self._stopping = asyncio.Event()
        accepting = [loop.create_task(self._accept(*listener)) for listener in self._listeners]
        self._loop = loop
        self._started.set()
        await self._stopping.wait()
        for listener, _ in self._listeners:
            # Or a connection would be lost that comes while its task is cancelled: the task has it, unseen.
            with suppress(NotImplementedError):
                loop.remove_reader(listener)
        await _turns()
        for task in accepting:
            task.cancel()
        for connection in list(self._state.connections):
            if isinstance(connection, Protocol) and connection.wire.is_waiting:
                connection.transport.abort()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=_GRACE)
        # A TLS connection closed politely waits for the peer's goodbye, for up to 30 s.
        for connection in list(self._state.connections):
            connection.transport.abort()
        remaining = [*accepting, *self._handshakes, *self._state.tasks]
        for task in remaining:
            task.cancel()
        await asyncio.gather(*remaining, return_exceptions=True)
        # Aborted transports close their sockets in callbacks of the next turns.
        await _turns()

    async def _accept(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            try:
                accepted, _ = await loop.sock_accept(listener)
            except OSError:
                # Out of file descriptors, or the peer has gone already.
                await asyncio.sleep(0.05)
                continue
            # In a task of its own: a handshake may take its time, and is cancelled when the server stops.
            task = loop.create_task(self._connect(accepted, context))
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)

    async def _connect(self, accepted: socket.socket, context: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                lambda: Protocol(self._config, self._state, {}, _loop=loop),
                accepted,
                ssl=context,
                ssl_handshake_timeout=None if context is None else _HANDSHAKE_TIMEOUT,
            )
        except OSError:
            # A failed handshake is the client's news: it does not trust our CA, or speaks no TLS.
            accepted.close()

    def _note(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        # Connections break; what else goes wrong in a callback is a fault of ours.
        if error is not None and not isinstance(error, OSError):
            self._fail(error)
