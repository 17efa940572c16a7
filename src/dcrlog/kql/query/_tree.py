"""What the syntax tree of a query has beside that of a transformation."""

from dataclasses import dataclass

from dcrlog.kql._tree import Item, Name, Node, Pipeline, Wildcard


@dataclass(frozen=True, slots=True)
class Key(Node):
    """What rows are sorted by."""

    value: Node
    descends: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Sort(Node):
    """Puts rows in order."""

    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Top(Node):
    """The first rows of an order."""

    count: Node
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Take(Node):
    """Some rows."""

    count: Node


@dataclass(frozen=True, slots=True)
class Count(Node):
    """How many rows there are."""


@dataclass(frozen=True, slots=True)
class Distinct(Node):
    """Each combination of values once; of all columns where none is named."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Summarize(Node):
    """Aggregates by group."""

    items: tuple[Item, ...]
    by: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Union(Node):
    """The rows of several tables, those of the input first."""

    kind: str
    source: str | None
    is_fuzzy: bool
    operands: tuple[Pipeline | Wildcard, ...]


@dataclass(frozen=True, slots=True)
class Join(Node):
    """Rows of two tables side by side; a lookup leaves out the keys of the right one."""

    kind: str
    right: Pipeline
    conditions: tuple[Node, ...]
    is_lookup: bool


@dataclass(frozen=True, slots=True)
class GetSchema(Node):
    """A row for each column."""


@dataclass(frozen=True, slots=True)
class ProjectKeep(Node):
    """Keeps columns, where they are."""

    names: tuple[Name | Wildcard, ...]


@dataclass(frozen=True, slots=True)
class Placed(Node):
    """Columns of project-reorder, and in which order: asc, desc, or as they are."""

    name: Name | Wildcard
    order: str


@dataclass(frozen=True, slots=True)
class ProjectReorder(Node):
    """Puts columns first."""

    columns: tuple[Placed, ...]


@dataclass(frozen=True, slots=True)
class Render(Node):
    """How a client may show the rows."""

    visualization: str
    properties: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Serialize(Node):
    """Leaves the rows as they are."""
