"""One emulator for all tests that do not need their own, empty at the start of each."""

import fcntl
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from dcrlog.emulator import Emulator

JAVASCRIPT = Path(__file__).parent / "javascript"


@pytest.fixture(scope="session")
def shared_emulator() -> Iterator[Emulator]:
    """An emulator with the default rule for the whole run."""
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(shared_emulator: Emulator) -> Iterator[Emulator]:
    """The shared emulator, empty; what fails inside it fails the test."""
    shared_emulator.reset()
    yield shared_emulator
    shared_emulator.check()


@pytest.fixture(scope="session")
def web() -> Iterator[requests.Session]:
    """A plain HTTP client that ignores the proxies and authorities of the machine."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture(scope="session")
def post(web: requests.Session) -> Callable[..., requests.Response]:
    """Send an ingestion request that is right in everything the test does not change; None omits a header."""

    def send(emulator: Emulator, body: Any, **changed: Any) -> requests.Response:
        headers = {
            "Authorization": f"Bearer {changed.get('token') or emulator.token()}",
            "Content-Type": "application/json",
            **changed.get("headers", {}),
        }
        rule_id = changed.get("rule_id", emulator.rule_id)
        stream = changed.get("stream", "Custom-AppLogs")
        query = changed.get("query", "?api-version=2023-01-01")
        path = changed.get("path", f"/dataCollectionRules/{rule_id}/streams/{stream}")
        if isinstance(body, bytes):
            return web.post(f"{emulator.http_endpoint}{path}{query}", data=body, headers=headers)
        return web.post(f"{emulator.http_endpoint}{path}{query}", json=body, headers=headers)

    return send


@pytest.fixture
def ask(emulator, web):
    """Post a body to the query API, and return status and answer."""

    def send(body, path="/v1/workspaces/any/query", **headers):
        headers = {"Authorization": f"Bearer {emulator.token()}", **headers}
        as_bytes = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = web.post(f"{emulator.http_endpoint}{path}", data=as_bytes, headers=headers)
        return answer.status_code, answer.json()

    return send


@pytest.fixture(scope="session")
def packages(request: pytest.FixtureRequest) -> Path:
    """A directory with the JavaScript packages, which is kept for the next run."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not on this machine")
    wanted = (JAVASCRIPT / "package.json").read_bytes()
    name = f"javascript-{hashlib.sha256(wanted).hexdigest()[:16]}"
    folder = Path(request.config.cache.mkdir(name))
    # The tests may run in several processes, and one of them installs for all.
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            install(folder, wanted)
        # Node looks for packages beside the script.
        shutil.copy(JAVASCRIPT / "send.mjs", folder)
    return folder


def install(folder: Path, wanted: bytes) -> None:
    (folder / "package.json").write_bytes(wanted)
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot have the packages: {done.stderr.strip().splitlines()[-1:]}")
    (folder / "done").touch()
