"""Operators that make each row of one row: each turns columns into columns, and writes the lines for it."""

from collections.abc import Container, Iterable
from typing import Any, Final

from dcrlog.kql import _tree as tree
from dcrlog.kql._bind import bind, bind_condition
from dcrlog.kql._emit import Emitter
from dcrlog.kql._names import column_name
from dcrlog.kql._parse_operator import captures, make_parser
from dcrlog.kql._scope import Scope, undefined_symbol
from dcrlog.kql._typed import Const, Local, Typed, cast
from dcrlog.kql._types import NUMBERS, Type, kql_name
from dcrlog.kql.errors import MistakeError, Span
from dcrlog.kql.regex import RegexError, compile_regex, escape

Columns = dict[str, Typed]

_MAX_PARSED: Final = 10


class RowWriter:
    """Writes the body of the loop over rows.

    Args:
        emitter: Takes the lines.
    """

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter

    def operator(self, node: tree.Node, columns: Columns, scope: Scope) -> Columns:
        """Write the lines of an operator, and return the columns that come out.

        Raises:
            MistakeError: A name means nothing, or types do not go together.
        """
        match node:
            case tree.Where():
                columns = self._where(node, columns, scope)
            case tree.Extend():
                # Every item sees the columns as they were before the operator.
                columns = columns | self.items(node.items, columns, scope)
            case tree.Project():
                columns = self.items(node.items, {}, scope)
            case tree.ProjectAway():
                columns = self._project_away(node, columns, scope)
            case tree.ProjectRename():
                columns = self._project_rename(node, columns)
            case tree.Parse():
                columns = self._parse(node, columns, scope)
        return columns

    def print(self, node: tree.Print, scope: Scope) -> Columns:
        """Write the lines of print."""
        columns: Columns = {}
        for number, item in enumerate(node.items):
            name = item.name or f"print_{number}"
            refuse_double(name, columns, item.at)
            columns[name] = self._emitter.assign(bind(item.value, scope))
        return columns

    def datatable(self, node: tree.Datatable, scope: Scope) -> Columns:
        """Write the loop over the rows of a datatable."""
        width = len(node.columns)
        if not width or len(node.values) % width:
            raise MistakeError(
                f"datatable: {len(node.values)} values do not fill rows of {width} columns.", node.at
            )
        cells = [
            self._cell(each, node.columns[number % width], scope) for number, each in enumerate(node.values)
        ]
        rows = tuple(tuple(cells[start : start + width]) for start in range(0, len(cells), width))
        columns: Columns = {}
        for column in node.columns:
            refuse_double(column.name, columns, column.at)
            columns[column.name] = Local(
                column.type, column.type is not Type.STRING, self._emitter.fresh("v")
            )
        names = ", ".join(each.identifier for each in columns.values() if isinstance(each, Local))
        self._emitter.line(f"for {names}, in {self._emitter.constant(_Once(rows))}.rows:")
        self._emitter.indent += 1
        return columns

    def _cell(self, node: tree.Node, column: tree.Capture, scope: Scope) -> Any:
        value = bind(node, scope)
        is_alike = value.type is column.type or {value.type, column.type} <= NUMBERS
        if not is_alike and column.type is not Type.DYNAMIC:
            reason = (
                f"the column '{column.name}' is of type {kql_name(column.type)}, got {kql_name(value.type)}."
            )
            raise MistakeError(reason, node.at)
        value = cast(value, column.type)
        if not isinstance(value, Const):
            raise MistakeError("the values of a datatable must be constant.", node.at)
        return value.value

    def _where(self, node: tree.Where, columns: Columns, scope: Scope) -> Columns:
        condition = self._emitter.condition(bind_condition(node.condition, scope))
        self._emitter.line(f"if not {condition}: continue")
        return columns

    def items(self, items: tuple[tree.Item, ...], others: Columns, scope: Scope) -> Columns:
        """Write the lines that compute columns; names that follow from expressions avoid those of others."""
        made: Columns = {}
        taken = {*others, *(item.name for item in items if item.name is not None)}
        counts: dict[str, int] = {}
        for item in items:
            name = item.name or column_name(item.value, taken, counts)
            taken.add(name)
            refuse_double(name, made, item.at)
            made[name] = bind(item.value, scope)
        return {name: self._emitter.assign(value) for name, value in made.items()}

    def _project_away(self, node: tree.ProjectAway, columns: Columns, scope: Scope) -> Columns:
        left = dict(columns)
        for each in node.names:
            if isinstance(each, tree.Wildcard):
                gone = matching(each, columns)
                if not gone:
                    scope.notes.warn(f"project-away: no column matches '{each.pattern}'.", each.at)
            elif each.name in columns:
                gone = [each.name]
            else:
                raise undefined_symbol(each.name, list(columns), each.at)
            for name in gone:
                left.pop(name, None)
        return left

    def _project_rename(self, node: tree.ProjectRename, columns: Columns) -> Columns:
        renamed: dict[str, str] = {}
        for item in node.items:
            if item.name is None or not isinstance(item.value, tree.Name):
                raise MistakeError("project-rename takes NewName = ExistingName.", item.at)
            old = item.value.name
            if old not in columns:
                raise undefined_symbol(old, list(columns), item.value.at)
            if item.name in columns or item.name in renamed.values():
                raise MistakeError(f"A column with the name '{item.name}' is already declared.", item.at)
            if old in renamed:
                raise MistakeError(f"the column '{old}' is renamed twice.", item.value.at)
            renamed[old] = item.name
        return {renamed.get(name, name): value for name, value in columns.items()}

    def _parse(self, node: tree.Parse, columns: Columns, scope: Scope) -> Columns:
        value = bind(node.value, scope)
        found = captures(node)
        if len(found) > _MAX_PARSED:
            scope.notes.refused(
                f"parse is limited to {_MAX_PARSED} columns in one statement, and this has {len(found)}. "
                "Split it into several.",
                found[_MAX_PARSED].at,
            )
        text = self._emitter.value(cast(value, Type.STRING))
        parsed: Columns = {}
        for each in found:
            refuse_double(each.name, parsed, each.at)
            parsed[each.name] = Local(each.type, each.type is not Type.STRING, self._emitter.fresh("v"))
        take = self._emitter.constant(make_parser(node))
        if parsed:
            names = ", ".join(each.identifier for each in parsed.values() if isinstance(each, Local))
            self._emitter.line(f"{names}, = {take}({text})")
        return columns | parsed


def matching(wildcard: tree.Wildcard, names: Iterable[str]) -> list[str]:
    """Return the names that a pattern matches.

    Raises:
        MistakeError: The pattern is too long.
    """
    parts = [escape(part) for part in wildcard.pattern.split("*")]
    try:
        pattern = compile_regex(rf"\A{'.*'.join(parts)}\z")
    except RegexError as error:
        raise MistakeError(f"{error}", wildcard.at) from None
    return [name for name in names if pattern.matches(name)]


class _Once:
    """Rows that are a constant, whatever is in them."""

    def __init__(self, rows: tuple[tuple[Any, ...], ...]) -> None:
        self.rows = rows


def refuse_double(name: str, columns: Container[str], at: Span) -> None:
    """Refuse a name that a column has already.

    Raises:
        MistakeError: It is there.
    """
    if name in columns:
        raise MistakeError(f"A column with the name '{name}' is already declared.", at)
