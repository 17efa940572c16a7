"""The resource of an OpenTelemetry log record: what a program says of itself, encoded once.

Pure, and without OpenTelemetry.
"""

from typing import Any

import msgspec

from dcrlog._values import escape_surrogates, plain


class ResourceFields:
    """The attributes of a resource, with the JSON of all of them.

    Attributes:
        attributes: The attributes.
        json: They as a JSON object; None if there are none.
    """

    __slots__ = ("attributes", "json", "resource")

    def __init__(self, resource: Any) -> None:
        found = getattr(resource, "attributes", None)
        # Kept, so that no other resource gets the same id.
        self.resource = resource
        self.attributes: dict[str, Any] = dict(found) if found else {}
        made = plain(self.attributes)
        try:
            encoded = msgspec.json.encode(made)
        except UnicodeEncodeError:
            encoded = msgspec.json.encode(escape_surrogates(made))
        self.json = msgspec.Raw(encoded) if self.attributes else None


_seen = ResourceFields(None)


def resource_of(record: Any) -> ResourceFields:
    """Return the fields of the record's resource, which a program has one of, and which never changes."""
    global _seen  # noqa: PLW0603
    known = _seen
    if known.resource is not record.resource:
        _seen = known = ResourceFields(record.resource)
    return known
