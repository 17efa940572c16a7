"""Errors have a place, a code and the service's words; the output is checked as Azure does it."""

import pytest

from dcrlog.errors import ConfigError
from dcrlog.kql import KqlError, compile_transformation
from kql_engine import STREAM, refusal


@pytest.mark.parametrize(
    ("text", "line", "column", "length"),
    [
        ("source | where Smal == 1", 1, 16, 4),
        ("source\n| where Small == 1\n| extend x = tostring(Nothing)", 3, 23, 7),
        ("source\r\n| where Smal == 1", 2, 9, 4),
        ("source | extend x = ", 1, 21, 1),
        ("source | extend x = 'open", 1, 21, 5),
        ("source | extend x = §", 1, 21, 1),
        (r"source | extend x = 'a\q'", 1, 23, 2),
        ("source | extend x = iff(Flag, 'a', 1)", 1, 21, 17),
        ("source | extend x = datetime_add('eon', 1, Time)", 1, 34, 5),
        ("source | extend x = toint(1, 2)", 1, 21, 11),
        ("", 1, 1, 1),
    ],
)
def test_an_error_has_its_place(text, line, column, length):
    """Line and column count from 1; the length is that of the offending text."""
    error = refusal(text)

    assert (error.line, error.column, error.length) == (line, column, length)
    assert error.code == "InvalidTransformQuery"


def test_an_error_is_drawn_under_the_offending_text():
    """The line, a mark, and what is wrong."""
    error = refusal("source\n| extend Level = tolowr(Text)")

    assert error.draw() == (
        "2:18 | | extend Level = tolowr(Text)\n"
        "                        ^^^^^^^^^^^^\n"
        "Runtime scalar function provider not found for function: tolowr\n"
        "Did you mean 'tolower'?"
    )


@pytest.mark.parametrize(
    ("text", "reason", "hint"),
    [
        ("source | project-rename A = Smal", "Undefined symbol: Smal", "Did you mean 'Small'?"),
        ("source | project-away Smal", "Undefined symbol: Smal", "Did you mean 'Small'?"),
        ("source | project text", "Undefined symbol: text", "Did you mean 'Text'?"),
        ("Sources | where true", "Undefined symbol: Sources", "Did you mean 'source'?"),
        ("source | project Zzzz", "Undefined symbol: Zzzz", ""),
        (
            "print bag_pack('a', 1)",
            "Runtime scalar function provider not found for function: bag_pack",
            "Write pack().",
        ),
        (
            "print column_ifexists('a', 1)",
            "Runtime scalar function provider not found for function: column_ifexists",
            "Write columnifexists().",
        ),
        ("print zzzz()", "Runtime scalar function provider not found for function: zzzz", ""),
        (
            "print dynamic({'a': 1})",
            "dynamic literals are not supported in transformations.",
            "Write parse_json('...').",
        ),
    ],
)
def test_a_hint_is_no_word_of_the_service(text, reason, hint):
    """It is told apart, below the drawing, and is not in the error's own text."""
    error = refusal(text)

    assert (error.reason, error.hint) == (reason, hint)
    assert str(error).endswith(f" : {reason}")
    assert error.draw().endswith(f"\n{reason}" + (f"\n{hint}" if hint else ""))


def test_a_warning_has_the_hint_too():
    """And tells what Azure is known to refuse from what it only does not list."""
    text = "print bag_pack('a', 1), todynamic('{}'), 'A' in~ ('a')"
    refused, unlisted, operator = compile_transformation(text, STREAM, strict=False).warnings

    assert refused.reason.startswith("Azure would refuse this: Runtime scalar function")
    assert unlisted.reason.startswith("Azure does not list this, and may refuse it: Runtime scalar function")
    assert operator.reason.startswith("Azure does not list this, and may refuse it: the operator 'in~'")
    assert [each.hint for each in (refused, unlisted, operator)] == [
        "Write pack().",
        "Write parse_json().",
        "",
    ]


def test_only_the_part_of_a_long_line_is_drawn():
    """A rule has its transformation on one line."""
    drawn = refusal(
        "source | where " + "Small == 1 and " * 100 + "Smal == 1" + " and Small == 1" * 100
    ).draw()
    line, marks, *_ = drawn.split("\n")

    assert len(line) < 130
    assert line[marks.index("^") : marks.rindex("^") + 1] == "Smal"


