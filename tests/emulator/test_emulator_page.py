"""The page shows what there is, to nobody else, whatever the rows have in them."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcrlog.emulator import Fault
from dcrlog.emulator.page.html import element
from dcrlog.emulator.page.rows import level_kind
from emulator_page import Page, events

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
    "textarea",
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
    assert sorted(files) == [
        f"/_emulator/page/{name}" for name in ("icon.svg", "page.css", "page.js", "query.css")
    ]
    scripts = [f"/_emulator/page/{name}" for name in ("ask.js", "query.js")]
    for path in files + scripts:
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
    post(emulator, [row], stream=quote(hostile, safe=""))
    told = page(f"?table=AppLogs_CL&row=1&{quote(hostile)}")

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


def test_an_empty_table_says_how_to_fill_it(emulator, page):
    """With the variables of a stream that leads there."""
    told = page().texts["rows"]

    assert f"DATA_COLLECTION_ENDPOINT={emulator.endpoint}\nLOGS_DCR_RULE_ID={emulator.rule_id}" in told
    assert "LOGS_DCR_STREAM_NAME=Custom-AppLogs" in told


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
