"""Operators on values: arithmetic, comparison, logic, text and membership."""

import pytest

from kql_engine import refusal, type_of, value

NULL = {"Count": None, "Flag": None, "Bag": None, "Time": None, "Share": None, "Small": None}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1.0 / 2", 0.5),
        ("1 / 2.0", 0.5),
        ("1 / 2", 0),
        ("-7 / 2", -3),
        ("real(1) / 2", 0.5),
        ("14 % 12", 2),
        ("-14 % 12", 10),
        ("14 % -12", 2),
        ("-14 % -12", 10),
        ("-5.5 % 2", 0.5),
        ("1 / 0", None),
        ("1 % 0", None),
        ("isinf(1.0 / 0)", True),
        ("isnan(0.0 / 0)", True),
        ("3.14 + 3.14", 6.28),
        ("2 * 2", 4),
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("10 - 4 - 3", 3),
        ("1 - -1", 2),
        ("-Small", -7),
        ("+Small", 7),
        ("Small + 1", 8),
        ("Small * Share", 3.5),
        ("Bag + 1", 6),
        ("1 + Bag", 6),
    ],
)
def test_numbers(expression, expected):
    """By the tables of the documentation: integers are cut, a remainder is never negative."""
    assert value(expression, Small=7, Share=0.5, Bag=5) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "9223372036854775807 + 1",
        "long(-9223372036854775808) - 1",
        "9223372036854775807 * 2",
        "long(-9223372036854775808) / -1",
        "-long(-9223372036854775808)",
        "abs(long(-9223372036854775808))",
        "Count + 1",
        "Count * Count",
        "toint(Count)",
        "datetime(9999-12-31) + 1d",
        "datetime(0001-01-01) - 1tick",
        "Time + 1d",
        "10000000d * 1000000",
        "now(365000d * 20)",
    ],
)
def test_what_does_not_fit_its_type_is_null(expression):
    """Numbers of 64 bits, and times between the years 1 and 9999."""
    assert value(expression, Count=2**63 - 1, Time="9999-12-31T12:00:00Z") is None


def test_an_int_is_computed_with_as_a_long():
    """The largest int and one more is no overflow."""
    assert value("Small + 1", Small=2**31 - 1) == 2**31
    assert type_of("Small + 1") == "long"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("datetime(1997-06-25) - datetime(1910-06-11)", "31791.00:00:00"),
        ("1d + 2d", "3.00:00:00"),
        ("datetime(1910-06-11) + 1d", "1910-06-12T00:00:00.0000000Z"),
        ("1d + datetime(1910-06-11)", "1910-06-12T00:00:00.0000000Z"),
        ("datetime(1910-06-11) - 1tick", "1910-06-10T23:59:59.9999999Z"),
        ("1d / 5h", 4.8),
        ("1.5 * 1h", "01:30:00"),
        ("1h * 2", "02:00:00"),
        ("1h / 2", "00:30:00"),
        ("1h / 0.5", "02:00:00"),
        ("1h / 0", None),
        ("1d % 7h", "03:00:00"),
        ("24 * 60 * time(00:01:00) / time(1s)", 86400.0),
        ("datetime(1970-01-01) + 1546897531 * 1sec", "2019-01-07T21:45:31.0000000Z"),
        ("(datetime(2019-01-07 21:45:31) - datetime(1970-01-01)) / 1s", 1546897531.0),
        ("1s == 1000ms and 1ms == 1000microsecond and 1microsecond == 10tick", True),
        ("10sec < 1h", True),
        ("Time - datetime(2026-01-01)", "00:00:00.0000001"),
    ],
)
def test_times(expression, expected):
    """In units of 100 ns, which no step loses."""
    assert value(expression, Time="2026-01-01T00:00:00.0000001Z") == expected


