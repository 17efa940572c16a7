"""Statements, names, literals and tabular operators."""

import pytest

from dcrlog.kql import compile_transformation
from kql_engine import STREAM, refusal, transform, value


def columns_of(text, columns=STREAM, **options):
    return dict(compile_transformation(text, columns, **options).columns)


def only(text, row=None, **options):
    """The one row that comes out."""
    (found,) = transform(text, [row or {}], **options)
    return found


@pytest.mark.parametrize("text", ["source", " source ; ", "source // all of it", "// first\nsource\n"])
def test_source_gives_the_columns_of_the_stream(text):
    """In their order, null where a row has none; comments and semicolons say nothing."""
    assert columns_of(text) == STREAM
    assert only(text, {"Small": 1, "Unknown": 2}) == dict.fromkeys(STREAM) | {
        "Small": 1,
        "Text": "",
        "other text": "",
    }


def test_a_row_that_where_does_not_keep_is_left_out():
    """Null counts as false."""
    rows = [{"Count": 1}, {"Count": 2}, {}]

    assert [row["Count"] for row in transform("source | where Count > 1", rows)] == [2]
    assert [row["Count"] for row in transform("source | where Count != 1", rows)] == [2, None]
    assert transform("source | where bool(null)", rows) == []


def test_a_trace_has_the_place_that_each_row_came_from():
    """Beside the rows that apply() gives, whatever becomes of them."""
    rows = [{"Count": 1}, {"Count": 2}, {}, {"Count": 2}]
    kept = compile_transformation("source | where Count > 1", STREAM)
    made = compile_transformation("datatable(a:long)[1, 2]", STREAM)

    assert kept.trace(iter(rows)) == (kept.apply(rows), [1, 3])
    assert made.trace(rows[:2]) == (made.apply(rows[:2]), [0, 0, 1, 1])


def test_the_items_of_one_extend_see_the_columns_before_it():
    """A column and another that is made of it change at once."""
    assert only("source | extend Small = 1, Count = Small | project Small, Count", {"Small": 7}) == {
        "Small": 1,
        "Count": 7,
    }


def test_extend_keeps_the_place_of_a_column_it_replaces():
    """And adds the others at the end."""
    assert list(columns_of("source | project Small, Text | extend New = 1, Small = 'x'")) == [
        "Small",
        "Text",
        "New",
    ]
    assert columns_of("source | project Small | extend Small = 'x'") == {"Small": "string"}


def test_project_makes_these_the_only_columns():
    """In the order in which they are written."""
    assert columns_of("source | project Text, Total = Count + 1, Small") == {
        "Text": "string",
        "Total": "long",
        "Small": "int",
    }


def test_names_that_differ_only_in_case_are_two():
    """Sentinel's connectors rename like that all the time."""
    row = {"eventType": "a", "EVENTTYPE": "b"}
    columns = dict.fromkeys(row, "string")

    assert only("source | project-rename EventType = eventType", row, columns=columns) == {
        "EventType": "a",
        "EVENTTYPE": "b",
    }
    assert only("source | extend EventType = eventType | project-away eventType", row, columns=columns) == {
        "EVENTTYPE": "b",
        "EventType": "a",
    }


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        ("b", ["a1", "a2", "a*"]),
        ("a1, b", ["a2", "a*"]),
        ("a*", ["b"]),
        ("*2, b", ["a1", "a*"]),
        ("['a*']", ["a1", "a2", "b"]),
    ],
)
def test_project_away_takes_names_and_patterns(patterns, left):
    """A star stands for any characters, unless the name is quoted."""
    columns = dict.fromkeys(["a1", "a2", "b", "a*"], "string")

    assert list(columns_of(f"source | project-away {patterns}", columns)) == left


def test_a_pattern_that_nothing_matches_is_warned_of():
    """It is probably a slip."""
    compiled = compile_transformation("source | project-away Zz*", STREAM)

    assert [each.reason for each in compiled.warnings] == ["project-away: no column matches 'Zz*'."]


def test_project_rename_keeps_the_order():
    """As the documentation's example shows."""
    text = "print a='alpha', b='bravo', c='charlie' | project-rename new_a=a, new_b=b, new_c=c"

    assert only(text) == {"new_a": "alpha", "new_b": "bravo", "new_c": "charlie"}


