"""What tells in a row which instance has accepted it, and as which: with it a gap, or a double, shows.

Pure.
"""

import os


class Stamp:
    """Writes instance id and `Seq` into rows, as the first members of their JSON objects.

    Attributes:
        instance_id: Random, 24 hexadecimal digits.
    """

    __slots__ = ("_columns", "_form", "_has_seq", "instance_id")

    def __init__(
        self, instance_column: str | None, seq_column: str | None, instance_id: str | None = None
    ) -> None:
        self._columns = instance_column, seq_column
        self.instance_id = instance_id or os.urandom(12).hex()
        self._has_seq = seq_column is not None
        form = f'{{"{instance_column}":"{self.instance_id}",' if instance_column else "{"
        self._form = (f'{form}"{seq_column}":%d,%b' if self._has_seq else form).encode()

    def of(self, instance_id: str) -> "Stamp":
        """Return the stamp of another instance, whose rows go into the same columns."""
        return Stamp(*self._columns, instance_id)

    def write(self, first_seq: int, rows: list[bytes]) -> list[bytes]:
        """Return the rows with their stamps; their `Seq` counts on from the first."""
        form = self._form
        if self._has_seq:
            return [form % (seq, row[1:]) for seq, row in enumerate(rows, first_seq)]
        return [form + row[1:] for row in rows]

    def width(self, seq: int) -> int:
        """Return by how many bytes a row of this `Seq`, or of one before it, grows at most."""
        return len(self.write(seq, [b"{"])[0]) - 1
