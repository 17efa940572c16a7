"""The names of columns that have none in the text."""

from collections.abc import Container
from typing import Final

from dcrlog.kql import _tree as tree

# These are named after their argument, as Microsoft's language service has it.
_TRANSPARENT: Final = frozenset(
    [
        "abs",
        "bin",
        "binary_and",
        "binary_not",
        "binary_or",
        "binary_shift_left",
        "binary_shift_right",
        "binary_xor",
        "ceiling",
        "exp",
        "exp10",
        "exp2",
        "floor",
        "log",
        "log10",
        "log2",
        "pow",
        "parse_json",
        "parse_xml",
        "replace",
        "round",
        "split",
        "tobool",
        "todatetime",
        "todouble",
        "toguid",
        "toint",
        "tolong",
        "toreal",
        "tostring",
        "totimespan",
    ]
)
_PREFIXES: Final = {"strlen": "strlen_", "gettype": "type_"}


def column_name(node: tree.Node, taken: Container[str], counts: dict[str, int]) -> str:
    """Return the name of an unnamed column.

    Args:
        node: Its expression.
        taken: The names of other columns.
        counts: The last number behind each name in the same statement; kept up to date.
    """
    name = expression_name(node)
    if isinstance(node, tree.Name):
        return name or ""
    return free_name(name, taken, counts)


def free_name(name: str | None, taken: Container[str], counts: dict[str, int]) -> str:
    """Return a name that no other column has, with a number behind it where one has it."""
    if name is not None and name not in taken:
        return name
    stem = name or "Column"
    counts[stem] = counts.get(stem, 0) + 1
    while f"{stem}{counts[stem]}" in taken:
        counts[stem] += 1
    return f"{stem}{counts[stem]}"


def expression_name(node: tree.Node) -> str | None:
    """Return the name that an expression has by itself, or None."""
    match node:
        case tree.Name():
            return node.name
        case tree.Member():
            base = expression_name(node.base)
            return None if base is None else f"{base}_{node.key}"
        case tree.Index(index=tree.Literal(value=index)):
            base = expression_name(node.base)
            return None if base is None else f"{base}_{index}"
        case tree.Call() if node.arguments and node.name in _TRANSPARENT:
            return expression_name(node.arguments[0])
        case tree.Call() if node.arguments and node.name in _PREFIXES:
            base = expression_name(node.arguments[0])
            return None if base is None else _PREFIXES[node.name] + base
    return None
