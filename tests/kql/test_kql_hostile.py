"""Whatever a text or a row holds: an answer, in bounded time and memory."""

import json
import re

import pytest

from dcrlog.kql import compile_transformation
from dcrlog.kql.regex import compile_regex
from kql_engine import STREAM, attempt, refusal, transform, value

LIMIT = 15_360


def fill(unit, before="source | extend x = ", after=""):
    """A text of as many units as fit."""
    return before + unit * ((LIMIT - len(before) - len(after)) // len(unit)) + after


def test_the_limit_of_characters():
    """15,360 are taken, one more is not."""
    text = "source | where Text == '" + "x" * (LIMIT - 25) + "'"

    assert compile_transformation(text, STREAM)
    assert "has 15361 characters; Azure takes 15360" in refusal(text + " ").reason


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        fill("("),
        fill("(", after="1"),
        "source | extend x = " + "(" * 5_000 + "1" + ")" * 5_000,
        fill("-", after="1"),
        fill("not("),
        fill("[", before="source | extend x = Bag"),
        fill("[0]", before="source | extend x = Bag"),
        fill(".a", before="source | extend x = Bag"),
        fill("1 == "),
        fill("(1+", after="1" + ")" * 3_000),
        fill("1+(", after="1"),
        fill("-(1)-(", after="1"),
        fill("iff(Flag,1,"),
        fill("f(", before="let f = (a:long) { a }; print x = "),
        fill("dynamic([", before="source | extend x = "),
        fill("{", before="let f = () "),
        fill("'a' ", after="!"),
        fill('"', after='"!'),
        fill("@'", after="!"),
        fill("`"),
        fill("|", before="source "),
        fill(",", before="source | project a"),
        fill("/ ", before="source "),
        fill("9"),
        "source | extend x = 1" + "0" * 5_000,
        "source | extend x = 1e" + "9" * 5_000 + " + nothing",
        "source | extend x = int(" + "9" * 5_000 + ")",
        "source | extend x = " + "9" * 5_000 + "d",
        "source | extend x = datetime(" + "9" * 5_000 + ")",
        "source | extend x = guid(" + "a" * 5_000 + ")",
        "source | extend x = dynamic(" + "[" * 7_000 + "]" * 7_000 + ")",
        "source | where Text matches regex '" + "(" * 7_000 + ")" * 7_000 + "'",
        "source | where Text matches regex '" + "((a{1000}){1000}){1000}'",
        "source | where Text matches regex '" + "a?" * 7_000 + "'",
        "source | where Text matches regex '[" + "a-z" * 4_000,
        fill("let f0 = (a:long) { a + a };", before="", after="print x = f(1"),
        "\0",
        "source | extend x = '\ud800",
    ],
    ids=lambda text: f"{text[:24]}...{len(text)}",
)
def test_a_hostile_text_is_refused(text):
    """With an error that has a place; never with another, and not after minutes."""
    error = refusal(text)

    assert error.line >= 1
    assert len(str(error)) < 1_000
    assert error.draw()


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        fill(" or Small == 1", before="source | where Flag"),
        fill("Flag and ", before="source | where not(", after="Flag)"),
        fill(", a{}", before="source | extend a = 1").replace("a{}", "1"),
        "source | extend x = case(" + "Small == 1, 'a', " * 800 + "'b')",
        "source | extend x = strcat(" + ", ".join(["Text"] * 64) + ")",
        "source | where Small in (" + ", ".join(map(str, range(2_000))) + ")",
        "source" + " | extend Text = strcat(Text, Text, Text, Text)" * 200,
        "source" + " | extend Bag = pack_array(Bag, Bag)" * 300 + " | extend Text = tostring(Bag)",
        "source" + " | extend Bag = pack('a', Bag, 'b', Bag)" * 300 + " | extend Text = tostring(Bag)",
        "source" + " | extend Text = replace('a', 'aaaaaaaaaa', Text)" * 20,
        "source" + " | extend Count = Count * Count" * 400,
        "source" + " | extend Share = Share * Share" * 400,
        fill("Count==1 and Flag or ", before="source | where ", after="true"),
        fill(" | where Count > 1", before="source"),
        "source | extend Text = " + "iff(Flag, 'a', " * 60 + "'b'" + ")" * 60,
        "source | extend Count = " + "abs(" * 60 + "Count" + ")" * 60,
    ],
    ids=lambda text: f"{text[:24]}...{len(text)}",
)
def test_a_long_text_is_carried_out(text):
    """Rows of any kind pass in moments, whatever multiplies."""
    rows = [{"Small": 1, "Text": "a" * 1_000, "Bag": [1], "Count": 3, "Share": 1.5, "Flag": False}]

    assert len(transform(text, rows)) in {0, 1}


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("unit", "last", "expected"),
    [
        ("1 + ", "1", lambda times: times + 1),
        ("Count + ", "1", lambda times: 3 * times + 1),
        ("(1 - Count) - ", "0", lambda times: 2 * times - 4),
        ("Count + (1 - Count) * ", "1", lambda times: 1 - 6 * (times - 1)),
        ("1 * 2 + Count - 3 + ", "0", lambda times: 2 * times),
        ("(Time - Time) + ", "1h", lambda _: "01:00:00"),
        ("Flag == ", "false", lambda times: times % 2 == 1),
        ("Share * 2 - ", "0", lambda times: 6.0 - 3.0 * times),
    ],
)
def test_a_chain_of_operators_is_as_long_as_the_text(unit, last, expected):
    """It is computed from left to right, and is not nested however long it is."""
    text = fill(unit, after=f"{last} | where x in (x)")
    (row,) = transform(text, [{"Count": 3, "Share": 1.5, "Flag": False, "Time": "2026-01-01"}])

    assert row["x"] == expected(text.count(unit))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "body", ["a + a", "strcat(a, a)", "{call} + {call}", "iff(a == 1, {call}, {call})"], ids=str
)
def test_functions_that_multiply_are_refused_or_computed(body):
    """Hundreds of functions, each of which calls the one before it twice."""
    kind = "string" if "strcat" in body else "long"
    lets = [f"let f0 = (a:{kind}) {{ a }};"]
    lets += [
        f"let f{number} = (a:{kind}) {{ {body.format(call=f'f{number - 1}(a)')} }};"
        for number in range(1, 150)
    ]
    column = "Text" if kind == "string" else "Count"
    text = "".join(lets) + f"source | extend x = f149({column})"

    found = attempt(text, [{"Text": "a", "Count": 1}])
    assert isinstance(found, list) or re.search("too large|too deeply", found.reason)


