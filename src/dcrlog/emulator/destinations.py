"""What a stream brings to a table, as it is or transformed, and whether that fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from dcrlog.emulator.refused import RuleRefused, wrong_output, wrong_types
from dcrlog.emulator.tables import TIME, Plan, Table
from dcrlog.errors import ConfigError
from dcrlog.kql import Transformation, compile_transformation
from dcrlog.schema import Column, ColumnType, Stream


@dataclass(frozen=True, slots=True)
class Destination:
    """A table that a stream fills, with the columns that its rows bring.

    Attributes:
        table: The table's name.
        columns: What a row is coerced to; `TimeGenerated` is always among them.
        lacking: Columns of the stream that the table has not: accepted, and not stored.
        transformation: The text of `transformKql`; None where rows pass unchanged.
        plan: The table's plan.
    """

    table: str
    columns: tuple[Column, ...]
    lacking: tuple[str, ...] = ()
    transformation: str | None = None
    plan: Plan = "Analytics"


def passed(stream: Stream, table: Table, number: int) -> tuple[Table, Destination]:
    """Return the table, with the columns that it gets, and what rows bring that pass unchanged.

    Raises:
        RuleRefused: A column is of another type in the table.
    """
    # Azure's documentation: a missing TimeGenerated is set to the time of receipt.
    brought = stream.columns if TIME.name in stream.types else (TIME, *stream.columns)
    table = table.grown(brought)
    types = table.types
    wrong = [
        (column.name, column.type.value, types[column.name].value)
        for column in brought
        # In tables a guid is a label: it is stored and queried as a string.
        if types.get(column.name, column.type) not in (column.type, ColumnType.GUID)
    ]
    if wrong:
        raise RuleRefused(wrong_types(wrong, number))
    return table, _destination(brought, (), table, None)


def transformed(
    stream: Stream, text: str, table: Table, number: int, *, strict: bool
) -> tuple[Table, Destination, list[str]]:
    """Return the table, with the columns that it gets, what rows bring that are transformed, and remarks.

    Raises:
        KqlError: Azure would refuse the transformation, or it cannot be carried out here.
        RuleRefused: A column is of a type that no table has.
    """
    brought, unfit = _come_out(compiled(text, stream.columns), number)
    table = table.grown(brought)
    checked = compile_transformation(
        text,
        stream.types,
        table=table.types,
        strict=strict,
    )
    return (
        table,
        _destination(brought, unfit, table, text),
        [f"{warning.reason} (line {warning.line}, column {warning.column})" for warning in checked.warnings],
    )


@lru_cache(256)
def compiled(text: str, columns: tuple[Column, ...]) -> Transformation:
    """Return a transformation for rows with these columns, ready to be carried out."""
    return compile_transformation(text, {column.name: column.type for column in columns}, strict=False)


def _come_out(transformation: Transformation, number: int) -> tuple[list[Column], list[str]]:
    fit, unfit = [], []
    for name, text in transformation.columns.items():
        try:
            kind = ColumnType.parse(text, where=f"column {name!r} of the output")
        except ConfigError as error:
            raise RuleRefused(wrong_output(str(error), number)) from None
        try:
            fit.append(Column(name, kind))
        except ConfigError:
            # No table can have a column of that name.
            unfit.append(name)
    return fit, unfit


def _destination(
    brought: Sequence[Column], unfit: Sequence[str], table: Table, transformation: str | None
) -> Destination:
    types = table.types
    kept = tuple(column for column in brought if column.name in types)
    if table.plan == "Auxiliary":
        # Documented: of columns that differ only in case, such a table keeps one.
        one_each = {column.name.lower(): column for column in (*reversed(kept), TIME)}
        kept = tuple(one_each.values())[::-1]
    taken = {column.name for column in kept}
    lacking = (*(column.name for column in brought if column.name not in taken), *unfit)
    return Destination(table.name, kept, lacking, transformation, table.plan)
