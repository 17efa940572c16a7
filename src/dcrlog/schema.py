"""Columns and streams of a data collection rule, and the rules for their names.

Everything here is pure. The facts are those of the Azure documentation: "Create a custom table"
for column names, "Structure of a data collection rule" for types and stream names.
"""

import enum
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from dcrlog.errors import ConfigError, shown

RESERVED_NAMES: Final = frozenset(
    {
        "BilledSize",
        "InvalidTimeGenerated",
        "IsBillable",
        "TenantId",
        "Title",
        "Type",
        "UniqueId",
        "_BilledSize",
        "_IsBillable",
        "_ItemId",
        "_ResourceGroup",
        "_ResourceId",
        "_SubscriptionId",
        "_TimeReceived",
        "id",
    }
)
"""Column names that Azure Monitor keeps for itself, of the older and the newer documented list."""

MAX_NAME_LENGTH: Final = 45
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z", re.ASCII)
_STREAM_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+\Z", re.ASCII)


class ColumnType(enum.StrEnum):
    """The type of a column, spelled as a stream declaration spells it."""

    STRING = "string"
    INT = "int"
    LONG = "long"
    REAL = "real"
    BOOLEAN = "boolean"
    DYNAMIC = "dynamic"
    DATETIME = "datetime"
    GUID = "guid"
    """In tables only: a stream declares a string and its transformation casts it."""

    @classmethod
    def parse(cls, text: object, *, where: str) -> Self:
        """Read a type as people spell it; Azure's own documents write both datetime and dateTime.

        Raises:
            ConfigError: The text names no type; the message starts with `where`.
        """
        try:
            return cls(text.lower() if isinstance(text, str) else "")
        except ValueError:
            known = ", ".join(cls)
            raise ConfigError(f"{where}: {shown(text)} is not a column type. Use one of {known}.") from None


@dataclass(frozen=True, slots=True)
class Column:
    """A declared name and type.

    Raises:
        ConfigError: The name breaks a rule of Azure Monitor.
    """

    name: str
    type: ColumnType

    def __post_init__(self) -> None:
        check_column_name(self.name)


@dataclass(frozen=True, slots=True)
class Stream:
    """A named input of a rule, with its declared columns in order.

    Raises:
        ConfigError: Two columns share a name, or one is of a type that streams do not have.
    """

    name: str
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for column in self.columns:
            if column.name in seen:
                raise ConfigError(f"stream {self.name!r} declares column {column.name!r} twice.")
            if column.type is ColumnType.GUID:
                raise ConfigError(
                    f"stream {self.name!r}, column {column.name!r}: a stream has no type guid. "
                    "Declare it as string; a transformation may cast it with toguid()."
                )
            seen.add(column.name)

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    @property
    def types(self) -> dict[str, ColumnType]:
        """The type of each column by name."""
        return {column.name: column.type for column in self.columns}

    @classmethod
    def parse(cls, name: str, declaration: object) -> Self:
        """Read one entry of a rule's `streamDeclarations`.

        Raises:
            ConfigError: The declaration has another shape, or a column of it is wrong.
        """
        listed = declaration.get("columns") if isinstance(declaration, Mapping) else None
        if not isinstance(listed, list) or not listed:
            raise ConfigError(f'stream {name!r} must have a list "columns" with at least one column.')
        return cls(name, tuple(_parse_column(name, number, entry) for number, entry in enumerate(listed, 1)))


def _parse_column(stream: str, number: int, entry: Any) -> Column:
    where = f"stream {stream!r}, column {number}"
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str) or "type" not in entry:
        raise ConfigError(f'{where}: {shown(entry)} must be an object with "name" and "type".')
    column_type = ColumnType.parse(entry["type"], where=f"stream {stream!r}, column {entry['name']!r}")
    try:
        return Column(entry["name"], column_type)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def check_column_name(name: str) -> None:
    """Refuse a column name that Azure Monitor would refuse or that it keeps for itself.

    Raises:
        ConfigError: Names the column and the rule it breaks.
    """
    if not isinstance(name, str):
        raise ConfigError(f"column name {shown(name)} must be text.")
    if name in RESERVED_NAMES:
        raise ConfigError(f"column name {name!r} is reserved by Azure Monitor. Choose another name.")
    if not _NAME.match(name):
        raise ConfigError(
            f"column name {shown(name)} must start with a letter A-Z or a-z and go on with ASCII letters, "
            "digits and underscores."
        )
    if not 2 <= len(name) <= MAX_NAME_LENGTH:
        raise ConfigError(
            f"column name {shown(name)} has {len(name)} characters; Azure Monitor takes 2 to "
            f"{MAX_NAME_LENGTH}."
        )


def check_custom_table_name(name: str) -> None:
    """Refuse characters that the name of a custom table cannot have.

    Raises:
        ConfigError: Names the table and the rule that it breaks.
    """
    if not _NAME.match(name):
        raise ConfigError(
            f"table {shown(name)}: the name must start with a letter A-Z or a-z and go on with ASCII "
            "letters, digits and underscores."
        )


def check_stream_name(name: str) -> None:
    """Refuse what cannot be a stream name in a request: the service would only answer 400 for ever.

    Raises:
        ConfigError: Names the stream and the remedy.
    """
    if not name.startswith(("Custom-", "Microsoft-")):
        raise ConfigError(
            f"stream name {shown(name)} must start with 'Custom-' (or 'Microsoft-' for a stream of an Azure "
            f"table). It is the key in the rule's streamDeclarations; did you mean {shown('Custom-' + name)}?"
        )
    check_stream_path(name)


def check_stream_path(name: str) -> None:
    """Refuse a name that could not stand in the URL of a request, even if a rule declares it.

    Raises:
        ConfigError: Names the stream.
    """
    if not _STREAM_NAME.match(name) or name in {"Custom-", "Microsoft-"}:
        raise ConfigError(
            f"stream name {shown(name)} must be ASCII letters, digits and _ . - behind its prefix."
        )
