"""The work of `dcrlog send`: inputs cut into pieces, and pieces made rows, from where a checkpoint says."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from dcrlog.cli.sending.checkpoint import Checkpoint, Position, is_marked
from dcrlog.cli.sending.pieces import Format, Piece, cut
from dcrlog.cli.sending.rows import RowMaker, Unusable
from dcrlog.cli.sending.settling import Progress, Settling
from dcrlog.cli.sending.source import FAILURES, Opened, Source
from dcrlog.cli.sending.stop import Ended, Stop
from dcrlog.errors import DcrlogError, shown

_PIECES_A_LOOK: Final = 256
"""Pieces after which the system is asked how far the file was read."""


class Work:
    """Sends inputs, once.

    Args:
        sources: The inputs.
        begun: From where on, and how records stand in the inputs.
        maker: Makes rows.
        settling: Takes them, and the pieces of which none can be made.
        stop: Whether a signal has come.
        may_grow: Whether another run goes on behind the end of the last input.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        begun: Checkpoint,
        *,
        maker: RowMaker,
        settling: Settling,
        stop: Stop,
        may_grow: bool,
    ) -> None:
        self._sources = sources
        self._position = begun.position
        self._format = begun.format
        self._maker = maker
        self._settling = settling
        self._stop = stop
        self._may_grow = may_grow
        self._word = "line"

    def run(self) -> Progress:
        """Send all of it, or until it is stopped, fails or gives up; return how far it came."""
        try:
            first = self._position.source
            before = sum(source.size or 0 for source in self._sources[:first])
            for index, source in enumerate(self._sources[first:], first):
                self._send_from(index, before)
                before += source.size or 0
        except Ended:
            pass
        except DcrlogError as error:
            self._settling.progress.failure = str(error)
        self._settling.finish()
        return self._settling.progress

    def _send_from(self, index: int, before: int) -> None:
        """Send an input; `before` are the bytes of those before it."""
        if index != self._position.source:
            self._position = Position(source=index, total=self._position.total)
        source, behind = self._sources[index], len(self._sources) - 1 - index
        try:
            with self._stop.wait_for(source.open) as opened:
                self._send(source, opened, before, is_last=not behind)
        except FAILURES as error:
            # No further: a checkpoint in the next would say that all before it is settled.
            rest = f" The {behind} files behind it were not opened." if behind else ""
            told = getattr(error, "strerror", None) or error
            at = f"behind {self._word} {self._position.number}"
            raise DcrlogError(f"{shown(source.name)} cannot be read {at}: {told}.{rest}") from None

    def _send(self, source: Source, opened: Opened, before: int, *, is_last: bool) -> None:
        """Send the pieces of an input from the position on."""
        here = self._position
        kind = self._format or self._stop.wait_for(opened.find_format)
        self._word = "element" if kind is Format.ARRAY else "line"
        if here.offset and not is_marked(self._stop.wait_for(lambda: opened.skip(here.offset)), here.mark):
            raise EOFError(
                "it is not the file that the checkpoint is about. Give that file under this name, or delete "
                "the checkpoint to begin anew"
            )
        self._settling.begin(source.name, self._word)
        # What follows the end of gzip, or of any input but the last, would be sent by no other run.
        may_grow = self._may_grow and is_last and not opened.is_gzip
        pieces = cut(opened.stream, kind, offset=here.offset, number=here.number)
        while (piece := self._stop.wait_for(partial(next, pieces, None))) is not None:
            if piece.number % _PIECES_A_LOOK == 0:
                self._settling.progress.read_bytes = before + opened.tell()
            if not self._send_piece(piece, is_half=may_grow and not piece.is_ended):
                self._settling.progress.unfinished = len(piece.data)
                break
        self._settling.progress.read_bytes = before + opened.tell()

    def _send_piece(self, piece: Piece, *, is_half: bool) -> bool:
        """Send the row of a piece, or reject it; return False where it may be half a line, and is left."""
        here = self._position
        # Behind a whole object in an unfinished line, the rest of the line is to come.
        number = piece.number if piece.is_ended else piece.number - 1
        end = Position(here.source, piece.end, number, here.total + 1)
        if is_half and self._format is Format.TEXT:
            return False
        try:
            row = self._maker.make(piece, end.total)
        except Unusable as why:
            if is_half:
                return False
            self._settling.reject(piece, str(why), end)
        else:
            self._settling.put(row, piece, end)
        self._position = end
        return True
