"""What commands write: nothing in a row, a name or an error can steer the terminal."""

import errno
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NoReturn

from dcrlog.errors import printable


def plain(value: object) -> str:
    """Write a value so that nothing in it can steer the terminal."""
    return "" if value is None else printable(str(value))


def print_json(value: Mapping[str, Any]) -> None:
    """Print an object as one line of ASCII."""
    write(json.dumps(value))


def say(text: str) -> None:
    """Print a line for a person."""
    write(plain(text))


def warn(command: str, text: str) -> None:
    """Print a line on stderr, if there is one; work goes on without."""
    note(f"dcrlog {command}: {plain(text)}")


def note(text: str) -> None:
    """Print a text on stderr as it is, if there is one; work goes on without."""
    # Where there is none, print would take standard output, and spoil what stands there.
    if sys.stderr is not None:
        with suppress(OSError):
            print(text, file=sys.stderr)


def give_up(command: str, reason: object) -> NoReturn:
    """End with one line of what is wrong, and status 1."""
    sys.exit(f"dcrlog {command}: {plain(reason)}")


def write(text: str) -> None:
    """Print a text on standard output as it is; end the command where nothing can be written there."""
    try:
        print(text, flush=True)
    except OSError as error:
        # What could not be written would be tried again at exit, and end in a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            sys.exit(1)
        sys.exit(f"dcrlog: what there is to tell cannot be written to standard output: {error.strerror}.")
