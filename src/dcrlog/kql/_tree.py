"""The syntax tree, as the parser makes it. Every node knows where it stands."""

from dataclasses import dataclass, field
from typing import Any

from dcrlog.kql._types import Type
from dcrlog.kql.errors import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Anything that stands in the text: `at` is where, and `height` how deep the tree below is."""

    at: Span = field(default=(0, 0), compare=False)
    height: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A value; None is the null of its type."""

    type: Type
    value: Any


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A column, or what a let statement names."""

    name: str


@dataclass(frozen=True, slots=True)
class Star(Node):
    """The * of pack_array(*)."""


@dataclass(frozen=True, slots=True)
class TypeOf(Node):
    """typeof(long), an argument of extract()."""

    type: Type


@dataclass(frozen=True, slots=True)
class Member(Node):
    """base.key or base['key']."""

    base: Node
    key: str


@dataclass(frozen=True, slots=True)
class Index(Node):
    """base[index]."""

    base: Node
    index: Node


@dataclass(frozen=True, slots=True)
class Call(Node):
    """name(arguments)."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Sign(Node):
    """-operand or +operand."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """left operator right."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Logic(Node):
    """Two or more operands with `and`, or with `or`, between them."""

    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Among(Node):
    """value in (options), and its relatives."""

    operator: str
    value: Node
    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Between(Node):
    """value between (low .. high)."""

    operator: str
    value: Node
    low: Node
    high: Node


@dataclass(frozen=True, slots=True)
class Item(Node):
    """One column of extend, project or print; without a name, one follows from the expression."""

    name: str | None
    value: Node


@dataclass(frozen=True, slots=True)
class Where(Node):
    """Keeps the rows for which the condition is true."""

    condition: Node


@dataclass(frozen=True, slots=True)
class Extend(Node):
    """Adds or replaces columns."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Project(Node):
    """Makes these the only columns."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Wildcard(Node):
    """Columns whose names have any characters where it has a star."""

    pattern: str


@dataclass(frozen=True, slots=True)
class ProjectAway(Node):
    """Removes columns."""

    names: tuple[Name | Wildcard, ...]


@dataclass(frozen=True, slots=True)
class ProjectRename(Node):
    """Renames columns."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Skip(Node):
    """A * of parse: any text."""


@dataclass(frozen=True, slots=True)
class Capture(Node):
    """A column of parse."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Parse(Node):
    """Takes a text apart into columns; parts are literals, skips and captures."""

    kind: str
    flags: str
    value: Node
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Source(Node):
    """A table by name, or by a call of what a let statement defines."""

    name: str
    arguments: tuple[Node, ...] | None


@dataclass(frozen=True, slots=True)
class Print(Node):
    """One row."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Datatable(Node):
    """Rows written down."""

    columns: tuple[Capture, ...]
    values: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Pipeline(Node):
    """A source, and what is done to its rows."""

    source: Node
    operators: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Parameter(Node):
    """A parameter of a function, with its default."""

    name: str
    type: Type
    default: Node | None


@dataclass(frozen=True, slots=True)
class Lambda(Node):
    """A function that a let statement defines."""

    parameters: tuple[Parameter, ...]
    lets: "tuple[Let, ...]"
    body: Node


@dataclass(frozen=True, slots=True)
class Let(Node):
    """let name = value."""

    name: str
    value: Node


@dataclass(frozen=True, slots=True)
class Script(Node):
    """A whole transformation."""

    lets: tuple[Let, ...]
    query: Pipeline
