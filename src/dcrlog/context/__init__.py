"""Fields that belong to a request or a task and not to one record.

What is bound here is available to every column as the field `context.<name>`; what no column takes goes
into the dynamic column, beside the record's `extra` fields. `dcrlog.context.django`, `.flask`, `.asgi`,
`.wsgi` and `.celery` bind what a request or a task is known by.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import MappingProxyType
from typing import Final

REQUEST_COLUMNS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "RequestId": {"field": "context.request_id", "type": "string"},
        "Method": {"field": "context.method", "type": "string"},
        "Path": {"field": "context.path", "type": "string"},
        "Status": {"field": "context.status", "type": "int"},
        "User": {"field": "context.user", "type": "string"},
        "Client": {"field": "context.client", "type": "string"},
    }
)
"""What `columns="request"` adds; `{**REQUEST_COLUMNS, ...}` adds to it."""

EMPTY: Final[Mapping[str, object]] = MappingProxyType({})


class Live:
    """Fields that may change as long as the request or the task lasts."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, object]) -> None:
        self._fields = dict(fields)

    def fields(self) -> dict[str, object]:
        """Return the fields of this moment. Must not raise, wait or call into the application."""
        return dict(self._fields)

    def update(self, fields: Mapping[str, object]) -> None:
        """Add fields, for all records from now on."""
        self._fields.update(fields)

    def end(self) -> None:
        """Let go of what is no field."""


class Bound:
    """What is bound around a piece of code: fields of its own, and those of the request that it serves.

    The request is shared by reference, so that each thread and task of it sees what becomes known later.
    """

    __slots__ = ("own", "request")

    def __init__(self, own: Mapping[str, object], request: Live | None) -> None:
        self.own = own
        self.request = request

    def fields(self) -> Mapping[str, object]:
        """Return the fields of this moment; the inner ones win."""
        return self.own if self.request is None else {**self.request.fields(), **self.own}


bound_here: Final[ContextVar[Bound | None]] = ContextVar("dcrlog_context", default=None)
"""What is bound around the caller; None where nothing is."""


@contextmanager
def bound(**fields: object) -> Iterator[None]:
    """Add fields to every record logged inside the `with` block, in this thread or task only."""
    outer = bound_here.get()
    inner = Bound(fields, None) if outer is None else Bound({**outer.own, **fields}, outer.request)
    token = bound_here.set(inner)
    try:
        yield
    finally:
        bound_here.reset(token)


def update(**fields: object) -> None:
    """Add fields to the request or task at hand, for its records from now on, in all its threads and tasks.

    For what becomes known on the way, such as `user`. Where there is no request, it does nothing.
    """
    here = bound_here.get()
    if here is not None and here.request is not None:
        here.request.update(fields)


def current() -> Mapping[str, object]:
    """Return the fields bound around the caller."""
    here = bound_here.get()
    return EMPTY if here is None else here.fields()


def enter(live: Live) -> Token[Bound | None]:
    """Begin a request or a task: its fields stand in place of those of one around it, if there is any."""
    outer = bound_here.get()
    return bound_here.set(Bound(EMPTY if outer is None else outer.own, live))


def leave(token: Token[Bound | None]) -> None:
    """End what `enter` began; where it began in another context, that has ended by itself."""
    here = bound_here.get()
    if here is not None and here.request is not None:
        here.request.end()
    try:
        bound_here.reset(token)
    except (ValueError, RuntimeError):  # another context, or ended before
        return
