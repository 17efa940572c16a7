"""A query, compiled for the tables of a workspace."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from dcrlog.kql._bind import bind
from dcrlog.kql._emit import Emitter
from dcrlog.kql._lets import bind_lets
from dcrlog.kql._reading import column_types, emit_writing
from dcrlog.kql._scope import Notes
from dcrlog.kql._ticks import from_datetime
from dcrlog.kql._typed import Typed
from dcrlog.kql._types import Type, kql_name
from dcrlog.kql.errors import KqlError, MistakeError, query_error, syntax_error
from dcrlog.kql.query._parser import parse
from dcrlog.kql.query._plan import Planner
from dcrlog.kql.query._run import Read, Relation, Row, Run, Values

MAX_LENGTH: Final = 65_536
"""Characters that a query may have; Azure takes more."""


@dataclass(slots=True)
class QueryNotes(Notes):
    """What is told of a query: what Azure refuses in transformations is no news here."""

    def refused(self, reason: str, at: tuple[int, int], *, hint: str = "", is_sure: bool = True) -> None:
        """Take no note."""


@dataclass(frozen=True, slots=True)
class Query:
    """A compiled query; it may be run from any number of threads.

    Attributes:
        text: Its text.
        columns: The type of each column that comes out, in order, by the name that KQL has for it.
        render: What the operator render says: the visualization and its properties; None where it is absent.
        warnings: What is carried out in another way here.
    """

    text: str
    columns: Mapping[str, str]
    render: Mapping[str, str] | None
    warnings: tuple[KqlError, ...]
    _relation: Relation = field(repr=False)
    _values: Sequence[Callable[[Run], Any]] = field(repr=False)

    def run(
        self, read: Read, *, now: datetime | None = None, check: Callable[[], None] = lambda: None
    ) -> Iterator[Row]:
        """Yield the rows: for each the values of the columns as JSON has them.

        Datetimes are text in UTC with seven digits, timespans and guids text, and dynamic values themselves.
        A real may be no number, or infinite.

        Args:
            read: Is given the name of a table and of those of its columns that are needed, and returns rows:
                for each the JSON values of these columns, in their order. A value that does not fit its
                column is null.
            now: What now() says; None for the time of this call.
            check: Is called many times meanwhile; what it raises stops the query.

        Raises:
            QueryLimitError: It holds more at once than there is room for.
        """
        run = Run(from_datetime(now or datetime.now(UTC)), read, check)
        run.values = Values(self._values, run)
        return self._relation.rows(run)


def compile_query(text: str, tables: Mapping[str, Mapping[str, str]]) -> Query:
    """Compile a query.

    Args:
        text: The KQL.
        tables: The columns of each table: name to type, as a stream declares them.

    Raises:
        KqlError: The text is wrong, or has what is not supported; it says what, and where.
        ConfigError: A column's type is none.
    """
    planner = Planner({name: column_types(columns, f"table {name!r}, ") for name, columns in tables.items()})
    notes = QueryNotes(strict=False)
    try:
        if len(text) > MAX_LENGTH:
            raise syntax_error(
                f"the query has {len(text)} characters, and {MAX_LENGTH} are taken", (MAX_LENGTH, len(text))
            )
        script = parse(text)
        scope = bind_lets(script.lets, planner.scope(notes), bind)
        segment = planner.segment(script.query, scope)
        columns = {name: kql_name(value.type) for name, value in segment.columns.items()}
        rows = segment.rows([_written(segment.emitter, value) for value in segment.columns.values()])
        relation = Relation({}, rows, segment.depth)
    except MistakeError as mistake:
        raise query_error(mistake, text) from None
    except (RecursionError, MemoryError):
        too_deep = syntax_error("the query is nested too deeply", (0, len(text)))
        raise query_error(too_deep, text) from None
    render = None
    if planner.render is not None:
        render = {**dict(planner.render.properties), "visualization": planner.render.visualization}
    warnings = tuple(query_error(each, text) for each in notes.warnings)
    return Query(text, MappingProxyType(columns), render, warnings, relation, tuple(planner.values))


def _written(emitter: Emitter, value: Typed) -> str:
    # Unlike a row that is stored, an answer may have what is no number.
    return emitter.value(value) if value.type is Type.REAL else emit_writing(emitter, value)
