"""Each function by the examples of its documentation, and at its edges."""

import pytest

import dcrlog.kql.functions  # noqa: F401
from dcrlog.kql._table import FUNCTIONS
from kql_engine import type_of, value

PARTS_OF_A_TIME = {
    "year": 2017, "quarter": 4, "month": 10, "week_of_year": 44, "day": 30, "dayOfYear": 303, "hour": 1,
    "minute": 2, "second": 3, "millisecond": 765, "microsecond": 765432, "nanosecond": 765432100,
}  # fmt: skip
EXAMPLES = {
    "binary_and": [("binary_and(6, 3)", 2)],
    "binary_or": [("binary_or(5, 3)", 7)],
    "binary_xor": [("binary_xor(1, 1)", 0), ("binary_xor(1, 2)", 3)],
    "binary_not": [("binary_not(100)", -101)],
    "binary_shift_left": [
        ("binary_shift_left(1, 2)", 4),
        ("binary_shift_left(1, 64)", 1),
        ("binary_shift_left(1, 63)", -(2**63)),
        ("binary_shift_left(1, -1)", None),
    ],
    "binary_shift_right": [("binary_shift_right(1, 2)", 0), ("binary_shift_right(8, 65)", 4)],
    "tobool": [
        ('tobool("true")', True),
        ('tobool("FALSE")', False),
        ("tobool(1)", True),
        ("tobool(123)", True),
        ("tobool(0)", False),
        ('tobool("yes")', None),
        ("tobool(parse_json('true'))", True),
    ],
    "todatetime": [
        ('todatetime("2015-12-31 23:59:59.9")', "2015-12-31T23:59:59.9000000Z"),
        ("todatetime('12-02-2022')", "2022-12-02T00:00:00.0000000Z"),
        ('todatetime("2014-05-25T08:20:03.123456Z")', "2014-05-25T08:20:03.1234560Z"),
        ('todatetime("2014-05-25T08:20")', "2014-05-25T08:20:00.0000000Z"),
        ('todatetime("Sat, 8 Nov 14 15:05:02 GMT")', "2014-11-08T15:05:02.0000000Z"),
        ('todatetime("8 Nov 14 15:05")', "2014-11-08T15:05:00.0000000Z"),
        ('todatetime("Saturday, 08-Nov-14 15:05:02 GMT")', "2014-11-08T15:05:02.0000000Z"),
        ('todatetime("2014-11-08 15:05:25 GMT")', "2014-11-08T15:05:25.0000000Z"),
        ('todatetime("2026-01-01T00:30:00+02:00")', "2025-12-31T22:30:00.0000000Z"),
        ('todatetime("2026-01-01T00:00:00.12345678Z")', "2026-01-01T00:00:00.1234567Z"),
        ('todatetime("01/02/2026 01:00:00 PM")', "2026-01-02T13:00:00.0000000Z"),
        ('todatetime("2024/01/05 10:00:00")', "2024-01-05T10:00:00.0000000Z"),
        ('todatetime("2024/1/5")', "2024-01-05T00:00:00.0000000Z"),
        ('todatetime("2024/01/05 09:30:00.5 PM +02:00")', "2024-01-05T19:30:00.5000000Z"),
        ('todatetime("2024/01-05")', None),
        ('todatetime("2026-01-01T00:00:00+14:00")', "2025-12-31T10:00:00.0000000Z"),
        ('todatetime("2026-01-01T00:00:00-1400")', "2026-01-01T14:00:00.0000000Z"),
        ('todatetime("2026-01-01T00:00:00+14:01")', None),
        ('todatetime("2026-01-01T00:00:00-99:99")', None),
        ('todatetime("2026-01-01T00:00:00+0160")', None),
        ('todatetime("2026-02-30")', None),
        ('todatetime("0001-01-01T00:00:00+01:00")', None),
        ('todatetime("9999-12-31T23:59:59.9999999Z")', "9999-12-31T23:59:59.9999999Z"),
        ('todatetime("yesterday")', None),
        ("todatetime('')", None),
    ],
    "todouble": [('todouble("123.4")', 123.4), ('todouble("x")', None)],
    "toreal": [('toreal("123.4")', 123.4), ('toreal(" 1e5 ")', 100000.0), ("toreal(7)", 7.0)],
    "toguid": [
        ('toguid("0123456789abcdef0123456789abcdef")', "01234567-89ab-cdef-0123-456789abcdef"),
        ('toguid("0123456789ab-cdef-0123-456789abcdef")', "01234567-89ab-cdef-0123-456789abcdef"),
        ('toguid("a string that is not a guid")', None),
    ],
    "toint": [
        ('toint("123")', 123),
        ("toint(2.3)", 2),
        ("toint(-2.7)", -2),
        ('toint("2.3")', None),
        ('toint("0x10")', 16),
        ("toint(2147483647)", 2147483647),
        ("toint(2147483648)", None),
        ("toint(real(nan))", None),
        ("toint(true)", 1),
    ],
    "tolong": [
        ('tolong("123")', 123),
        ('tolong("9223372036854775807")', 2**63 - 1),
        ('tolong("9223372036854775808")', None),
        ("tolong(1e30)", None),
        ("tolong(1s)", 10_000_000),
        ("tolong(parse_json('[1]'))", None),
    ],
    "tostring": [
        ("tostring(123)", "123"),
        ("tostring(true)", "True"),
        ("tostring(parse_json('true'))", "true"),
        ("tostring(1.0)", "1.0"),
        ("tostring(int(null))", ""),
        ("tostring(datetime(2017-01-01))", "2017-01-01T00:00:00.0000000Z"),
        ("tostring(1.5s)", "00:00:01.5000000"),
        ("tostring(-25h)", "-1.01:00:00"),
        ("""tostring(parse_json('{"a": [1, "x"]}'))""", '{"a":[1,"x"]}'),
        ("""tostring(parse_json('"x"'))""", "x"),
        ("tostring(toguid('0123456789ABCDEF0123456789ABCDEF'))", "01234567-89ab-cdef-0123-456789abcdef"),
    ],
    "totimespan": [
        ('totimespan("0.00:03:00")', "00:03:00"),
        ("totimespan(4d)", "4.00:00:00"),
        ("totimespan(5 * 1h)", "05:00:00"),
        ("totimespan(5 * 4s)", "00:00:20"),
        ('totimespan("-00:05:00.5")', "-00:05:00.5000000"),
        ('totimespan("25:00:00")', None),
    ],
    "now": [("now()", "2026-11-24T10:20:30.1234560Z"), ("now(-2d)", "2026-11-22T10:20:30.1234560Z")],
    "ago": [("ago(1h)", "2026-11-24T09:20:30.1234560Z"), ("now() == ago(0s)", True)],
    "datetime_add": [
        ("datetime_add('year', 1, make_datetime(2017, 1, 1))", "2018-01-01T00:00:00.0000000Z"),
        ("datetime_add('quarter', 12, make_datetime(2017, 1, 1))", "2020-01-01T00:00:00.0000000Z"),
        ("datetime_add('month', -15, make_datetime(2017, 1, 1))", "2015-10-01T00:00:00.0000000Z"),
        ("datetime_add('Month', 1, datetime(2017-01-31 12:00))", "2017-02-28T12:00:00.0000000Z"),
        ("datetime_add('week', 100, make_datetime(2017, 1, 1))", "2018-12-02T00:00:00.0000000Z"),
        ("datetime_add('second', 1, make_datetime(2017, 1, 1))", "2017-01-01T00:00:01.0000000Z"),
        ("datetime_add('nanosecond', 150, make_datetime(2017, 1, 1))", "2017-01-01T00:00:00.0000001Z"),
        ("datetime_add('year', 9000, make_datetime(2017, 1, 1))", None),
    ],
    "datetime_diff": [
        ("datetime_diff('year', datetime(2017-01-01), datetime(2000-12-31))", 17),
        ("datetime_diff('quarter', datetime(2017-07-01), datetime(2017-03-30))", 2),
        ("datetime_diff('month', datetime(2017-01-01), datetime(2015-12-30))", 13),
        ("datetime_diff('week', datetime(2017-10-29 00:00), datetime(2017-09-30 23:59))", 5),
        ("datetime_diff('day', datetime(2017-10-29 00:00), datetime(2017-09-30 23:59))", 29),
        ("datetime_diff('hour', datetime(2017-10-31 01:00), datetime(2017-10-30 23:59))", 2),
        ("datetime_diff('minute', datetime(2017-10-30 23:05:01), datetime(2017-10-30 23:00:59))", 5),
        ("datetime_diff('second', datetime(2017-10-30 23:00:10.100), datetime(2017-10-30 23:00:00.900))", 10),
        ("datetime_diff('millisecond', datetime(2017-10-30 0:00:00.2001), datetime(2017-10-30 0:00:00.1009))",
         100),
        ("datetime_diff('nanosecond', datetime(2017-10-30), datetime(2017-10-30 00:00:00.0000007))", -700),
    ],
    "datetime_part": [
        (f"datetime_part('{part}', datetime(2017-10-30 01:02:03.7654321))", expected)
        for part, expected in PARTS_OF_A_TIME.items()
    ],
    "dayofmonth": [("dayofmonth(datetime(2015-12-14))", 14)],
    "dayofweek": [
        ("dayofweek(datetime(1947-11-30 10:00:05))", "00:00:00"),
        ("dayofweek(datetime(1970-05-11))", "1.00:00:00"),
        ("toint(dayofweek(datetime(1970-5-12)) / 1d)", 2),
    ],
    "dayofyear": [("dayofyear(datetime(2015-12-14))", 348)],
    "endofday": [
        ("endofday(datetime(2017-01-01 10:10:17), -1)", "2016-12-31T23:59:59.9999999Z"),
        ("endofday(datetime(2017-01-01 10:10:17))", "2017-01-01T23:59:59.9999999Z"),
        ("endofday(datetime(9999-12-31))", "9999-12-31T23:59:59.9999999Z"),
    ],
    "endofmonth": [
        ("endofmonth(datetime(2017-01-01 10:10:17), -1)", "2016-12-31T23:59:59.9999999Z"),
        ("endofmonth(datetime(2017-01-01 10:10:17), 1)", "2017-02-28T23:59:59.9999999Z"),
        ("endofmonth(datetime(9999-12-01))", "9999-12-31T23:59:59.9999999Z"),
    ],
    "endofweek": [
        ("endofweek(datetime(2017-01-01 10:10:17), -1)", "2016-12-31T23:59:59.9999999Z"),
        ("endofweek(datetime(2017-01-01 10:10:17))", "2017-01-07T23:59:59.9999999Z"),
    ],
    "endofyear": [("endofyear(datetime(2017-01-01 10:10:17), 1)", "2018-12-31T23:59:59.9999999Z")],
    "getmonth": [("getmonth(datetime(2015-10-12))", 10)],
    "getyear": [("getyear(datetime(2015-10-12))", 2015)],
    "hourofday": [("hourofday(datetime(2015-12-14 18:54))", 18)],
    "make_datetime": [
        ("make_datetime(2017, 10, 01)", "2017-10-01T00:00:00.0000000Z"),
        ("make_datetime(2017, 10, 01, 12, 10)", "2017-10-01T12:10:00.0000000Z"),
        ("make_datetime(2017, 10, 01, 12, 11, 0.1234567)", "2017-10-01T12:11:00.1234567Z"),
        ("make_datetime(2017, 13, 1)", None),
    ],
    "make_timespan": [
        ("make_timespan(1, 12, 30, 55.123)", "1.12:30:55.1230000"),
        ("make_timespan(1, 12)", "01:12:00"),
        ("make_timespan(25, 0)", None),
    ],
    "startofday": [
        ("startofday(datetime(2017-01-01 10:10:17), -1)", "2016-12-31T00:00:00.0000000Z"),
        ("startofday(datetime(2017-01-01 10:10:17))", "2017-01-01T00:00:00.0000000Z"),
    ],
    "startofmonth": [("startofmonth(datetime(2017-01-01 10:10:17), -1)", "2016-12-01T00:00:00.0000000Z")],
    "startofweek": [
        ("startofweek(datetime(2017-01-01 10:10:17), -1)", "2016-12-25T00:00:00.0000000Z"),
        ("startofweek(datetime(2017-01-07 23:00))", "2017-01-01T00:00:00.0000000Z"),
        ("startofweek(datetime(0001-01-01))", None),
    ],
    "startofyear": [("startofyear(datetime(2017-01-01 10:10:17), -1)", "2016-01-01T00:00:00.0000000Z")],
    "weekofyear": [("weekofyear(datetime(2017-01-01))", 1), ("weekofyear(datetime(2016-12-31))", 52)],
    "array_concat": [("array_concat(pack_array(1, 2, 4), pack_array(1, 2))", [1, 2, 4, 1, 2])],
    "array_length": [
        ("""array_length(parse_json('[1, 2, 3, "four"]'))""", 4),
        ("array_length(parse_json('{}'))", None),
    ],
    "pack_array": [("pack_array(1, tostring(2), 2 * 1s)", [1, "2", "00:00:02"])],
    "pack": [
        (
            'pack("Level", "Information", "ProcessID", 1234, "Data", pack("url", "www.bing.com"))',
            {"Level": "Information", "ProcessID": 1234, "Data": {"url": "www.bing.com"}},
        ),
        ('pack("a", int(null))', {"a": None}),
        ("""pack("a", '{"b": 1}')""", {"a": '{"b": 1}'}),
    ],
    "parse_json": [
        ("""parse_json('{"a":123, "b":"hello", "c":[1,2,3], "d":{}}')""",
         {"a": 123, "b": "hello", "c": [1, 2, 3], "d": {}}),
        ("""parse_json(tostring(parse_json('{"a":123, "b":"{\\\\"c\\\\":456}"}').b)).c""", 456),
        ("parse_json('{broken')", "{broken"),
        ("parse_json('')", None),
        ("parse_json('NaN')", "NaN"),
    ],
    "parse_xml": [
        ("parse_xml('<e/>')", {"e": None}),
        ("parse_xml('<e>text</e>')", {"e": "text"}),
        ("""parse_xml('<e name="value" />')""", {"e": {"@name": "value"}}),
        ("""parse_xml('<e name="value">text</e>')""", {"e": {"@name": "value", "#text": "text"}}),
        ("parse_xml('<e> <a>text</a> <b>text</b> </e>')", {"e": {"a": "text", "b": "text"}}),
        ("parse_xml('<e> <a>text</a> <a>text</a> </e>')", {"e": {"a": ["text", "text"]}}),
        ("parse_xml('<e> text <a>text</a> </e>')", {"e": {"#text": "text", "a": "text"}}),
        ("parse_xml('<duration><value>118.0</value></duration>').duration.value", 118.0),
        ("parse_xml('<e>')", None),
        ("parse_xml('<!DOCTYPE e [<!ENTITY a \"b\">]><e>&a;</e>')", None),
    ],
    "zip": [
        ("zip(pack_array(1, 3, 5), pack_array(2, 4, 6))", [[1, 2], [3, 4], [5, 6]]),
        ("""zip(parse_json('["A", 1, 1.5]'), parse_json('[{}, "B"]'))""", [["A", {}], [1, "B"], [1.5, None]]),
    ],
    "bag_merge": [
        (
            """bag_merge(parse_json('{"A1":12, "B1":2, "C1":3}'),
                parse_json('{"A2":81, "B2":82, "A1":1}'))""",
            {"A1": 12, "B1": 2, "C1": 3, "A2": 81, "B2": 82},
        )
    ],
    "abs": [("abs(-5)", 5), ("abs(-1.5)", 1.5), ("abs(-1d)", "1.00:00:00"), ("abs(int(null))", None)],
    "bin": [
        ("bin(4.5, 1)", 4.0),
        ("bin(-7, 2)", -8),
        ("bin(time(16d), 7d)", "14.00:00:00"),
        ("bin(datetime(1970-05-11 13:45:07), 1d)", "1970-05-11T00:00:00.0000000Z"),
        ("bin(5, 0)", None),
        ("bin(5, -1)", None),
        ("bin(5, long(null))", None),
    ],
    "floor": [("floor(2.15, 1)", 2.0), ("floor(17, 5)", 15)],
    "ceiling": [("ceiling(-1.1)", -1.0), ("ceiling(0)", 0), ("ceiling(0.9)", 1.0)],
    "exp": [("round(exp(2), 6)", 7.389056), ("isinf(exp(1000))", True)],
    "exp10": [("exp10(2)", 100.0)],
    "exp2": [("exp2(3)", 8.0), ("exp2(2 + 2) + exp2(5)", 48.0)],
    "isfinite": [("isfinite(1.0 / 0.0)", False), ("isfinite(0.0 / 0.0)", False), ("isfinite(1)", True)],
    "isinf": [("isinf(-1.0 / 0.0)", True), ("isinf(0.0 / 0.0)", False)],
    "isnan": [("isnan(0.0 / 0.0)", True), ("isnan(real(nan))", True), ("isnan(-1.0)", False)],
    "log": [("log(5)", 1.6094379124341003), ("log(-5)", None)],
    "log10": [("log10(5)", 0.69897000433601886)],
    "log2": [("log2(5)", 2.3219280948873622)],
    "pow": [("pow(2, 3)", 8.0), ("isinf(pow(10, 999))", True), ("isnan(pow(-1, 0.5))", True)],
    "round": [
        ("round(2.98765, 3)", 2.988),
        ("round(2.15, 1)", 2.2),
        ("round(2.15)", 2.0),
        ("round(-50.55, -2)", -100.0),
        ("round(21.5, -1)", 20.0),
        ("round(1250, -2)", 1300),
    ],
    "sign": [("sign(-42)", -1.0), ("sign(0)", 0.0), ("sign(11.2)", 1.0)],
    "case": [
        ('case(3 <= 3, "Small", 3 <= 10, "Medium", "Large")', "Small"),
        ('case(5 <= 3, "Small", 5 <= 10, "Medium", "Large")', "Medium"),
        ('case(bool(null), "Small", 15 <= 10, "Medium", "Large")', "Large"),
        ("case(true, 1, 2.5)", 1.0),
    ],
    "iif": [('iif(1 in (1, 2), "Rain event", "Not rain event")', "Rain event"), ("iif(bool(null), 1, 2)", 2)],
    "iff": [('iff(bool(null) and true, "true", "false")', "false")],
    "max_of": [("max_of(10, 1, -3, 17)", 17), ("max_of(int(null), 2)", 2)],
    "min_of": [("min_of(10, 1, -3, 17)", -3), ("min_of(1, int(null))", 1), ('min_of("b", "a")', "a")],
    "not": [("not(true)", False), ("not(bool(null))", None)],
    "base64_encodestring": [('base64_encodestring("Kusto")', "S3VzdG8=")],
    "base64_decodestring": [
        ('base64_decodestring("S3VzdG8=")', "Kusto"),
        ('base64_decodestring("U3RyaW5n0KHR0tGA0L7Rh9C60LA=")', ""),
        ('base64_decodestring("!")', ""),
    ],
    "countof": [
        ('countof("aaa", "a")', 3),
        ('countof("aaaa", "aa")', 3),
        ('countof("ababa", "ab", "normal")', 2),
        ('countof("ababa", "aba")', 2),
        ('countof("ababa", "aba", "regex")', 1),
        ('countof("abcabc", "a.c", "regex")', 2),
    ],
    "extract": [
        ('extract("User: ([^,]+)", 1, "User: James, Age: 29")', "James"),
        (r'extract(@"Email: (\S+),", 1, "User: David, Age: 35")', ""),
        (r'extract(@"\d+", 0, "User: David, Age: 35")', "35"),
        (r'extract(@"-(\d{2})-", 1, "15-12-2024", typeof(int))', 12),
        (r'extract(@"-(\d{2})-", 1, "none", typeof(int))', None),
        ('extract("(a)|(b)", 1, "b")', ""),
    ],
    "extract_all": [
        (r'extract_all(@"(\d+)", "a set of numbers: 123, 567 and 789")', ["123", "567", "789"]),
        (
            r'extract_all(@"(\w)(\w+)(\w)", "82b8be2d-dfa7-4bd1")',
            [["8", "2b8be2", "d"], ["d", "fa", "7"], ["4", "bd", "1"]],
        ),
        (
            r'extract_all(@"(\w)(\w+)(\w)", parse_json("[1,3]"), "82b8be2d-dfa7")',
            [["8", "d"], ["d", "7"]],
        ),
        (
            r"""extract_all(@"(?P<first>\w)(?P<middle>\w+)(?P<last>\w)",
                parse_json('["first",2,"last"]'), "82b8")""",
            [["8", "2b", "8"]],
        ),
        ('extract_all("(z)", "a")', None),
    ],
    "indexof": [
        ('indexof("abcdefg", "cde")', 2),
        ('indexof("abcdefg", "cde", 1, 4)', 2),
        ('indexof("abcdefg", "cde", 1, 2)', -1),
        ('indexof("abcdefg", "cde", 3, 4)', -1),
        ('indexof("abcdefg", "cde", -5)', 2),
        ("indexof(1234567, 5, 1, 4)", 4),
        ('indexof("abcdefg", "cde", 2, -1)', 2),
        ('indexof("abcdefgabcdefg", "cde", 1, 10, 2)', 9),
        ('indexof("abcdefgabcdefg", "cde", 1, -1, 3)', -1),
        ('indexof("abc", "c", 0, -2)', None),
    ],
    "isempty": [
        ('isempty("")', True),
        ('isempty("x")', False),
        ('isempty(parse_json(""))', True),
        ('isempty(parse_json("[]"))', False),
        ('isempty(parse_json("{}"))', False),
        ("isempty(int(null))", True),
    ],
    "isnotempty": [("isnotempty(real(null))", False), ("isnotempty(0)", True), ("isnotempty(' ')", True)],
    "split": [
        ('split("aa_bb", "_")', ["aa", "bb"]),
        ('split("aaa_bbb_ccc", "_", 1)', ["bbb"]),
        ('split("", "_")', [""]),
        ('split("a__b", "_")', ["a", "", "b"]),
        ('split("aabbcc", "bb")', ["aa", "cc"]),
        ('split("a,b", ",", 5)', []),
    ],
    "strcat": [
        ('strcat("hello", " ", "world")', "hello world"),
        ('strcat("a", int(null), 1.5, true)', "a1.5True"),
    ],
    "strcat_delim": [("strcat_delim('-', 1, '2', 'A', 1s)", "1-2-A-00:00:01")],
    "strlen": [('strlen("hello")', 5), ('strlen("⒦⒰⒮⒯⒪")', 5), ("strlen('C\\u0327edilla')", 8)],
    "substring": [
        ('substring("123456", 1)', "23456"),
        ('substring("123456", 2, 2)', "34"),
        ('substring("ABCD", 0, 2)', "AB"),
        ('substring("123456", -2, 2)', "56"),
        ('substring("abc", 1, -1)', ""),
        ('substring("a😀b", 1, 1)', "😀"),
    ],
    "tolower": [('tolower("Hello") == "hello"', True), ('tolower("ÄİI")', "äİi")],
    "toupper": [('toupper("straße \\u0131")', "STRAßE \u0131")],
    "hash_sha256": [
        ('hash_sha256("World")', "78ae647dc5544d227130a0682a51e30bc7777fbb6d8a8f17007463a3ecd1d524"),
        (
            "hash_sha256(datetime(2020-01-01))",
            "ba666752dc1a20eb750b0eb64e780cc4c968bc9fb8813461c1d7e750f302d71d",
        ),
    ],
    "gettype": [
        ('gettype("a")', "string"),
        ("gettype(111)", "long"),
        ("gettype(1 == 1)", "bool"),
        ("gettype(now())", "datetime"),
        ("gettype(1s)", "timespan"),
        ("""gettype(parse_json(' "abc" '))""", "string"),
        ("""gettype(parse_json(' {"abc":1} '))""", "dictionary"),
        ("gettype(parse_json(' [1, 2, 3] '))", "array"),
        ("gettype(123.45)", "real"),
        ("gettype(guid(12e8b78d-55b4-46ae-b068-26d7a0080254))", "guid"),
        ("gettype(parse_json(''))", "null"),
        ("gettype(int(1))", "int"),
    ],
    "isnull": [('isnull("")', False), ('isnull(parse_json(""))', True), ('isnull(parse_json("[]"))', False)],
    "isnotnull": [("isnotnull('')", True), ("isnotnull(int(null))", False), ("isnotnull(1)", True)],
    "replace": [
        (r"replace(@'is (\d+)', @'was: \1', 'Number is 1')", "Number was: 1"),
        (r"replace('X', @'\0\0', 'aXbX')", "aXXbXX"),
        ('replace(";", " ", "a;b;c")', "a b c"),
    ],
    "parse_cef_dictionary": [
        (
            r'parse_cef_dictionary(@"CEF:0|Ven\|dor|Product|1.0|100|Login|5|src=::1 msg=a b\=c act=ok")',
            {
                "Version": "0", "DeviceVendor": "Ven|dor", "DeviceProduct": "Product", "DeviceVersion": "1.0",
                "DeviceEventClassID": "100", "Name": "Login", "Severity": "5",
                "Extension": {"src": "::1", "msg": "a b=c", "act": "ok"},
            },
        ),
        ("parse_cef_dictionary('no CEF')", None),
    ],
    "geo_location": [("geo_location('1.0.0.5')", {})],
}  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "expected"), [example for listed in EXAMPLES.values() for example in listed]
)
def test_a_function_gives_what_its_documentation_shows(expression, expected):
    """Written with constants, so that it is computed while the transformation is compiled."""
    found = value(expression)

    assert found == expected
    assert type(found) is type(expected)


