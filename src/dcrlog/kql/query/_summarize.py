"""summarize, distinct and count: rows by group."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from dcrlog.kql import _tree as tree
from dcrlog.kql._bind import bind
from dcrlog.kql._names import column_name, expression_name, free_name
from dcrlog.kql._rowwise import refuse_double
from dcrlog.kql._scope import Scope
from dcrlog.kql._table import Argument
from dcrlog.kql._typed import Const, Local, Typed, apply
from dcrlog.kql._types import Type
from dcrlog.kql.errors import MistakeError
from dcrlog.kql.query import _tree as query
from dcrlog.kql.query._aggregates import (
    AGGREGATES,
    PERCENTILES,
    PICKS,
    PREFIXES,
    Aggregation,
    first_of,
    pick_of,
)
from dcrlog.kql.query._grouping import Part, grouped
from dcrlog.kql.query._run import Relation
from dcrlog.kql.query._segment import Segment
from dcrlog.kql.query._states import Hold, State

_NAN: Final = float("nan")


class Summary:
    """What a summarize consists of, while it is bound.

    Args:
        segment: The rows that come in.
        scope: What names mean.
    """

    def __init__(self, segment: Segment, scope: Scope) -> None:
        self._segment = segment
        self._scope = scope.with_columns(segment.columns)
        self._inside = Scope({}, scope.lets, scope.notes, self._special, scope.tables)
        self._outer = scope.special
        self._cells: list[Typed] = []
        self._parts: list[Part] = []
        self._counts: dict[str, int] = {}
        self._by: dict[str, tree.Node] = {}
        self._output = Segment()

    def relation(self, node: query.Summarize) -> Relation:
        """Return the groups of rows.

        Raises:
            MistakeError: A name means nothing, or types do not go together.
        """
        columns = self._output.columns
        named = {item.name for item in (*node.by, *node.items) if item.name is not None}
        for item in node.by:
            self._add(self._key_name(item, named), self._key(item), item)
        width = len(self._cells)
        for item in node.items:
            for name, value in self._item(item, {*named, *columns}):
                self._add(name, value, item)
        rows = self._segment.rows([self._segment.emitter.value(each) for each in self._cells])
        depth = self._segment.depth
        groups = Relation({}, grouped(rows, width, self._parts), depth)
        values = [self._output.emitter.value(each) for each in columns.values()]
        types = {name: each.type for name, each in columns.items()}
        return Relation(types, self._output.rows(values, groups), depth + 1)

    def _add(self, name: str, value: Typed, item: tree.Item) -> None:
        refuse_double(name, self._output.columns, item.at)
        self._output.columns[name] = value

    def _key_name(self, item: tree.Item, named: set[str]) -> str:
        return item.name or column_name(item.value, {*named, *self._output.columns}, self._counts)

    def _key(self, item: tree.Item) -> Local:
        value = bind(item.value, self._scope)
        if value.type is Type.DYNAMIC:
            # The words of the service.
            raise MistakeError(
                f"Group key '{item.name or expression_name(item.value) or ''}' is of a 'dynamic' type. "
                "Please use an explicit cast as grouping by a 'dynamic' type is not supported.",
                item.at,
                hint="Write tostring(...) around it.",
            )
        if isinstance(item.value, tree.Name):
            self._by[item.value.name] = item.value
        self._cells.append(_one_nan(value))
        return self._output.input(value.type)

    def _item(self, item: tree.Item, taken: set[str]) -> Iterator[tuple[str, Typed]]:
        node = item.value
        if isinstance(node, tree.Call) and node.name in PICKS:
            yield from self._picked(node, item.name, taken)
            return
        if isinstance(node, tree.Call) and node.name == PERCENTILES:
            yield from self._percentiles(node, item.name, taken)
            return
        value = bind(node, self._inside)
        yield item.name or self._name(node, taken), value

    def _name(self, node: tree.Node, taken: set[str]) -> str:
        if not (isinstance(node, tree.Call) and node.name in AGGREGATES):
            return column_name(node, taken, self._counts)
        argument = expression_name(node.arguments[0]) if node.arguments else None
        if node.name == "percentile" and isinstance(share := bind(node.arguments[1], self._scope), Const):
            argument = f"{argument or ''}_{str(share.value).replace('.', '_')}"
        return free_name(f"{PREFIXES.get(node.name, node.name)}_{argument or ''}", taken, self._counts)

    def _percentiles(
        self, node: tree.Call, alias: str | None, taken: set[str]
    ) -> Iterator[tuple[str, Typed]]:
        if len(node.arguments) < 2:
            raise MistakeError(
                f"The function 'percentiles' expects at least 2 arguments, and got {len(node.arguments)}.",
                node.at,
            )
        names = set(taken)
        for number, share in enumerate(node.arguments[1:]):
            each = tree.Call("percentile", (node.arguments[0], share), at=node.at)
            value = self._aggregated(each)
            name = alias if alias is not None and not number else self._name(each, names)
            names.add(name)
            yield name, value

    def _special(self, node: tree.Node, scope: Scope) -> Typed | None:
        if isinstance(node, tree.Call) and node.name not in scope.lets:
            if node.name in PICKS:
                return self._one_picked(node)
            if node.name in AGGREGATES:
                return self._aggregated(node)
        return None if self._outer is None else self._outer(node, scope)

    def _aggregated(self, node: tree.Call) -> Local:
        arguments = [Argument(bind(each, self._scope), each.at) for each in node.arguments]
        found = AGGREGATES[node.name].call(node.name, arguments, node.at, self._scope.notes.warn)
        return self._aggregation(found)

    def _aggregation(self, found: Aggregation) -> Local:
        self._part(found.start, found.arguments)
        made = self._output.input(found.type)
        return Local(found.type, found.nullable, made.identifier)

    def _part(self, start: Callable[[Hold], State], arguments: Sequence[Typed]) -> None:
        begin = len(self._cells)
        self._cells += arguments
        self._parts.append(Part(start, begin, len(self._cells)))

    def _one_picked(self, node: tree.Call) -> Local:
        if len(node.arguments) != 1 or isinstance(node.arguments[0], tree.Star):
            raise MistakeError(f"{node.name}() of several values must stand alone.", node.at)
        return self._aggregation(self._first(node))

    def _first(self, node: tree.Call) -> Aggregation:
        value = bind(node.arguments[0], self._scope)
        if PICKS[node.name] is None:
            return first_of(value)
        name = "max" if PICKS[node.name] else "min"
        return AGGREGATES[name].call(node.name, [Argument(value, node.at)], node.at, self._scope.notes.warn)

    def _picked(self, node: tree.Call, alias: str | None, taken: set[str]) -> Iterator[tuple[str, Typed]]:
        if not node.arguments:
            raise MistakeError(f"The function '{node.name}' expects at least 1 argument, and got 0.", node.at)
        names, values = self._chosen(node, alias, taken)
        if PICKS[node.name] is not None and values[0].type is Type.DYNAMIC:
            raise MistakeError(
                f"{node.name}(): a dynamic value has no order; cast it, as with tostring()", node.at
            )
        if len(values) == 1 and not isinstance(node.arguments[0], tree.Star):
            yield names[0], self._aggregation(self._first(node))
            return
        self._part(pick_of(node.name, values), values)
        for name, value in zip(names, values, strict=True):
            yield name, self._output.input(value.type)

    def _chosen(self, node: tree.Call, alias: str | None, taken: set[str]) -> tuple[list[str], list[Typed]]:
        """Return the columns of the row that is picked."""
        names: list[str] = []
        values: list[Typed] = []
        named = {each.name for each in node.arguments if isinstance(each, tree.Name)}
        for number, each in enumerate(node.arguments):
            if isinstance(each, tree.Star):
                columns = self._scope.columns
                found = [(name, columns[name]) for name in columns if name not in {*named, *self._by}]
            else:
                found = [(_pick_name(node, number), bind(each, self._scope))]
            for name, value in found:
                is_renamed = number == 0 and alias is not None and not isinstance(each, tree.Star)
                name_free = free_name(name, {*taken, *names}, self._counts)
                names.append(alias if is_renamed and alias is not None else name_free)
                values.append(value)
        return names, values


def _pick_name(node: tree.Call, number: int) -> str:
    name = expression_name(node.arguments[number])
    if name is not None:
        return name
    word = {None: "any", True: "max", False: "min"}[PICKS[node.name]]
    if word == "any":
        return f"any_arg{number}"
    return f"{word}_{expression_name(node.arguments[0]) or ''}_arg{number}" if number else f"{word}_"


def _one_nan(value: Typed) -> Typed:
    if value.type is not Type.REAL:
        return value
    # Every NaN is the same group; a dictionary looks at identity first.
    return apply(lambda real: real if real == real else _NAN, [value], Type.REAL)  # noqa: PLR0124
