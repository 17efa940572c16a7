"""Whether the one who sent a request still waits for its answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Event

from starlette.requests import Request


@asynccontextmanager
async def attended(request: Request) -> AsyncIterator[Event]:
    """Have an event that is set where the sender of a request leaves, after its body was read."""
    has_left = Event()

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            continue
        has_left.set()

    watching = asyncio.create_task(watch())
    try:
        yield has_left
    finally:
        watching.cancel()
