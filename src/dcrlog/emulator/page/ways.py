"""The rules: for each stream its way through a transformation into a table."""

from collections.abc import Iterable, Sequence

from dcrlog.emulator.destinations import Destination
from dcrlog.emulator.page.html import Html, element, join
from dcrlog.emulator.rules import ServedRule, ServedStream
from dcrlog.schema import Column


def rule_ways(rules: Iterable[ServedRule]) -> Html:
    """Return the ways of all rules, with a heading."""
    return join(element("h2", "Rules", class_="hidden"), [_rule(rule) for rule in rules])


def _rule(rule: ServedRule) -> Html:
    ways = [
        _way(served, destination)
        for served in rule.streams.values()
        for destination in served.destinations or (None,)
    ]
    remarks = element("ul", [element("li", remark) for remark in rule.remarks], class_="remarks")
    return element(
        "article",
        element("h3", "Rule ", element("code", rule.immutable_id)),
        ways,
        remarks if rule.remarks else None,
        class_="rule",
    )


def _way(served: ServedStream, destination: Destination | None) -> Html:
    stream = _box("Stream", served.stream.name, _columns(served.stream.columns))
    if destination is None:
        return element(
            "div", stream, _arrow(), element("p", "No data flow takes it.", class_="box none"), class_="way"
        )
    text = (
        join(element("pre", "source"), element("p", "Rows pass unchanged."))
        if destination.transformation is None
        else element("pre", destination.transformation)
    )
    lacking = element("p", f"Not stored: {', '.join(destination.lacking)}", class_="warning")
    return element(
        "div",
        stream,
        _arrow(),
        element("div", element("h4", "Transformation"), text, class_="box"),
        _arrow(),
        _box(
            "Table" if destination.plan == "Analytics" else f"Table, {destination.plan} plan",
            destination.table,
            join(lacking if destination.lacking else None, _columns(destination.columns)),
        ),
        class_="way",
    )


def _box(kind: str, name: str, content: Html) -> Html:
    return element("div", element("h4", kind), element("strong", name), content, class_="box")


def _columns(columns: Sequence[Column]) -> Html:
    listed = [
        element("li", element("b", column.name), " ", element("i", column.type.value)) for column in columns
    ]
    return element(
        "details", element("summary", f"{len(columns)} columns"), element("ul", listed, class_="columns")
    )


def _arrow() -> Html:
    return element("span", "→", class_="arrow", aria_hidden="true")
