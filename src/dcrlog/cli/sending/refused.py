"""Rows that the service has refused for good, on their way to the file of rejects."""

from collections import deque

from dcrlog._batch import Batch
from dcrlog._retry import Answer


class Refused:
    """Takes them in the senders' threads; the main thread, which alone writes files, takes them from here.

    Attributes:
        rows: Each with its `Seq` in the pipeline, and why.
    """

    def __init__(self) -> None:
        self.rows: deque[tuple[int, bytes, str]] = deque()

    def keep(self, batch: Batch, answer: Answer) -> bool:
        """Take the one row of a batch, before it counts as settled."""
        ((seq, row),) = batch.numbered()
        self.rows.append((seq, row, f"the service has refused the row: {answer}"))
        return True
