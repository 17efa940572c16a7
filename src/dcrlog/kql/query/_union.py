"""union: the rows of several tables, whose columns may differ."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from dcrlog.kql._names import free_name
from dcrlog.kql._rowwise import refuse_double
from dcrlog.kql._types import Type, kql_name
from dcrlog.kql.errors import Span
from dcrlog.kql.query._run import Relation, Row, Run

Leg = tuple[str, Relation]
"""The rows of one table, and what the column of withsource says of them."""


def united(legs: Sequence[Leg], kind: str, source: str | None, at: Span) -> Relation:
    """Return the rows of all legs, one leg after the other.

    Raises:
        MistakeError: The column of withsource has the name of another.
    """
    wanted = _common(legs) if kind == "inner" else _all(legs)
    columns: dict[str, Type] = {}
    if source is not None:
        columns[source] = Type.STRING
    names = _names(wanted)
    for column, name in zip(wanted, names, strict=True):
        refuse_double(name, columns, at)
        columns[name] = column[1]
    depth = max(relation.depth for _, relation in legs) + 1
    fitted = [(label, relation, _fit(relation, wanted)) for label, relation in legs]

    def rows(run: Run) -> Iterator[Row]:
        for label, relation, fit in fitted:
            head = () if source is None else (label,)
            for row in relation.rows(run):
                yield (*head, *fit(row))

    return Relation(columns, rows, depth)


_Column = tuple[str, Type]


def _all(legs: Sequence[Leg]) -> list[_Column]:
    return list(dict.fromkeys(column for _, relation in legs for column in relation.columns.items()))


def _common(legs: Sequence[Leg]) -> list[_Column]:
    (_, first), *others = legs
    return [
        (name, of)
        for name, of in first.columns.items()
        if all(relation.columns.get(name) is of for _, relation in others)
    ]


def _names(wanted: Sequence[_Column]) -> list[str]:
    """Return the names that come out: one that has several types is followed by each of them."""
    plain = {name for name, count in Counter(name for name, _ in wanted).items() if count == 1}
    taken, counts = set(plain), dict[str, int]()
    found: list[str] = []
    for name, of in wanted:
        made = name if name in plain else free_name(f"{name}_{kql_name(of)}", taken, counts)
        taken.add(made)
        found.append(made)
    return found


def _fit(relation: Relation, wanted: Sequence[_Column]) -> Callable[[Row], Row]:
    own = list(relation.columns.items())
    if own == list(wanted):
        return lambda row: row
    places = [own.index(column) if column in own else None for column in wanted]
    nulls = ["" if of is Type.STRING else None for _, of in wanted]

    def fit(row: Row) -> Row:
        return tuple(null if place is None else row[place] for place, null in zip(places, nulls, strict=True))

    return fit
