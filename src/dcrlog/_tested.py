"""The emulator as the fixture `logs_ingestion_emulator` has it: it knows the handlers of its process."""

import time
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from weakref import WeakKeyDictionary

from dcrlog import _lifecycle
from dcrlog._pipeline import Pipeline
from dcrlog.emulator import Emulator, Fault
from dcrlog.emulator.faults import ActiveFault

_POLL_SECONDS: Final = 0.01
_SETTLE_SECONDS: Final = 2.0


class LogsIngestionEmulator(Emulator):
    """An emulator with what tests of an application ask for.

    One serves all tests of a process, each with empty tables, no faults, and accounts from zero. Beside what
    is here it has everything of `Emulator`.
    """

    _lost_before: Mapping[Pipeline, Counter[str]] = MappingProxyType({})

    def begin_test(self) -> None:
        """Forget rows, requests, faults, and what handlers have lost so far."""
        self.reset()
        # A handler may have been made for an earlier test, or for all of them.
        self._lost_before = WeakKeyDictionary({pipeline: _losses(pipeline) for pipeline in self._pipelines()})

    def end_test(self) -> None:
        """Let go of what hangs, and let what is still under way arrive now, and not in the next test.

        What does not come within two seconds, such as a row that the service has refused, never does.

        Raises:
            EmulatorError: The emulator itself has failed.
        """
        self.faults.clear()
        for pipeline in self._pipelines():
            pipeline.hurry()
        for pipeline in self._flush(_SETTLE_SECONDS):
            pipeline.drop_rest()
        self.check()

    def wait_for(self, table: str, n: int, timeout: float = 10.0) -> list[dict[str, Any]]:
        """Wait until a table has so many rows, and return all of its rows.

        Handlers of this process send what they have at once, whatever their `flush_interval`, and try again
        at once after a failure, whatever they would wait: half a minute after a 403.

        Args:
            table: Its name, such as `AppLogs_CL`.
            n: How many rows at least.
            timeout: Seconds to wait at most.

        Raises:
            TimeoutError: They have not come by then.
            EmulatorError: The rule fills no such table.
        """
        deadline = time.monotonic() + timeout
        while (count := self.count(table)) < n:
            if time.monotonic() >= deadline:
                raise TimeoutError(f"{table} has {count} of {n} rows after {timeout:g} s.{self._troubles()}")
            for pipeline in self._pipelines():
                pipeline.flush(0)
                pipeline.hurry()
            time.sleep(_POLL_SECONDS)
        return self.rows(table)

    def fail_next(
        self, status: int = 503, *, times: int = 1, retry_after: str | float | None = None
    ) -> ActiveFault:
        """Answer the next request with rows, or so many, with this status, and store nothing of them.

        Args:
            status: The HTTP status.
            times: How many requests.
            retry_after: The header Retry-After, in seconds or as text.

        Returns:
            What tells how many it has hit, and waits for it.
        """
        return self.faults.add(Fault("status", status=status, times=times, retry_after=retry_after))

    def assert_nothing_dropped(self, timeout: float = 5.0) -> None:
        """Flush the handlers of this process, and see that nothing was lost on the way since the test began.

        Args:
            timeout: Seconds to wait at most for what is on its way.

        Raises:
            AssertionError: Rows were dropped or dead-lettered, with the reasons; or are still waiting; or
                values are in columns that the stream does not declare, which the service drops silently.
        """
        self._flush(timeout)
        lost: Counter[str] = Counter()
        pending = 0
        for pipeline in self._pipelines():
            lost += _losses(pipeline) - self._lost_before.get(pipeline, Counter())
            pending += pipeline.stats().pending
        undeclared = sum(request["columns_dropped"] for request in self.requests())
        told = [f"{count} rows were lost ({reason})" for reason, count in sorted(lost.items())]
        if pending:
            told.append(f"{pending} rows still wait")
        if undeclared:
            told.append(f"{undeclared} values are in columns that the stream does not declare")
        if told:
            raise AssertionError(f"{'; '.join(told)}.{self._troubles()}")

    def _pipelines(self) -> list[Pipeline]:
        here = {self.endpoint, self.http_endpoint}
        known = [pipeline for pipeline in _lifecycle.known() if isinstance(pipeline, Pipeline)]
        return [pipeline for pipeline in known if pipeline.endpoint_url in here]

    def _flush(self, timeout: float) -> list[Pipeline]:
        """Flush all of them within so many seconds, and return those that have rows left."""
        deadline = time.monotonic() + timeout
        return [
            pipeline
            for pipeline in self._pipelines()
            if not pipeline.flush(max(0.0, deadline - time.monotonic()))
        ]

    def _troubles(self) -> str:
        errors = {pipeline.stats().last_error for pipeline in self._pipelines()} - {None}
        return "".join(f" Last answer: {error}." for error in sorted(map(str, errors)))


def _losses(pipeline: Pipeline) -> Counter[str]:
    stats = pipeline.stats()
    losses = Counter({str(reason): count for reason, count in stats.dropped.items()})
    losses["dead-lettered"] += stats.dead_lettered
    return losses
