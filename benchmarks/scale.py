"""1,000 hosts against the limits of one rule, or several: a simulation on a clock of its own.

The service takes 12,000 requests and 2 GB, uncompressed, a minute for each rule, counts anew each minute, and
answers 429 with the seconds until then. The waiting after an answer is dcrlog's own (`Backoff`), as are the
sizes and intervals; the queue is counted, and not filled. What nobody has published, how the service counts a
minute, is assumed.
"""

import dataclasses
import heapq
import itertools
import random
from collections import Counter, deque

from _common import IS_QUICK, command_line, tell
from dcrlog._backoff import Backoff
from dcrlog._batch import MAX_BODY_BYTES, ROW_OVERHEAD
from dcrlog._outlet import STRETCHED_INTERVAL
from dcrlog.testing import Answer

SHRINK = 20 if IS_QUICK else 1
MINUTES = 3 if IS_QUICK else 10
REQUESTS, BYTES = 12_000 // SHRINK, 2_000_000_000 // SHRINK
LATENCY = 0.1
SENDERS = 8
CAPACITY = 64 * 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Case:
    """So many processes that log so much."""

    name: str
    processes: int
    rows_a_second: float
    row_bytes: int = 330
    flush_interval: float = 1.0
    rules: int = 1


CASES = (
    Case("1,000 processes, 10 rows/s each", 1_000, 10),
    Case("the same, flush_interval=10", 1_000, 10, flush_interval=10),
    Case("4 processes a host", 4_000, 2.5),
    Case("the same, flush_interval=30", 4_000, 2.5, flush_interval=30),
    Case("the same, flush_interval=10, 3 rules", 4_000, 2.5, flush_interval=10, rules=3),
    Case("1,000 processes, 90 rows/s each (1.8 GB/min)", 1_000, 90, flush_interval=10),
    Case("1,000 processes, 200 rows/s each (4 GB/min)", 1_000, 200, flush_interval=10),
    Case("the same, 3 rules", 1_000, 200, flush_interval=10, rules=3),
)


class Clock:
    """Shows the time of the simulation."""

    def __init__(self):
        self.now = 0.0

    def time(self):
        return self.now

    def monotonic(self):
        return self.now


class Rule:
    """Takes what the limits of a minute allow."""

    def __init__(self):
        self.minute = -1
        self.left = (0, 0)

    def answer(self, now, size):
        if int(now // 60) != self.minute:
            self.minute, self.left = int(now // 60), (REQUESTS, BYTES)
        requests, volume = self.left
        if requests < 1 or volume < size:
            return Answer(status=429, retry_after=str(int(60 - now % 60) + 1))
        self.left = requests - 1, volume - size
        return Answer(status=204)


class Process:
    """A queue, by its sizes, and the waiting of its senders."""

    def __init__(self, case, clock, rule):
        self.case, self.clock, self.rule = case, clock, rule
        self.backoff = Backoff(clock)
        self.sealed = deque()
        self.busy = 0
        self.counted_until = self.opened_at = clock.now
        self.rows = 0.0
        self.waiting_rows = 0.0
        self.dropped = 0.0

    @property
    def interval(self):
        stretched = STRETCHED_INTERVAL if self.backoff.is_throttled else 0.0
        return max(self.case.flush_interval, stretched)

    def log(self):
        """Count the rows that were logged since, within the capacity, and seal what is full."""
        now, case = self.clock.now, self.case
        rows = (now - self.counted_until) * case.rows_a_second
        self.counted_until = now
        room = CAPACITY / (case.row_bytes + ROW_OVERHEAD) - self.waiting_rows
        taken = min(rows, max(room, 0.0))
        self.dropped += rows - taken
        self.rows += taken
        self.waiting_rows += taken
        full = MAX_BODY_BYTES // case.row_bytes
        while self.rows >= full:
            self.sealed.append((full, self.opened_at))
            self.rows -= full
            self.opened_at = now - self.rows / case.rows_a_second

    def due(self):
        """Send what may be sent now; return the batches that are under way, with their requests' numbers."""
        self.log()
        sent = []
        while self.busy < SENDERS and self.backoff.left() <= 0:
            if not self.sealed:
                if self.rows < 1 or self.clock.now < self.opened_at + self.interval - 1e-6:
                    break
                self.sealed.append((self.rows, self.opened_at))
                self.rows, self.opened_at = 0.0, self.clock.now
            number = self.backoff.admit()
            if not number:
                break
            self.busy += 1
            sent.append((self.sealed.popleft(), number))
        return sent

    def next_time(self):
        """Return when there will be something to do, if no answer comes before."""
        wait = max(self.backoff.left(), 0.0)
        if self.sealed:
            return self.clock.now + max(wait, 0.01)
        return max(self.clock.now + wait, self.opened_at + self.interval, self.clock.now + 0.01)


def run(case):
    """Let the minutes pass; return a row of the table."""
    clock, chance, order = Clock(), random.Random(1), itertools.count()
    rules = [Rule() for _ in range(case.rules)]
    events, answers, delays, delivered, peak = [], Counter(), Counter(), 0.0, 0.0
    for number in range(case.processes // SHRINK):
        clock.now = chance.random() * case.flush_interval
        process = Process(case, clock, rules[number % case.rules])
        heapq.heappush(events, (process.next_time(), next(order), process, None))
    end = MINUTES * 60
    while events and events[0][0] < end:
        clock.now, _, process, under_way = heapq.heappop(events)
        if under_way is not None:
            batch, number, answer = under_way
            process.busy -= 1
            rows, opened_at = batch
            last = clock.now >= end - 60
            answers[answer.status, last] += 1
            if answer.status == 204:
                process.backoff.succeeded(number)
                process.waiting_rows -= rows
                delivered += rows
                delays[round(clock.now - opened_at, 1)] += rows
            else:
                process.backoff.failed(answer, number)
                process.sealed.append(batch)
        for batch, number in process.due():
            answer = process.rule.answer(clock.now, batch[0] * case.row_bytes)
            heapq.heappush(events, (clock.now + LATENCY, next(order), process, (batch, number, answer)))
        peak = max(peak, process.waiting_rows * (case.row_bytes + ROW_OVERHEAD))
        if under_way is None:
            heapq.heappush(events, (process.next_time(), next(order), process, None))
    everyone = {id(process): process for _, _, process, _ in events}.values()
    clock.now = end
    for process in everyone:
        process.log()
    lost = sum(process.dropped for process in everyone)
    waiting = sum(process.waiting_rows for process in everyone)
    total = delivered + lost + waiting
    last_minute = answers[204, True] + answers[429, True]
    return [
        case.name,
        last_minute * SHRINK,
        100 * answers[429, True] / max(last_minute, 1),
        100 * delivered / total,
        100 * lost / total,
        quantile(delays, 0.5),
        quantile(delays, 0.99),
        peak / 1024 / 1024,
    ]


def quantile(counts, part):
    """Return the value below which this part of all counts is."""
    left = part * sum(counts.values())
    for value in sorted(counts):
        left -= counts[value]
        if left <= 0:
            return value
    return 0.0


def main():
    headings = [
        "case",
        "requests in the last minute",
        "429 (%)",
        "delivered (%)",
        "dropped (%)",
        "delay, median (s)",
        "delay, 99 % (s)",
        "largest queue (MiB)",
    ]
    scaled = f", everything divided by {SHRINK}" if SHRINK > 1 else ""
    title = (
        f"{MINUTES} simulated minutes; a row of 330 bytes; delays are of the oldest row of a request{scaled}"
    )
    tell(title, headings, [run(case) for case in CASES])


if __name__ == "__main__":
    command_line(main)
