"""uvicorn's HTTP protocol, silent, and with a handle on the connection for what no HTTP framework offers."""

import asyncio
import logging
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, cast

import h11
from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

from dcrlog.emulator.body import READ_TIMEOUT

# In no hierarchy: the application's handlers and levels have nothing to do with it.
_SILENT: Final = logging.Logger("dcrlog.emulator")  # noqa: LOG001
_SILENT.disabled = True

_BAD_REQUEST_PAGE: Final = (
    b'<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN""http://www.w3.org/TR/html4/strict.dtd">\r\n'
    b"<HTML><HEAD><TITLE>Bad Request</TITLE>\r\n"
    b'<META HTTP-EQUIV="Content-Type" Content="text/html; charset=us-ascii"></HEAD>\r\n'
    b"<BODY><h2>Bad Request - Invalid Verb</h2>\r\n"
    b"<hr><p>HTTP Error 400. The request verb is invalid.</p>\r\n"
    b"</BODY></HTML>\r\n"
)
_BAD_REQUEST: Final = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html; charset=us-ascii\r\n"
    b"Server: Microsoft-HTTPAPI/2.0\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
) % (len(_BAD_REQUEST_PAGE), _BAD_REQUEST_PAGE)

_LINGER_0: Final = struct.pack("ii", 1, 0)
_STEPS_A_SECOND: Final = 100


class Protocol(H11Protocol):
    """One connection. Requests find its `wire` with `wire_of`.

    Attributes:
        header_timeout: Seconds in which the headers of a request must arrive.
        body_timeout: Seconds in which its body must have gone by, wanted or not.
    """

    header_timeout = READ_TIMEOUT
    # Who reads the body gives up before, with an answer.
    body_timeout = READ_TIMEOUT + 5.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = self.access_logger = _SILENT
        self.access_log = False
        self.wire = Wire(self)
        self.app_state["wire"] = self.wire
        self._expected: float | None = None
        self._due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the first request its time."""
        super().connection_made(transport)
        self._expect(self.header_timeout)

    def handle_events(self) -> None:
        """Give the headers of a further request their time from its first byte on, and each body its own."""
        super().handle_events()
        if self.conn.their_state is h11.SEND_BODY:
            self._expect(self.body_timeout)
        elif self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._expect(self.header_timeout)
        else:
            self._expect(None)

    def _expect(self, timeout: float | None) -> None:
        if timeout == self._expected:
            return
        if self._due is not None:
            self._due.cancel()
        self._expected = timeout
        self._due = None if timeout is None else self.loop.call_later(timeout, self.transport.close)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        """Answer what is no HTTP as the service's own front does, with HTML (seen)."""
        self.transport.write(_BAD_REQUEST)
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits at the connection."""
        super().connection_lost(exc)
        self._expect(None)
        self.wire.lost.set()


class Wire:
    """What a fault does to a connection.

    Attributes:
        lost: Is set once the connection has ended, by whichever side.
        is_waiting: Whether a fault holds it up; the server need not wait for it then.
    """

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self.lost = asyncio.Event()
        self.is_waiting = False

    def reset(self) -> None:
        """End the connection with a TCP reset instead of a goodbye, where it has not ended yet."""
        if self.lost.is_set():
            return
        transport = self._protocol.transport
        # One that is ending has no socket any more, or a closed one.
        if not transport.is_closing():
            with suppress(OSError):
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
        transport.abort()

    async def wait(self, seconds: float | None) -> bool:
        """Wait so long, or for ever, and tell whether the connection is still there."""
        self.is_waiting = True
        try:
            async with asyncio.timeout(seconds):
                await self.lost.wait()
        except TimeoutError:
            return True
        finally:
            self.is_waiting = False
        return False

    async def drip(self, answer: Callable[[], Awaitable[None]], seconds: float) -> None:
        """Send an answer with its bytes spread evenly over so many seconds."""
        held = await self._hold(answer)
        data = bytes(held.data)
        step = max(1, round(len(data) / (seconds * _STEPS_A_SECOND)))
        loop = asyncio.get_running_loop()
        started = loop.time()
        for offset in range(0, len(data), step):
            # Of a TLS connection that was closed twice, asyncio's transport cannot even refuse a write.
            if self._protocol.transport.is_closing():
                return
            self._protocol.transport.write(data[offset : offset + step])
            share = min(offset + step, len(data)) / len(data)
            if not await self.wait(max(0.0, started + seconds * share - loop.time())):
                return
        if held.is_closed:
            self._protocol.transport.close()

    async def cut(self, answer: Callable[[], Awaitable[None]]) -> None:
        """Send half of an answer and reset the connection."""
        held = await self._hold(answer)
        self._protocol.transport.write(bytes(held.data[: len(held.data) // 2]))
        self.reset()
        await self.wait(None)

    async def _hold(self, answer: Callable[[], Awaitable[None]]) -> "_Held":
        held = _Held(self._protocol.transport)
        # Only between uvicorn and its transport are status line and headers bytes that can be held back.
        self._protocol.cycle.transport = cast("asyncio.Transport", held)
        await answer()
        return held


class _Held:
    """Stands in for the transport while an answer is written."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.data = bytearray()
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self._transport.is_closing()


def wire_of(scope: Scope) -> Wire:
    """Return the wire on which a request came."""
    return cast("Wire", scope["state"]["wire"])