def test_every_function_that_azure_takes_has_an_example():
    """The table above has a line for each."""
    taken = {name for name, each in FUNCTIONS.items() if each.standing in {"listed", "taken"}}

    assert taken - EXAMPLES.keys() == set()


LENIENT = [
    ('coalesce("", "a")', "a"),
    ("coalesce(int(null), 1)", 1),
    ('replace_string("a.b", ".", "-")', "a-b"),
    (r"replace_regex('Number is 1', @'is (\d+)', @'was: \1')", "Number was: 1"),
    ('bag_pack("a", 1)', {"a": 1}),
    ("""parse_json('["a"]')[0] in~ ("A")""", True),
    ('"North and South America" has_any ("south", "west")', True),
    ('"North and South America" has_all ("south", "west")', False),
    ("5 between (1 .. 5)", True),
    ("5 !between (1 .. 5)", False),
    ("datetime(2026-01-02) between (datetime(2026-01-01) .. 1d)", True),
    ('"North America" hasprefix "ame"', True),
    ('"North America" hassuffix_cs "icA"', False),
    ("dynamic({'a': [1, 2]}).a[1]", 2),
    ("column_ifexists('Missing', 5)", 5),
]


@pytest.mark.parametrize(("expression", "expected"), LENIENT)
def test_what_azure_refuses_is_carried_out_where_it_is_asked_for(expression, expected):
    """With strict=False."""
    assert value(expression, strict=False) == expected


