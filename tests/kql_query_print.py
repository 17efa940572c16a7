"""The tree of a query as text again: reading it gives the same tree. Importing this teaches `to_text`."""

from dcrlog.kql import _tree as tree
from dcrlog.kql.query import _tree as query
from kql_print import name_text, quoted, to_text


def _list(nodes):
    return ", ".join(map(to_text, nodes))


def operand_text(node):
    """Write a table of union or join: a name as it is, anything else in parentheses."""
    if isinstance(node, tree.Wildcard):
        return node.pattern
    is_plain = not node.operators and isinstance(node.source, tree.Source | tree.Pipeline)
    if is_plain and isinstance(node.source, tree.Pipeline):
        return f"({to_text(node.source)})"
    return to_text(node)


@to_text.register
def _(node: query.Key):
    order, nulls = ("desc" if node.descends else "asc"), ("first" if node.nulls_first else "last")
    return f"{to_text(node.value)} {order} nulls {nulls}"


@to_text.register
def _(node: query.Sort):
    return f"sort by {_list(node.keys)}"


@to_text.register
def _(node: query.Top):
    return f"top {to_text(node.count)} by {_list(node.keys)}"


@to_text.register
def _(node: query.Take):
    return f"take {to_text(node.count)}"


@to_text.register
def _(_: query.Count):
    return "count"


@to_text.register
def _(node: query.Distinct):
    return f"distinct {_list(node.items) or '*'}"


@to_text.register
def _(node: query.Summarize):
    by = f" by {_list(node.by)}" if node.by else ""
    return f"summarize {_list(node.items)}{by}"


@to_text.register
def _(node: query.Union):
    source = "" if node.source is None else f" withsource={name_text(node.source)}"
    fuzzy = " isfuzzy=true" if node.is_fuzzy else ""
    return f"union kind={node.kind}{source}{fuzzy} {', '.join(map(operand_text, node.operands))}"


@to_text.register
def _(node: query.Join):
    word = "lookup" if node.is_lookup else "join"
    return f"{word} kind={node.kind} {operand_text(node.right)} on {_list(node.conditions)}"


@to_text.register
def _(_: query.GetSchema):
    return "getschema"


@to_text.register
def _(_: query.Serialize):
    return "serialize"


@to_text.register
def _(node: query.ProjectKeep):
    return f"project-keep {_list(node.names)}"


@to_text.register
def _(node: query.Placed):
    return f"{to_text(node.name)} {node.order}".rstrip()


@to_text.register
def _(node: query.ProjectReorder):
    return f"project-reorder {_list(node.columns)}"


@to_text.register
def _(node: query.Render):
    properties = ", ".join(f"{name_text(name)}={quoted(value)}" for name, value in node.properties)
    return f"render {name_text(node.visualization)}" + (f" with ({properties})" if properties else "")
