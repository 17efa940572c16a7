"""join and lookup: rows of two tables side by side."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from dcrlog.kql import _tree as tree
from dcrlog.kql._names import free_name
from dcrlog.kql._scope import undefined_symbol
from dcrlog.kql._types import INTEGERS, Type, kql_name
from dcrlog.kql.errors import MistakeError
from dcrlog.kql.query import _tree as query
from dcrlog.kql.query._run import Relation, Row, Run, size_of

_SIDES = ("$left", "$right")
_KeyOf = Callable[[Row], Any]


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two tables, and what is equal in rows that go together."""

    left: Relation
    right: Relation
    left_key: _KeyOf
    right_key: _KeyOf
    nulls: tuple[Row, Row]


def joined(node: query.Join, left: Relation, right: Relation) -> Relation:
    """Return the rows of a join.

    Raises:
        MistakeError: A condition is none, or its columns do not go together.
    """
    equals = [pair for each in node.conditions for pair in _equals(each, left, right)]
    places = [(list(left.columns).index(one), list(right.columns).index(other)) for one, other in equals]
    pair = _Pair(
        left,
        right,
        _key_of([one for one, _ in places]),
        _key_of([other for _, other in places]),
        (_nulls(left), _nulls(right)),
    )
    depth = max(left.depth, right.depth) + 1
    if node.kind in _ONE_SIDED:
        is_left, wanted = _ONE_SIDED[node.kind]
        kept = left if is_left else right
        return Relation(
            kept.columns, lambda run: _one_sided(pair, run, is_left=is_left, wanted=wanted), depth
        )
    skipped = {other for _, other in places} if node.is_lookup else set[int]()
    columns = dict(left.columns)
    counts: dict[str, int] = {}
    for place, (name, of) in enumerate(right.columns.items()):
        if place not in skipped:
            columns[free_name(name, columns, counts)] = of
    kept_places = [place for place in range(len(right.columns)) if place not in skipped]
    cut: Callable[[Row], Row] = (lambda row: tuple(row[place] for place in kept_places)) if skipped else tuple
    return Relation(columns, lambda run: _side_by_side(pair, run, node.kind, cut), depth)


_ONE_SIDED = {
    "leftsemi": (True, True),
    "rightsemi": (False, True),
    **dict.fromkeys(("leftanti", "anti", "leftantisemi"), (True, False)),
    **dict.fromkeys(("rightanti", "rightantisemi"), (False, False)),
}
"""Kinds that keep the rows of one side: whether of the left one, and whether those that have a match."""


def _equals(node: tree.Node, left: Relation, right: Relation) -> Iterator[tuple[str, str]]:
    match node:
        case tree.Name():
            names = (node.name, node.name)
        case tree.Logic(operator="and"):
            for each in node.operands:
                yield from _equals(each, left, right)
            return
        case tree.Binary(
            operator="==",
            left=tree.Member(base=tree.Name(name=one)) as first,
            right=tree.Member(base=tree.Name(name=other)) as second,
        ) if {one, other} == set(_SIDES):
            names = (first.key, second.key) if one == _SIDES[0] else (second.key, first.key)
        case _:
            raise MistakeError("a condition must be the name of a column, or $left.A == $right.B.", node.at)
    types = []
    for name, side in zip(names, (left, right), strict=True):
        if name not in side.columns:
            raise undefined_symbol(name, list(side.columns), node.at)
        types.append(side.columns[name])
    _check_types(types, node)
    yield names


def _check_types(types: Sequence[Type], node: tree.Node) -> None:
    one, other = types
    if Type.DYNAMIC in types:
        raise MistakeError(
            "a column of type 'dynamic' cannot be a key.", node.at, hint="Cast it before, as with tostring()."
        )
    if one is not other and not set(types) <= INTEGERS:
        raise MistakeError(
            f"the columns must be of one type, and these are {kql_name(one)} and {kql_name(other)}.", node.at
        )


def _key_of(places: Sequence[int]) -> _KeyOf:
    return itemgetter(*places)


def _nulls(relation: Relation) -> Row:
    return tuple("" if of is Type.STRING else None for of in relation.columns.values())


def _has_null(key: Any) -> bool:
    # A null equals nothing, not even another null.
    return key is None or (key.__class__ is tuple and None in key)


def _by_key(rows: list[Row], key_of: _KeyOf) -> dict[Any, list[Row]]:
    found: dict[Any, list[Row]] = {}
    for row in rows:
        key = key_of(row)
        if not _has_null(key):
            found.setdefault(key, []).append(row)
    return found


def _side_by_side(pair: _Pair, run: Run, kind: str, cut: Callable[[Row], Row]) -> Iterator[Row]:
    rows = run.held(pair.right.rows(run))
    by_key = _by_key(rows, pair.right_key)
    keeps_left, keeps_right = kind in {"leftouter", "fullouter"}, kind in {"rightouter", "fullouter"}
    matched: set[Any] = set()
    no_right = cut(pair.nulls[1])
    for row in pair.left.rows(run):
        key = pair.left_key(row)
        others = by_key.get(key, ())
        if (kind == "innerunique" and key in matched) or (not others and not keeps_left):
            continue
        if others and (keeps_right or kind == "innerunique"):
            if key not in matched:
                run.hold(size_of((key,)))
            matched.add(key)
        for other in run.checked(others):
            yield (*row, *cut(tuple(other)))
        if not others:
            yield (*row, *no_right)
    if keeps_right:
        for row in rows:
            if pair.right_key(row) not in matched:
                yield (*pair.nulls[0], *cut(row))


def _one_sided(pair: _Pair, run: Run, *, is_left: bool, wanted: bool) -> Iterator[Row]:
    kept, other = (pair.left, pair.right) if is_left else (pair.right, pair.left)
    kept_key, other_key = (pair.left_key, pair.right_key) if is_left else (pair.right_key, pair.left_key)
    known: set[Any] = set()
    for row in other.rows(run):
        key = other_key(row)
        if not _has_null(key) and key not in known:
            run.hold(size_of((key,)))
            known.add(key)
    for row in kept.rows(run):
        if (kept_key(row) in known) is wanted:
            yield row
