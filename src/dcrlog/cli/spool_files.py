"""What is in a spool: read beside running processes, whose locks say what they use, and changed nowhere.

Whatever lies there is opened without following a link or waiting for anything, and a name that is not one
of ours is passed over.
"""

import datetime as dt
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dcrlog._frames import SEGMENT_BYTES, Damage, Frame, header_of, scan
from dcrlog._home import OWNER, SUFFIX, Lock, fcntl, home_of, prepare_home
from dcrlog._letters import DEAD, LETTER_NAME, Letter, names_in, opened, read_file, read_letter
from dcrlog.errors import ConfigError, shown

_INSTANCE_NAME: Final = re.compile(r"([0-9a-f]{16})-([0-9a-f]{24})\Z", re.ASCII)
_SEGMENT_TIME: Final = re.compile(r"([0-9]{20})-[0-9]+\.seg\Z", re.ASCII)
_LOOKS: Final = 3
"""A segment that is being written while it is read may look damaged once, and not again."""


@dataclass(frozen=True)
class Instance:
    """The directory of an instance that has rows.

    Attributes:
        directory: Where it is.
        destination: The first 16 digits of where its rows go.
        instance_id: Its id.
        is_alive: Whether somebody has its lock: the instance, or who has adopted it.
    """

    directory: Path
    destination: str
    instance_id: str
    is_alive: bool


@dataclass(frozen=True)
class SegmentFile:
    """What a segment has.

    Attributes:
        instance: Whose it is.
        name: Its file name.
        size: Bytes of it.
        rows: Those that can be read.
        damages: Where it cannot be read, and why, in words.
    """

    instance: Instance
    name: str
    size: int = 0
    rows: list[Frame] = field(default_factory=list)
    damages: list[str] = field(default_factory=list)


def find_home(spool_dir: Path | None) -> Path | None:
    """Return this user's directory in a spool's; None where no process has used the spool yet.

    Raises:
        ConfigError: There is no such spool, or it is not this user's alone.
    """
    if spool_dir is None:
        raise ConfigError(
            "no directory is given. Name the one that spool_dir names, or set DCRLOG_SPOOL_DIR."
        )
    told = shown(str(spool_dir))
    if fcntl is None:
        raise ConfigError(
            f"the spool {told} cannot be read: this system has no file locks of the kind it needs."
        )
    if "\0" in str(spool_dir) or spool_dir == Path():
        raise ConfigError(f"{told} is no path. Name the directory that spool_dir names.")
    home = home_of(spool_dir.absolute())
    try:
        if not spool_dir.is_dir():
            raise ConfigError(f"there is no directory {told}. Name the one that spool_dir names.")
        if not os.path.lexists(home):
            if spool_dir.absolute().name == home.name:
                raise ConfigError(f"{told} is inside a spool. Name the directory above it.")
            others = sorted(path.name for path in spool_dir.glob("dcrlog-*"))
            if others:
                raise ConfigError(
                    f"the spool {told} has nothing of user {os.geteuid()}, whom this command runs as, but "
                    f"{others[0]}/. Run it as that user."
                )
            return None
        prepare_home(home)
    except OSError as error:
        raise ConfigError(f"the spool {told} cannot be used: {home}: {error.strerror}.") from None
    return home


def instances(home: Path) -> list[Instance]:
    """Return the instances that have a directory, by destination and id."""
    found = []
    with opened(home) as descriptor:
        for name in names_in(descriptor):
            parts = _INSTANCE_NAME.match(name)
            if parts is None:
                continue
            # A link, a file: nothing that an instance has made.
            with suppress(OSError), opened(home / name):
                found.append(Instance(home / name, parts[1], parts[2], _is_locked(home / name)))
    return found


def segments(instance: Instance) -> Iterator[SegmentFile]:
    """Read the segments of an instance, the oldest first; those that go meanwhile are passed over."""
    with suppress(OSError), opened(instance.directory) as directory:
        for name in names_in(directory):
            if not name.endswith(SUFFIX):
                continue
            with suppress(FileNotFoundError):
                found = _segment(instance, directory, name)
                for _ in range(_LOOKS if found.damages else 0):
                    found = _segment(instance, directory, name)
                yield found


def _segment(instance: Instance, directory: int, name: str) -> SegmentFile:
    found = SegmentFile(instance, name)
    try:
        data = read_file(directory, name, SEGMENT_BYTES)
    except FileNotFoundError:
        raise
    except OSError as error:
        found.damages.append(error.strerror or "it cannot be read")
        return found
    if data:
        header = header_of(data)
        if header is None:
            found.damages.append("its header is damaged")
        elif header[0][:16] != instance.destination or header[1] != instance.instance_id:
            found.damages.append("its header names another instance or destination than its directory")
    for each in scan(data):
        if isinstance(each, Frame):
            found.rows.append(each)
        else:
            found.damages.append(_told(each))
    return SegmentFile(instance, name, len(data), found.rows, found.damages)


def _told(damage: Damage) -> str:
    return f"bytes {damage.start} to {damage.end} cannot be read: {damage.rows} rows or more"


def letters(home: Path) -> Iterator[tuple[str, int, Letter | None]]:
    """Read the dead letters, the oldest first: name, size, and the letter unless it cannot be read."""
    for name, status in files(home / DEAD):
        if LETTER_NAME.match(name):
            letter = None
            with suppress(OSError, ValueError, RecursionError), opened(home / DEAD) as directory:
                letter = read_letter(directory, name)
            if letter is not None or (home / DEAD / name).exists():
                yield name, status.st_size, letter


def files(directory: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Return the files of a directory by name, and nothing that is none; nothing where it is not ours."""
    with suppress(OSError), opened(directory) as descriptor:
        for name in names_in(descriptor):
            with suppress(OSError):
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    yield name, status


@contextmanager
def locked(instance: Instance) -> Iterator[int | None]:
    """Lock an instance's directory, as somebody who adopts it does.

    Yields:
        The directory, opened; None where somebody else has it, or it is gone.
    """
    with opened(instance.directory) as directory:
        try:
            lock = Lock(instance.directory / OWNER, create=True)
        except OSError:
            yield None
            return
        try:
            yield directory
        finally:
            lock.release()


def _is_locked(directory: Path) -> bool:
    try:
        Lock(directory / OWNER, create=False).release()
    except OSError as error:
        return isinstance(error, BlockingIOError)
    return False


def created(name: str) -> str | None:
    """Return when a file was made, as its name says; None where it does not say it."""
    found = _SEGMENT_TIME.match(name) or LETTER_NAME.match(name)
    try:
        moment = dt.datetime.fromtimestamp(int(found[1]) / 1e9, dt.UTC) if found else None
    except (ValueError, OverflowError, OSError):
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else None
