"""The SQLite connection of an emulator: one, behind one lock, for whichever thread comes."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dcrlog.emulator.answers import EmulatorError


class Database:
    """A file, which other processes may read meanwhile, or memory.

    Args:
        path: The file, which may have content of an earlier run; None keeps everything in memory.

    Raises:
        EmulatorError: The file cannot be opened, or is no database.
    """

    def __init__(self, path: Path | None) -> None:
        self.where = ":memory:" if path is None else str(path)
        self._lock = threading.Lock()
        try:
            self._connection = sqlite3.connect(self.where, check_same_thread=False, isolation_level=None)
        except sqlite3.Error as error:
            raise EmulatorError(
                f"the database {self.where!r} cannot be opened: {_remedy(path, error)}"
            ) from None
        try:
            # A crash of the machine may lose rows; an emulator has no duty there.
            self._connection.execute("PRAGMA synchronous=OFF")
            self._connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.Error as error:
            self._connection.close()
            raise self.unusable(error) from None
        self.variables = self._connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
        """How many values one statement takes."""

    def unusable(self, error: sqlite3.Error) -> EmulatorError:
        """Return what to raise when the file cannot be used."""
        return EmulatorError(
            f"the database {self.where!r} cannot be used: {error}. "
            "Name an SQLite file that can be written, or one that does not exist yet."
        )

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Have the connection for statements that stand for themselves."""
        with self._lock:
            yield self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Have the connection for statements that all take effect, or none of them."""
        with self._lock, self._connection:
            self._connection.execute("BEGIN")
            yield self._connection

    def fetch(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one query."""
        with self.reading() as connection:
            return connection.execute(query, values).fetchall()

    def close(self) -> None:
        """Close it; what was in memory is gone."""
        with self._lock:
            self._connection.close()


def quoted(name: str) -> str:
    """Return a name as SQL takes any."""
    return '"' + name.replace('"', '""') + '"'


def _remedy(path: Path | None, error: sqlite3.Error) -> str:
    if path is not None and path.is_dir():
        return f"it is a directory. Name a file in it: {str(path / 'rows.sqlite')!r}."
    if path is not None and not path.parent.is_dir():
        return f"there is no directory {str(path.parent)!r}. Make it, or name a file in another."
    return f"{error}. Name a file that can be written."
