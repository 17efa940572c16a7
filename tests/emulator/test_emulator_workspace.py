"""Several rules, and rules that change while clients send to them."""

import json

import pytest

from dcrlog.emulator import Emulator, EmulatorError
from dcrlog.errors import ConfigError

FIRST = "dcr-00000000000000000000000000000001"
SECOND = "dcr-00000000000000000000000000000002"


def rule(output, columns=(("Text", "string"),), rule_id=None, stream="Custom-Text"):
    listed = [{"name": name, "type": kind} for name, kind in columns]
    return {
        **({"immutableId": rule_id} if rule_id else {}),
        "streamDeclarations": {stream: {"columns": listed}},
        "dataFlows": [{"streams": [stream], "destinations": ["ws"], "outputStream": output}],
    }


@pytest.fixture
def put(web):
    def send(emulator, rule_id, document):
        return web.put(f"{emulator.http_endpoint}/_emulator/rules/{rule_id}", json=document)

    return send


def test_several_rules_have_their_own_streams(post):
    """A stream is known to its own rule only."""
    rules = [rule("Custom-One_CL", rule_id=FIRST), rule("Custom-Two_CL", rule_id=SECOND, stream="Custom-Two")]
    with Emulator(rules) as emulator:
        statuses = [
            post(emulator, [{"Text": "a"}], rule_id=each, stream=stream).status_code
            for each in (FIRST, SECOND)
            for stream in ("Custom-Text", "Custom-Two")
        ]

        assert emulator.rule_ids == (FIRST, SECOND)
        assert statuses == [204, 400, 400, 204]
        assert (emulator.count("One_CL"), emulator.count("Two_CL")) == (1, 1)


def test_the_environment_of_another_rule_names_its_stream():
    """A program is pointed at any of the rules, and at none that there is not."""
    rules = [rule("Custom-One_CL", rule_id=FIRST), rule("Custom-Two_CL", rule_id=SECOND, stream="Custom-Two")]
    with Emulator(rules) as emulator:
        variables = emulator.environment(rule_id=SECOND)

        assert (variables["LOGS_DCR_RULE_ID"], variables["LOGS_DCR_STREAM_NAME"]) == (SECOND, "Custom-Two")
        with pytest.raises(EmulatorError, match=f"no rule 'dcr-9'. Rules: {FIRST}, {SECOND}"):
            emulator.environment(rule_id="dcr-9")


def test_no_rule_at_all_is_refused():
    """An empty list is a mistake, and not the default rule."""
    with pytest.raises(ConfigError, match="rule is an empty list"):
        Emulator([])


def test_two_rules_of_one_id_are_refused():
    """Rules without ids get them from their streams, so that two of the same need ids of their own."""
    with pytest.raises(ConfigError, match="two rules have the id"):
        Emulator([rule("Custom-One_CL"), rule("Custom-Two_CL")])


def test_a_rule_is_retargeted_without_the_client_noticing(post, put):
    """The same id and stream fill another table from the next request on."""
    with Emulator(rule("Custom-One_CL", rule_id=FIRST)) as emulator:
        before = post(emulator, [{"Text": "one"}], stream="Custom-Text")
        answer = put(emulator, FIRST, rule("Custom-Two_CL", [("Text", "string"), ("More", "int")]))
        after = post(emulator, [{"Text": "two", "More": 2}], stream="Custom-Text")

        assert (before.status_code, answer.status_code, after.status_code) == (204, 200, 204)
        assert [row["Text"] for row in emulator.rows("One_CL")] == ["one"]
        assert [(row["Text"], row["More"]) for row in emulator.rows("Two_CL")] == [("two", 2)]


def test_a_rule_may_be_retargeted_from_python(post):
    """`put_rule` does the same, for the first rule unless told otherwise."""
    with Emulator(rule("Custom-One_CL", rule_id=FIRST)) as emulator:
        emulator.put_rule(rule("Custom-Two_CL"))
        emulator.put_rule(rule("Custom-Three_CL"), SECOND)
        post(emulator, [{}], stream="Custom-Text")
        post(emulator, [{}], stream="Custom-Text", rule_id=SECOND)

        assert [emulator.count(f"{name}_CL") for name in ("One", "Two", "Three")] == [0, 1, 1]


def test_a_rule_is_shown_as_azure_shows_one_of_kind_direct(web, put):
    """With the endpoint to send to, and with its id, so that a program can learn both."""
    with Emulator(rule("Microsoft-Syslog", [("Computer", "string")], FIRST)) as emulator:
        assert put(emulator, SECOND, rule("Custom-Two_CL")).status_code == 201
        listed = web.get(f"{emulator.http_endpoint}/_emulator/rules").json()["value"]
        shown = web.get(
            f"{emulator.endpoint}/_emulator/rules/{FIRST.upper()}", verify=emulator.ca_bundle
        ).json()

        assert [each["properties"]["immutableId"] for each in listed] == [FIRST, SECOND]
        assert shown == {
            "kind": "Direct",
            "properties": {
                "immutableId": FIRST,
                "endpoints": {"logsIngestion": emulator.endpoint},
                "streamDeclarations": {"Custom-Text": {"columns": [{"name": "Computer", "type": "string"}]}},
                "dataFlows": [
                    {
                        "streams": ["Custom-Text"],
                        "destinations": ["workspace"],
                        "transformKql": "source",
                        "outputStream": "Microsoft-Syslog",
                    }
                ],
                "provisioningState": "Succeeded",
            },
        }


