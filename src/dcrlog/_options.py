"""What the value of an option may be: each is read by its name, or refused in words that say what to write.

Pure.
"""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

from dcrlog.errors import ConfigError, shown

CREDENTIAL_NAMES: Final = ("default", "managed_identity", "workload_identity", "environment", "azure_cli")

_LONGEST: Final = 365 * 86_400.0

_Choice = TypeVar("_Choice", bound=StrEnum)


def read_boolean(given: Mapping[str, Any], name: str) -> bool:
    """Return True or False."""
    value = given[name]
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be True or False, got {shown(value)}.")
    return value


def read_integer(
    given: Mapping[str, Any], name: str, *, least: int, most: int | None = None, unit: str
) -> int:
    """Return a whole number within its limits."""
    value = given[name]
    if type(value) is not int or value < least or (most is not None and value > most):
        limits = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ConfigError(f"{name} must be a whole number of {unit}, {limits}, got {shown(value)}.")
    return value


def read_seconds(given: Mapping[str, Any], name: str, *, least: float = 0.0) -> float:
    """Return seconds, a year of them at most."""
    value = given[name]
    # Compared before it becomes a float: an int may be too large for one.
    if type(value) not in {int, float} or not least <= value <= _LONGEST:
        raise ConfigError(f"{name} must be seconds, from {least} to {_LONGEST}, got {shown(value)}.")
    return float(value)


def read_choice(given: Mapping[str, Any], name: str, kind: type[_Choice]) -> _Choice:
    """Return one of a few words."""
    value = given[name]
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(repr(str(member)) for member in kind)
        raise ConfigError(f"{name} must be one of {known}, got {shown(value)}.") from None


def read_callable(given: Mapping[str, Any], name: str) -> Any:
    """Return what can be called, or None."""
    value = given[name]
    if value is not None and not callable(value):
        raise ConfigError(f"{name} must be callable, got {shown(value)}.")
    return value


def read_directory(given: Mapping[str, Any], name: str) -> Path | None:
    """Return an absolute path, or None."""
    value = given[name]
    if value is None:
        return None
    if (
        not isinstance(value, str | os.PathLike)
        or not str(value)
        or "\0" in str(value)
        or not isinstance(os.fspath(value), str)
    ):
        raise ConfigError(f"{name} must be the path of a directory, got {shown(value)}.")
    # The working directory may change, and rows must not be looked for elsewhere then.
    return Path(value).absolute()


def read_credential(given: Mapping[str, Any], name: str) -> Any:
    """Return a credential, the name of one, or how to make one."""
    value = given[name]
    is_named = isinstance(value, str) and value in CREDENTIAL_NAMES
    is_made = isinstance(value, Mapping) and "()" in value
    if is_named or is_made or hasattr(value, "get_token"):
        return value
    # The value is not repeated: it may be a secret that was meant for somewhere else.
    raise ConfigError(
        f"{name} must be a TokenCredential, one of {', '.join(map(repr, CREDENTIAL_NAMES))}, or "
        f'{{"()": "package.factory", ...}}, got a value of type {type(value).__name__}.'
    )
