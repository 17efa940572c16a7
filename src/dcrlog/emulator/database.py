"""The SQLite connection of an emulator: one, behind one lock, for whichever thread comes."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from dcrlog.emulator.answers import EmulatorError

_APPLICATION: Final = int.from_bytes(b"dcrl")
_VERSION: Final = 1
"""Of the tables that the store and the history keep."""


class Database:
    """A file, which other processes may read meanwhile, or memory.

    Args:
        path: The file, which may have content of an earlier run; None keeps everything in memory.

    Raises:
        EmulatorError: The file cannot be opened, is no database, or another program's or version's.
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
            self._make_ours()
            # A crash of the machine may lose rows; an emulator has no duty there.
            self._connection.execute("PRAGMA synchronous=OFF")
            self._connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.Error as error:
            self._connection.close()
            raise self.unusable(str(error)) from None
        except EmulatorError:
            self._connection.close()
            raise
        self.variables = self._connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
        """How many values one statement takes."""

    def unusable(self, reason: str) -> EmulatorError:
        """Return what to raise when the file cannot be used."""
        return EmulatorError(
            f"the database {self.where!r} cannot be used: {reason}. "
            "Name the file of an emulator, or one that does not exist yet."
        )

    def _make_ours(self) -> None:
        # Before anything is written: a wrong name shall not fill another program's database with tables.
        ((application,),) = self.fetch("PRAGMA application_id")
        ((version,),) = self.fetch("PRAGMA user_version")
        ((tables,),) = self.fetch("SELECT count(*) FROM sqlite_master")
        if not tables:
            self._connection.execute(f"PRAGMA application_id={_APPLICATION}")
            self._connection.execute(f"PRAGMA user_version={_VERSION}")
        elif application != _APPLICATION:
            raise self.unusable("it is that of another program")
        elif version != _VERSION:
            raise self.unusable(f"it is of version {version}, and this dcrlog writes version {_VERSION}")

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