def test_a_rule_that_is_shown_can_be_put_back(web, put, post):
    """What `GET` gives, `PUT` takes."""
    with Emulator() as emulator:
        address = f"{emulator.http_endpoint}/_emulator/rules/{emulator.rule_id}"
        shown = web.get(address).json()

        assert put(emulator, emulator.rule_id, shown).json() == shown
        assert post(emulator, [{}]).status_code == 204


@pytest.mark.parametrize(
    ("document", "details"),
    [
        (
            rule("Custom-Other_CL"),
            [
                {
                    "code": "InvalidOutputTable",
                    "message": "Table for output stream 'Custom-Other_CL' is not available for "
                    "destination 'ws'.",
                    "target": "properties.dataFlows[0]",
                }
            ],
        ),
        (
            rule("Custom-Text_CL", [("Text", "int")]),
            [
                {
                    "code": "InvalidTransformOutput",
                    "message": "Types of transform output columns do not match the ones defined by the "
                    "output stream: Text [produced:'Int', output:'String']",
                    "target": "properties.dataFlows[0]",
                }
            ],
        ),
    ],
)
def test_a_wrong_rule_is_answered_as_by_azure(put, post, document, details):
    """And the one before stays in place."""
    tables = {"Text_CL": {"TimeGenerated": "datetime", "Text": "string"}}
    with Emulator(rule("Custom-Text_CL", rule_id=FIRST), tables=tables) as emulator:
        answer = put(emulator, FIRST, document)

        assert answer.status_code == 400
        assert answer.headers["x-ms-error-code"] == "InvalidPayload"
        assert answer.json() == {
            "error": {
                "code": "InvalidPayload",
                "message": "Data collection rule is invalid",
                "details": details,
            }
        }
        assert post(emulator, [{}], stream="Custom-Text").status_code == 204


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "not a data collection rule"),
        (rule("Custom-Text"), "Table for output stream 'Custom-Text' is not available for destination 'ws'."),
        (
            rule("Microsoft-Heartbeat"),
            "Table for output stream 'Microsoft-Heartbeat' is not available for destination 'ws'.",
        ),
        (rule("Custom-Text_CL", [("Type", "string")]), "'Type' is reserved"),
        (rule("Custom-Text_CL", rule_id=SECOND), f"has the id '{SECOND}', and the address has '{FIRST}'"),
        (
            {
                "streamDeclarations": {
                    f"Custom-{number}": {"columns": [{"name": "Text", "type": "string"}]}
                    for number in range(11)
                },
                "dataFlows": [{"streams": ["Custom-1"], "outputStream": "Custom-Text_CL"}],
            },
            "11 streams; at most 10",
        ),
    ],
    ids=["no rule", "no _CL", "no table of the API", "reserved", "another id", "too many streams"],
)
def test_what_is_wrong_with_a_rule_is_told(put, document, message):
    """The detail names it."""
    with Emulator(rule("Custom-Text_CL", rule_id=FIRST)) as emulator:
        answer = put(emulator, FIRST, document)

        assert answer.status_code == 400
        assert message in answer.json()["error"]["details"][0]["message"]


@pytest.mark.parametrize("output", ["Custom-Text_CL", "Microsoft-AWSCloudTrail"])
def test_a_table_that_nobody_declared_grows_to_what_azure_takes(put, post, output):
    """500 columns; what asks for more is refused, and nothing of it is made."""
    with Emulator(rule(output, rule_id=FIRST)) as emulator:
        wide = [(f"Column{number}", "int") for number in range(600)]
        answer = put(emulator, FIRST, rule(output, wide))

        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidPayload")
        assert "columns; Azure takes 500" in answer.json()["error"]["details"][0]["message"]
        assert post(emulator, [{"Text": "kept"}], stream="Custom-Text").status_code == 204


def test_putting_a_rule_needs_json_and_no_foreign_page(emulator, web):
    """As every route that changes something."""
    address = f"{emulator.http_endpoint}/_emulator/rules/{emulator.rule_id}"
    plain = web.put(address, data=json.dumps(rule("Custom-Two_CL")))
    foreign = web.put(address, json=rule("Custom-Two_CL"), headers={"Origin": "https://example.com"})

    assert (plain.status_code, foreign.status_code) == (415, 403)


def test_an_unknown_rule_is_not_shown(emulator, web):
    """With the words of the service."""
    answer = web.get(f"{emulator.http_endpoint}/_emulator/rules/{SECOND}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NotFound")


def test_tables_of_a_file_outlive_the_rule_that_filled_them(tmp_path, post):
    """A file that is opened with another rule still shows the rows of the first."""
    path = tmp_path / "rows.db"
    with Emulator(rule("Custom-One_CL"), db=path) as emulator:
        post(emulator, [{"Text": "kept"}], stream="Custom-Text")
    with Emulator(rule("Custom-Two_CL"), db=path) as emulator:
        assert [row["Text"] for row in emulator.rows("One_CL")] == ["kept"]
        assert (emulator.count("One_CL"), emulator.count("Two_CL")) == (1, 0)
        assert emulator.story("One_CL", 1)["sent"] == {"Text": "kept"}


def test_a_table_of_a_file_with_another_type_stops_a_retargeting(tmp_path, post):
    """What is stored stays readable: the refusal names both types."""
    path = tmp_path / "rows.db"
    with Emulator(rule("Custom-One_CL"), db=path):
        pass
    with pytest.raises(
        EmulatorError, match="column 'Text' of table 'One_CL' as text, the rule has it as int"
    ):
        Emulator(rule("Custom-One_CL", [("Text", "int")]), db=path).start()
