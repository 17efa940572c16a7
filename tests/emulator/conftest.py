"""One emulator for all tests that do not need their own, empty at the start of each."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from dcrlog.emulator import Emulator


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
