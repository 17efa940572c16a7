"""Fields that belong to a request or a task and not to one record.

What is bound here is available to every column as the field `context.<name>`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final

_EMPTY: Final[Mapping[str, object]] = MappingProxyType({})
_bound: Final[ContextVar[Mapping[str, object]]] = ContextVar("dcrlog_context", default=_EMPTY)


@contextmanager
def bound(**fields: object) -> Iterator[None]:
    """Add fields to every record logged inside the `with` block, in this thread or task only."""
    token = _bound.set({**_bound.get(), **fields})
    try:
        yield
    finally:
        _bound.reset(token)


def current() -> Mapping[str, object]:
    """Return the fields bound around the caller."""
    return _bound.get()
