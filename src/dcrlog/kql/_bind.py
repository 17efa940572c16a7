"""Expressions: from the syntax tree to the typed one."""

from collections.abc import Callable
from typing import Any, Final

import dcrlog.kql.functions  # noqa: F401 - fills the table
from dcrlog.kql import _tree as tree
from dcrlog.kql._dynamic import element, member
from dcrlog.kql._lets import enter
from dcrlog.kql._membership import membership
from dcrlog.kql._operators import UNLISTED, binary, sign, undefined
from dcrlog.kql._scope import Scope, Table, UserFunction, resembling
from dcrlog.kql._table import FUNCTIONS, Argument
from dcrlog.kql._typed import NOW, Const, Typed, TypeName, apply, cast, const, junction, negation
from dcrlog.kql._typed_literals import CURRENT_TIME
from dcrlog.kql._types import INTEGERS, Type, kql_name
from dcrlog.kql.errors import MistakeError, UnknownFunctionError

IF_EXISTS: Final = frozenset({"columnifexists", "column_ifexists"})


def bind(node: tree.Node, scope: Scope) -> Typed:
    """Return the typed expression of a node.

    Raises:
        MistakeError: A name means nothing, or types do not go together.
    """
    scope.notes.count(node.at)
    if scope.special is not None and (found := scope.special(node, scope)) is not None:
        return found
    return _BINDERS[type(node)](node, scope)


def bind_condition(node: tree.Node, scope: Scope) -> Typed:
    """Return the typed expression of a condition.

    Raises:
        MistakeError: It is none.
    """
    condition = bind(node, scope)
    if condition.type is not Type.BOOL:
        raise MistakeError(
            f"The expression must have the type bool, got {kql_name(condition.type)}.", node.at
        )
    return condition


def _literal(node: tree.Literal, scope: Scope) -> Typed:
    if node.value is CURRENT_TIME:
        return NOW
    if node.type is Type.DYNAMIC and isinstance(node.value, list | dict):
        scope.notes.refused(
            "dynamic literals are not supported in transformations.",
            node.at,
            hint="Write parse_json('...').",
        )
    return const(node.type, node.value)


def _name(node: tree.Name, scope: Scope) -> Typed:
    return scope.find(node.name, node.at)


def _type_of(node: tree.TypeOf, _: Scope) -> Typed:
    return TypeName(node.type, False)


def _member(node: tree.Member, scope: Scope) -> Typed:
    base = _dynamic(node.base, scope)
    return apply(member, [base, const(Type.STRING, node.key)], Type.DYNAMIC, may_fail=True)


def _index(node: tree.Index, scope: Scope) -> Typed:
    base, index = _dynamic(node.base, scope), bind(node.index, scope)
    if index.type not in {*INTEGERS, Type.STRING, Type.DYNAMIC}:
        raise MistakeError("The expression must have one of the types: int, long or string.", node.index.at)
    return apply(element, [base, index], Type.DYNAMIC, may_fail=True)


def _dynamic(node: tree.Node, scope: Scope) -> Typed:
    base = bind(node, scope)
    if base.type is not Type.DYNAMIC:
        raise MistakeError(
            f"only a dynamic value has properties and elements, this is a {kql_name(base.type)}.",
            node.at,
            hint="Try parse_json().",
        )
    return base


def _sign(node: tree.Sign, scope: Scope) -> Typed:
    return sign(node.operator, bind(node.operand, scope), node.at)


def _binary(node: tree.Binary, scope: Scope) -> Typed:
    # A chain of operators may be as long as the text.
    chain = [node]
    while isinstance(chain[-1].left, tree.Binary):
        chain.append(chain[-1].left)
    found = bind(chain[-1].left, scope)
    for each in reversed(chain):
        _check_listed(each.operator, each, scope)
        found = binary(each.operator, found, bind(each.right, scope), each.at)
    return found


def _logic(node: tree.Logic, scope: Scope) -> Typed:
    operands = [bind(each, scope) for each in node.operands]
    if not all(each.type in {Type.BOOL, Type.DYNAMIC} for each in operands):
        raise undefined(node.operator, operands[:2] if len(operands) == 2 else operands, node.at)
    return junction(node.operator, [cast(each, Type.BOOL) for each in operands])


def _among(node: tree.Among, scope: Scope) -> Typed:
    _check_listed(node.operator, node, scope)
    value = bind(node.value, scope)
    options = [(_option(each, node.operator, scope), each.at) for each in node.options]
    return membership(node.operator, value, options, node.at)


def _option(node: tree.Node, operator: str, scope: Scope) -> Typed:
    pipeline = _looked_up(node, scope)
    if pipeline is None:
        return bind(node, scope)
    values = _written_values(pipeline, scope)
    if values is not None:
        return values
    if scope.special is None:
        raise MistakeError("only a datatable can be looked up in, without operators behind it.", node.at)
    if operator in {"has_any", "has_all"}:
        raise MistakeError(f"the operator '{operator}' takes no table but a datatable.", node.at)
    return bind(pipeline, scope)


