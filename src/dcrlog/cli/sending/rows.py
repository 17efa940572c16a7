"""Pieces of input made rows. Pure."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import msgspec

from dcrlog._careful import MAX_ROW_BYTES
from dcrlog._cut import encode_cut
from dcrlog._leaves import MAX_FIELD_BYTES
from dcrlog.cli.sending.pieces import Piece

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode


class Unusable(Exception):  # noqa: N818 - it is the input's fault, not the program's
    """No row can be made of a piece; the text says why."""


class RowMaker:
    """Makes the row of a piece.

    Args:
        field: The column that takes a line of plain text; None where pieces are JSON objects.
        numbers: Names of the columns for the input's id and the row's number in it, with that id; a row that
            has them already keeps its own. None where the stream lacks them.
        declared: Names of the stream's columns; None where no rule says them.
        redact: Takes secrets out of a row.
        oldest: The ISO text of the first time that the service does not replace by that of arrival.

    Attributes:
        too_old: Rows whose `TimeGenerated` is before that.
        undeclared: How many rows had a member that the stream does not declare, by its name.
        truncated: Values that were cut, since the service would cut them silently.
    """

    def __init__(
        self,
        *,
        field: str | None = None,
        numbers: tuple[str, str, str] | None = None,
        declared: frozenset[str] | None = None,
        redact: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
        oldest: str = "",
    ) -> None:
        self._field = field
        self._numbers = numbers
        self._declared = declared
        self._redact = redact
        self._oldest = oldest
        self.too_old = 0
        self.undeclared: Counter[str] = Counter()
        self.truncated = 0

    def make(self, piece: Piece, number: int) -> bytes:
        """Return the row as JSON in UTF-8.

        Args:
            piece: The piece.
            number: Its number in the whole input.

        Raises:
            Unusable: It is not JSON, not an object, or too large.
        """
        if piece.flaw is not None:
            raise Unusable(piece.flaw)
        row = self._read(piece.data)
        if self._declared is not None and not row.keys() <= self._declared:
            self.undeclared.update(row.keys() - self._declared)
        time = row.get("TimeGenerated")
        # As text: a zone more or less is nothing beside two days, and what is no time is not told here.
        if type(time) is str and time < self._oldest:
            self.too_old += 1
        if self._redact is not None:
            row = self._redacted(row)
        if self._numbers is not None:
            id_column, number_column, input_id = self._numbers
            row = {id_column: input_id, number_column: number, **row}
        return self._encode(row)

    def _read(self, data: bytes) -> dict[str, Any]:
        if self._field is not None:
            return {self._field: data.decode("utf-8", "backslashreplace")}
        try:
            found = _decode(data)
        except msgspec.DecodeError as error:
            raise Unusable(f"it is not JSON: {error}") from None
        except RecursionError:
            raise Unusable("it is nested too deeply") from None
        if type(found) is not dict:
            raise Unusable(f"it is not a JSON object but {_kind(found)}")
        if not found:
            raise Unusable("it is an empty object")
        return found

    def _redacted(self, row: dict[str, Any]) -> dict[str, Any]:
        assert self._redact is not None
        try:
            return self._redact(row)
        except Exception as error:  # a function of the user's may raise anything
            raise Unusable(f"the redactor raised {type(error).__name__}") from None

    def _encode(self, row: dict[str, Any]) -> bytes:
        encoded = _encode(row)
        if len(encoded) <= MAX_FIELD_BYTES:
            return encoded
        made, count = encode_cut(row, encoded, MAX_ROW_BYTES)
        if made is not None:
            self.truncated += count
            return made
        raise Unusable(f"it has {len(row)} members, which take more than {MAX_ROW_BYTES} bytes")


def _kind(value: object) -> str:
    return {list: "an array", str: "a string", bool: "true or false", type(None): "null"}.get(
        type(value), "a number"
    )
