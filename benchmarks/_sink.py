"""A service that costs next to nothing: answers and keeps the bodies, in a process of its own.

`python benchmarks/_sink.py CERTIFICATE KEY` prints its port. It plays the Logs Ingestion API, and the
`/v2.1/track` of Application Insights for the exporter that needs one. `GET /` says what arrived, and forgets
it, `GET /numbers` also which records; only then are bodies unpacked and rows counted. The emulator is for
tests: it checks, coerces and stores, and would compete for the two cores.
"""

import argparse
import asyncio
import collections
import gzip
import json
import socket
import ssl
import sys

from _common import COLUMNS, WHOLE

KEY = b"content-length:"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


def reply(status, content):
    body = json.dumps(content).encode()
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        status,
        len(body),
        body,
    )


TRACKED = reply(b"200 OK", {"itemsReceived": 1, "itemsAccepted": 1, "errors": []})
REFUSED = reply(b"400 Bad Request", {"error": {"code": "InvalidRequestBody", "message": "not what I take"}})


def unpack(body):
    return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body


def parse(text):
    """Return the rows of a body.

    Raises:
        ValueError: It is no JSON; NaN, which Python's parser takes, is none.
    """
    return json.loads(text, parse_constant=refuse)


def refuse(constant):
    raise ValueError(f"{constant} is no JSON")


def columns_of(row):
    """Return the values of a row by column, of an envelope of Application Insights by the record's names."""
    if "data" not in row:
        return row
    data = row["data"]["baseData"]
    named = {COLUMNS.get(name, name): value for name, value in data.get("properties", {}).items()}
    # The exporter does not tell the logger.
    told = {"Level": data.get("severityLevel"), "Logger": "", "Message": data.get("message")}
    return {"TimeGenerated": row.get("time"), **told, **named}


class Sink:
    """Takes requests.

    Args:
        delay: Seconds that pass before each answer.
        hangs: Whether it takes bodies and never answers.
        checks: Whether it refuses what is no JSON, and bodies with a row that says "poison".
    """

    def __init__(self, delay, hangs, checks):
        self.bodies = []
        self.delay = delay
        self.hangs = hangs
        self.checks = checks

    async def serve(self, reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    (int(line[len(KEY) :]) for line in head.lower().splitlines() if line.startswith(KEY)), 0
                )
                body = await reader.readexactly(length)
                if head.startswith(b"GET"):
                    writer.write(reply(b"200 OK", self.account(b"/numbers" in head)))
                elif self.hangs:
                    await asyncio.Event().wait()
                else:
                    if self.delay:
                        await asyncio.sleep(self.delay)
                    writer.write(self.answer(b"/track" in head.split(b"\r\n", 1)[0], body))
                await writer.drain()
        except (asyncio.CancelledError, asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def answer(self, is_tracked, body):
        if self.checks:
            refused = self.check(is_tracked, body)
            if refused:
                return refused
        self.bodies.append(body)
        return TRACKED if is_tracked else NO_CONTENT

    def check(self, is_tracked, body):
        try:
            rows = parse(unpack(body))
        except ValueError:
            return REFUSED
        guilty = [place for place, row in enumerate(rows) if '"poison"' in json.dumps(row)]
        if not guilty:
            return None
        if not is_tracked:
            return REFUSED
        # Application Insights takes the others.
        self.bodies.append(
            json.dumps([row for place, row in enumerate(rows) if place not in guilty]).encode()
        )
        errors = [{"index": place, "statusCode": 400, "message": "not what I take"} for place in guilty]
        told = {"itemsReceived": len(rows), "itemsAccepted": len(rows) - len(guilty), "errors": errors}
        return reply(b"206 Partial Content", told)

    def account(self, has_numbers):
        bodies, self.bodies = self.bodies, []
        numbers = collections.Counter()
        size = incomplete = 0
        for body in bodies:
            text = unpack(body)
            size += len(text)
            for row in map(columns_of, parse(text)):
                # What has no number is no record: the exporter tells of itself, and dcrlog of its losses.
                if row.get("Count") is not None:
                    numbers[int(row["Count"])] += 1
                    incomplete += any(row.get(name) is None for name in WHOLE)
        return {
            "requests": len(bodies),
            "wire_bytes": sum(map(len, bodies)),
            "bytes": size,
            "rows": numbers.total(),
            "distinct": len(numbers),
            "incomplete": incomplete,
            "numbers": list(numbers) if has_numbers else [],
        }


async def main(options):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.certificate, options.key)
    sink = Sink(options.delay, options.hang, options.check)
    where = {"host": "127.0.0.1", "port": 0}
    if options.socket is not None:
        where = {"sock": socket.socket(fileno=options.socket)}
    server = await asyncio.start_server(sink.serve, **where, ssl=context, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    # The parent closes our stdin when it has finished, or has died.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("certificate")
    parser.add_argument("key")
    parser.add_argument("--socket", type=int)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--hang", action="store_true")
    parser.add_argument("--check", action="store_true")
    asyncio.run(main(parser.parse_args()))
