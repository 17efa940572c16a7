"""What became of the rows that a queue has accepted. Guarded by the queue's section."""

from dcrlog.stats import DropReason


class Ledger:
    """Rows delivered, and rows dropped by reason.

    Attributes:
        delivered: Rows that the service has taken.
        dropped: Rows given up, by reason.
    """

    __slots__ = ("delivered", "dropped")

    def __init__(self) -> None:
        self.delivered = 0
        self.dropped: dict[DropReason, int] = {}

    def drop(self, reason: DropReason, count: int) -> None:
        """Count rows as given up."""
        if count:
            self.dropped[reason] = self.dropped.get(reason, 0) + count

    @property
    def settled(self) -> int:
        """Rows that nothing more will happen to."""
        return self.delivered + sum(self.dropped.values())
