"""The control routes show and reset what arrived, to programs on this machine and to no web page."""

import pytest

ROUTES = ["/_emulator/ready", "/_emulator/requests", "/_emulator/rows/AppLogs_CL"]


def test_rows_and_requests_are_shown(emulator, web, post):
    """The routes give what the methods of the same names return."""
    post(emulator, [{"Message": "shown", "Properties": {"a": [1]}}])

    assert get(emulator, web, "/_emulator/rows/AppLogs_CL").json() == emulator.rows("AppLogs_CL")
    assert get(emulator, web, "/_emulator/requests").json() == emulator.requests()


def test_rows_are_shown_in_pages(emulator, web, post):
    """A large table can be read bit by bit, and followed while it grows."""
    post(emulator, [{"Seq": number} for number in range(5)])
    page = get(emulator, web, "/_emulator/rows/AppLogs_CL?after=1&limit=2").json()

    assert [row["Seq"] for row in page] == [1, 2]


@pytest.mark.parametrize("query", ["?after=-1", "?limit=x", "?limit=", "?after=99999999999999999999"])
def test_a_wrong_page_is_refused(emulator, web, query):
    """The message names the parameter."""
    answer = get(emulator, web, f"/_emulator/rows/AppLogs_CL{query}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidParameter")


def test_an_unknown_table_is_refused(emulator, web):
    """The answer lists the tables that there are."""
    answer = get(emulator, web, "/_emulator/rows/Nothing_CL")

    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "The rule fills no table 'Nothing_CL'. It fills: AppLogs_CL."


def test_readiness_tells_what_is_served(emulator, web):
    """A script that waits for the emulator learns the rule's id at once."""
    assert get(emulator, web, "/_emulator/ready").json() == {
        "ready": True,
        "rule_id": emulator.rule_id,
        "rules": [emulator.rule_id],
        "streams": ["Custom-AppLogs"],
        "tables": ["AppLogs_CL"],
        "mode": "strict",
    }


def test_reset_forgets_rows_and_requests(emulator, web, post):
    """After a reset the emulator is as at its start, and numbering begins again."""
    post(emulator, [{"Seq": 1}])
    answer = web.post(f"{emulator.http_endpoint}/_emulator/reset", json={})

    assert answer.status_code == 204
    assert (emulator.rows("AppLogs_CL"), emulator.requests()) == ([], [])

    post(emulator, [{"Seq": 2}])
    assert len(get(emulator, web, "/_emulator/rows/AppLogs_CL?after=0").json()) == 1


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_reset_needs_json(emulator, web, post, content_type):
    """A form on a web page, which sends without asking, cannot reset."""
    post(emulator, [{}])
    answer = web.post(f"{emulator.http_endpoint}/_emulator/reset", headers={"Content-Type": content_type})

    assert answer.status_code == 415
    assert emulator.count("AppLogs_CL") == 1


@pytest.mark.parametrize("origin", ["https://example.com", "null", "http://127.0.0.1:1", ""])
@pytest.mark.parametrize("path", ROUTES)
def test_a_foreign_origin_is_refused(emulator, web, path, origin):
    """A page of another origin sees nothing."""
    answer = get(emulator, web, path, Origin=origin)

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "ForeignOrigin")


@pytest.mark.parametrize(("method", "path"), [("POST", "faults"), ("PUT", "rules/dcr-1")])
def test_what_is_too_large_for_a_rule_or_a_fault_is_refused(emulator, web, method, path):
    """Before it is read."""
    answer = web.request(
        method,
        f"{emulator.http_endpoint}/_emulator/{path}",
        data=b" " * 1_048_577,
        headers={"Content-Type": "application/json"},
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "ContentLengthLimitExceeded")


def test_a_foreign_origin_cannot_reset(emulator, web, post):
    """A page of another origin changes nothing either."""
    post(emulator, [{}])
    headers = {"Origin": "https://example.com"}
    answer = web.post(f"{emulator.http_endpoint}/_emulator/reset", json={}, headers=headers)

    assert answer.status_code == 403
    assert emulator.count("AppLogs_CL") == 1


@pytest.mark.parametrize("path", ROUTES)
def test_its_own_origin_is_let_in_without_cors(emulator, web, path):
    """The emulator's own page may read, and no answer tells a browser to let others in."""
    answer = get(emulator, web, path, Origin=emulator.http_endpoint)

    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("path", ROUTES)
def test_a_foreign_host_is_refused(emulator, web, path):
    """A name that was pointed at 127.0.0.1 makes a page same-origin; its Host gives it away."""
    assert get(emulator, web, path, Host="rebound.example:80").status_code == 421


def get(emulator, web, path, **headers):
    return web.get(f"{emulator.http_endpoint}{path}", headers=headers)
