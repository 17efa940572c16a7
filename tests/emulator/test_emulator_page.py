"""The page shows what there is, to nobody else, whatever the rows have in them."""

import json
import threading
import time
from html.parser import HTMLParser

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from dcrlog.emulator import Emulator, Fault
from dcrlog.emulator.page.html import element
from dcrlog.emulator.page.requests import SHOWN as REQUESTS_SHOWN
from dcrlog.emulator.page.rows import SHOWN, level_kind

VOID = {"br", "input", "link", "meta", "polyline"}
TAGS = {
    *("html", "head", "meta", "title", "link", "script", "body", "header", "aside", "main", "nav", "section"),
    *(
        "h1",
        "h2",
        "h3",
        "h4",
        "a",
        "span",
        "dl",
        "dt",
        "dd",
        "code",
        "output",
        "div",
        "ul",
        "ol",
        "li",
        "svg",
    ),
    *("polyline", "select", "option", "button", "footer", "p", "kbd", "input", "article", "details"),
    *("table", "thead", "tbody", "tr", "th", "td", "summary", "pre", "strong", "b", "i", "time", "small"),
}
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</td></tr></table><h1>gone</h1>",
    "&lt;b&gt; &amp; <!-- ]]> -->",
    "\u202egnp.exe\u2066 \u200b\x00\x1b[31m",
    "javascript:alert(1)",
]


class Page(HTMLParser):
    """A document: every tag with its attributes, the text, and the text by id of the nearest ancestor."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self._open = [], {}, []
        self.feed(text)
        self.close()
        assert self._open == [], "an element is not closed"

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append((tag, dict(attributes).get("id")))

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        for found in {found for _, found in self._open if found} | {None}:
            self.texts[found] = self.texts.get(found, "") + data

    def all(self, tag, **wanted):
        return [found for name, found in self.tags if name == tag and wanted.items() <= found.items()]


@pytest.fixture
def page(emulator, web):
    """Fetch the page and read it."""

    def fetch(query="", path="/"):
        answer = web.get(f"{emulator.http_endpoint}{path}{query}")
        assert answer.status_code == 200
        return Page(answer.text)

    return fetch


def test_the_page_is_whole_without_a_script(emulator, post, page):
    """Tables with counts, rows, requests, losses, rules and faults are in it as it is sent."""
    emulator.faults.add(Fault("status", status=503, nth=2))
    post(emulator, [{"Level": "ERROR", "Message": "it broke", "Line": 7, "Extra": "lost"}, {"Line": "x"}])
    post(emulator, [{}], headers={"User-Agent": "tester/1", "x-ms-client-request-id": "abc"})
    found = page()

    assert "AppLogs_CL2" in found.texts["tables"]
    for part in ("ERROR", "it broke", "Line7"):
        assert part in found.texts["row-lines"]
    assert [line["class"] for line in found.all("li", role="option")] == ["row none", "row bad"]
    for part in (
        "204",
        "503",
        "fault: status",
        "ServiceUnavailable",
        "tester/1",
        "abc",
        "not declared: Extra",
    ):
        assert part in found.texts["requests-lines"]
    assert "not declared by the stream" in found.texts["losses-lines"]
    assert "does not fit the type: null" in found.texts["losses-lines"]
    assert emulator.rule_id in found.texts["rules"]
    assert "Custom-AppLogs" in found.texts["rules"]
    assert "status" in found.texts["faults"]
    assert emulator.endpoint in found.texts[None]


def test_nothing_is_inline_and_everything_is_at_hand(emulator, web, page):
    """Under its policy only the emulator's own files are loaded, and it has them."""
    answer = web.get(f"{emulator.http_endpoint}/")
    policy = answer.headers["Content-Security-Policy"]
    found = page()

    assert "default-src 'none'" in policy
    assert "script-src 'self'; style-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert (answer.headers["X-Content-Type-Options"], answer.headers["Cache-Control"]) == (
        "nosniff",
        "no-store",
    )
    assert "Strict-Transport-Security" not in answer.headers
    assert not [
        name for _, attributes in found.tags for name in attributes if name.startswith(("on", "style"))
    ]
    assert not found.all("style")
    files = [tag["href"] for tag in found.all("link")] + [tag["src"] for tag in found.all("script")]
    assert sorted(files) == [f"/_emulator/page/{name}" for name in ("icon.svg", "page.css", "page.js")]
    for path in files:
        loaded = web.get(f"{emulator.http_endpoint}{path}")
        assert (loaded.status_code, loaded.headers["X-Content-Type-Options"]) == (200, "nosniff")
        assert "http" not in loaded.text.replace("http://www.w3.org/2000/svg", "")
    assert web.get(f"{emulator.http_endpoint}/_emulator/page/html.py").status_code == 404


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_values_stay_text_wherever_they_stand(emulator, post, page, hostile):
    """In rows, names, levels, headers, paths, losses, faults, stories: no tag of theirs, nothing hidden."""
    row = dict.fromkeys(["Level", "Message", "Line", hostile], hostile) | {"Properties": {hostile: hostile}}
    plain = hostile.encode("ascii", "ignore").decode().replace("\x00", "").replace("\x1b", "")
    emulator.faults.add(Fault("status", status=503, containing=hostile, nth=1000))
    post(emulator, [row], headers={"User-Agent": plain, "x-ms-client-request-id": plain})
    post(emulator, [row], stream=requests.utils.quote(hostile, safe=""))
    told = page(f"?table=AppLogs_CL&row=1&{requests.utils.quote(hostile)}")

    assert {tag for tag, _ in told.tags} <= TAGS
    assert [len(told.all(tag)) for tag in ("script", "h1")] == [1, 1]
    assert not [name for _, attributes in told.tags for name in attributes if name.startswith("on")]
    assert all(character.isprintable() or character == "\n" for character in told.texts[None])
    visible = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in hostile)
    for part in ("row-lines", "losses-lines", "story", "faults"):
        assert visible[:12] in told.texts[part]
    for feed in events(emulator, "?table=AppLogs_CL", ["rows", "requests", "state"]):
        for html in (value for value in feed.values() if isinstance(value, str)):
            assert {tag for tag, _ in Page(html).tags} <= TAGS


