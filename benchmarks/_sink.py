"""A service that costs next to nothing: answers 204 and keeps the bodies, in a process of its own.

`python benchmarks/_sink.py CERTIFICATE KEY` prints its port. `GET /` says what arrived, and forgets it.
The emulator is for tests: it checks, coerces and stores, and would compete for the two cores.
"""

import asyncio
import gzip
import json
import ssl
import sys

KEY = b"content-length:"


class Sink:
    def __init__(self):
        self.bodies = []

    async def serve(self, reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    (int(line[len(KEY) :]) for line in head.lower().splitlines() if line.startswith(KEY)), 0
                )
                body = await reader.readexactly(length)
                if head.startswith(b"GET"):
                    told = json.dumps(self.account()).encode()
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(told), told))
                else:
                    self.bodies.append(body)
                    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def account(self):
        bodies, self.bodies = self.bodies, []
        rows = [row for body in bodies for row in json.loads(gzip.decompress(body))]
        return {
            "requests": len(bodies),
            "wire_bytes": sum(map(len, bodies)),
            "rows": len(rows),
            "distinct": len({row["Count"] for row in rows}),
        }


async def main(certificate, key):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(Sink().serve, "127.0.0.1", 0, ssl=context, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    # The parent closes our stdin when it has finished, or has died.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
