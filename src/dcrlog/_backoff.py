"""When the next request may be made, as all senders share it.

Requests have numbers, in the order in which they begin. A success ends a wait only if its request began
after the failure: with eight under way, one 429 would else be forgotten at the next of the seven older
answers. After a failure one request at a time probes the service; the first that gets through lets the
others go on.
"""

import random
import threading
from typing import Final

from dcrlog._clock import Clock
from dcrlog._retry import LONGEST_HOLD, MOST_REFUSALS, SHORTEST_HOLD, Answer, wait_before_retry

PROBE_SECONDS: Final = 30.0
"""How long the others wait for the answer to a probe."""

_THROTTLED_SECONDS: Final = 300.0
_THROTTLE_WINDOW: Final = 90.0
"""Seconds. A limit of so many requests a minute is met again just over a minute later."""


class Backoff:
    """Says whether a request may be made, and is told what requests met.

    Attributes:
        begun: The number of the request that began last.
        taken: The number of the youngest request that was answered 204.
        refusals: Requests in a row that were refused for their rows.
        failed_requests: Requests that failed so far, whatever their rows.
    """

    def __init__(self, clock: Clock) -> None:
        self.begun = 0
        self.taken = 0
        self.refusals = 0
        self.failed_requests = 0
        self._clock = clock
        # The application's own random numbers must not depend on what the service answers.
        self._chance = random.Random()
        self._lock = threading.Lock()
        self._failures = 0
        self._throttled_at = float("-inf")
        self._begun_at_failure = 0
        self._probe = 0
        self._resume_at = float("-inf")
        self._probing_until = float("-inf")
        self._throttled_until = float("-inf")

    def left(self) -> float:
        """Return the seconds until a request may be made; zero or less when one may."""
        return max(self._resume_at, self._probing_until) - self._clock.monotonic()

    def left_but_for_probe(self) -> float:
        """Return the same without regard to a probe, whose answer may come at any time."""
        return self._resume_at - self._clock.monotonic()

    @property
    def is_well(self) -> bool:
        """Whether the last request that counts got through."""
        return not self._failures

    @property
    def is_throttled(self) -> bool:
        """Whether the service has lately said more than once that it gets too many requests."""
        return self._throttled_until > self._clock.monotonic()

    def admit(self) -> int:
        """Let a request begin and return its number, or 0: after a failure one at a time may."""
        with self._lock:
            if self.left() > 0:
                return 0
            self.begun += 1
            if self._failures:
                self._probe = self.begun
                self._probing_until = self._clock.monotonic() + PROBE_SECONDS
            return self.begun

    def withdraw(self, number: int) -> None:
        """Say that a request was not made after all, or that its answer says nothing of the service."""
        with self._lock:
            self._end_probe(number)

    def failed(self, answer: Answer, number: int) -> None:
        """Begin to wait, or wait longer. Requests that were under way together fail once, not one by one."""
        with self._lock:
            is_new = self._count_failure(number)
            now = self._clock.monotonic()
            if answer.status == 429 and is_new:
                if now - self._throttled_at <= _THROTTLE_WINDOW:
                    self._throttled_until = now + _THROTTLED_SECONDS
                self._throttled_at = now
            wait = wait_before_retry(
                answer, self._failures, now=self._clock.time(), chance=self._chance.random()
            )
            self._resume_at = max(self._resume_at, now + wait)

    def held(self, number: int) -> None:
        """Wait for somebody to put something right, with a probe now and then."""
        with self._lock:
            self._hold(number)

    def refused(self, number: int) -> bool:
        """Count a refusal; return whether rows may be to blame, or else wait as `held` does."""
        with self._lock:
            self.refusals += 1
            may_be_rows = self.refusals < MOST_REFUSALS
            if may_be_rows:
                self._end_wait(number)
            else:
                self._hold(number)
            return may_be_rows

    def answered(self, number: int) -> None:
        """Say that the service is well, whatever it thinks of this body."""
        with self._lock:
            self._end_wait(number)

    def succeeded(self, number: int) -> None:
        """Count a 204, which ends the wait if its request began after the last failure."""
        with self._lock:
            self.taken = max(self.taken, number)
            self.refusals = 0
            self._end_wait(number)

    def clear(self) -> None:
        """End the wait: the next try comes at once, and if it fails, the one after it soon."""
        with self._lock:
            self._failures = 0
            self._resume_at = self._probing_until = float("-inf")

    def _hold(self, number: int) -> None:
        self._count_failure(number)
        wait = SHORTEST_HOLD + (LONGEST_HOLD - SHORTEST_HOLD) * self._chance.random()
        self._resume_at = max(self._resume_at, self._clock.monotonic() + wait)

    def _count_failure(self, number: int) -> bool:
        """Count a failure, unless its request was under way when the last one failed; whether it counts."""
        self.failed_requests += 1
        self._end_probe(number)
        is_new = number > self._begun_at_failure
        if is_new:
            self._failures += 1
            self._begun_at_failure = self.begun
        return is_new

    def _end_probe(self, number: int) -> None:
        if number == self._probe:
            self._probing_until = float("-inf")

    def _end_wait(self, number: int) -> None:
        self._end_probe(number)
        if number > self._begun_at_failure:
            self._failures = 0
            self._resume_at = self._probing_until = float("-inf")
