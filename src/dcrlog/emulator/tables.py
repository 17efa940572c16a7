"""The tables of the emulator's workspace, as people declare them and as Azure would create them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self, get_args

from dcrlog.errors import ConfigError, shown
from dcrlog.schema import RESERVED_NAMES, Column, ColumnType, check_custom_table_name
from dcrlog.tables import azure_tables

Plan = Literal["Analytics", "Basic", "Auxiliary"]
"""What a table costs and can; an Auxiliary one refuses what the others take."""

TableSource = str | Path | Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""A file or a parsed document: a list of columns, types by column name, or a table of the Tables API."""

TIME: Final = Column("TimeGenerated", ColumnType.DATETIME)

_MAX_COLUMNS: Final = 500
_SHAPES: Final = (
    'a list of {"name": ..., "type": ...}, an object of types by column name, or a table as the Tables API '
    'has it ("properties" with "schema")'
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table that exists.

    Attributes:
        name: Its name; that of a custom table ends in `_CL`.
        columns: Its columns, `TimeGenerated` among them.
        plan: Its plan.
        is_open: Whether it takes columns that it does not have yet, because nobody has declared it.
    """

    name: str
    columns: tuple[Column, ...]
    plan: Plan = "Analytics"
    is_open: bool = False

    def __post_init__(self) -> None:
        if len(self.columns) > _MAX_COLUMNS:
            raise ConfigError(
                f"table {self.name!r}: {len(self.columns)} columns; Azure takes {_MAX_COLUMNS}."
            )

    @property
    def types(self) -> dict[str, ColumnType]:
        """The type of each column by name."""
        return {column.name: column.type for column in self.columns}

    def grown(self, brought: Iterable[Column]) -> Self:
        """Return the table with those columns added that it takes though nobody has declared them."""
        is_azure = self.name in azure_tables()
        # On an Azure table people have columns of their own.
        return self.with_columns(
            column for column in brought if self.is_open or (is_azure and column.name.endswith("_CF"))
        )

    def with_columns(self, columns: Iterable[Column]) -> Self:
        """Return the table with those of the columns added that it lacks."""
        known = self.types
        added = tuple(column for column in columns if column.name not in known)
        return type(self)(self.name, (*self.columns, *added), self.plan, self.is_open)

    def redeclared(self, declared: Self) -> Self:
        """Return the table as it is declared now, with the columns that it has where they are."""
        # By their order the store tells names apart that are the same to SQLite.
        types = self.types | declared.types
        columns = tuple(Column(name, kind) for name, kind in types.items())
        return type(self)(self.name, columns, declared.plan, declared.is_open)


def load_table(name: str, source: TableSource) -> Table:
    """Read the declaration of a table: a custom one, or the columns `..._CF` added to an Azure table.

    Raises:
        ConfigError: The file cannot be read, or Azure would not create such a table.
    """
    check_table_name(name)
    where = f"table {name!r}"
    if isinstance(source, str | Path):
        where = f"table {name!r}, {source}"
        try:
            document = json.loads(Path(source).read_bytes())
        except OSError as error:
            raise ConfigError(
                f"the schema {str(source)!r} of table {name!r} cannot be read: {error.strerror}. "
                "Name a JSON file."
            ) from None
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{where}: not valid JSON: {error}. Give {_SHAPES}.") from None
    else:
        document = source
    plan, listed = _parts(document, where)
    columns = [_column(entry, where) for entry in listed]
    _check_columns(columns, where)
    own = azure_tables().get(name)
    if own is not None:
        return azure_table(name).with_columns(_custom_columns(columns, own, where))
    found = {column.name: column.type for column in columns}.get(TIME.name)
    if found is not TIME.type:
        has = "has none" if found is None else f"has it as {found}"
        raise ConfigError(f"{where}: a table needs a column TimeGenerated of type datetime; this one {has}.")
    return Table(name, tuple(columns), plan)


def azure_table(name: str) -> Table:
    """Return an Azure table that the API takes; one whose columns are not listed takes any column."""
    listed = azure_tables()[name]
    columns = {column: ColumnType.parse(kind, where=f"table {name!r}") for column, kind in listed.items()}
    columns[TIME.name] = TIME.type
    return Table(name, tuple(Column(*pair) for pair in columns.items()), is_open=not listed)


def check_table_name(name: str) -> None:
    """Refuse what is neither an Azure table that the API takes nor a name for a custom one.

    Raises:
        ConfigError: Names the table and the rule that it breaks.
    """
    if name in azure_tables():
        return
    if not name.endswith("_CL") or name == "_CL":
        raise ConfigError(
            f"table {shown(name)}: the name of a custom table ends in '_CL', and the Logs Ingestion API "
            "takes no Azure table of this name."
        )
    check_custom_table_name(name)
    if name.lower().startswith("sqlite_"):
        raise ConfigError(f"table {name!r}: names starting with 'sqlite_' are SQLite's own.")


def _parts(document: object, where: str) -> tuple[Plan, list[Any]]:
    plan: Any = "Analytics"
    listed: object = document
    if isinstance(document, Mapping):
        outer = _inner(document, "properties")
        schema = _inner(outer, "schema")
        plan = outer.get("plan", plan)
        if "columns" in schema:
            listed = [*_unreserved(schema.get("standardColumns")), *_listed(schema["columns"])]
        else:
            listed = [{"name": name, "type": kind} for name, kind in schema.items()]
    if plan not in get_args(Plan):
        raise ConfigError(f"{where}: plan must be one of {', '.join(get_args(Plan))}; got {shown(plan)}.")
    if not _listed(listed):
        raise ConfigError(f"{where}: no columns. Give {_SHAPES}.")
    return plan, _listed(listed)


def _inner(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = document.get(name)
    return inner if isinstance(inner, Mapping) else document


def _listed(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _unreserved(standard: object) -> list[Any]:
    # Azure lists there what it keeps for itself, and TimeGenerated.
    return [
        entry
        for entry in _listed(standard)
        if not (isinstance(entry, Mapping) and entry.get("name") in RESERVED_NAMES)
    ]


def _column(entry: object, where: str) -> Column:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise ConfigError(f'{where}: {shown(entry)} must be an object with "name" and "type".')
    name = entry["name"]
    kind = ColumnType.parse(entry.get("type"), where=f"{where}, column {shown(name)}")
    try:
        return Column(name, kind)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def _check_columns(columns: Sequence[Column], where: str) -> None:
    names = [column.name for column in columns]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"{where}: column {twice!r} is declared twice.")


def _custom_columns(columns: Sequence[Column], own: Mapping[str, str], where: str) -> list[Column]:
    added = [column for column in columns if column.name not in own and column.name != TIME.name]
    for column in added:
        if not column.name.endswith("_CF"):
            raise ConfigError(
                f"{where}, column {column.name!r}: a custom column of an Azure table must end in '_CF'."
            )
    return added