@given(text=st.text(), name=st.sampled_from(["title", "data_x", "class_"]))
def test_an_element_is_read_back_as_what_was_put_in(text, name):
    """Whatever the text, a parser finds one element with it as its content and as its attribute."""
    found = Page(element("td", text, **{name: text}))
    (tag, attributes), *others = found.tags

    assert (tag, others) == ("td", [])
    assert list(attributes.values()) == [text]
    assert found.texts.get(None, "") == text


@pytest.mark.parametrize(
    ("level", "kind"),
    [
        ("ERROR", "bad"),
        ("crit", "bad"),
        ("Warning", "warn"),
        ("INFO", "info"),
        ("debug", "low"),
        ("", "none"),
    ],
)
def test_levels_have_colours(level, kind):
    """Of Python, syslog and OpenTelemetry alike."""
    assert level_kind(level) == kind


def test_a_story_stands_side_by_side(emulator, post, page):
    """Four stages, with the reason in the cell from which on the value is another one."""
    post(emulator, [{"Line": "12", "Process": "none", "Extra": 1}])
    found = page(path="/_emulator/page/story/1")

    assert [head for head in ("Sent", "Typed", "Transformed", "Stored") if head in found.texts[None]] == [
        "Sent",
        "Typed",
        "Transformed",
        "Stored",
    ]
    assert "does not fit the type: null" in found.texts[None]
    assert "not declared by the stream" in found.texts[None]
    assert "changed int" in [tag.get("class") for tag in found.all("td")]
    assert "no such row" in page(path="/_emulator/page/story/2").texts[None]


def test_an_unknown_table_shows_the_first_one(emulator, post, page):
    """A link that has outlived its table is no dead end."""
    post(emulator, [{"Message": "here"}])

    assert "here" in page("?table=Gone_CL&row=x").texts["row-lines"]


def test_a_switch_is_on_while_its_fault_is_there(emulator, page):
    """One of the list, or any other; a fault that has ended is off again."""
    overload = emulator.faults.add(Fault("status", status=503, rate=0.5))
    emulator.faults.add(Fault("drip", seconds=3))
    on = [tag["data-key"] for tag in page().all("button", role="switch") if tag["aria-checked"] == "true"]
    assert on[0] == "Overload"
    assert len(on) == 2

    assert emulator.faults.remove(overload.id)
    assert not emulator.faults.remove(overload.id)
    switch = next(tag for tag in page().all("button", role="switch") if tag["data-key"] == "Overload")
    assert (switch["aria-checked"], json.loads(switch["data-fault"])) == (
        "false",
        {"action": "status", "status": 503},
    )


def test_one_fault_is_removed_over_http(emulator, web, post):
    """By its id, as the switch does it; the others stay."""
    gone, stays = (emulator.faults.add(Fault("status", status=status)) for status in (500, 503))
    address = f"{emulator.http_endpoint}/_emulator/faults/{gone.id}"
    statuses = [web.delete(address, json={}).status_code for _ in range(2)]

    assert statuses == [204, 404]
    assert [active.id for active in emulator.faults] == [stays.id]
    assert post(emulator, [{}]).status_code == 503
    assert web.delete(address).status_code == 415


