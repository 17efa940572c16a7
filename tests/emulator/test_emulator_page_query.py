"""The query box of the page: what a query gives, or what is wrong with it; nothing breaks out of the HTML."""

import pytest

from emulator_page import Page

TAGS = {"p", "table", "thead", "tbody", "tr", "th", "td", "small", "pre"}


@pytest.fixture
def ask(emulator, web):
    """Ask a query as the page does."""

    def send(query, headers=None):
        address = f"{emulator.http_endpoint}/_emulator/page/query"
        return web.post(address, json={"query": query}, headers=headers)

    return send


def test_an_answer_is_a_table_with_types(emulator, post, ask):
    """Columns in order, numbers to the right, nulls told from text."""
    post(emulator, [{"Message": "b", "Line": 7}, {"Message": "a", "Properties": {"k": [1]}}])
    told = Page(ask("AppLogs_CL | project Message, Line, Properties | sort by Message asc").text)

    assert [tag.get("class") for tag in told.all("th")] == [None, "num", None]
    assert [tag.get("class") for tag in told.all("td")] == [None, "null", None, None, "num", "null"]
    assert told.texts["answer-lines"] == 'anull{"k":[1]}b7null'
    assert "Line int" in told.texts[None]
    assert told.texts[None].startswith("2 rows · ")


def test_one_row_is_one(emulator, post, ask):
    """Not 1 rows."""
    post(emulator, [{}])

    assert ask("AppLogs_CL | count").text.startswith('<p class="told">1 row · ')


def test_a_long_answer_is_cut_and_says_so(emulator, post, ask):
    """The page is no place for half a million rows."""
    post(emulator, [{"Line": number} for number in range(501)])
    told = Page(ask("AppLogs_CL | project Line").text)

    assert len(told.all("td")) == 500
    assert told.texts[None].startswith("the first 500 rows · ")


@pytest.mark.parametrize(
    ("query", "mark"),
    [
        ("AppLogs_CL | where Levle == 1", "                    ^^^^^"),
        ("AppLogs_CL | mv-expand Properties", "^"),
        ("", "^"),
        ("Nowhere_CL", "^^^^^^^^^^"),
    ],
)
def test_a_mistake_is_drawn_under_the_text(ask, query, mark):
    """With the reason below, and no table."""
    told = Page(ask(query).text)

    assert mark in told.texts[None].splitlines()[1]
    assert len(told.texts[None].splitlines()) >= 3
    assert {tag for tag, _ in told.tags} == {"pre"}


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", '"><img src=x onerror=a()>', "\u202egnp\x1b[31m"]
)
def test_hostile_values_and_queries_stay_text(emulator, post, ask, hostile):
    """In cells, in names of columns, in what is said of a mistake."""
    post(emulator, [{"Message": hostile, "Properties": {hostile: hostile}}])
    quoted = hostile.replace("\x1b", " ").replace("'", "")
    queries = ("AppLogs_CL", f"print ['{quoted}'] = 1", f"AppLogs_CL | where {quoted}", f"print '{quoted}")
    for query in queries:
        told = Page(ask(query).text)

        assert {tag for tag, _ in told.tags} <= TAGS
        assert all(character.isprintable() or character == "\n" for character in told.texts[None])


@pytest.mark.parametrize("headers", [{"Origin": "https://example.com"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_foreign_page_cannot_ask(ask, headers):
    """Rows are nobody else's."""
    assert ask("AppLogs_CL", headers).status_code == 403


@pytest.mark.parametrize("body", ["[]", "{}", '{"query":1}', "null"])
def test_what_is_no_query_is_refused(emulator, web, body):
    """With what is wanted."""
    headers = {"Content-Type": "application/json"}
    answer = web.post(f"{emulator.http_endpoint}/_emulator/page/query", data=body, headers=headers)

    assert answer.status_code == 400
    assert "'query'" in answer.json()["error"]["message"]
