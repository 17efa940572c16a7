"""A request: what is known of it, and where its id comes from. Pure; the adapters of frameworks use it."""

import re
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from os import urandom
from typing import Final

from dcrlog.context import Live
from dcrlog.errors import ConfigError, shown

_ID: Final = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_FOREIGN: Final = (("django_guid.context", "guid"), ("asgi_correlation_id.context", "correlation_id"))
"""Modules of libraries that number requests, and the context variable that holds the number."""


def checked_id(given: object) -> str | None:
    """Return an id that came with a request; None for one that could be anything but an id.

    Whoever sends a request writes its headers: a line break or a megabyte must not reach a table.
    """
    return given if type(given) is str and _ID.fullmatch(given) else None


def foreign_id() -> str | None:
    """Return the id that django-guid or asgi-correlation-id gave to this request, where one is in use."""
    for module, name in _FOREIGN:
        # A module that another thread is just importing has no variable yet.
        variable = getattr(sys.modules.get(module), name, None)
        value = variable.get(None) if isinstance(variable, ContextVar) else None
        if type(value) is str:
            return value
    return None


def checked_proxies(given: object) -> int:
    """Return how many proxies are trusted.

    Raises:
        ConfigError: It is no number from 0 on.
    """
    if type(given) is not int or given < 0:
        raise ConfigError(
            "trusted_proxies (in Django's settings DCRLOG_TRUSTED_PROXIES) must be the number of your own "
            f"proxies that append to X-Forwarded-For, from 0 on, got {shown(given)}."
        )
    return given


def client_address(peer: object, forwarded: object, trusted_proxies: int) -> str | None:
    """Return the address of the client.

    Args:
        peer: The address at the other end of the connection.
        forwarded: The value of `X-Forwarded-For`.
        trusted_proxies: How many proxies of one's own stand in front and append to that header. Their
            entries are at its end; what is to the left of them, anybody may have written.
    """
    if trusted_proxies and type(forwarded) is str and forwarded:
        entries = forwarded.split(",")
        if len(entries) >= trusted_proxies:
            return entries[-trusted_proxies].strip()[:64] or None
    return str(peer) if peer else None


class Request(Live):
    """The fields of one request; `status` and others are added as they become known.

    Args:
        fields: What is known at the start; `request_id` is what came with the request, if anything did.
        late: Returns the user as far as known, each time that a record is made; it must not cost anything.
    """

    __slots__ = ("_late",)

    def __init__(self, fields: Mapping[str, object], late: Callable[[], object] | None = None) -> None:
        number = checked_id(fields.get("request_id")) or urandom(16).hex()
        super().__init__({**fields, "request_id": number})
        self._late = late

    def fields(self) -> dict[str, object]:
        """Return the fields of this moment."""
        # The other library's middleware may be inside of ours: its id is known only then, and kept.
        found = foreign_id()
        if found is not None:
            self._fields["request_id"] = found
        fields = dict(self._fields)
        late = self._late
        if late is not None and "user" not in fields:
            try:
                fields["user"] = late()
            except Exception:  # whatever a framework has changed, the record matters more
                return fields
        return fields

    def end(self) -> None:
        """Keep what is known, and let go of the framework's request: a task may go on in this context."""
        self._fields = self.fields()
        self._late = None
