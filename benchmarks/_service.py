"""The sink as the benchmarks see it, and runs in processes of their own that deliver to it."""

import contextlib
import functools
import json
import os
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import NamedTuple

import trustme

SINK = Path(__file__).with_name("_sink.py")


@functools.cache
def _bytecode():
    """Return the directory of the bytecode that this run's processes share."""
    return tempfile.TemporaryDirectory()


class Certificate:
    """A certificate for localhost, in files of a directory."""

    def __init__(self, directory):
        authority = trustme.CA()
        issued = authority.issue_cert("localhost")
        self.chain, self.key, self.bundle = (
            str(Path(directory) / name) for name in ("cert.pem", "key.pem", "ca.pem")
        )
        issued.cert_chain_pems[0].write_to_path(self.chain)
        issued.private_key_pem.write_to_path(self.key)
        authority.cert_pem.write_to_path(self.bundle)


class Service(NamedTuple):
    """A running sink: its address, and the bundle that a client needs."""

    endpoint: str
    bundle: str

    def account(self, path=""):
        """Return what arrived since the last time, at `numbers` with the numbers of the records."""
        context = ssl.create_default_context(cafile=self.bundle)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        with opener.open(f"{self.endpoint}/{path}") as answer:
            return json.load(answer)

    def environment(self):
        """Return the environment in which the official clients trust the sink, and call nobody else.

        The SDKs' bytecode is kept for the next run: compiling them takes longer than 10,000 records.
        """
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return inherited | {
            "REQUESTS_CA_BUNDLE": self.bundle,
            "PYTHONPYCACHEPREFIX": _bytecode().name,
            # Where an exporter leaves files of its own.
            "TMPDIR": _bytecode().name,
            "NO_PROXY": "localhost",
            "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
            "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
        }

    def run(self, script, *arguments):
        """Run `SCRIPT --run ARGUMENTS` to its end and return what it tells, in JSON."""
        command = [sys.executable, str(script), *sys.argv[1:], "--run", *map(str, arguments)]
        done = subprocess.run(command, env=self.environment(), stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout)


@contextlib.contextmanager
def sink(*options, certificate=None, listener=None):
    """Run a sink and yield its `Service`.

    Args:
        options: What `_sink.py` takes.
        certificate: A `Certificate`; by default a new one.
        listener: A bound socket; by default one of a port that is free.
    """
    with tempfile.TemporaryDirectory() as directory:
        certificate = certificate or Certificate(directory)
        command = [sys.executable, str(SINK), certificate.chain, certificate.key, *map(str, options)]
        if listener is not None:
            command += ["--socket", str(listener.fileno())]
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=() if listener is None else [listener.fileno()],
        ) as process:
            port = process.stdout.readline().strip()
            if not port:
                raise ChildProcessError("the sink has not started")
            yield Service(f"https://localhost:{port}", certificate.bundle)
            process.stdin.close()