def _looked_up(node: tree.Node, scope: Scope) -> tree.Pipeline | None:
    """Return what behind `in` is a table, or is the name of one."""
    if isinstance(node, tree.Pipeline):
        return node
    if not isinstance(node, tree.Name) or node.name in scope.columns:
        return None
    found = scope.lets.get(node.name)
    is_table = isinstance(found, Table) or (
        scope.special is not None and found is None and node.name in scope.tables
    )
    return tree.Pipeline(tree.Source(node.name, None, at=node.at), (), at=node.at) if is_table else None


def _written_values(pipeline: tree.Pipeline, scope: Scope) -> Const | None:
    """Return the values of the first column, where they are written down."""
    while isinstance(pipeline.source, tree.Source) and not pipeline.operators:
        found = scope.lets.get(pipeline.source.name)
        if not isinstance(found, Table):
            return None
        pipeline, scope = found.pipeline, found.scope
    table = pipeline.source
    if not isinstance(table, tree.Datatable) or pipeline.operators or not table.columns:
        return None
    values = [bind(each, scope) for each in table.values[:: len(table.columns)]]
    if not all(isinstance(each, Const) for each in values):
        raise MistakeError("the values of a datatable must be constant.", pipeline.at)
    return Const(Type.DYNAMIC, False, [each.value for each in values if isinstance(each, Const)])


def _between(node: tree.Between, scope: Scope) -> Typed:
    _check_listed(node.operator, node, scope)
    value, low, high = (bind(each, scope) for each in (node.value, node.low, node.high))
    if value.type is Type.DATETIME and high.type is Type.TIMESPAN:
        high = binary("+", low, high, node.at)
    found = junction("and", [binary(">=", value, low, node.at), binary("<=", value, high, node.at)])
    return negation(found) if node.operator == "!between" else found


def _check_listed(operator: str, node: tree.Node, scope: Scope) -> None:
    if operator in UNLISTED:
        reason = f"the operator '{operator}' is not on Azure's list for transformations."
        scope.notes.refused(reason, node.at, is_sure=False)


def _call(node: tree.Call, scope: Scope) -> Typed:
    defined = scope.lets.get(node.name)
    if isinstance(defined, UserFunction):
        return _call_own(node, defined, scope)
    if node.name in IF_EXISTS:
        return _if_exists(node, scope)
    found = FUNCTIONS.get(node.name)
    if found is None:
        raise UnknownFunctionError(node.name, node.at, hint=resembling(node.name, list(FUNCTIONS)))
    if found.standing in {"refused", "unlisted"}:
        hint = f"W{found.note[1:]}." if found.note else ""
        reason = UnknownFunctionError(node.name, node.at).reason
        scope.notes.refused(reason, node.at, hint=hint, is_sure=found.standing == "refused")
    arguments: list[Argument] = []
    for each in node.arguments:
        if isinstance(each, tree.Star) and node.name == "pack_array":
            arguments += [Argument(column, each.at) for column in scope.columns.values()]
        elif isinstance(each, tree.Star):
            raise MistakeError(f"{node.name}(): '*' is an argument of pack_array() only.", each.at)
        else:
            arguments.append(Argument(bind(each, scope), each.at))
    return found.call(node.name, arguments, node.at, scope.notes.warn)


def _if_exists(node: tree.Call, scope: Scope) -> Typed:
    if node.name != "columnifexists":
        reason = UnknownFunctionError(node.name, node.at).reason
        scope.notes.refused(reason, node.at, hint="Write columnifexists().")
    if len(node.arguments) != 2:
        raise MistakeError(f"The function '{node.name}' expects 2 arguments.", node.at)
    name = bind(node.arguments[0], scope)
    if not isinstance(name, Const) or name.type is not Type.STRING:
        raise MistakeError(f"{node.name}(): The expression must be a literal.", node.arguments[0].at)
    default = bind(node.arguments[1], scope)
    return scope.columns.get(name.value, default)


def _call_own(node: tree.Call, defined: UserFunction, scope: Scope) -> Typed:
    body = defined.definition.body
    if isinstance(body, tree.Pipeline):
        raise MistakeError(f"'{node.name}' is no value: it gives a table.", node.at)
    given = [(bind(each, scope), each.at) for each in node.arguments]
    return bind(body, enter(node.name, defined, given, node.at, bind))


_BINDERS: Final[dict[type, Callable[[Any, Scope], Typed]]] = {
    tree.Literal: _literal,
    tree.Name: _name,
    tree.TypeOf: _type_of,
    tree.Member: _member,
    tree.Index: _index,
    tree.Sign: _sign,
    tree.Binary: _binary,
    tree.Logic: _logic,
    tree.Among: _among,
    tree.Between: _between,
    tree.Call: _call,
}
