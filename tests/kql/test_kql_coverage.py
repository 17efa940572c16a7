"""What docs/kql.md says of constructs is what the engine does with them."""

import pytest

from dcrlog.kql import KqlError, compile_transformation
from dcrlog.kql._coverage import written_lines
from dcrlog.kql._operators import UNLISTED
from dcrlog.kql._table import FUNCTIONS
from kql_engine import STREAM

EXAMPLES = {
    "source": ["source"],
    "print": ["print x = 1"],
    "let, of a value": ["let a = 1; source | extend x = a"],
    "let, of a table": ["let t = source | where Flag; t"],
    "let, of a function": ["let f = (a:long, b:long = 2) { a + b }; print f(1)"],
    "where, filter": ["source | where Flag", "source | filter Flag"],
    "extend": ["source | extend x = 1"],
    "project": ["source | project x = 1, Text"],
    "project-away": ["source | project-away Text, S*"],
    "project-rename": ["source | project-rename x = Text"],
    "parse": [
        "source | parse Text with * 'a' x:long 'b' *",
        "source | parse kind=regex flags=Ui Text with 'a+' x",
        "source | parse kind=relaxed Text with x 'b'",
    ],
    "datatable": ["datatable(a:long)[1, 2]", "let t = datatable(a:long)[1]; source | where Small in (t)"],
    "columnifexists(name, default)": ["source | extend x = columnifexists('y', 'z')"],
    "column_ifexists(name, default)": ["source | extend x = column_ifexists('y', 'z')"],
    "'text', \"text\", @'text', h'text', ```text```": [
        f"print {each}" for each in ("'a'", '"a"', "@'a'", "h'a'", "```a```", "'a' 'b'")
    ],
    "5, 0x1F, 1.5, 1e3, true, 1h": ["print 5, 0x1F, 1.5, 1e3, true, 1h"],
    "datetime(...), timespan(...), guid(...), int(...), long(...), real(...), bool(...)": [
        "print datetime(2026-11-24), timespan(1h), guid(74be27de-1e4e-49d9-b579-fe0b331d3642)",
        "print int(1), long(1), real(1), bool(1), datetime()",
    ],
    "int(null) and its like": ["print int(null), datetime(null), dynamic(null)"],
    "dynamic([...]), dynamic({...})": ["print dynamic([1])", "print dynamic({'a': 1})"],
    "['a name'], [\"a name\"]": ["source | project ['a b'] = ['other text'], [\"Text\"]"],
    "Bag.key, Bag['key'], Bag.['key'], Bag[0], Bag[-1], Bag[column]": [
        "source | project a = Bag.key, b = Bag['key'], c = Bag.['key']",
        "source | project a = Bag[0], b = Bag[-1], c = Bag[Text]",
    ],
    "+ - * / %": ["source | project Small + Count - 1 * Share / 2 % 3"],
    "+ - * / % of datetimes and timespans": [
        "source | project Time - Time, Time + 1h, 1h * 2, 1h / 1m, 1h % 7m"
    ],
    "< > <= >=": ["source | project Small < 1, Time > Time, 1h <= 2h, Flag >= Flag"],
    "== !=": ["source | project Small == 1.5, Text != 'a', Bag == 1"],
    "and, or": ["source | where Flag and Small > 1 or Bag.a"],
    "=~ !~ and contains, startswith, endswith with ! and _cs": [
        f"source | where Text {negation}{word}{suffix} 'a'"
        for word in ("contains", "startswith", "endswith")
        for negation in ("", "!")
        for suffix in ("", "_cs")
    ]
    + ["source | where Text =~ 'a' or Text !~ 'b'"],
    "has, !has, has_cs, !has_cs": [
        f"source | where Text {each} 'a'" for each in ("has", "!has", "has_cs", "!has_cs")
    ],
    "in, !in": ["source | where Text in ('a', 'b')", "source | where Small !in (1, 2)"],
    "matches regex": ["source | where Text matches regex 'a+'"],
    "between, has_all, has_any, hasprefix, hassuffix, in~": [
        f"source | where {'Small' if 'between' in each else 'Text'} {each} "
        + ("(1 .. 2)" if "between" in each else "('a')")
        for each in sorted(UNLISTED)
    ],
}


def test_every_line_has_an_example():
    """And none is left of a line that is gone."""
    assert {line.construct for line in written_lines()} == EXAMPLES.keys()


@pytest.mark.parametrize("line", written_lines(), ids=lambda line: line.construct)
def test_a_line_says_what_the_engine_does(line):
    """What Azure takes compiles without a remark, and anything else only where it is allowed, with one."""
    for text in EXAMPLES[line.construct]:
        lenient = compile_transformation(text, STREAM, strict=False)
        if line.standing in {"listed", "taken"}:
            compile_transformation(text, STREAM)
            assert lenient.warnings == ()
        else:
            with pytest.raises(KqlError):
                compile_transformation(text, STREAM)
            starts = "Azure would refuse" if line.standing == "refused" else "Azure does not list"
            assert all(warning.reason.startswith(starts) for warning in lenient.warnings)
            assert lenient.warnings


def test_what_is_not_taken_has_the_family_of_its_own():
    """A reader finds in one place which functions not to write."""
    strange = {name for name, each in FUNCTIONS.items() if each.standing in {"refused", "unlisted"}}
    gathered = {name for name, each in FUNCTIONS.items() if each.family == "Not in transformations"}

    assert strange == gathered