def test_print_makes_a_row_for_each_that_comes_in():
    """Columns without a name are numbered."""
    assert (
        transform('print 0 + 1 + 2 + 3 + 4 + 5, x = "Wow!"', [{}, {}]) == [{"print_0": 15, "x": "Wow!"}] * 2
    )
    assert only("print x = 2 + 2, y = 5 | extend z = exp2(x) + exp2(y)") == {"x": 4, "y": 5, "z": 48.0}


def test_datatable_gives_the_rows_that_it_lists():
    """By the documentation's example, with parse_json() where that has dynamic literals."""
    text = """datatable(Date:datetime, Event:string, MoreData:dynamic) [
        datetime(1910-06-11), "Born", parse_json('{"key1":"value1", "key2":"value2"}'),
        datetime(1930-01-01), "Enters Ecole Navale", parse_json('{"key1":"value3", "key2":"value4"}'),
    ]
    | where strlen(Event) > 4
    | extend key2 = MoreData.key2"""

    (row,) = transform(text, [{}])
    assert row["Date"] == "1930-01-01T00:00:00.0000000Z"
    assert row["key2"] == "value4"


def test_null_literals_in_a_datatable():
    """By the documentation's example of null values."""
    text = 'datatable(ival:int, sval:string)[5, "a", int(null), "b"] | where ival != 5'

    assert transform(text, [{}]) == [{"ival": None, "sval": "b"}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("let threshold = 5; print x = threshold + 1", 6),
        ("let ['some number'] = 20; print x = ['some number']", 20),
        ("let a = 1; let b = a + 1; print x = b * 10", 20),
        ("let MultiplyByN = (val:long, n:long) { val * n }; print x = MultiplyByN(3, 5)", 15),
        ("let f = (s:string = 'q') { strcat(s, '!') }; print x = strcat(f(), f('r'))", "q!r!"),
        ("let f = (a:long) { let b = a + 1; b * 2 }; print x = f(1)", 4),
        ("let f = (a:long) { a + 1 }; let g = (a:long) { f(f(a)) }; print x = g(1)", 3),
        ("let f = () { 7 }; print x = f()", 7),
        ("let f = (a:real) { a / 2 }; print x = f(3)", 1.5),
        ("let t = now(); print x = t - now()", "00:00:00"),
        ("let t = print x = 5; t", 5),
        ("let t = print x = 5; let u = t | extend x = x + 1; u", 6),
        ("let f = (a:string) { print x = a }; f('y')", "y"),
    ],
)
def test_let(text, expected):
    """Values, tables, and functions of values."""
    assert only(text) == {"x": expected}


def test_let_with_the_columns_of_the_stream():
    """A function is called with columns, a table is source with more operators; a column hides a value."""
    row = {"Small": 7, "Text": "a"}

    assert only("let f = (n:long) { n + 1 }; source | project x = f(Small)", row) == {"x": 8}
    assert only("let t = source | where Small == 7; t | project Text", row) == {"Text": "a"}
    assert only("let f = (s:string) { source | where Text == s }; f('a') | project Small", row) == {
        "Small": 7
    }
    assert only("let all = source; all | project Small", row) == {"Small": 7}
    assert only("let Small = 'x'; source | project Small", row) == {"Small": 7}
    assert only("let known = datatable(x:string)['a', 'b']; source | project y = Text in (known)", row) == {
        "y": True
    }


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ("'single \"double\"'", 'single "double"'),
        (r'"a\tb\n\\ \" \u00e9"', 'a\tb\n\\ " é'),
        (r"@'C:\Folder\filename.txt'", r"C:\Folder\filename.txt"),
        ("@'it''s'", "it's"),
        ('@"a""b"', 'a"b'),
        ("```two\nlines \\n```", "two\nlines \\n"),
        ("""strlen("Hello"', '@"world!")""", 13),
        (
            """strlen("Hello"
            // Comment
            ', '@"world!")""",
            13,
        ),
        ("h'secret'", "secret"),
        ("0x1F", 31),
        ("-9223372036854775808", -(2**63)),
        ("-0x8000000000000000 + 1", -(2**63) + 1),
        ("7 - -9223372036854775807", None),
        ("-9223372036854775807 - 1", -(2**63)),
        ("1e3", 1000.0),
        ("true and TRUE and not(False)", True),
        ("1.5h", "01:30:00"),
        ("10microsecond", "00:00:00.0000100"),
        ("1tick", "00:00:00.0000001"),
        ("timespan(15 seconds)", "00:00:15"),
        ("timespan(2)", "2.00:00:00"),
        ("timespan(0.12:34:56.7)", "12:34:56.7000000"),
        ("time('1.02:03:04')", "1.02:03:04"),
        ("datetime(2015-12-31 23:59:59.9)", "2015-12-31T23:59:59.9000000Z"),
        ("datetime()", "2026-11-24T10:20:30.1234560Z"),
        ("date( ) == now()", True),
        ("datetime(2015-12-31T23:59:59Z)", "2015-12-31T23:59:59.0000000Z"),
        ('date("2015-12-31")', "2015-12-31T00:00:00.0000000Z"),
        ("guid(74BE27DE-1e4e-49d9-b579-fe0b331d3642)", "74be27de-1e4e-49d9-b579-fe0b331d3642"),
        ("int(-2)", -2),
        ("long(7)", 7),
        ("double(1.5)", 1.5),
        ("bool(1)", True),
        ("real(+inf) > 1", True),
        ("dynamic(null)", None),
        ("dynamic(4)", 4),
        ("int(null)", None),
    ],
)
def test_literals(literal, expected):
    """As the pages of the scalar types have them."""
    assert value(literal) == expected


