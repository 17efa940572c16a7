"""What a request takes that logs a record, or five, while the ingestion endpoint answers, and while it hangs.

Three servers of their own, uvicorn with a Starlette application; one client asks them in turns, over
connections that it keeps. A ratio is the median over the rounds of chunk by the chunk of the server whose
logger has a NullHandler. The one whose service hangs has rows waiting all the time, and senders that wait.
"""

import contextlib
import http.client
import logging
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from _common import IS_QUICK, RULE, RULE_ID, Credential, command_line, log_records, logger_with, tell
from _service import Certificate, sink
from dcrlog import LogsIngestionHandler

CHUNK = 40
ROUNDS = 5 if IS_QUICK else 150
RECORDS = (1, 5)
WITHOUT, ANSWERS, HANGS = "NullHandler", "dcrlog", "dcrlog, the service hangs"


def serve(name, endpoint):
    """Serve until stdin is closed, and tell the port."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    handler = logging.NullHandler()
    if name != WITHOUT:
        handler = LogsIngestionHandler(
            endpoint,
            RULE_ID,
            credential=Credential(),
            audience="https://monitor.azure.com",
            rule=RULE,
            close_timeout=0,
        )
    logger = logger_with("request", handler)

    async def respond(request):
        log_records(logger, 0, request.path_params["records"])
        return PlainTextResponse("paid")

    # With the protocol named: asyncio turns off Nagle's delay only then.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        print(listening.getsockname()[1], flush=True)
        app = Starlette(routes=[Route("/{records:int}", respond)])
        uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_keep_alive=600)).run(
            sockets=[listening]
        )


@contextlib.contextmanager
def server(service, name):
    """Run a server and yield a connection to it."""
    command = [sys.executable, __file__, *sys.argv[1:], "--run", name, service.endpoint]
    with subprocess.Popen(command, env=service.environment(), stdout=subprocess.PIPE, text=True) as process:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", int(process.stdout.readline()))
            yield connection
            connection.close()
        finally:
            process.terminate()


def ask(connection, records):
    """Make a chunk of requests; return the milliseconds of each."""
    found = []
    for _ in range(CHUNK):
        started = time.perf_counter()
        connection.request("GET", f"/{records}")
        answer = connection.getresponse()
        answer.read()
        found.append((time.perf_counter() - started) * 1000)
        if answer.status != 200:
            sys.exit(f"answered {answer.status}")
    return found


def measure():
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        certificate = Certificate(directory)
        answering = stack.enter_context(sink(certificate=certificate))
        hanging = stack.enter_context(sink("--hang", certificate=certificate))
        services = {WITHOUT: answering, ANSWERS: answering, HANGS: hanging}
        connections = {name: stack.enter_context(server(service, name)) for name, service in services.items()}
        found = {(name, records): [] for records in RECORDS for name in connections}
        # The imports of the first sender come before.
        for connection in connections.values():
            ask(connection, 1)
        time.sleep(3)
        for _ in range(ROUNDS):
            for (name, records), chunks in found.items():
                chunks.append(ask(connections[name], records))
    rows = []
    for (name, records), chunks in found.items():
        times = sorted(each for chunk in chunks for each in chunk)
        ratios = [
            statistics.median(chunk) / statistics.median(floor)
            for chunk, floor in zip(chunks, found[WITHOUT, records], strict=True)
        ]
        p99 = times[len(times) * 99 // 100]
        rows.append([records, name, statistics.median(times), p99, statistics.median(ratios)])
    tell(
        f"One request that logs so many records, {ROUNDS} rounds of {CHUNK}",
        ["records", "variant", "ms (median)", "ms (p99)", "x NullHandler (median, paired)"],
        rows,
    )


if __name__ == "__main__":
    command_line(measure, serve)
