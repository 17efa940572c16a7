"""`dcrlog spool purge`: delete dead letters, what is in quarantine, or what dead instances have left."""

import os
import re
import stat
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import typer

from dcrlog._home import OWNER, SUFFIX
from dcrlog._letters import DEAD, LETTER_NAME, names_in
from dcrlog._quarantine import QUARANTINE
from dcrlog._revived import lock_letters
from dcrlog.cli import spool_files
from dcrlog.cli.options import AsJson, Directory
from dcrlog.cli.output import give_up, print_json, say
from dcrlog.cli.spool_files import Instance
from dcrlog.errors import ConfigError, shown

_AGE: Final = re.compile(r"([0-9]{1,9})([smhd]?)\Z", re.ASCII)
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_BEING_WRITTEN: Final = 60.0
"""Seconds after which a hidden file was left by a process that was killed."""


def _age(text: str) -> float:
    found = _AGE.match(text.strip())
    if found is None:
        raise typer.BadParameter(f"{shown(text)} is no age. Write a number with s, m, h or d: 90s, 12h, 7d.")
    return float(int(found[1]) * _UNITS[found[2]])


def purge(
    directory: Directory = None,
    *,
    dead: Annotated[bool, typer.Option("--dead", help="Delete dead letters.")] = False,
    quarantine: Annotated[bool, typer.Option("--quarantine", help="Delete what is in quarantine.")] = False,
    instances: Annotated[
        bool, typer.Option("--instances", help="Delete rows that dead instances have left, undelivered.")
    ] = False,
    older_than: Annotated[
        float, typer.Option(parser=_age, metavar="AGE", help="Only what is older, such as 90s, 12h or 7d.")
    ] = "0",  # type: ignore[assignment]
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete for good. What a living instance has is never touched."""
    if not (dead or quarantine or instances):
        give_up(
            "spool purge", "nothing is chosen. Add --dead, --quarantine or --instances, or several of them."
        )
    try:
        home = spool_files.find_home(directory)
    except ConfigError as error:
        give_up("spool purge", error)
    kinds = {"dead": dead, "quarantine": quarantine, "segments": instances}
    chosen = [kind for kind, is_chosen in kinds.items() if is_chosen]
    done: Counter[str] = Counter(dict.fromkeys(chosen, 0))
    if home is not None:
        before = time.time() - older_than
        found = _count(home, chosen, before)
        told = ", ".join(f"{found[kind]} {_WORDS[kind]}" for kind in chosen)
        if not yes and any(found.values()):
            typer.confirm(f"Delete {told} for good?", abort=True, err=True)
        try:
            done.update(_purge(home, chosen, before))
        except BlockingIOError:
            give_up(
                "spool purge",
                "a retry or another purge is at work on the dead letters. Try again when it has ended.",
            )
        except OSError as error:
            give_up("spool purge", f"{shown(str(home))}: {error.strerror}.")
    if as_json:
        print_json(dict(done))
    else:
        say("deleted: " + ", ".join(f"{done[kind]} {_WORDS[kind]}" for kind in chosen))


_WORDS: Final = {"dead": "dead letters", "quarantine": "files in quarantine", "segments": "segments"}


def _count(home: Path, chosen: list[str], before: float) -> Counter[str]:
    found: Counter[str] = Counter()
    if "dead" in chosen:
        found["dead"] = sum(1 for _ in _old_letters(home, before))
    if "quarantine" in chosen:
        found["quarantine"] = sum(1 for _ in _old_pieces(home, before))
    if "segments" in chosen:
        for instance in spool_files.instances(home):
            if not instance.is_alive:
                names = spool_files.files(instance.directory)
                found["segments"] += sum(_is_old_segment(name, status, before) for name, status in names)
    return found


def _purge(home: Path, chosen: list[str], before: float) -> Iterator[str]:
    """Delete, and say of what kind each file was."""
    if "dead" in chosen and (home / DEAD).exists():
        lock = lock_letters(home / DEAD)
        try:
            yield from ("dead" for name in list(_old_letters(home, before)) if _unlink(home / DEAD / name))
        finally:
            os.close(lock)
    if "quarantine" in chosen:
        pieces = list(_old_pieces(home, before))
        yield from ("quarantine" for name in pieces if _unlink(home / QUARANTINE / name))
    if "segments" in chosen:
        for instance in spool_files.instances(home):
            yield from ("segments" for _ in _purge_instance(instance, before))


def _old_letters(home: Path, before: float) -> Iterator[str]:
    for name, status in spool_files.files(home / DEAD):
        is_hidden = name.startswith(".")
        # One that is being written is nobody else's yet.
        limit = min(before, time.time() - _BEING_WRITTEN) if is_hidden else before
        if LETTER_NAME.match(name.removeprefix(".")) and status.st_mtime <= limit:
            yield name


def _old_pieces(home: Path, before: float) -> Iterator[str]:
    for name, status in spool_files.files(home / QUARANTINE):
        if name.endswith(".bin") and status.st_mtime <= before:
            yield name


def _is_old_segment(name: str, status: os.stat_result, before: float) -> bool:
    return name.endswith(SUFFIX) and status.st_mtime <= before


def _purge_instance(instance: Instance, before: float) -> Iterator[str]:
    with suppress(FileNotFoundError), spool_files.locked(instance) as directory:
        if directory is None:
            return
        for name in names_in(directory):
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode) and _is_old_segment(name, status, before):
                os.unlink(name, dir_fd=directory)
                yield name
        if names_in(directory) == [OWNER]:
            os.unlink(OWNER, dir_fd=directory)
            instance.directory.rmdir()


def _unlink(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
