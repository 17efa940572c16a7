"""What commands write: nothing in a row, a name or an error can steer the terminal."""

import json
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

from dcrlog.errors import printable


def plain(value: object) -> str:
    """Write a value so that nothing in it can steer the terminal."""
    return "" if value is None else printable(str(value))


def print_json(value: Mapping[str, Any]) -> None:
    """Print an object as one line of ASCII."""
    print(json.dumps(value))


def say(text: str) -> None:
    """Print a line for a person."""
    print(plain(text))


def give_up(command: str, reason: object) -> NoReturn:
    """End with one line of what is wrong, and status 1."""
    sys.exit(f"dcrlog {command}: {plain(reason)}")