def test_datetime_without_a_value_is_the_current_time():
    """As a column of print, too; no other type has such a literal."""
    assert only("print datetime()") == {"print_0": "2026-11-24T10:20:30.1234560Z"}
    assert "'' is not a valid timespan" in refusal("print timespan()").reason
    assert "must be constant" in refusal("datatable(a:datetime)[datetime()]").reason


def test_quoted_names_stand_anywhere():
    """As a column, a new name, a property, a let statement and a parameter."""
    text = """let ['my value'] = 1; let f = (['a b']:string) { ['a b'] };
    source | extend ['new name'] = f(['other text']) | where ["new name"] == 'x'
    | project ['and another'] = ['new name'], Bag.['the key'], ['my value']"""

    assert only(text, {"other text": "x", "Bag": {"the key": 5}}) == {
        "and another": "x",
        "Bag_the key": 5,
        "my value": 1,
    }


def test_keywords_are_names_too():
    """Public rules have columns called like operators and types."""
    columns = dict.fromkeys(["where", "project", "type", "kind", "in", "long", "source", "print"], "string")
    row = dict(zip(columns, "abcdefgh", strict=True))

    assert (
        only("source | project where, project, type, kind, ['in'], long, source, print", row, columns=columns)
        == row
    )


def test_paths_into_dynamic_values():
    """What is not there is null."""
    bag = {"a": {"b": [10, {"c d": "deep"}]}, "list": [1, 2, 3], "n": 1, "key": "list"}
    expected = {
        "Bag.a.b[0]": 10,
        "Bag['a'].b[1]['c d']": "deep",
        "Bag.a.b[-1].['c d']": "deep",
        "Bag.list[Bag.n]": 2,
        "Bag[tostring(Bag.key)][2]": 3,
        "Bag.list[3]": None,
        "Bag.list.a": None,
        "Bag.nothing.at.all[7]": None,
        "Bag.n[0]": None,
        "Bag.a.b": [10, {"c d": "deep"}],
    }

    assert {path: value(path, Bag=bag) for path in expected} == expected


def test_columns_without_a_name_get_one():
    """As Microsoft's language service names them."""
    text = """source
    | project Text, Bag.a.b, Bag['k'], Bag[0], tostring(Bag.a.b), strlen(Text), 1, Small + 1, Count"""

    assert list(columns_of(text)) == [
        "Text", "Bag_a_b", "Bag_k", "Bag_0", "Bag_a_b1", "strlen_Text", "Column1", "Column2", "Count",
    ]  # fmt: skip


def test_columnifexists():
    """The column, else what stands for it."""
    text = "source | project A = columnifexists('Small', 0), B = columnifexists('Missing', Text)"

    assert only(text, {"Small": 7, "Text": "t"}) == {"A": 7, "B": "t"}