# Names, and the columns of a row that a function is asked with, so that it runs in the generated code.
ROW = {
    "Text": "a,b;c",
    "Small": 7,
    "Count": 9,
    "Share": -2.5,
    "Time": "2026-11-24T10:20:30.1234567Z",
    "Bag": [1],
}
IN_ROWS = [
    ("tostring(Small)", "7"),
    ("tostring(Share)", "-2.5"),
    ("toint(Share)", -2),
    ("toupper(Text)", "A,B;C"),
    ("split(Text, ',')[1]", "b;c"),
    ("extract('([a-z]);', 1, Text)", "b"),
    ("abs(Share)", 2.5),
    ("bin(Count, 2)", 8),
    ("round(Share)", -3.0),
    ("getyear(Time)", 2026),
    ("datetime_part('nanosecond', Time)", 123456700),
    ("array_length(Bag)", 1),
    ("iff(Count > 5, Text, 'small')", "a,b;c"),
    ("max_of(Small, Count)", 9),
    ("strlen(Text)", 5),
    ("isnull(Flag)", True),
    ("isnotempty(Text)", True),
    ("pack_array(Small, Text, Time)", [7, "a,b;c", "2026-11-24T10:20:30.1234567Z"]),
    ("hash_sha256(Small)", "7902699be42c8a8e46fbbb4501726517e86b22c56a189f7625a6da49081b2451"),
]


