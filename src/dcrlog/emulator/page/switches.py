"""Faults as switches: a few that people want often, and whatever else is on order."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from dcrlog.emulator.faults import ActiveFault
from dcrlog.emulator.page.html import Html, element, join
from dcrlog.emulator.page.values import short

_PRESETS: Final = (
    ("Overload", "503", {"action": "status", "status": 503}),
    ("Throttle", "429, retry after 5 s", {"action": "status", "status": 429, "retry_after": 5}),
    ("Expired token", "401", {"action": "status", "status": 401}),
    ("No role", "403", {"action": "status", "status": 403}),
    ("Slow", "answers 2 s late", {"action": "delay", "seconds": 2}),
    ("Hang", "never answers", {"action": "hang"}),
    ("Reset", "connection broken", {"action": "reset_before"}),
    ("Lost reply", "stored, not answered", {"action": "lose_reply"}),
    ("No tokens", "token endpoint 500", {"action": "status", "status": 500, "kind": "token"}),
)
_OFTEN: Final = ("times", "rate", "seed")


def fault_switches(faults: Iterable[ActiveFault]) -> Html:
    """Return the switches, with those on that are."""
    shown = [active.show() for active in faults]
    alive = [fault for fault in shown if fault["hits"] < fault.get("times", fault["hits"] + 1)]
    presets = [{"kind": "ingestion", **settings} for _, _, settings in _PRESETS]
    others = [fault for fault in alive if _plain(fault) not in presets]
    return join(
        [_switch(preset, alive) for preset in _PRESETS],
        [_other(fault) for fault in others],
    )


def _switch(preset: tuple[str, str, Mapping[str, Any]], alive: list[dict[str, Any]]) -> Html:
    name, about, settings = preset
    mine = [fault for fault in alive if _plain(fault) == {"kind": "ingestion", **settings}]
    hits = sum(fault["hits"] for fault in mine)
    return element(
        "button",
        element("span", class_="knob", aria_hidden="true"),
        element("span", name, class_="name"),
        element("span", _state(mine[0], hits) if mine else about, class_="about"),
        type="button",
        role="switch",
        aria_checked="true" if mine else "false",
        data_do="fault",
        data_key=name,
        data_fault=msgspec.json.encode(settings).decode(),
        data_ids=" ".join(str(fault["id"]) for fault in mine),
    )


def _other(fault: dict[str, Any]) -> Html:
    settings = ", ".join(
        f"{name} {value}" for name, value in fault.items() if name not in ("id", "hits", "action", "kind")
    )
    return element(
        "button",
        element("span", class_="knob", aria_hidden="true"),
        element("span", fault["action"], class_="name"),
        element(
            "span",
            f"{short(settings, 60)} · {fault['hits']} hits",
            class_="about",
            title=short(settings, 400),
        ),
        type="button",
        role="switch",
        aria_checked="true",
        data_do="fault",
        data_key=fault["id"],
        data_fault="",
        data_ids=fault["id"],
    )


def _state(fault: dict[str, Any], hits: int) -> str:
    often = "every request"
    if "times" in fault:
        often = "next request" if fault["times"] == 1 else f"next {fault['times']} requests"
    elif "rate" in fault:
        often = f"{fault['rate']:.0%}"
    return f"{often} · {hits} hit{'' if hits == 1 else 's'}"


def _plain(fault: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fault.items() if name not in ("id", "hits", *_OFTEN)}