@pytest.mark.timeout(20)
def test_values_that_multiply_are_refused_or_computed():
    """Each let statement doubles the one before it."""
    lets = [
        "let s0 = 'a';",
        *(f"let s{number} = strcat(s{number - 1}, s{number - 1});" for number in range(1, 300)),
    ]

    found = attempt("".join(lets) + "print x = s299", [{}])
    if isinstance(found, list):
        assert len(found[0]["x"]) <= 1 << 18
    else:
        assert re.search("too large|too deeply", found.reason)


LONG = 16_384


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+$", "a" * LONG + "b"),
        ("(a*)*b", "a" * LONG),
        ("(a|aa)+$", "a" * LONG + "b"),
        ("(x+x+)+y", "x" * LONG),
        ("^(.*?),(.*?),(.*?),(.*?),(.*?);", "a," * (LONG // 2)),
        ("(.*)(.*)(.*)(.*)z", "a" * LONG),
        (r"\d+x", "1" * LONG),
        ("(?:(?:a{1,20}){1,20}){1,4}b", "a" * LONG),
        ("(a?){500}a{500}", "a" * 400),
        (r"(\w+\s?)+:", "word " * (LONG // 5)),
        ("[^,]*,[^,]*,[^,]*$", "," * LONG),
    ],
    ids=lambda text: text[:20],
)
def test_a_pattern_that_explodes_elsewhere_has_an_answer(pattern, text):
    """Python's own engine takes longer than anyone waits for most of these."""
    found = value("Text matches regex @'" + pattern + "'", Text=text)

    assert found is (pattern == "[^,]*,[^,]*,[^,]*$")


def test_a_pattern_that_explodes_finds_what_it_should():
    """Not only an end, but the right one."""
    assert value("extract(@'(a+)+(b)', 2, Text)", Text="a" * 5_000 + "b") == "b"
    assert value(r"extract(@'(\w+\s?)+:', 1, Text)", Text="word " * 500 + "last:") == "last"


VALUES = [
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**63,
    -(2**63) - 1,
    10**400,
    1.5,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
    "",
    " ",
    "x",
    "\0",
    "\ud800",
    "😀",
    "null",
    "NaN",
    "1e999",
    "9" * 5_000,
    "0x" + "f" * 40,
    "2026-11-24T10:20:30.1234567Z",
    "9999-12-31T23:59:59.9999999-14:00",
    "[" * 5_000,
    '{"a":' * 5_000,
    "<a>" * 5_000,
    "CEF:" + "|" * 50,
    [],
    {},
    [[]],
    {"a": {"b": [1, {"c": None}]}},
    [None] * 10,
    {"": 1},
    json.loads("[" * 900 + "]" * 900),
]


@pytest.mark.timeout(60)
def test_no_value_raises():
    """Every function and operator of the tables takes every value of JSON in every column."""
    text = """source
    | extend A = strcat(Text, Bag, Small, Share, Time, Flag), B = toint(Text)
    | extend C = tolong(Bag), D = toreal(Text)
    | extend E = todatetime(Text), F = totimespan(Bag), G = toguid(Text)
    | extend H = tobool(Bag), I = parse_json(Text)
    | extend J = parse_xml(Text), K = parse_cef_dictionary(Text), L = split(Text, "a")
    | extend M = Bag.a.b[0], N = Bag[-1]
    | extend O = substring(Text, Small, Small), P = indexof(Text, "a", Small)
    | extend Q = bin(Share, Share), R = Count * Count
    | extend S = Time + F, T = datetime_add("month", Small, Time)
    | extend U = round(Share, Small), V = pow(Share, Share)
    | extend W = base64_decodestring(Text), X = base64_encodestring(Text)
    | extend Y = hash_sha256(Text), Z = Bag == Text
    | extend a = zip(Bag, Bag), b = array_concat(Bag, I)
    | extend c = bag_merge(Bag, I), d = pack("a", Bag, "b", I)
    | extend e = extract_all("(.)", Text), f = replace("a", "b", Text)
    | extend g = countof(Text, "a"), h = Text in (Bag), h1 = Bag in (Bag, I),
    h2 = Bag in (parse_json('"x"'), parse_json('[1]'))
    | extend i = make_datetime(Small, Small, Small), j = startofweek(Time, Small)
    | extend k = endofyear(Time), l = -Count
    | extend m = toupper(Text), n = gettype(Bag)
    | extend o = max_of(Share, Share), p = binary_shift_left(Count, Small)
    | extend q = Bag < 1, r = Bag + 1, s = tostring(Bag)
    | extend t = Text =~ Bag, u = Text has Bag, v = exp(Share)
    | parse Text with * "a" w:long "b" x
    | extend y = F * Share, z = F / Count, aa = Share % Share
    | extend ab = log(Share), ac = abs(Count), ad = isempty(Bag)"""
    rows = [dict.fromkeys(STREAM, each) for each in VALUES]
    found = transform(text, rows)

    assert len(found) == len(rows)
    for row in found:
        json.dumps(row, allow_nan=False)


def test_a_machine_gives_up_in_the_end(monkeypatch):
    """A search beyond the limit of steps finds nothing."""
    monkeypatch.setattr("dcrlog.kql.regex._machine.MAX_STEPS", 1_000)
    regex = compile_regex("(a+)+b")

    assert regex.matches("aab")
    assert not regex.matches("a" * 1_000 + "b")