# By "Null values", "Null values and binary operators" and "Logical operators".
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Count == Count", None),
        ("Count != Count", None),
        ("Count == 1", False),
        ("Count != 1", True),
        ("int(null) == int(null)", None),
        ("Count < 1", None),
        ("Count + 1", None),
        ("Share * 2.0", None),
        ("Time - 1d", None),
        ("Flag and false", False),
        ("Flag and true", None),
        ("Flag or true", True),
        ("Flag or false", None),
        ("not(Flag)", None),
        ("Flag == Flag", None),
        ("isnull(Count > 1)", True),
        ("Count > 1 or isnull(Count)", True),
        ("Bag == 1", False),
        ("Bag != 1", True),
        ("Bag == ''", False),
        ("Bag.a.b['c'][0]", None),
        ("tostring(Bag.a) == ''", True),
        ("Count in (1, 2)", False),
        ("Count !in (1, 2)", True),
        ("strcat('a', Count, Flag)", "a"),
        ("iff(Flag, 1, 2)", 2),
        ("iff(not(Flag), 1, 2)", 2),
        ("iff(Flag or Count == 1, 1, 2)", 2),
        ("-Count", None),
    ],
)
def test_null(expression, expected):
    """It is sticky, but for ==, !=, and, or: three-valued logic."""
    assert value(expression, **NULL) is expected or value(expression, **NULL) == expected


def test_strings_are_never_null():
    """A missing one is empty."""
    assert value("isnull(Text)") is False
    assert value("isnotnull(Text)") is True
    assert value("Text == ''") is True
    assert value("strlen(Text)", Text=None) == 0


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('"aBc" == "aBc"', True),
        ('"abc" != "ABC"', True),
        ('"abc" =~ "ABC"', True),
        ('"aBc" !~ "xyz"', True),
        ('"FabriKam" contains "BRik"', True),
        ('"Fabrikam" !contains "xyz"', True),
        ('"FabriKam" contains_cs "Kam"', True),
        ('"Fabrikam" !contains_cs "Kam"', True),
        ('"Fabrikam" endswith "Kam"', True),
        ('"Fabrikam" !endswith "brik"', True),
        ('"Fabrikam" endswith_cs "kam"', True),
        ('"Fabrikam" !endswith_cs "brik"', True),
        ('"North America" has "america"', True),
        ('"North America" !has "amer"', True),
        ('"North America" has_cs "America"', True),
        ('"North America" !has_cs "amer"', True),
        ('"abc" in ("123", "345", "abc")', True),
        ('"bca" !in ("123", "345", "abc")', True),
        ('"Fabrikam" matches regex "b.*k"', True),
        ('"Fabrikam" startswith "fab"', True),
        ('"Fabrikam" !startswith "kam"', True),
        ('"Fabrikam" startswith_cs "Fab"', True),
        ('"Fabrikam" !startswith_cs "fab"', True),
        ('"KustoExplorerQueryRun" has "Explorer"', False),
        ('"ad67d136-c1db-4f9f" has "c1db"', True),
        ('"user_name" has "name"', True),
        ('"cmd.exe" has ".exe"', True),
        ('"x.exec" has ".exe"', False),
        ('"ünder" has "nder"', False),
        ('"anything" has ""', True),
        ('"STRASSE" =~ "straße"', False),
        ('"ÄÖ" =~ "äö"', True),
        ('"I" =~ "\u0131"', False),
        ('"abc" matches regex "B"', False),
        ('"a\\nb" matches regex "a.b"', False),
    ],
)
def test_texts(expression, expected):
    """By the table of string operators; `has` wants a whole term."""
    assert value(expression) is expected


