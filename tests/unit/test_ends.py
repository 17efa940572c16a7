"""The ASGI wrapper: it plays the server's part and the application's, each as the specification has them."""

import asyncio
import threading

import pytest

from dcrlog import ends
from dcrlog.handler import LogsIngestionHandler
from dcrlog.testing import RecordingSender
from pipelines import make_logger

STARTUP, SHUTDOWN = "lifespan.startup", "lifespan.shutdown"
COMPLETE = [f"{STARTUP}.complete", f"{SHUTDOWN}.complete"]


@pytest.fixture
def sender():
    return RecordingSender()


@pytest.fixture
def log(sender):
    logger = make_logger("ends")
    logger.handlers = [LogsIngestionHandler(sender=sender, flush_interval=60)]
    yield logger
    logger.handlers = []


def serve(app, sender, *, timeout=10):
    """Start an application and shut it down; return what it has sent, and the rows there were then."""
    sent = []

    async def run():
        messages = iter([STARTUP, SHUTDOWN])

        async def receive():
            return {"type": next(messages)}

        async def send(message):
            sent.append((message["type"], len(sender.rows)))

        await ends.FlushAtShutdown(app, timeout)({"type": "lifespan"}, receive, send)

    asyncio.run(run())
    return sent


def test_the_rows_are_settled_before_the_shutdown_is_complete(log, sender):
    """Those of the application's own shutdown too."""

    async def app(scope, receive, send):
        await receive()
        log.info("starting")
        await send({"type": COMPLETE[0]})
        await receive()
        log.info("stopping")
        await send({"type": COMPLETE[1]})

    assert serve(app, sender) == [(COMPLETE[0], 0), (COMPLETE[1], 2)]


async def knows_no_lifespan(scope, receive, send):
    raise ValueError("only http")


async def ignores_it(scope, receive, send):
    return


async def takes_the_startup_without_an_answer(scope, receive, send):
    await receive()


async def takes_both_without_an_answer(scope, receive, send):
    await receive()
    await receive()


async def takes_the_shutdown_without_an_answer(scope, receive, send):
    await receive()
    await send({"type": COMPLETE[0]})
    await receive()


async def only_starts(scope, receive, send):
    await receive()
    await send({"type": COMPLETE[0]})


@pytest.mark.parametrize(
    "app",
    [
        knows_no_lifespan,
        ignores_it,
        only_starts,
        takes_the_startup_without_an_answer,
        takes_both_without_an_answer,
        takes_the_shutdown_without_an_answer,
    ],
)
def test_an_application_without_a_lifespan_gets_one(log, sender, app):
    """Django raises, others return; the server is told that it has started, and stopped, all the same."""
    log.info("served")

    assert [name for name, _ in serve(app, sender)] == COMPLETE
    assert len(sender.rows) == 1


def test_a_failure_of_the_application_is_the_servers_to_see(log, sender):
    """A startup that fails is not turned into one that has worked; the rows arrive."""

    async def app(scope, receive, send):
        await receive()
        log.error("no database")
        raise OSError("no database")

    with pytest.raises(OSError, match="no database"):
        serve(app, sender)
    assert len(sender.rows) == 1


def test_a_startup_that_was_refused_waits_for_no_shutdown(sender):
    """The server sends none then."""

    async def app(scope, receive, send):
        await receive()
        await send({"type": f"{STARTUP}.failed"})

    assert [name for name, _ in serve(app, sender)] == [f"{STARTUP}.failed"]


def test_requests_go_through_untouched():
    """The very scope, receive and send."""
    seen = []

    async def app(*arguments):
        seen.append(arguments)

    given = ({"type": "http"}, object(), object())
    asyncio.run(ends.FlushAtShutdown(app)(*given))

    assert seen == [given]


def test_the_event_loop_goes_on_while_rows_are_flushed():
    """The service answers only when the loop has had a turn."""
    has_turned = threading.Event()

    class Waiting(RecordingSender):
        def send(self, *arguments, **options):
            assert has_turned.wait(10)
            return super().send(*arguments, **options)

    sender = Waiting()
    logger = make_logger("turns")
    logger.handlers = [LogsIngestionHandler(sender=sender, flush_interval=60)]
    logger.info("waits")

    async def app(scope, receive, send):
        asyncio.get_running_loop().call_soon(has_turned.set)

    assert [name for name, _ in serve(app, sender)] == COMPLETE
    assert len(sender.rows) == 1
    logger.handlers = []


def test_without_asyncio_the_flush_is_in_the_loop(log, sender):
    """As under trio: driven by hand here."""
    log.info("served")
    messages = iter([STARTUP, SHUTDOWN])

    async def receive():
        return {"type": next(messages)}

    async def send(message):
        return

    with pytest.raises(StopIteration):
        ends.FlushAtShutdown(ignores_it, 10)({"type": "lifespan"}, receive, send).send(None)
    assert len(sender.rows) == 1


def test_a_flush_without_time_waits_for_nothing(log, sender):
    """It hands over, and says that not all is settled."""
    release = threading.Event()
    send = sender.send
    sender.send = lambda *arguments, **options: (release.wait(10), send(*arguments, **options))[1]
    log.info("late")

    assert not ends.flush(0)
    release.set()
    assert ends.flush(10)
    assert len(sender.rows) == 1
