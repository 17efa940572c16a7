"""What let statements define: values, tables, and functions of values."""

from collections.abc import Callable

from dcrlog.kql import _tree as tree
from dcrlog.kql._scope import Scope, Table, UserFunction
from dcrlog.kql._typed import Typed, cast
from dcrlog.kql._types import NUMBERS, kql_name
from dcrlog.kql.errors import MistakeError, Span

Bind = Callable[[tree.Node, Scope], Typed]
"""Makes a typed expression; given, since expressions call functions."""


def enter(name: str, defined: UserFunction, given: list[tuple[Typed, Span]], at: Span, bind: Bind) -> Scope:
    """Return the scope inside a function that is called with these arguments.

    Raises:
        MistakeError: There are too many or too few, or one is of another type.
    """
    parameters = defined.definition.parameters
    needed = sum(each.default is None for each in parameters)
    if not needed <= len(given) <= len(parameters):
        raise MistakeError(
            f"The function '{name}' expects {len(parameters)} arguments, and got {len(given)}.", at
        )
    inside = defined.scope
    for number, parameter in enumerate(parameters):
        if number < len(given):
            value, where = given[number]
        else:
            assert parameter.default is not None
            value, where = bind(parameter.default, defined.scope), parameter.at
        inside = inside.with_lets({parameter.name: _as_parameter(name, parameter, value, where)})
    return bind_lets(defined.definition.lets, inside, bind)


def _as_parameter(name: str, parameter: tree.Parameter, value: Typed, at: Span) -> Typed:
    if value.type is not parameter.type and not {value.type, parameter.type} <= NUMBERS:
        raise MistakeError(
            f"{name}(): the parameter '{parameter.name}' is of type {kql_name(parameter.type)}, "
            f"got {kql_name(value.type)}.",
            at,
        )
    return cast(value, parameter.type)


def bind_lets(lets: tuple[tree.Let, ...], scope: Scope, bind: Bind) -> Scope:
    """Return the scope behind let statements."""
    for each in lets:
        value = each.value
        if isinstance(value, tree.Lambda):
            scope = scope.with_lets({each.name: UserFunction(value, scope)})
        elif isinstance(value, tree.Pipeline):
            scope = scope.with_lets({each.name: Table(value, scope)})
        elif (table := _as_table(value, scope)) is not None:
            scope = scope.with_lets({each.name: Table(table, scope)})
        else:
            scope = scope.with_lets({each.name: bind(value, scope)})
    return scope


def _as_table(node: tree.Node, scope: Scope) -> tree.Pipeline | None:
    """Return what looks like a value, and names a table."""
    if isinstance(node, tree.Name) and node.name not in scope.columns:
        found = scope.lets.get(node.name)
        if isinstance(found, Table) or (found is None and node.name in scope.tables):
            return tree.Pipeline(tree.Source(node.name, None, at=node.at), (), at=node.at)
    if isinstance(node, tree.Call):
        defined = scope.lets.get(node.name)
        if isinstance(defined, UserFunction) and isinstance(defined.definition.body, tree.Pipeline):
            return tree.Pipeline(tree.Source(node.name, node.arguments, at=node.at), (), at=node.at)
    return None
