"""Any Python value, made plain enough for JSON.

Pure, and safe with hostile values: nothing here raises, whatever a value's methods do.
(KeyboardInterrupt and SystemExit pass, as everywhere.)
"""

import dataclasses
import enum
import itertools
import sys
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from dcrlog._leaves import BASES, SCALARS, long_integer, short, unprintable

MAX_DEPTH: Final = 16
MAX_NODES: Final = 10_000
MAX_CHARACTERS: Final = 4 * 1024 * 1024
"""Of all texts inside one container: ten thousand references to one long text must not become gigabytes."""

LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1
REAL_MAX: Final = sys.float_info.max

_encode: Final = msgspec.json.Encoder().encode
_SEQUENCES: Final[tuple[type[Any], ...]] = (list, tuple, set, frozenset, deque)


def text(value: object) -> str:
    """Return the value as Python writes it (`True`, `1.5`), a container as JSON."""
    return _told(plain(value), value)


def plain(value: object) -> Any:
    """Return the value as a tree of dict, list, str, int, float, bool and None, of bounded size.

    Depth is bounded by `MAX_DEPTH`, the number of values by `MAX_NODES`; what lies beyond, a cycle
    and a value that raises become a marker in brackets. Generators are not consumed.
    """
    return _Walk().visit(value, MAX_DEPTH)


def _told(made: Any, value: object) -> str:
    """Return the text of a value that `plain` has made this of."""
    if type(made) is str:
        return made
    if type(made) in {dict, list}:
        try:
            return _encode(made).decode()
        except UnicodeEncodeError:
            return _encode(escape_surrogates(made)).decode()
    if made is not None or value is None:
        return str(made)
    try:
        return short(value, type(value))  # NaN and the infinities
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        return unprintable(type(value))


def escape_surrogates(value: Any) -> Any:
    """Write lone surrogates, which UTF-8 cannot carry, as the text of their escape, all over a plain tree."""
    if type(value) is str:
        return value.encode("utf-8", "backslashreplace").decode()
    if type(value) is dict:
        return {escape_surrogates(key): escape_surrogates(member) for key, member in value.items()}
    if type(value) is list:
        return [escape_surrogates(member) for member in value]
    return value


class _Walk:
    """One descent into a value, with what it has spent and where it is."""

    __slots__ = ("nodes", "path", "room")

    def __init__(self) -> None:
        self.nodes = 0
        self.room = MAX_CHARACTERS
        self.path: set[int] = set()

    def visit(self, value: Any, depth: int) -> Any:
        # type() and not __class__ or isinstance: a property __class__ may raise or lie.
        kind = type(value)
        if kind is str or kind is bool or value is None:
            return value
        if kind is int:
            return value if LONG_MIN <= value <= LONG_MAX else long_integer(value)
        if kind is float:
            return value if -REAL_MAX <= value <= REAL_MAX else None
        try:
            scalar = SCALARS.get(kind)
            if scalar is not None:
                return scalar(value)
            return self._container(value, kind, depth)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:
            return unprintable(kind)

    def _container(self, value: Any, kind: type, depth: int) -> Any:
        members = _members(value, kind)
        # A value that stands for another (an Enum, a numpy scalar) may go on where a container may not.
        if depth <= (0 if members is not None else -MAX_DEPTH):
            return "[nested too deeply]"
        if members is None:
            return self._odd(value, kind, depth)
        if id(value) in self.path:
            return "[cycle]"
        self.path.add(id(value))
        try:
            has_keys, found, total = members
            if has_keys:
                return self._visit_pairs(found, total, depth - 1)
            return self._visit_list(found, total, depth - 1)
        finally:
            self.path.discard(id(value))

    def _visit_pairs(self, pairs: list[Any], total: int, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for done, (key, member) in enumerate(pairs):
            if self._is_spent():
                result["..."] = f"[{total - done} more]"
                break
            name = key if type(key) is str else _told(self.visit(key, depth), key)
            made = self.visit(member, depth)
            result[self._afford(name)] = self._afford(made) if type(made) is str else made
        return result

    def _visit_list(self, members: list[Any], total: int, depth: int) -> list[Any]:
        result: list[Any] = []
        for done, member in enumerate(members):
            if self._is_spent():
                result.append(f"[{total - done} more]")
                break
            made = self.visit(member, depth)
            result.append(self._afford(made) if type(made) is str else made)
        return result

    def _afford(self, made: str) -> str:
        if len(made) > self.room:
            return f"[{len(made)} characters]"
        self.room -= len(made)
        return made

    def _is_spent(self) -> bool:
        self.nodes += 1
        return self.nodes > MAX_NODES

    def _odd(self, value: Any, kind: type, depth: int) -> Any:
        for base, convert in BASES:
            if issubclass(kind, base):
                made = convert(value)
                return made if type(made) is str else self.visit(made, depth - 1)
        if kind.__module__ == "numpy" and getattr(value, "ndim", None) is not None:
            # numpy is never imported here; its scalars and small arrays know their Python values.
            made = value.tolist() if value.size <= MAX_NODES else value
            # A numpy longdouble has no Python value: its tolist() is itself.
            return short(value, kind) if type(made) is kind else self.visit(made, depth - 1)
        return short(value, kind)


def _members(value: Any, kind: type) -> tuple[bool, list[Any], int] | None:
    """Copy the members of a container, as many as can be told, in one step: another thread may change it.

    A subclass may override iteration and never end, and a key's `__hash__` may raise; neither is called.

    Returns:
        Whether the members are pairs of key and value, the members, and how many there are in all.
    """
    if issubclass(kind, dict):
        return True, list(itertools.islice(dict.items(value), MAX_NODES + 1)), dict.__len__(value)
    if kind is list:
        return False, value[: MAX_NODES + 1], len(value)
    if issubclass(kind, _SEQUENCES) and not issubclass(kind, enum.Enum):
        base = next(base for base in _SEQUENCES if issubclass(kind, base))
        return False, list(itertools.islice(base.__iter__(value), MAX_NODES + 1)), base.__len__(value)
    if dataclasses.is_dataclass(kind) and not issubclass(kind, enum.Enum):
        fields = [(field.name, getattr(value, field.name, None)) for field in dataclasses.fields(kind)]
        return True, fields, len(fields)
    # A Starlette request is a mapping too, of its whole scope; a request is better told in one line.
    if issubclass(kind, Mapping) and not kind.__name__.endswith("Request"):
        pairs = list(itertools.islice(value.items(), MAX_NODES + 1))
        return True, pairs, len(pairs)
    return None