def test_rows_come_without_a_reload(emulator, post):
    """An open page is sent what arrives: rows, requests, and how the tables stand."""
    with stream(emulator) as opened:
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
    with stream(emulator) as opened:
        next(opened.named("rows"))
        next(opened.named("requests"))
        seen = opened.last_id
    post(emulator, [{"Message": "new"}])
    for options in ({"headers": {"Last-Event-ID": seen}}, {"query": f"&after={seen}"}):
        with stream(emulator, **options) as again:
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
    with stream(emulator) as opened:
        next(opened.named("rows"))
        emulator.reset()
        assert next(opened.named("reset")) == {}
        post(emulator, [{"Message": "after"}])
        assert "after" in next(opened.named("rows"))["html"]


def test_a_page_that_outlived_its_emulator_starts_anew(emulator, post):
    """Its numbers are those of another run."""
    post(emulator, [{}])
    told = events(emulator, "?table=AppLogs_CL&after=900.900", ["reset", "rows"])

    assert [event.get("count") for event in told] == [None, 1]


def test_a_fault_and_a_new_rule_show_at_once(emulator, web):
    """Whoever sets a fault or retargets a rule, every open page has it."""
    with stream(emulator) as opened:
        assert "aria-checked" in next(opened.named("state"))["faults"]
        web.post(f"{emulator.http_endpoint}/_emulator/faults", json={"action": "hang"})
        state = next(opened.named("state"))
        assert 'aria-checked="true"' in state["faults"]
        assert "rules" not in state


PATHS = ["/", "/_emulator/page/page.js", "/_emulator/page/events", "/_emulator/page/story/1"]


@pytest.mark.parametrize("path", PATHS)
def test_a_foreign_host_sees_no_page(emulator, web, path):
    """A name that was pointed at this machine gives itself away."""
    answer = web.get(f"{emulator.http_endpoint}{path}", headers={"Host": "rebound.example"}, stream=True)

    assert answer.status_code == 421


@pytest.mark.parametrize("headers", [{"Origin": "https://example.com"}, {"Sec-Fetch-Site": "cross-site"}])
@pytest.mark.parametrize("path", PATHS[1:])
def test_a_foreign_page_gets_nothing_of_it(emulator, web, path, headers):
    """Neither its files nor its events; and the document cannot be framed."""
    answer = web.get(f"{emulator.http_endpoint}{path}", headers=headers, stream=True)

    assert answer.status_code == 403


def test_an_open_page_does_not_hold_up_the_stop():
    """Its stream ends with the emulator, and leaves no thread."""
    threads = set(threading.enumerate())
    emulator = Emulator()
    emulator.start()
    with stream(emulator) as opened:
        next(opened.named("state"))
        started = time.monotonic()
        emulator.stop()
        assert time.monotonic() - started < 3
        assert list(opened) == []
    assert set(threading.enumerate()) == threads


def test_many_pages_that_leave_are_forgotten(emulator, post, web):
    """The emulator answers as before when pages have come and gone."""
    for _ in range(20):
        with stream(emulator) as opened:
            next(opened.named("state"))

    assert post(emulator, [{}]).status_code == 204


class stream:  # noqa: N801 - read as the word
    """The events of an open page."""

    def __init__(self, emulator, query="", headers=None):
        self._session = requests.Session()
        self._session.trust_env = False
        address = f"{emulator.http_endpoint}/_emulator/page/events?table=AppLogs_CL{query}"
        self._answer = self._session.get(address, headers=headers, stream=True, timeout=20)
        assert self._answer.headers["Content-Type"].startswith("text/event-stream")
        self.last_id = None
        self._events = self._read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._answer.close()
        self._session.close()

    def __iter__(self):
        return self._events

    def named(self, name):
        return (content for found, content in self._events if found == name)

    def _read(self):
        event = {}
        try:
            for line in self._answer.iter_lines(decode_unicode=True):
                key, _, value = line.partition(": ")
                event[key] = value
                if not line and "data" in event:
                    self.last_id = event["id"]
                    yield event["event"], json.loads(event["data"])
                    event = {}
        except requests.exceptions.ChunkedEncodingError:
            return


def events(emulator, query, names):
    """The first event of each name, in that order."""
    with stream(emulator, f"&{query[1:]}") as opened:
        return [next(opened.named(name)) for name in names]