@pytest.mark.parametrize(("expression", "expected"), IN_ROWS)
def test_a_function_gives_the_same_for_the_values_of_a_row(expression, expected):
    """What is not constant runs as generated code."""
    assert value(expression, **ROW) == expected


NULLS = {
    "boolean": "Flag", "datetime": "Time", "dynamic": "Bag", "number": "Count", "long": "Count",
    "real": "Share", "any": "Count", "text": "Count",
}  # fmt: skip
TELLS_OF_NULL = {
    "gettype": "long",
    "hash_sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "isempty": True,
    "isnotempty": False,
    "isnotnull": False,
    "isnull": True,
    "array_concat": [],
    "pack_array": [None],
}
OF_ONE_ARGUMENT = sorted(
    name
    for name, each in FUNCTIONS.items()
    if each.least == 1
    and each.standing in {"listed", "taken"}
    and each.kinds[0] in NULLS
    and name != "parse_json"
)


@pytest.mark.parametrize("name", OF_ONE_ARGUMENT)
def test_null_gives_null_or_an_empty_string(name):
    """A function whose only argument is null never fails; a few tell of null."""
    expression = f"{name}({NULLS[FUNCTIONS[name].kinds[0]]})"

    expected = "" if type_of(expression) == "string" else None
    assert value(expression) == TELLS_OF_NULL.get(name, expected)
