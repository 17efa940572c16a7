"""The page as a whole."""

from collections.abc import Sequence

from dcrlog.emulator.page.feed import seen_by
from dcrlog.emulator.page.html import Child, Html, element, join
from dcrlog.emulator.page.query import query_view
from dcrlog.emulator.page.requests import DROP_HEADS, REQUEST_HEADS, drop_lines, request_lines
from dcrlog.emulator.page.requests import SHOWN as REQUESTS_SHOWN
from dcrlog.emulator.page.rows import SHOWN, row_lines
from dcrlog.emulator.page.story import story_of
from dcrlog.emulator.page.switches import fault_switches
from dcrlog.emulator.page.tables import table_list, table_state
from dcrlog.emulator.page.ways import rule_ways
from dcrlog.emulator.service import Service

ASSETS = "/_emulator/page"

_NUMERIC = ("Rows in", "Stored", "Body", "On the wire", "ms", "Times")
_KEYS = (
    ("/", "filter"),
    ("Space", "pause"),
    ("j k", "move"),
    ("Enter", "story"),
    ("Esc", "close"),
    ("1-5", "views"),
)


def document(service: Service, *, table: str, row: int | None, endpoint: str) -> Html:
    """Return the page with what there is now.

    Args:
        service: What is shown.
        table: The table whose rows are shown.
        row: The row whose story is shown; None for none.
        endpoint: The address that clients send to.
    """
    epoch = service.pulse.epoch
    rows = service.store.numbered(table, limit=SHOWN, last=True) if table else []
    requests = service.history.numbered(last=REQUESTS_SHOWN)
    drops = service.history.drops()
    body = element(
        "body",
        element("a", "Skip to the rows", href="#rows", class_="skip"),
        _top(service, endpoint),
        element(
            "div",
            _side(service, table),
            element(
                "main",
                _tabs(len(drops)),
                _rows_view(
                    table,
                    row_lines(rows, row),
                    _hint(service, table, endpoint),
                    None if row is None else story_of(service, table, row),
                ),
                _table_view("requests", "Requests", REQUEST_HEADS, request_lines(requests)),
                _table_view("losses", "Losses", DROP_HEADS, drop_lines(drops)),
                element(
                    "section",
                    rule_ways(service.workspace.rules),
                    id="rules",
                    class_="view",
                ),
                query_view(table),
            ),
            class_="frame",
        ),
        data_table=table,
        data_seen=seen_by(epoch, rows[-1][0] if rows else 0, requests[-1][0] if requests else 0),
    )
    return join(Html("<!doctype html>"), element("html", _head(), body, lang="en"))


def _head() -> Html:
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", "dcrlog emulator"),
        element("link", rel="icon", href=f"{ASSETS}/icon.svg", type="image/svg+xml"),
        element("link", rel="stylesheet", href=f"{ASSETS}/page.css"),
        element("link", rel="stylesheet", href=f"{ASSETS}/query.css"),
        element("script", src=f"{ASSETS}/page.js", type="module"),
    )


def _top(service: Service, endpoint: str) -> Html:
    rules = service.workspace.rules
    more = f" and {len(rules) - 1} more" if len(rules) > 1 else ""
    return element(
        "header",
        element("h1", "dcrlog ", element("span", "emulator")),
        element("span", service.mode, class_="badge"),
        element(
            "dl",
            element("dt", "Endpoint"),
            element("dd", element("code", endpoint)),
            element("dt", "Rule"),
            element("dd", element("code", rules[0].immutable_id), more),
        ),
        element("output", "static", id="live", class_="live"),
        class_="top",
    )


def _side(service: Service, table: str) -> Html:
    often = [
        ("", "every request"), ('{"times":1}', "the next request"), ('{"rate":0.2}', "a fifth of requests"),
    ]  # fmt: skip
    return element(
        "aside",
        element("h2", "Tables"),
        element("ul", table_list(table_state(service), table), id="tables"),
        element(
            "div",
            element("h2", "Faults"),
            element(
                "select",
                [element("option", text, value=value) for value, text in often],
                id="often",
                aria_label="How often a fault hits",
            ),
            class_="heading",
        ),
        element("div", fault_switches(service.faults), id="faults"),
        element(
            "footer",
            element("button", "Reset everything", type="button", data_do="reset", class_="danger"),
            element(
                "p", [join(element("kbd", key), element("span", what)) for key, what in _KEYS], class_="keys"
            ),
        ),
    )


def _tabs(losses: int) -> Html:
    return element(
        "nav",
        element("a", "Rows", href="#rows"),
        element("a", "Requests", href="#requests"),
        element(
            "a", "Losses ", element("span", losses or "", id="loss-count", class_="count"), href="#losses"
        ),
        element("a", "Rules", href="#rules"),
        element("a", "Query", href="#query"),
        element(
            "div",
            element(
                "input",
                type="search",
                id="filter",
                placeholder="Filter",
                aria_label="Filter what is shown",
                autocomplete="off",
                spellcheck="false",
            ),
            element("button", "Pause", type="button", id="pause", data_do="pause", aria_pressed="false"),
            class_="tools",
        ),
        aria_label="Views",
    )


def _hint(service: Service, table: str, endpoint: str) -> Html:
    ways = [
        (rule.immutable_id, stream)
        for rule in service.workspace.rules
        for stream, served in rule.streams.items()
        if any(each.table == table for each in served.destinations)
    ]
    told: list[Html] = [element("p", "No rows yet. They appear here as they arrive.")]
    for rule_id, stream in ways[:1]:
        variables = (
            f"DATA_COLLECTION_ENDPOINT={endpoint}\nLOGS_DCR_RULE_ID={rule_id}\nLOGS_DCR_STREAM_NAME={stream}"
        )
        told += [element("p", "Send them to:"), element("pre", variables)]
    return element("div", told, class_="empty")


def _rows_view(table: str, lines: Html, hint: Html, story: Html | None) -> Html:
    return element(
        "section",
        element("h2", f"Rows of {table}", class_="hidden"),
        element(
            "ol",
            lines,
            id="row-lines",
            class_="lines",
            role="listbox",
            aria_label=f"Rows of {table}",
            tabindex=0,
        ),
        hint,
        element("div", story, id="story"),
        id="rows",
        class_="view",
    )


def _table_view(name: str, title: str, heads: Sequence[str], lines: Html) -> Html:
    cells: Child = [
        element("th", head, scope="col", class_="num" if head in _NUMERIC else None) for head in heads
    ]
    return element(
        "section",
        element("h2", title, class_="hidden"),
        element(
            "div",
            element(
                "table", element("thead", element("tr", cells)), element("tbody", lines, id=f"{name}-lines")
            ),
            class_="scroll",
            tabindex=0,
        ),
        element("p", "Nothing yet.", class_="empty"),
        id=name,
        class_="view",
    )