def test_pack_array_of_all_columns():
    """The star stands for them."""
    assert only("source | project Small, Text | project All = pack_array(*)", {"Small": 7, "Text": "t"}) == {
        "All": [7, "t"]
    }


EVENT = (
    "Event: NotifySliceRelease (resourceName=PipelineScheduler, totalSlices=27, sliceNumber=15, "
    "lockTime=02/17/2016 08:40:00, releaseTime=02/17/2016 08:40:00, previousLockTime=02/17/2016 08:39:00)"
)
LOCKED = "2016-02-17T08:40:00.0000000Z"
BEFORE = "2016-02-17T08:39:00.0000000Z"
PARTS = (
    'parse Text with * "resourceName=" resourceName ", totalSlices=" totalSlices: long * "sliceNumber=" '
    'sliceNumber: long * "lockTime=" lockTime ", releaseTime=" releaseTime: date "," * '
    '"previousLockTime=" previousLockTime: date ")" *'
)
PATTERNS = (
    'parse kind=regex Text with "(.*?)[a-zA-Z]*=" resourceName '
    '@", totalSlices=\\s*\\d+\\s*.*?sliceNumber=" sliceNumber: long  ".*?(previous)?lockTime=" lockTime '
    '".*?releaseTime=" releaseTime ".*?previousLockTime=" previousLockTime: date "\\\\)"'
)
GREEDY = (
    "PipelineScheduler, totalSlices=27, sliceNumber=15, lockTime=02/17/2016 08:40:00, "
    "releaseTime=02/17/2016 08:40:00"
)
PARSED = [
    (PARTS, ["PipelineScheduler", 27, 15, "02/17/2016 08:40:00", LOCKED, BEFORE]),
    (PATTERNS, ["PipelineScheduler", 15, "02/17/2016 08:40:00, ", "02/17/2016 08:40:00, ", BEFORE]),
    ("parse kind=regex Text with * \"resourceName=\" resourceName ',' *", [GREEDY]),
    ("parse kind=regex flags=Ui Text with * \"RESOURCENAME=\" resourceName ',' *", ["PipelineScheduler"]),
    (
        'parse kind=relaxed Text with * "resourceName=" name: long ", totalSlices=" total: long "," *',
        [None, 27],
    ),
    ('parse Text with * "resourceName=" name: long ", totalSlices=" total: long "," *', [None, None]),
    ('parse Text with * "resourceName=" name ", nothing=" other: long', ["", None]),
    ('parse Text with "Event: " name " (" *', ["NotifySliceRelease"]),
    ('parse Text with "event: " name " (" *', [""]),
    ('parse Text with name " (" *', ["Event: NotifySliceRelease"]),
    ('parse Text with * "previousLockTime=" name ")"', ["02/17/2016 08:39:00"]),
    ('parse Text with * "totalSlices=" total: long', [None]),
    ('parse Text with * "totalSlices=" total: real "," rest', [27.0, EVENT.partition("totalSlices=27,")[2]]),
]


@pytest.mark.parametrize(("operator", "expected"), PARSED)
def test_parse(operator, expected):
    """By the documentation's examples, and at the edges: the parts must fit the whole text."""
    row = only(f"source | project Text | {operator} | project-away Text", {"Text": EVENT})

    assert list(row.values()) == expected


def test_parse_finds_a_later_place_where_the_first_does_not_fit():
    """The quick way gives up here, and the pattern finds it."""
    row = only('source | project Text | parse Text with * "id=" Id:long ";" *', {"Text": "id=x; id=12; end"})

    assert row["Id"] == 12