@pytest.mark.parametrize(
    "operator", ["==", "contains", "contains_cs", "has", "startswith", "endswith_cs", "in"]
)
def test_a_text_operator_gives_the_same_for_a_row(operator):
    """Also where what is looked for comes from a row, or is dynamic."""
    bare = f"Text {operator} ({{}})" if operator == "in" else f"Text {operator} {{}}"
    for needle in ("'needle'", "['other text']", "Bag"):
        assert value(bare.format(needle), Text="needle", Bag="needle", **{"other text": "needle"}) is True
        assert value(bare.format(needle), Text="else", Bag="needle", **{"other text": "needle"}) is False


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Small in (1, 7)", True),
        ("Small in (1, 2.5, 7.0)", True),
        ("Small !in (1, Count)", False),
        ("Small in (Count)", True),
        ("""Text in (parse_json('["x", "y"]'))""", True),
        ("Text in (Bag)", True),
        ("Bag[0] in ('x')", True),
        ("Bag[1] in (5, 6)", True),
        ("Bag[1] in ('x', 5)", True),
        ("Text in ('a', 'b')", False),
    ],
)
def test_membership(expression, expected):
    """Like a chain of ==, with the elements of arrays in their place."""
    assert value(expression, Small=7, Count=7, Text="x", Bag=["x", 5]) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("ß", "ẞ", True), ("ß", "ss", False), ("\u017f", "S", True), ("\u0131", "I", False), ("İ", "i", False)],
)
def test_single_characters_are_folded(one, other, expected):
    """As docs/kql.md has it, and in every operator alike."""
    row = {"Text": one, "other text": other}

    for operator in ("=~", "has", "contains", "startswith", "endswith"):
        assert value(f"Text {operator} ['other text']", **row) is expected


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("Text == 1", "Cannot compare values of types string and long. Try adding explicit casts"),
        ("Time == '2026-01-01'", "Cannot compare values of types datetime and string."),
        ("Text + Text", "The operator '+' is not defined for the operand types string and string."),
        ("'a' < 'b'", "Cannot compare values of types string and string. Try adding explicit casts"),
        ("Text >= 1", "Cannot compare values of types string and long. Try adding explicit casts"),
        ("Bag < Bag.a", "Cannot compare values of types dynamic and dynamic. Try adding explicit casts"),
        ("Time + Time", "not defined for the operand types datetime and datetime"),
        ("Count has '1'", "The operator 'has' is not defined for the operand types long and string."),
        ("Flag and Text", "The operator 'and' is not defined for the operand types bool and string."),
        ("-Text", "The operator '-' is not defined for the operand type string."),
        ("Text.a", "only a dynamic value has properties"),
        ("Bag[true]", "one of the types: int, long or string"),
        ("iff(Text, 1, 2)", "A value of type bool expected, got string."),
        ("iff(Flag, 'a', 1)", "of one type, got string, long"),
        ("case(Flag, 1)", "The function 'case' expects at least 3 arguments, and got 2."),
        ("case(Flag, 1, Flag, 2)", "an odd number of arguments"),
        ("strlen(1)", "one of the types: string or dynamic, got long"),
        ("getyear(Text)", "A value of type datetime expected, got string."),
        ("substring(Text, 'a')", "The expression value must be an integer, got string."),
        ("datetime_add('fortnight', 1, Time)", "must be one of the values: year, quarter, month"),
        ("datetime_add(Text, 1, Time)", "The expression must be a literal."),
        ("extract(Text, 1, Text)", "The expression must be a constant."),
        ("extract('(', 1, Text)", "invalid regular expression: missing closing )"),
        ("Text matches regex '(?=a)'", "invalid regular expression: invalid or unsupported group (?=a"),
        ("toguid()", "The function 'toguid' expects 1 argument, and got 0."),
        ("pack('a')", "The function 'pack' expects at least 2 arguments, and got 1."),
        ("Text between ('a' .. 'b')", "the operator 'between' is not on Azure's list"),
        ("Text in~ ('a')", "the operator 'in~' is not on Azure's list for transformations."),
    ],
)
def test_types_that_do_not_go_together_are_refused(expression, reason):
    """With the operator or function, and the types."""
    assert reason in refusal(f"source | extend X = {expression}").reason


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Count", "long"),
        ("Small", "int"),
        ("5", "long"),
        ("int(5)", "int"),
        ("1.5", "real"),
        ("Count * 1.5", "real"),
        ("Count == 1", "boolean"),
        ("1d", "timespan"),
        ("now()", "datetime"),
        ("Bag.a", "dynamic"),
        ("split(Text, ',')[0]", "dynamic"),
        ("toguid(Text)", "guid"),
        ("iff(Flag, Small, Count)", "long"),
        ("iff(Flag, Small, 1.0)", "real"),
        ("iff(Flag, Bag.a, '')", "string"),
        ("round(Small)", "int"),
        ("sign(Count)", "real"),
        ("datetime_diff('day', Time, Time)", "long"),
        ("datetime_part('day', Time)", "int"),
        ("extract('a', 0, Text, typeof(long))", "long"),
        ("dynamic(null)", "dynamic"),
        ("guid(null)", "guid"),
    ],
)
def test_types_are_inferred(expression, expected):
    """As Microsoft's language service infers them."""
    assert type_of(expression) == expected
