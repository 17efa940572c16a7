"""An emulator put together and running, and everything that ends with it."""

import asyncio
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from dcrlog.emulator.app import build_app
from dcrlog.emulator.auth import Authority
from dcrlog.emulator.certificate import Certificate
from dcrlog.emulator.database import Database
from dcrlog.emulator.faults import Faults
from dcrlog.emulator.guard import Names
from dcrlog.emulator.landing import Mode
from dcrlog.emulator.server import FOUND_AS_USUAL, Server, found_at, listen
from dcrlog.emulator.service import Service
from dcrlog.emulator.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Options:
    """How to run; see `Emulator`."""

    host: str
    names: tuple[str, ...]
    port: int
    http_port: int
    db: Path | None
    max_rows: int
    mode: Mode
    limits: bool


@dataclass(frozen=True, slots=True)
class Running:
    """A running emulator.

    Attributes:
        undo: Closing it ends everything.
        service: What answers.
        https: The address to send to.
        http: The address without TLS.
        ca_bundle: The path of a PEM file with the usual authorities and the emulator's.
    """

    undo: ExitStack
    service: Service
    https: str
    http: str
    ca_bundle: str


def run(
    options: Options,
    workspace: Workspace,
    faults: Faults,
    authority: Authority,
    fail: Callable[[BaseException], None],
) -> Running:
    """Open the listeners and serve from a thread of the emulator's own.

    Raises:
        EmulatorError: A port is taken, or the database cannot be used; nothing is left open.
    """
    with ExitStack() as undo:
        database = Database(options.db)
        undo.callback(database.close)
        worker = ThreadPoolExecutor(1, "dcrlog-emulator-store")
        undo.callback(worker.shutdown)
        service = Service.build(
            workspace,
            database,
            faults=faults,
            authority=authority,
            mode=options.mode,
            max_rows=options.max_rows,
            limits=options.limits,
            run=lambda work: asyncio.get_running_loop().run_in_executor(worker, work),
        )
        https, http = (
            undo.enter_context(listen(options.host, port)) for port in (options.port, options.http_port)
        )
        names = options.names if options.host in FOUND_AS_USUAL else (*options.names, options.host)
        folder = undo.enter_context(tempfile.TemporaryDirectory(prefix="dcrlog-emulator-"))
        bundle = Path(folder) / "ca-bundle.pem"
        certificate = Certificate(names)
        certificate.write_bundle(bundle)
        https_address = f"https://{found_at(options.host, 'localhost')}:{https.getsockname()[1]}"
        http_address = f"http://{found_at(options.host, '127.0.0.1')}:{http.getsockname()[1]}"
        app = build_app(
            service,
            names=Names(options.host, names),
            ca_certificate=certificate.authority,
            endpoint=https_address,
            fail=fail,
        )
        server = Server(app, [(https, certificate.server_context()), (http, None)], fail)
        undo.callback(server.stop)
        server.start()
        return Running(undo.pop_all(), service, https_address, http_address, str(bundle))
