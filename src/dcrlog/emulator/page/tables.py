"""The list of tables, with how many rows each has and how fast they come."""

from dcrlog.emulator.page.html import Html, element, join
from dcrlog.emulator.pulse import SECONDS
from dcrlog.emulator.service import Service

WIDTH, HEIGHT = 60, 16
_RATE_SECONDS = 5


def table_state(service: Service) -> list[dict[str, str]]:
    """Return name, count, rate and curve of each table, as texts."""
    states = []
    for name in service.workspace.tables:
        recent = service.pulse.recent(name)
        rate = sum(recent[-1 - _RATE_SECONDS : -1]) / _RATE_SECONDS
        states.append(
            {
                "name": name,
                "count": f"{service.store.count(name):,}",
                "rate": f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s" if rate else "",
                "curve": _curve(recent),
            }
        )
    return states


def table_list(states: list[dict[str, str]], chosen: str) -> Html:
    """Return the tables as links to their rows."""
    return join([_table(state, is_chosen=state["name"] == chosen) for state in states])


def _table(state: dict[str, str], *, is_chosen: bool) -> Html:
    curve = element(
        "svg",
        element("polyline", points=state["curve"]),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
    return element(
        "li",
        element(
            "a",
            element("span", state["name"], class_="name"),
            element("span", state["count"], class_="count"),
            curve,
            element("span", state["rate"], class_="rate"),
            href=f"?table={state['name']}#rows",
            aria_current="true" if is_chosen else None,
            data_table=state["name"],
        ),
    )


def _curve(recent: list[int]) -> str:
    most = max(recent) or 1
    return " ".join(
        f"{second * WIDTH / (SECONDS - 1):.1f},{HEIGHT - 1 - count * (HEIGHT - 2) / most:.1f}"
        for second, count in enumerate(recent)
    )
