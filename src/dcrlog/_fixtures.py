"""The fixtures that `dcrlog.testing` hands to pytest; all of dcrlog but this runs without pytest."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcrlog._tested import LogsIngestionEmulator


@pytest.fixture(scope="session")
def logs_ingestion_rule() -> Any:
    """The rule of `logs_ingestion_emulator`: None for the default stream.

    Override it in conftest.py with the path of a rule's JSON file, its content, or a `Rule`.
    """
    return None


@pytest.fixture(scope="session")
def _logs_ingestion_server(logs_ingestion_rule: Any) -> "Iterator[LogsIngestionEmulator]":
    try:
        from dcrlog._tested import LogsIngestionEmulator
    except ModuleNotFoundError as error:
        pytest.fail(f"The fixture logs_ingestion_emulator: {error}", pytrace=False)
    with LogsIngestionEmulator(logs_ingestion_rule) as emulator:
        yield emulator


@pytest.fixture
def logs_ingestion_emulator(
    _logs_ingestion_server: "LogsIngestionEmulator", monkeypatch: pytest.MonkeyPatch
) -> "Iterator[LogsIngestionEmulator]":
    """A running emulator with empty tables; the environment points handlers at it.

    It runs for as long as the tests do, on ports of its own in each process of pytest-xdist.
    """
    emulator = _logs_ingestion_server
    emulator.begin_test()
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    yield emulator
    emulator.end_test()
