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
from dcrlog.emulator.server import Server, listen
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
        https_port: Where it listens.
        http_port: Where it listens.
        ca_bundle: The path of a PEM file with the usual authorities and the emulator's.
    """

    undo: ExitStack
    service: Service
    https_port: int
    http_port: int
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
            run=lambda work: asyncio.get_running_loop().run_in_executor(worker, work),
        )
        folder = undo.enter_context(tempfile.TemporaryDirectory(prefix="dcrlog-emulator-"))
        bundle = Path(folder) / "ca-bundle.pem"
        certificate = Certificate(options.names)
        certificate.write_bundle(bundle)
        https, http = (
            undo.enter_context(listen(options.host, port)) for port in (options.port, options.http_port)
        )
        app = build_app(
            service,
            limits=options.limits,
            names=Names(options.host, options.names),
            ca_certificate=certificate.authority,
            https_port=https.getsockname()[1],
            fail=fail,
        )
        server = Server(app, [(https, certificate.server_context()), (http, None)], fail)
        undo.callback(server.stop)
        server.start()
        return Running(undo.pop_all(), service, https.getsockname()[1], http.getsockname()[1], str(bundle))
