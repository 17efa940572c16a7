"""The step of the spool: whether it can be used, and what lies in it."""

import os
import shutil
from collections.abc import Iterator
from typing import Final

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
        there = next(each for each in (directory, *directory.parents) if each.exists())
        if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
            yield Finding(STEP, State.OK, f"{home} does not exist yet, and can be made")
        else:
            yield Finding(
                STEP,
                State.FAIL,
                f"spool_dir={str(directory)!r}: {home} cannot be made, since {there} is no "
                "directory in which this user may write",
                "Give a directory in which this user may make one of its own.",
            )
        return
    try:
        check_home(home)
        free = shutil.disk_usage(home).free
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
    if free < settings.spool_capacity:
        yield Finding(
            STEP,
            State.WARN,
            f"the disk has {free:,} bytes left, less than spool_capacity ({settings.spool_capacity:,})",
            "Make room, or lower spool_capacity.",
        )
    instances = spool_files.instances(home)
    dead = [each for each in instances if not each.is_alive]
    letters = sum(1 for _ in spool_files.letters(home))
    damaged = sum(1 for _ in spool_files.files(home / QUARANTINE))
    told = f"{home}: {len(instances) - len(dead)} living instances"
    if dead:
        told += f", {len(dead)} dead ones with rows"
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
            f"{letters} dead letters: rows that the service has refused",
            "See why: dcrlog spool show --dead.",
        )
    if damaged:
        yield Finding(STEP, State.WARN, f"{damaged} damaged files in {QUARANTINE}", "See: dcrlog spool list.")
