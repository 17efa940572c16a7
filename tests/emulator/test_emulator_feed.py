"""An open page is sent what comes, once, for as long as it is there."""

import threading
import time

import pytest

from dcrlog.emulator import Emulator
from dcrlog.emulator.page.requests import SHOWN as REQUESTS_SHOWN
from dcrlog.emulator.page.rows import SHOWN
from emulator_page import Page, Stream, events


def test_rows_come_without_a_reload(emulator, post):
    """An open page is sent what arrives: rows, requests, and how the tables stand."""
    with Stream(emulator) as opened:
        first = next(opened.named("state"))
        post(emulator, [{"Message": "arrived"}])
        rows, entries, state = (next(opened.named(name)) for name in ("rows", "requests", "state"))

    assert [table["count"] for table in first["tables"]] == ["0"]
    assert (rows["count"], rows["missed"]) == (1, 0)
    assert "arrived" in Page(rows["html"]).texts[None]
    assert "204" in Page(entries["html"]).texts[None]
    assert [table["count"] for table in state["tables"]] == ["1"]


def test_a_page_that_comes_again_is_sent_only_what_it_has_not(emulator, post):
    """By the id of the last event, or by what was in the document."""
    post(emulator, [{"Message": "old"}])
    with Stream(emulator) as opened:
        next(opened.named("rows"))
        next(opened.named("requests"))
        seen = opened.last_id
    post(emulator, [{"Message": "new"}])
    for options in ({"headers": {"Last-Event-ID": seen}}, {"query": f"&after={seen}"}):
        with Stream(emulator, **options) as again:
            rows = next(again.named("rows"))
        assert (rows["count"], "old" in rows["html"], "new" in rows["html"]) == (1, False, True)


def test_what_comes_too_fast_is_left_out_and_said_to_be(emulator, post):
    """A page is sent the newest rows; it knows how many it missed."""
    post(emulator, [{"Message": f"m{number}"} for number in range(SHOWN + 5)])
    for _ in range(REQUESTS_SHOWN + 5):
        post(emulator, [])
    rows, entries = events(emulator, "?table=AppLogs_CL", ["rows", "requests"])

    assert (rows["count"], rows["missed"]) == (SHOWN, 5)
    assert len(Page(entries["html"]).all("tr")) == REQUESTS_SHOWN


def test_a_reset_empties_an_open_page(emulator, post):
    """It is told, and rows that come then are new ones though their numbers are not."""
    post(emulator, [{}])
    with Stream(emulator) as opened:
        next(opened.named("rows"))
        emulator.reset()
        assert next(opened.named("reset")) == {}
        post(emulator, [{"Message": "after"}])
        assert "after" in next(opened.named("rows"))["html"]


@pytest.mark.parametrize("seen", ["0123abcd.900.900", "0123abcd.1.1", "0123abcd", "", "1.1", "x.y.z.1.é"])
def test_a_page_that_outlived_its_emulator_starts_anew(emulator, post, seen):
    """Its numbers are those of another run, be they greater or smaller."""
    post(emulator, [{}, {}])
    told = events(emulator, f"?table=AppLogs_CL&after={seen}", ["reset", "rows"])

    assert [event.get("count") for event in told] == [None, 2]


def test_a_page_that_was_away_during_a_reset_starts_anew(emulator, post):
    """Though there are as many rows and requests again."""
    post(emulator, [{"Message": "before"}])
    with Stream(emulator) as opened:
        next(opened.named("requests"))
        seen = opened.last_id
    emulator.reset()
    post(emulator, [{"Message": "after"}])
    told = events(emulator, f"?table=AppLogs_CL&after={seen}", ["reset", "rows"])

    assert "after" in told[1]["html"]


def test_a_fault_and_a_new_rule_show_at_once(emulator, web):
    """Whoever sets a fault or retargets a rule, every open page has it."""
    with Stream(emulator) as opened:
        first = next(opened.named("state"))
        assert "aria-checked" in first["faults"]
        assert Page(first["rules"]).all("h2")
        web.post(f"{emulator.http_endpoint}/_emulator/faults", json={"action": "hang"})
        state = next(opened.named("state"))
        assert 'aria-checked="true"' in state["faults"]
        assert "rules" not in state


def test_an_open_page_does_not_hold_up_the_stop():
    """Its stream ends with the emulator, and leaves no thread."""
    threads = set(threading.enumerate())
    emulator = Emulator()
    emulator.start()
    with Stream(emulator) as opened:
        next(opened.named("state"))
        started = time.monotonic()
        emulator.stop()
        assert time.monotonic() - started < 3
        assert list(opened) == []
    assert set(threading.enumerate()) == threads


def test_many_pages_that_leave_are_forgotten(emulator, post, web):
    """The emulator answers as before when pages have come and gone."""
    for _ in range(20):
        with Stream(emulator) as opened:
            next(opened.named("state"))

    assert post(emulator, [{}]).status_code == 204
