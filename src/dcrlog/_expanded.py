"""Records of structlog and loguru, made into what they would be with their fields as `extra`.

Pure, and neither library is imported: what they hand to logging says itself what it is.
"""

import copy
import logging
import sys
from collections.abc import Mapping
from typing import Any, Final

BLANK: Final = logging.LogRecord("", 0, "", 0, "", None, None)
STANDARD: Final = tuple(BLANK.__dict__)
"""Attributes that logging itself sets, in the order in which it sets them (3.12 added taskName)."""
_PRODUCTS: Final = frozenset({"message", "asctime"})
"""What another handler's formatter leaves on the record."""
BUILT_IN: Final = frozenset(STANDARD) | _PRODUCTS

_TRACEBACK: Final = "\nTraceback (most recent call last):\n"


def is_wrapped(attributes: Mapping[str, Any]) -> bool:
    """Whether these are of a record whose message is an event of structlog (`wrap_for_formatter`)."""
    return type(attributes["msg"]) is dict and "_logger" in attributes and "_name" in attributes


def has_loguru_extra(attributes: Mapping[str, Any]) -> bool:
    """Whether these are of a record that loguru made, with all its fields in one attribute `extra`."""
    return type(attributes.get("extra")) is dict and "loguru" in sys.modules


def expanded(record: logging.LogRecord, *, takes_extra: bool = False) -> logging.LogRecord:
    """Return a copy with the fields of structlog or loguru as attributes; any other record as it is.

    A field that has the name of one of logging's own attributes, which `extra` could not have, becomes
    `extra.<name>`.

    Args:
        record: The record, which is not changed.
        takes_extra: Whether a column wants loguru's `extra` as a whole.
    """
    attributes = record.__dict__
    if is_wrapped(attributes):
        return _with_fields(record, *_event_of(attributes), frozenset({"_logger", "_name"}))
    if has_loguru_extra(attributes) and not takes_extra:
        own: dict[str, Any] = {}
        if attributes["exc_text"] == "\n":
            # loguru puts the traceback behind the message and this mark into the record.
            own = {"msg": str(attributes["msg"]).partition(_TRACEBACK)[0], "exc_text": None}
        return _with_fields(record, own, attributes["extra"], frozenset({"extra"}))
    return record


def copied(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy, for a formatter to write on."""
    if type(record) is not logging.LogRecord:
        return copy.copy(record)
    made = logging.LogRecord.__new__(logging.LogRecord)  # a fifth of the time that copy.copy takes
    made.__dict__.update(record.__dict__)
    return made


def _event_of(attributes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what an event of structlog says of logging's own attributes, and its fields."""
    fields = dict(attributes["msg"])
    own = {"msg": fields.pop("event", ""), "args": ()}
    raised = fields.pop("exc_info", None)
    if raised and not attributes["exc_info"]:
        own["exc_info"] = sys.exc_info() if raised is True else raised
    if type(fields.get("exception")) is str and not attributes["exc_text"]:
        own["exc_text"] = fields.pop("exception")
    if type(fields.get("stack")) is str and not attributes["stack_info"]:
        own["stack_info"] = fields.pop("stack")
    return own, fields


def _with_fields(
    record: logging.LogRecord, own: dict[str, Any], fields: Mapping[str, Any], without: frozenset[str]
) -> logging.LogRecord:
    # A plain one, whatever the record was: what its getMessage would make is said by `own`.
    made = logging.LogRecord.__new__(logging.LogRecord)
    kept = {name: value for name, value in record.__dict__.items() if name not in without}
    named = {f"extra.{name}" if name in BUILT_IN else name: value for name, value in fields.items()}
    made.__dict__.update(kept | own | named)
    return made