def test_what_does_not_print_is_drawn_as_an_escape():
    """No text of a rule steers a terminal, and the mark stands under the offending text all the same."""
    line, marks, *_ = refusal("source | where Text == '\x1b[31m' and Smal == 1").draw().split("\n")

    assert "\x1b" not in line
    assert line[marks.index("^") : marks.rindex("^") + 1] == "Smal"


def test_the_service_s_own_words():
    """As people have reported them."""
    trailing = refusal("source | project Text, Small,")
    unknown = refusal("source | extend x = replace_string(Text, 'a', 'b')")

    assert str(trailing) == (
        "Error occurred while compiling query in query: SyntaxError:0x00000001 at 1:29 : "
        "extraneous input ',' expecting <EOF>"
    )
    assert unknown.reason == "Runtime scalar function provider not found for function: replace_string"
    assert "SemanticError" in str(unknown)


TABLE = {"TimeGenerated": "datetime", "Text": "string", "Small": "int", "EventId": "guid", "Share": "real"}
TIMED = STREAM | {"TimeGenerated": "datetime"}


def test_the_output_must_have_a_time():
    """TimeGenerated, as a datetime."""
    missing = refusal("source | project Text", TIMED, table=TABLE)
    wrong = refusal("source | extend TimeGenerated = Text", TIMED, table=TABLE)

    assert missing.code == "InvalidTransformQuery"
    assert "TimeGenerated of type datetime" in missing.reason
    assert wrong.code == "InvalidTransformOutput"
    assert "TimeGenerated [produced:'String', output:'DateTime']" in wrong.reason


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ("EventId = Text", "EventId [produced:'String', output:'Guid']"),
        ("Small = Count", "Small [produced:'Long', output:'Int']"),
        ("Share = Small", "Share [produced:'Int', output:'Double']"),
        ("Text = Bag.a", "Text [produced:'Dynamic', output:'String']"),
        ("Text = Time - Time", "Text [produced:'TimeSpan', output:'String']"),
        ("Text = 1 == 1", "Text [produced:'Boolean', output:'String']"),
    ],
)
def test_types_must_equal_the_table_s(item, told):
    """In Azure's own words."""
    error = refusal(f"source | project TimeGenerated, {item}", TIMED, table=TABLE)

    assert error.code == "InvalidTransformOutput"
    assert str(error) == (
        f"Types of transform output columns do not match the ones defined by the output stream: {told}"
    )


def test_a_cast_makes_a_guid():
    """A stream has none."""
    assert compile_transformation(
        "source | project TimeGenerated, EventId = toguid(Text)", TIMED, table=TABLE
    ).columns == {"TimeGenerated": "datetime", "EventId": "guid"}


def test_columns_that_the_table_lacks_are_told():
    """Azure accepts them, bills them, and does not store them."""
    compiled = compile_transformation(
        "source | project TimeGenerated, Text, text = Text, Other = 1d", TIMED, table=TABLE
    )

    assert compiled.dropped == ("text", "Other")


def test_without_a_table_only_the_time_is_checked():
    """And nothing at all unless it is asked for."""
    compile_transformation("source | project Text", STREAM)
    compile_transformation("source", TIMED, checks_output=True)

    assert refusal("source", STREAM, checks_output=True).code == "InvalidTransformQuery"


def test_a_column_of_no_type_is_refused():
    """It is the caller's mistake, and not the transformation's."""
    with pytest.raises(ConfigError, match="column 'a': 'strin' is not a type"):
        compile_transformation("source", {"a": "strin"})


def test_types_may_be_spelled_as_azure_s_documents_do():
    """dateTime, bool and double are there, too."""
    columns = {"a": "dateTime", "b": "bool", "c": "double", "d": "String"}

    assert compile_transformation("source", columns).columns == {
        "a": "datetime",
        "b": "boolean",
        "c": "real",
        "d": "string",
    }


def test_geo_location_is_warned_of():
    """Its answer is not Azure's; the warning has a place."""
    (warning,) = compile_transformation("source | extend x = geo_location(Text)", STREAM).warnings

    assert isinstance(warning, KqlError)
    assert (warning.line, warning.column) == (1, 21)
    assert "empty bag" in warning.reason
