"""How a signal ends `dcrlog send`."""


class Interrupted(Exception):  # noqa: N818 - nothing went wrong
    """A signal came while input was waited for."""


class Stop:
    """Says whether a signal has asked for an end.

    Attributes:
        number: The signal; None where none came.
        may_interrupt: Whether input is waited for. Python would go on waiting behind a handler that returns.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.may_interrupt = False

    def __bool__(self) -> bool:
        return self.number is not None

    def set(self, number: int) -> None:
        """Ask for an end; called by a signal's handler.

        Raises:
            Interrupted: Input is waited for.
        """
        self.number = number
        if self.may_interrupt:
            raise Interrupted
