"""A transformation as one generated function."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from dcrlog.kql import _tree as tree
from dcrlog.kql._bind import bind
from dcrlog.kql._emit import Emitter, load
from dcrlog.kql._lets import bind_lets
from dcrlog.kql._output import check_output
from dcrlog.kql._pipeline import PipelineWriter
from dcrlog.kql._reading import column_types, emit_reading, emit_writing
from dcrlog.kql._scope import Notes, Scope
from dcrlog.kql._statements import parse
from dcrlog.kql._ticks import from_datetime
from dcrlog.kql._typed import Local
from dcrlog.kql._types import Type
from dcrlog.kql.errors import SYNTAX, KqlError, MistakeError

MAX_LENGTH: Final = 15_360
"""Characters that Azure takes for a transformation."""

Row = Mapping[str, Any]
_Run = Callable[[Iterable[Row], int, Callable[[dict[str, Any]], None]], None]


@dataclass(frozen=True, slots=True)
class Transformation:
    """A compiled transformation; it may be applied from any number of threads.

    Attributes:
        text: Its text.
        columns: The type of each column that comes out, in order, spelled as a stream declares it; a
            `timespan` fits no table.
        dropped: Columns that come out and that the table lacks: Azure accepts and bills them, and does not
            store them. Empty where the table's columns were not given.
        warnings: What was let pass although Azure refuses it, or is carried out in another way here; each
            as a `KqlError`, which has the place.
    """

    text: str
    columns: Mapping[str, str]
    dropped: tuple[str, ...]
    warnings: tuple[KqlError, ...]
    _run: _Run = field(repr=False)

    def apply(self, rows: Iterable[Row], *, now: datetime | None = None) -> list[dict[str, Any]]:
        """Transform rows, in order; a row that `where` refuses is missing in the result.

        No row raises. A value that does not fit its column is null, as it is for the service.

        Args:
            rows: Decoded JSON objects. Properties that the stream does not declare are ignored.
            now: What now() says; None for the time of this call.

        Returns:
            Rows as JSON has them: datetimes are text in UTC with seven digits, dynamic values are themselves,
            and NaN and infinities are null.
        """
        found: list[dict[str, Any]] = []
        self._run(rows, from_datetime(now or datetime.now(UTC)), found.append)
        return found

    def trace(
        self, rows: Iterable[Row], *, now: datetime | None = None
    ) -> tuple[list[dict[str, Any]], list[int]]:
        """Transform rows, and tell for each that comes out the place of the one that it was made of.

        Args:
            rows: As for `apply`.
            now: As for `apply`.
        """
        found: list[dict[str, Any]] = []
        places: list[int] = []
        place = 0

        def counted() -> Iterator[Row]:
            nonlocal place
            for place, row in enumerate(rows):  # noqa: B007 - read by append()
                yield row

        def append(row: dict[str, Any]) -> None:
            found.append(row)
            places.append(place)

        self._run(counted(), from_datetime(now or datetime.now(UTC)), append)
        return found, places


def compile_transformation(
    text: str,
    columns: Mapping[str, str],
    *,
    table: Mapping[str, str] | None = None,
    strict: bool = True,
    checks_output: bool | None = None,
) -> Transformation:
    """Compile a transformation for rows of a stream.

    Args:
        text: The KQL, as `transformKql` has it.
        columns: The stream's columns: name to type, `string`, `int`, `long`, `real`, `boolean`, `datetime`,
            `dynamic` or `guid`.
        table: The columns of the table, likewise; what comes out is checked against them.
        strict: Whether to refuse what Azure refuses; else it is carried out, with a warning.
        checks_output: Whether TimeGenerated must come out; None for: where `table` is given.

    Raises:
        KqlError: Azure would refuse it, or the engine cannot carry it out.
        ConfigError: A column's type is none.
    """
    stream = column_types(columns)
    wanted = None if table is None else column_types(table)
    if len(text) > MAX_LENGTH:
        reason = f"the transformation has {len(text)} characters; Azure takes {MAX_LENGTH}."
        raise KqlError("InvalidTransformQuery", reason, text, (MAX_LENGTH, len(text)))
    notes = Notes(strict)
    try:
        code, constants, output = generate(parse(text), stream, notes)
        run: _Run = load(code, constants, "transform")
    except MistakeError as mistake:
        raise mistake.of(text) from None
    except (RecursionError, MemoryError):
        reason = "the transformation is nested too deeply."
        raise KqlError("InvalidTransformQuery", reason, text, (0, len(text)), kind=SYNTAX) from None
    dropped: tuple[str, ...] = ()
    if checks_output or (checks_output is None and wanted is not None):
        dropped = check_output(text, output, wanted)
    return Transformation(
        text,
        MappingProxyType({name: of.value for name, of in output.items()}),
        dropped,
        tuple(warning.of(text) for warning in notes.warnings),
        run,
    )


def generate(
    script: tree.Script, stream: Mapping[str, Type], notes: Notes
) -> tuple[str, Mapping[str, Any], Mapping[str, Type]]:
    """Return the generated function's source, what its constants stand for, and the columns that come out.

    Raises:
        MistakeError: The transformation is refused.
    """
    emitter = Emitter()
    emitter.indent = 2
    source = {name: Local(of, of is not Type.STRING, emitter.fresh("v")) for name, of in stream.items()}
    scope = bind_lets(script.lets, Scope({}, {}, notes), bind)
    output = PipelineWriter(source, emitter).write(script.query, scope)
    cells = [f"{emitter.constant(name)}: {emit_writing(emitter, value)}" for name, value in output.items()]
    emitter.line(f"append({{{', '.join(cells)}}})")
    reading = [
        (2, line)
        for name, column in source.items()
        if column.identifier in emitter.used
        for line in emit_reading(emitter, name, column)
    ]
    head = [(0, "def transform(rows, now, append):"), (1, "for row in rows:")]
    if reading:
        head.append((2, "get = row.get"))
    lines = [*head, *reading, *emitter.lines]
    code = "\n".join(f"{' ' * indent}{line}" for indent, line in lines) + "\n"
    return code, emitter.constants, {name: value.type for name, value in output.items()}
