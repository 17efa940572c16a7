"""The query box, and what a query gives."""

from typing import Any, Final

import msgspec

from dcrlog.emulator.page.html import Html, element, join
from dcrlog.emulator.page.values import short
from dcrlog.emulator.queries import Answer, Queries, Wait
from dcrlog.kql.query import KqlError, QueryLimitError

SHOWN: Final = 500
"""Rows of an answer that the page shows."""
SECONDS: Final = 20
"""Seconds that a query of the page may take."""

_NUMBERS: Final = frozenset({"int", "long", "real", "decimal"})


def query_view(table: str) -> Html:
    """Return the box, with a query of a table to begin with."""
    return element(
        "section",
        element("h2", "Query", class_="hidden"),
        element(
            "div",
            element(
                "textarea",
                f"{table}\n| sort by TimeGenerated desc\n| take 50" if table else "",
                id="kql",
                rows=5,
                spellcheck="false",
                autocapitalize="off",
                aria_label="A query in KQL",
                aria_keyshortcuts="Control+Enter",
            ),
            element(
                "button", "Run ", element("kbd", "Ctrl"), " ", element("kbd", "Enter"),
                type="button", data_do="query",
            ),
            class_="ask",
        ),
        element("div", id="answer", class_="scroll", aria_live="polite", tabindex=0),
        id="query",
        class_="view",
    )  # fmt: skip


def answer_of(queries: Queries, text: str, wait: Wait) -> Html:
    """Run a query, and return what it gives, or what is wrong with it."""
    try:
        found = queries.answer(text, None, wait, most=SHOWN)
    except KqlError as error:
        return element("pre", error.draw(), class_="wrong", role="alert")
    except QueryLimitError as error:
        return element("p", str(error), class_="wrong", role="alert")
    count = len(found.rows)
    parts = [
        f"{count:,} row{'' if count == 1 else 's'}" if found.limit is None else f"the first {count:,} rows",
        f"{found.seconds * 1000:,.0f} ms",
        *(f"{warning.reason} {warning.hint}" for warning in found.query.warnings),
    ]
    return join(element("p", " · ".join(parts), class_="told"), _table(found))


def _table(found: Answer) -> Html:
    columns = found.query.columns
    heads = [
        element("th", short(name, 80), " ", element("small", of), scope="col", class_=_class(of))
        for name, of in columns.items()
    ]
    lines = [
        element(
            "tr",
            [_cell(value, of) for value, of in zip(msgspec.json.decode(row), columns.values(), strict=True)],
        )
        for row in found.rows
    ]
    return element(
        "table", element("thead", element("tr", heads)), element("tbody", lines, id="answer-lines")
    )


def _cell(value: Any, of: str) -> Html:
    if value is None:
        return element("td", "null", class_="null")
    return element("td", short(value, 400), class_=_class(of))


def _class(of: str) -> str | None:
    return "num" if of in _NUMBERS else None
