"""A tree as text again: reading it gives the same tree."""

import json
import re
from functools import singledispatch
from typing import Final

from dcrlog.kql import _tree as tree
from dcrlog.kql._ticks import format_datetime, format_timespan
from dcrlog.kql._types import TYPES, Type, kql_name

_PLAIN: Final = re.compile(r"[^\W\d]\w*|\$\w+")
_RESERVED: Final = frozenset(
    {*TYPES, "and", "between", "contains", "contains_cs", "datatable", "decimal", "endswith", "endswith_cs"}
    | {
        "false",
        "has",
        "has_all",
        "has_any",
        "has_cs",
        "hasprefix",
        "hasprefix_cs",
        "hassuffix",
        "hassuffix_cs",
    }
    | {"in", "kind", "let", "matches", "or", "print", "startswith", "startswith_cs", "true", "typeof", "view"}
    | {
        "with",
        "by",
        "asc",
        "desc",
        "nulls",
        "on",
        "union",
        "materialize",
        "toscalar",
        "hint",
        "isfuzzy",
        "withsource",
    }
)


def quoted(text):
    """Write a string literal."""
    escaped = "".join(
        {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(each)
        or (each if each.isprintable() else f"\\U{ord(each):08x}")
        for each in text
    )
    return f'"{escaped}"'


_WRITERS = {Type.DYNAMIC: json.dumps, Type.DATETIME: format_datetime, Type.TIMESPAN: format_timespan}


def literal_text(literal_type, value):
    """Write a literal."""
    if literal_type is Type.STRING:
        return quoted(value)
    return f"{literal_type}({'null' if value is None else _WRITERS.get(literal_type, str)(value)})"


def name_text(name: str):
    """Write a name, in brackets where it is none by itself."""
    if _PLAIN.fullmatch(name) and name.lower() not in _RESERVED:
        return name
    return f"[{quoted(name)}]"


@singledispatch
def to_text(node: tree.Node):
    """Write a node."""
    raise TypeError(type(node).__name__)


def _list(nodes: tuple[tree.Node, ...], separator: str = ", "):
    return separator.join(map(to_text, nodes))


@to_text.register
def _(node: tree.Literal):
    return literal_text(node.type, node.value)


@to_text.register
def _(node: tree.Name):
    return name_text(node.name)


@to_text.register
def _(_: tree.Star | tree.Skip):
    return "*"


@to_text.register
def _(node: tree.TypeOf):
    return f"typeof({kql_name(node.type)})"


@to_text.register
def _(node: tree.Member):
    return f"{_tight(node.base)}[{quoted(node.key)}]"


@to_text.register
def _(node: tree.Index):
    # A quoted string in brackets would be a member; in parentheses too it is an index.
    return f"{_tight(node.base)}[{_wrapped(node.index)}]"


@to_text.register
def _(node: tree.Call):
    return f"{name_text(node.name)}({_list(node.arguments)})"


@to_text.register
def _(node: tree.Sign):
    return f"{node.operator}{_wrapped(node.operand)}"


@to_text.register
def _(node: tree.Binary):
    return f"{_wrapped(node.left)} {node.operator} {_wrapped(node.right)}"


@to_text.register
def _(node: tree.Logic):
    return f" {node.operator} ".join(map(_wrapped, node.operands))


@to_text.register
def _(node: tree.Among):
    return f"{_wrapped(node.value)} {node.operator} ({_list(node.options)})"


@to_text.register
def _(node: tree.Between):
    return f"{_wrapped(node.value)} {node.operator} ({to_text(node.low)} .. {to_text(node.high)})"


@to_text.register
def _(node: tree.Item):
    return to_text(node.value) if node.name is None else f"{name_text(node.name)} = {to_text(node.value)}"


@to_text.register
def _(node: tree.Where):
    return f"where {to_text(node.condition)}"


@to_text.register
def _(node: tree.Extend):
    return f"extend {_list(node.items)}"


@to_text.register
def _(node: tree.Project):
    return f"project {_list(node.items)}"


@to_text.register
def _(node: tree.ProjectRename):
    return f"project-rename {_list(node.items)}"


@to_text.register
def _(node: tree.ProjectAway):
    return f"project-away {_list(node.names)}"


@to_text.register
def _(node: tree.Wildcard):
    return node.pattern


@to_text.register
def _(node: tree.Capture):
    return f"{name_text(node.name)}:{kql_name(node.type)}"


@to_text.register
def _(node: tree.Parse):
    flags = f" flags={node.flags}" if node.flags else ""
    return f"parse kind={node.kind}{flags} {to_text(node.value)} with {_list(node.parts, ' ')}"


@to_text.register
def _(node: tree.Source):
    return name_text(node.name) + ("" if node.arguments is None else f"({_list(node.arguments)})")


@to_text.register
def _(node: tree.Print):
    return f"print {_list(node.items)}"


@to_text.register
def _(node: tree.Datatable):
    return f"datatable({_list(node.columns)})[{_list(node.values)}]"


@to_text.register
def _(node: tree.Pipeline):
    return "\n| ".join(map(to_text, (node.source, *node.operators)))


@to_text.register
def _(node: tree.Parameter):
    default = "" if node.default is None else f" = {to_text(node.default)}"
    return f"{name_text(node.name)}:{kql_name(node.type)}{default}"


@to_text.register
def _(node: tree.Lambda):
    return f"({_list(node.parameters)}) {{ {''.join(map(to_text, node.lets))}{to_text(node.body)} }}"


@to_text.register
def _(node: tree.Let):
    return f"let {name_text(node.name)} = {to_text(node.value)};\n"


@to_text.register
def _(node: tree.Script):
    return "".join(map(to_text, node.lets)) + to_text(node.query)


def _wrapped(node: tree.Node):
    text = to_text(node)
    return text if isinstance(node, tree.Name | tree.Call) else f"({text})"


def _tight(node: tree.Node):
    return (
        to_text(node)
        if isinstance(node, tree.Name | tree.Call | tree.Member | tree.Index)
        else _wrapped(node)
    )
