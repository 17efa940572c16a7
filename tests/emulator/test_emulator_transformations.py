"""Rows go through the rule's transformation on their way into a table."""

import json

import pytest

from dcrlog.emulator import Emulator
from dcrlog.errors import ConfigError

COLUMNS = {"TimeGenerated": "datetime", "Level": "string", "Line": "string", "Count": "int"}
TABLE = {"TimeGenerated": "datetime", "Level": "string", "Number": "int"}


def rule(text, output="Custom-Made_CL", columns=COLUMNS):
    listed = [{"name": name, "type": kind} for name, kind in columns.items()]
    flow = {"streams": ["Custom-Text"], "destinations": ["ws"], "outputStream": output, "transformKql": text}
    return {"streamDeclarations": {"Custom-Text": {"columns": listed}}, "dataFlows": [flow]}


def test_rows_are_stored_as_the_transformation_makes_them(post):
    """A bare rule gets a table with the columns that come out."""
    text = 'source | where Level != "DEBUG" | project TimeGenerated, Level, Number = toint(Line)'
    with Emulator(rule(text)) as emulator:
        rows = [
            {"Level": "DEBUG", "Line": "1"},
            {"Level": "INFO", "Line": "2"},
            {"Level": "INFO", "Line": "x"},
        ]
        assert post(emulator, rows, stream="Custom-Text").status_code == 204

        found = [(row["Level"], row["Number"]) for row in emulator.rows("Made_CL")]
        assert found == [("INFO", 2), ("INFO", None)]
        assert set(emulator.rows("Made_CL")[0]) == {"TimeGenerated", "Level", "Number"}
        (entry,) = emulator.requests()
        assert (entry["rows_in"], entry["rows_filtered"], entry["rows_stored"]) == (3, 1, 2)
        assert "rows left out by the transformation: 1." in entry["warning"]
        assert [(drop["reason"], drop["count"]) for drop in emulator.drops()] == [("filtered", 1)]


def test_a_story_has_what_the_transformation_made(post):
    """Also of rows behind those that were left out."""
    text = "source | where Count > 0 | extend Number = Count * 2, Level = toupper(Level) | project-away Line"
    with Emulator(rule(text)) as emulator:
        rows = [{"Count": number % 2, "Level": f"l{number}", "Extra": 1} for number in range(6)]
        post(emulator, rows, stream="Custom-Text")
        story = emulator.story("Made_CL", 3)

        assert story["sent"] == {"Count": 1, "Level": "l5", "Extra": 1}
        assert story["typed"] == {"TimeGenerated": None, "Level": "l5", "Line": None, "Count": 1}
        assert story["transformed"] == {"TimeGenerated": None, "Level": "L5", "Count": 1, "Number": 2}
        assert {name: story["stored"][name] for name in ("Level", "Number")} == {"Level": "L5", "Number": 2}
        assert story["transformation"] == text
        assert [(note["field"], note["reason"]) for note in story["notes"]] == [("Extra", "undeclared")]


def test_each_row_that_was_made_of_one_object_has_a_story(post):
    """A transformation may make several of one, and none of another."""
    text = """let t = datatable(Number:int)[1, 2, 3]; t
    | extend TimeGenerated = now() | where Number != 2 | project TimeGenerated, Number"""
    with Emulator(rule(text)) as emulator:
        post(emulator, [{"Level": "a"}, {"Level": "b"}], stream="Custom-Text")
        stories = [emulator.story("Made_CL", number) for number in range(1, 5)]

        assert [story["sent"]["Level"] for story in stories] == ["a", "a", "b", "b"]
        assert [story["transformed"]["Number"] for story in stories] == [1, 3, 1, 3]
        assert [story["stored"]["Number"] for story in stories] == [1, 3, 1, 3]
        assert emulator.drops() == []


def test_what_does_not_fit_the_stream_is_counted_all_the_same(post):
    """The transformation reads it as null."""
    with Emulator(rule("source | project TimeGenerated, Count")) as emulator:
        post(emulator, [{"Count": "many", "Other": 1}], stream="Custom-Text")

        assert [row["Count"] for row in emulator.rows("Made_CL")] == [None]
        assert {(drop["reason"], drop["field"]) for drop in emulator.drops()} == {
            ("misfit", "Count"),
            ("undeclared", "Other"),
        }


def test_a_rule_is_retargeted_with_another_transformation(post, web):
    """The client sends as before, and its rows take another way."""
    with Emulator(rule("source | project TimeGenerated, Level")) as emulator:
        post(emulator, [{"Level": "a"}], stream="Custom-Text")
        document = rule("source | project TimeGenerated, Level = strcat(Level, '!')", "Custom-Other_CL")
        address = f"{emulator.http_endpoint}/_emulator/rules/{emulator.rule_id}"
        assert web.put(address, json=document).status_code == 200
        post(emulator, [{"Level": "a"}], stream="Custom-Text")

        assert [emulator.rows(table)[0]["Level"] for table in ("Made_CL", "Other_CL")] == ["a", "a!"]
        assert "strcat" in json.dumps(web.get(address).json())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source | project Level", "InvalidTransformQuery: .*TimeGenerated"),
        (
            "source | project TimeGenerated, Level, Number = Line",
            r"InvalidTransformOutput: Types of .* do not match .*Number \[produced:'String', output:'Int'\]",
        ),
        (
            "source | extend Gap = now() - TimeGenerated",
            "InvalidTransformOutput: .*'timespan' is not a",
        ),
        ("source | summarize count()", "InvalidTransformQuery: .*summarize"),
        ("source | extend X = replace_string(Level, 'a', 'b')", "InvalidTransformQuery: .*replace_string"),
    ],
)
def test_what_azure_refuses_is_refused(text, message):
    """With its code, its text and the place in the rule."""
    with pytest.raises(ConfigError, match=message) as refused:
        Emulator(rule(text), tables={"Made_CL": TABLE})

    assert str(refused.value).endswith("(properties.dataFlows[0])")


def test_a_column_that_the_table_lacks_is_accepted_and_told(post):
    """As in Azure, which bills it and does not store it."""
    text = "source | extend Number = toint(Line), More = Line | project-away Line, Count"
    with Emulator(rule(text), tables={"Made_CL": TABLE}) as emulator:
        post(emulator, [{"Level": "a", "Line": "3"}], stream="Custom-Text")

        assert [row["Number"] for row in emulator.rows("Made_CL")] == [3]
        assert "'More'" in emulator.remarks[0]
        assert [(drop["reason"], drop["field"]) for drop in emulator.drops()] == [("lacking", "More")]


def test_lenient_mode_carries_out_what_azure_refuses(post):
    """With a remark that has the place."""
    text = "source | project TimeGenerated, Level = replace_string(Level, 'a', 'b')"
    with Emulator(rule(text), mode="lenient") as emulator:
        post(emulator, [{"Level": "aa"}], stream="Custom-Text")

        assert [row["Level"] for row in emulator.rows("Made_CL")] == ["bb"]
        assert any("replace_string" in remark for remark in emulator.remarks)


def test_the_page_shows_the_way_through_a_transformation(post, web):
    """Its text stands in the rule and in the story."""
    with Emulator(rule("source | where Level != '<b>' | project TimeGenerated, Level")) as emulator:
        post(emulator, [{"Level": "a"}], stream="Custom-Text")
        page = web.get(f"{emulator.http_endpoint}/?table=Made_CL&row=1").text

        assert page.count("source | where Level != &#x27;&lt;b&gt;&#x27;") == 2