def test_parse_lets_newlines_be_in_a_text():
    """Without flags."""
    row = only('source | project Text | parse Text with "a" Between "b"', {"Text": "a1\n2b"})

    assert row["Between"] == "1\n2"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("source | parse Text with 'a' X Y", "The column name must follow a string literal"),
        ("source | parse Text with 'a' X *", "Using * after parsing a string column is ambiguous."),
        ("source | parse Text with 'a' X 'b' X", "A column with the name 'X' is already declared."),
        ("source | parse kind=odd Text with 'a'", "parse has no kind 'odd'"),
        ("source | parse kind=regex flags=q Text with 'a' X", "'q' has a flag that is none of i, m, s, U, x"),
        ("source | parse kind=regex Text with '(' X", "invalid regular expression"),
        ("source | parse Text 'a' X", "mismatched input \"a\" expecting 'with'"),
        ("source | extend A = 1, A = 2", "A column with the name 'A' is already declared."),
        ("source | project Text, Text", "A column with the name 'Text' is already declared."),
        ("source | project-rename Text = Small", "A column with the name 'Text' is already declared."),
        ("source | project-rename A = Small, B = Small", "the column 'Small' is renamed twice"),
        ("source | project-rename A = 1", "project-rename takes NewName = ExistingName."),
        ("source | where Small", "The expression must have the type bool, got int."),
        ("source | where Small = 1", "extraneous input '=' expecting <EOF>"),
        ("print x = 1, y = x", "Undefined symbol: x"),
        ("let f = (a:long) { a }; print f('x')", "the parameter 'a' is of type long, got string"),
        ("let f = (a:long) { a }; print f()", "The function 'f' expects 1 arguments, and got 0."),
        (
            "let f = (a:long) { f(a) }; print f(1)",
            "Runtime scalar function provider not found for function: f",
        ),
        ("let t = source; print x = t", "'t' is no value: it names a table or a function."),
        ("let f = (T:(a:long)) { T }; source", "only functions with scalar arguments are supported"),
        ("datatable(a:int, b:int)[1]", "1 values do not fill rows of 2 columns."),
        ("datatable(a:int)['x']", "the column 'a' is of type int, got string."),
        ("datatable(a:datetime)[now()]", "the values of a datatable must be constant."),
        ("source | summarize count()", "the operator 'summarize' is not supported in transformations"),
        ("source | project-reorder Text", "the operator 'project-reorder' is not supported"),
        ("source | parse-kv Text as (a:string)", "the operator 'parse-kv' is not supported"),
        ("source | extend x = coalesce(Text, 'a')", "not found for function: coalesce"),
        ("source | extend x = decimal(1.0)", "the type 'decimal' is not supported"),
        ("source | extend x = datetime(2026-13-01)", "'2026-13-01' is not a valid datetime"),
        ("source | extend x = int(3000000000)", "'3000000000' is not a valid int"),
        ("source | extend x = 99999999999999999999", "does not fit a long"),
        ("source | extend x = 9223372036854775808", "does not fit a long"),
        ("source | extend x = 1 - 9223372036854775808", "does not fit a long"),
        ("source | extend x = -9223372036854775809", "does not fit a long"),
        ("source | extend x = strlen(*)", "'*' is an argument of pack_array() only."),
        ("source | extend x = typeof(long)", "typeof() is an argument of extract() only."),
    ],
)
def test_what_azure_refuses_is_refused(text, reason):
    """In its words where they are known, else with what was expected."""
    assert reason in refusal(text).reason


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ("Text with 'a=' X ';b=' Y", ["1", "2;a=3;b=4"]),
        ("Text with * 'b=' X ';' Y", ["2", "a=3;b=4"]),
        ("kind=regex Text with 'a=' X ';b=' Y", ["1;b=2;a=3", "4"]),
        ("kind=regex flags=U Text with 'a=' X ';b=' Y", ["1", "2;a=3;b=4"]),
        ("Text with 'a=' X ';b=' Y ';'", ["", ""]),
    ],
)
def test_only_parse_with_regex_is_greedy(parts, expected):
    """Else each string is taken where it first occurs; the parts must fit the whole text."""
    row = only(f"source | parse {parts} | project X, Y", {"Text": "a=1;b=2;a=3;b=4"})

    assert list(row.values()) == expected


def test_parse_takes_ten_columns():
    """Azure's limit for one statement."""
    parts = " ".join(f"'{number}' Part{number}" for number in range(11))
    error = refusal(f"source | parse Text with {parts}")

    assert error.reason.startswith("parse is limited to 10 columns in one statement, and this has 11.")
    compiled = compile_transformation(f"source | parse Text with {parts}", STREAM, strict=False)
    assert [each.reason[:25] for each in compiled.warnings] == ["Azure would refuse this: "]
