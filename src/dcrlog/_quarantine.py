"""What a spool's files hold that cannot be read: kept in `quarantine/`, and never deleted by us."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from dcrlog._home import check_own
from dcrlog._segment import Recovered

QUARANTINE: Final = "quarantine"
_WRITE: Final = (
    os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
)


class Quarantine:
    """The directory of what is damaged, made when there is something to be kept.

    Args:
        home: The directory that `prepare` has returned.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / QUARANTINE

    def keep_damaged(self, recovered: Recovered) -> None:
        """Keep what could not be read of a segment.

        Raises:
            OSError: It cannot be kept.
        """
        if recovered.is_too_long:
            self.keep_whole(recovered.path)
            return
        for start, data in recovered.damaged_bytes():
            name = f"{_name(recovered.path)}-{start}.bin"
            directory = self._directory()
            hidden = directory / f".{name}"
            with os.fdopen(os.open(hidden, _WRITE, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                # The segment is deleted after this; there is damage so rarely that it may take its time.
                os.fsync(file.fileno())
            hidden.rename(directory / name)

    def keep_whole(self, path: Path) -> None:
        """Keep all of a segment, which stays where it is until its rows are settled.

        Raises:
            OSError: It cannot be kept.
        """
        with suppress(FileExistsError):
            os.link(path, self._directory() / f"{_name(path)}.bin", follow_symlinks=False)

    def take(self, path: Path) -> bool:
        """Move a segment that cannot be read here; return whether it is here."""
        try:
            path.rename(self._directory() / f"{_name(path)}.bin")
        except OSError:
            return False
        return True

    def _directory(self) -> Path:
        with suppress(FileExistsError):
            self._path.mkdir(0o700)
        check_own(os.lstat(self._path), QUARANTINE)
        return self._path


def _name(path: Path) -> str:
    return f"{path.parent.name}-{path.name}"
