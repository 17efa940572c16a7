"""What became of a row, field by field, and what was lost by all of them."""

import gzip
import json
from contextlib import closing

import pytest

from dcrlog.emulator import Emulator
from dcrlog.emulator import history as history_module
from dcrlog.emulator.database import Database
from dcrlog.emulator.history import History


def test_a_row_is_shown_at_every_stage(emulator, post):
    """Sent, typed, transformed, stored: and a note for each difference."""
    row = {
        "Line": "12",
        "Process": "none",
        "Message": {"a": 1},
        "Extra": True,
        "TimeGenerated": "2001-01-01 10:00",
        "Function": "é" * 40_000,
    }
    post(emulator, [{}, row])
    story = emulator.story("AppLogs_CL", 2)

    assert (story["sent"], story["table"], story["number"]) == (row, "AppLogs_CL", 2)
    assert story["stream"] == "Custom-AppLogs"
    assert story["request_id"] == emulator.requests()[0]["request_id"]
    typed, stored = story["typed"], story["stored"]
    assert (typed["Line"], typed["Process"], typed["Message"]) == (12, None, '{"a":1}')
    assert typed["TimeGenerated"] == "2001-01-01T10:00:00Z"
    assert story["transformed"] == typed
    assert stored == emulator.rows("AppLogs_CL")[1]
    assert stored["TimeGenerated"] > "2026"
    assert len(stored["Function"]) == 32_768
    assert {(note["field"], note["stage"], note["reason"]) for note in story["notes"]} == {
        ("Extra", "typed", "undeclared"),
        ("Process", "typed", "misfit"),
        ("TimeGenerated", "stored", "restamped"),
        ("Function", "stored", "truncated"),
    }


@pytest.mark.parametrize("compress", [False, True])
def test_rows_of_several_requests_find_their_bodies(emulator, post, compress):
    """Each number leads to the row that was sent as that one, compressed or not."""
    for first in (0, 3, 6):
        body = json.dumps([{"Seq": first + number} for number in range(3)]).encode()
        headers = {"Content-Encoding": "gzip"} if compress else {}
        post(emulator, gzip.compress(body) if compress else body, headers=headers)

    assert [emulator.story("AppLogs_CL", number)["sent"]["Seq"] for number in range(1, 10)] == list(range(9))


@pytest.mark.parametrize("name", ["Properties", "Message"])
def test_what_is_nested_as_deep_as_can_be_is_shown(emulator, web, post, name):
    """Whatever is taken is read back and told, as JSON and on the page."""
    value = b"[" * 498 + b"]" * 498
    assert post(emulator, b'[{"%b": %b}]' % (name.encode(), value)).status_code == 204
    paths = ("_emulator/rows/AppLogs_CL", "_emulator/rows/AppLogs_CL/1", "?row=1", "_emulator/page/story/1")
    answers = [web.get(f"{emulator.http_endpoint}/{path}") for path in paths]

    assert [answer.status_code for answer in answers] == [200] * 4
    assert answers[1].json()["sent"] == {name: json.loads(value)}
    assert emulator.rows("AppLogs_CL")[0][name] in (json.loads(value), value.decode())


def test_a_row_that_is_not_there_has_no_story(emulator, post):
    """Neither before, nor after, nor once it was removed or forgotten."""
    post(emulator, [{}])
    assert (emulator.story("AppLogs_CL", 0), emulator.story("AppLogs_CL", 2)) == (None, None)
    emulator.reset()
    assert emulator.story("AppLogs_CL", 1) is None


def test_bodies_are_kept_up_to_a_cap(post, monkeypatch):
    """The oldest go first, and their rows stay."""
    monkeypatch.setattr(history_module, "_MAX_BODIES", 100)
    with Emulator() as emulator:
        for number in range(5):
            post(emulator, [{"Message": "x" * 20, "Seq": number}])
        told = [emulator.story("AppLogs_CL", number) is not None for number in range(1, 6)]

        assert told == [False, False, False, True, True]
        assert emulator.count("AppLogs_CL") == 5


def test_requests_are_logged_up_to_a_cap(monkeypatch):
    """The oldest go, a thousand at a time."""
    monkeypatch.setattr(history_module, "_MAX_REQUESTS", 500)
    with closing(Database(None)) as database:
        history = History(database)
        for number in range(2_100):
            history.log({"number": number})

        assert [entry["number"] for entry in history.requests()] == list(range(1_500, 2_100))


def test_a_story_is_shown_over_http(emulator, web, post):
    """The same, as JSON."""
    post(emulator, [{"Message": "told"}])
    address = f"{emulator.http_endpoint}/_emulator/rows/AppLogs_CL"

    assert web.get(f"{address}/1").json() == json.loads(json.dumps(emulator.story("AppLogs_CL", 1)))
    assert (web.get(f"{address}/2").status_code, web.get(f"{address}/x").status_code) == (404, 404)


def test_losses_are_counted_by_reason_and_field(emulator, web, post):
    """Over all requests, with one of the values."""
    post(emulator, [{"Extra": 1}, {"Extra": 2, "Line": "x", "TimeGenerated": "1999-01-01"}])
    post(emulator, [{"Extra": 3}])
    post(emulator, {"Seq": 1})
    drops = {(drop["reason"], drop["field"]): drop for drop in emulator.drops()}

    assert {kind: drop["count"] for kind, drop in drops.items()} == {
        ("undeclared", "Extra"): 3,
        ("misfit", "Line"): 1,
        ("restamped", "TimeGenerated"): 1,
        ("not an array", ""): 1,
    }
    assert drops["misfit", "Line"]["example"] == '"x"'
    assert drops["misfit", "Line"]["table"] == "AppLogs_CL"
    assert web.get(f"{emulator.http_endpoint}/_emulator/drops").json() == emulator.drops()
    emulator.reset()
    assert emulator.drops() == []


def test_what_a_stream_does_not_declare_is_lost_once(post):
    """However many tables the stream fills; what does not fit is lost in each."""
    flows = [{"streams": ["Custom-Text"], "outputStream": f"Custom-{name}_CL"} for name in ("One", "Two")]
    columns = [{"name": "Number", "type": "int"}]
    rule = {"streamDeclarations": {"Custom-Text": {"columns": columns}}, "dataFlows": flows}
    with Emulator(rule) as emulator:
        post(emulator, [{"Number": "x", "Extra": 1}], stream="Custom-Text")
        drops = sorted((drop["reason"], drop["table"], drop["count"]) for drop in emulator.drops())

        assert drops == [("misfit", "One_CL", 1), ("misfit", "Two_CL", 1), ("undeclared", "", 1)]


def test_names_that_senders_choose_do_not_fill_the_memory(emulator, post):
    """So many different properties are counted by name, and the rest together."""
    for number in range(15):
        post(emulator, [{f"p{number}_{other}": 0 for other in range(150)}])
    drops = emulator.drops()

    assert len(drops) <= 1_001
    assert sum(drop["count"] for drop in drops) == 15 * 150

    post(emulator, [{"p0_0": 0}])
    assert next(drop["count"] for drop in emulator.drops() if drop["field"] == "p0_0") == 2
