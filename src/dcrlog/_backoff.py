"""The wait that all senders share after a failure.

A success ends it only if its request began after the failure: with eight requests under way, one 429
would else be forgotten at the next of the seven older answers.
"""

import random
import threading

from dcrlog._clock import Clock
from dcrlog._retry import Answer, wait_before_retry


class Backoff:
    """Says how long senders have to wait, and is told what their requests met."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # The application's own random numbers must not depend on what the service answers.
        self._chance = random.Random()
        self._lock = threading.Lock()
        self._failures = 0
        self._failed_at = float("-inf")
        self._resume_at = float("-inf")

    def left(self) -> float:
        """Return the seconds still to wait; zero or less when there is nothing to wait for."""
        return self._resume_at - self._clock.monotonic()

    def failed(self, answer: Answer, begun_at: float) -> None:
        """Begin to wait, or wait longer. Requests that were under way together fail once, not one by one."""
        with self._lock:
            if begun_at >= self._failed_at:
                self._failures += 1
            self._failed_at = self._clock.monotonic()
            wait = wait_before_retry(
                answer, self._failures, now=self._clock.time(), chance=self._chance.random()
            )
            self._resume_at = max(self._resume_at, self._failed_at + wait)

    def succeeded(self, begun_at: float) -> bool:
        """End the wait if the request began after the last failure; return whether one was ended."""
        with self._lock:
            if begun_at < self._failed_at or not self._failures:
                return False
            self._failures = 0
            self._resume_at = float("-inf")
            return True

    def clear(self) -> None:
        """End the wait: the next try comes at once, and if it fails, the one after it soon."""
        self._failures = 0
        self._resume_at = float("-inf")
