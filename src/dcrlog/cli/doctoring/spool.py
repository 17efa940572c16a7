"""The step of the spool: whether it can be used, and what lies in it."""

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dcrlog._frames import SEGMENT_BYTES
from dcrlog._home import check_home, fcntl, home_of, network_file_system
from dcrlog._quarantine import QUARANTINE
from dcrlog.cli import spool_files
from dcrlog.cli.doctoring.finding import Finding, State
from dcrlog.settings import Settings

STEP: Final = "spool"


def check_spool(settings: Settings) -> Iterator[Finding]:
    """Look at the spool's directory, and change nothing there."""
    directory = settings.spool_dir
    if directory is None:
        yield Finding(STEP, State.SKIP, "no spool_dir: rows wait in memory, and end with the process")
        return
    if fcntl is None:
        yield Finding(
            STEP, State.FAIL, "spool_dir needs the module fcntl, which this system lacks", "Leave it out."
        )
        return
    home = home_of(directory)
    if not os.path.lexists(home):
        yield from _to_be_made(directory, home, settings)
        return
    try:
        check_home(home)
        if not os.access(home, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "this user may not write there")
    except OSError as error:
        yield Finding(
            STEP,
            State.FAIL,
            f"spool_dir={str(directory)!r}: {home} cannot be used: {error.strerror}",
            "It must belong to this user, and to nobody else: chmod 700.",
        )
        return
    kind = network_file_system(home)
    if kind is not None:
        yield Finding(STEP, State.WARN, f"{home} is on a network file system ({kind})", "Give a local disk.")
    yield from _room(home, settings)
    yield from _content(home)


def _to_be_made(directory: Path, home: Path, settings: Settings) -> Iterator[Finding]:
    there = next(each for each in (directory, *directory.parents) if each.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        yield Finding(STEP, State.OK, f"{home} does not exist yet, and can be made")
        yield from _room(there, settings)
    else:
        yield Finding(
            STEP,
            State.FAIL,
            f"spool_dir={str(directory)!r}: {home} cannot be made, since {there} is no "
            "directory in which this user may write",
            "Give a directory in which this user may make one of its own.",
        )


def _content(home: Path) -> Iterator[Finding]:
    instances = spool_files.instances(home)
    dead = [each for each in instances if not each.is_alive]
    letters = sum(1 for _ in spool_files.letters(home))
    damaged = sum(1 for _ in spool_files.files(home / QUARANTINE))
    told = f"{home}: living instances: {len(instances) - len(dead)}"
    if dead:
        told += f", dead ones with rows: {len(dead)}"
    yield Finding(
        STEP,
        State.WARN if dead else State.OK,
        told,
        "The next process delivers them, or: dcrlog spool drain." if dead else "",
    )
    if letters:
        yield Finding(
            STEP,
            State.WARN,
            f"dead letters, which are rows that the service has refused: {letters}",
            "See why: dcrlog spool show --dead.",
        )
    if damaged:
        yield Finding(
            STEP, State.WARN, f"damaged files in {QUARANTINE}: {damaged}", "See: dcrlog spool list."
        )


def _room(directory: Path, settings: Settings) -> Iterator[Finding]:
    free = shutil.disk_usage(directory).free
    if free >= settings.spool_capacity:
        return
    is_full = free < SEGMENT_BYTES
    yield Finding(
        STEP,
        State.FAIL if is_full else State.WARN,
        f"the disk has {free:,} bytes left, "
        + (
            f"and a segment takes {SEGMENT_BYTES:,}: rows wait in memory only"
            if is_full
            else f"less than spool_capacity ({settings.spool_capacity:,})"
        ),
        "Make room, or give another directory." if is_full else "Make room, or lower spool_capacity.",
    )
