"""How far a `dcrlog send` has come, in a file that outlives it."""

import errno
import os
import stat
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final, Self

import msgspec

from dcrlog._home import fcntl
from dcrlog.cli.output import warn
from dcrlog.cli.sending.pieces import Format, Piece
from dcrlog.errors import ConfigError, DcrlogError, shown

_VERSION: Final = 1

_MARKED: Final = 1_024
"""Bytes of a piece that tell it from others."""

Count = Annotated[int, msgspec.Meta(ge=0)]


class Position(msgspec.Struct, frozen=True):
    """A place between two pieces of the input.

    Attributes:
        source: Which of the inputs, from 0 on.
        offset: Bytes of it, decompressed, that are behind.
        number: Lines or elements of it that are behind.
        total: Pieces of all inputs that are behind; the next row's number is one more.
        mark: What tells the piece before it from any other; empty where there is none.
        rejects_bytes: How long the file of rejects was when the input was read up to here.
    """

    source: Count = 0
    offset: Count = 0
    number: Count = 0
    total: Count = 0
    mark: Annotated[str, msgspec.Meta(pattern="^([0-9]{1,4}:[0-9a-f]{64})?$")] = ""
    rejects_bytes: Count = 0


class Checkpoint(msgspec.Struct, frozen=True):
    """Up to where everything is settled.

    Attributes:
        destination: Endpoint, rule and stream.
        sources: Names of the inputs.
        format: How the inputs are written; None where their beginning tells.
        input_id: The id that the rows carry.
        position: Up to where.
    """

    destination: str
    sources: list[str]
    format: Format | None
    input_id: str
    position: Position = Position()
    version: int = _VERSION

    def at(self, position: Position) -> Self:
        """Return the checkpoint further on."""
        return msgspec.structs.replace(self, position=position)


def mark_of(piece: Piece) -> str:
    """Return what tells a piece from others, without showing it; empty for one that was not read whole."""
    data = piece.data.rstrip()[-_MARKED:]
    return "" if piece.flaw is not None else f"{len(data)}:{sha256(data).hexdigest()}"


def is_marked(before: bytes, mark: str) -> bool:
    """Whether the last piece in what stands before a position has this mark."""
    length = int(mark.partition(":")[0] or 0)
    return not length or mark_of(Piece(0, before.rstrip()[-length:], 0)) == mark


class CheckpointFile:
    """The file of a checkpoint, which is whole at every moment, and one process's alone.

    Args:
        path: The file, made where there is none.

    Raises:
        ConfigError: It cannot be opened, or another process has it.
    """

    def __init__(self, path: Path) -> None:
        # Behind a symbolic link: it would be replaced otherwise.
        self.path = path = path.resolve()
        self._beside = path.with_name(f".{path.name}.tmp")
        try:
            self._descriptor = _hold(path)
        except BlockingIOError:
            raise ConfigError(
                f"another dcrlog send is at work with the checkpoint {shown(str(path))}. "
                "Wait for its end, or name another."
            ) from None
        except OSError as error:
            raise ConfigError(
                f"the checkpoint {shown(str(path))} cannot be written: {error.strerror}. Name another file."
            ) from None

    def begin(self, asked: Checkpoint) -> Checkpoint:
        """Return from where to go on with what is asked for; written down at once if that is the beginning.

        Raises:
            DcrlogError: The file is of something else, cannot be read, or cannot be written.
        """
        found = self._read()
        if found is None:
            # Now: a run that is killed at once has given rows the numbers that they will have again.
            self.write(asked)
            return asked
        for what in ("destination", "sources", "format"):
            mine, theirs = getattr(found, what), getattr(asked, what)
            if mine != theirs:
                raise ConfigError(
                    f"the checkpoint {shown(str(self.path))} is about the {what} {_told(mine)}, not "
                    f"{_told(theirs)}. Give the same again, name another checkpoint, or delete this one to "
                    "begin anew."
                )
        at = found.position
        warn(
            "send",
            f"goes on behind number {at.number} of {shown(found.sources[at.source])}: before it {at.total:,} "
            "are settled. What the run before has sent of those behind arrives twice.",
        )
        return found

    def _read(self) -> Checkpoint | None:
        try:
            data = self.path.read_bytes()
            if not data:
                return None
            found = msgspec.json.decode(data, type=Checkpoint)
            if found.version != _VERSION or found.position.source >= len(found.sources):
                raise ValueError("it is of another version, or damaged")
        except OSError as error:
            raise ConfigError(
                f"the checkpoint {shown(str(self.path))} cannot be read: {error.strerror}."
            ) from None
        except (ValueError, msgspec.DecodeError, RecursionError):
            raise ConfigError(
                f"the file {shown(str(self.path))} is no checkpoint of this version of dcrlog send. Name "
                "another file, or delete this one to begin anew."
            ) from None
        return found

    def write(self, checkpoint: Checkpoint) -> None:
        """Replace it. The new one is on the disk before it takes the place of the old one.

        Raises:
            DcrlogError: It cannot be written.
        """
        try:
            descriptor = os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            try:
                _lock(descriptor)
                with os.fdopen(os.dup(descriptor), "wb") as file:
                    file.write(msgspec.json.encode(checkpoint))
                    file.flush()
                    os.fsync(descriptor)
                self._beside.replace(self.path)
            except BaseException:
                os.close(descriptor)
                self._beside.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise DcrlogError(
                f"the checkpoint {shown(str(self.path))} cannot be written: {error.strerror}. What it says "
                "still holds: make room, and the same command goes on from there."
            ) from None
        os.close(self._descriptor)
        self._descriptor = descriptor

    def close(self) -> None:
        """Let others have it."""
        os.close(self._descriptor)


def _told(value: object) -> str:
    # Of a format: none was named, and each input's beginning tells.
    return "of its beginning" if value is None else shown(str(value) if isinstance(value, Format) else value)


def _hold(path: Path) -> int:
    """Open and lock the file, as the one of this name."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o666)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "it is no file")
            _lock(descriptor)
            # Whoever had it before may have replaced it since it was opened.
            if os.path.samestat(status, path.stat()):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
