"""Transformations of every construct, with names and strings of any characters in them."""

import re

from hypothesis import strategies as st

from dcrlog.kql import _tree as tree
from dcrlog.kql._types import Type
from kql_print import to_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
NASTY = st.text(st.sampled_from("'\"\\\n\r\t{}%;:()#` abé\0"), min_size=1, max_size=12)
CONSTRUCTS = [
    "let {a} = {text}; source | where {c} == {text} or {c} has {text} or {c} in ({text}, {a})",
    "let {a} = ({b}:string, {d}:long = 99999999999) {{ strcat({b}, {text}, {d}) }}; print {d} = {a}({text})",
    "let {a} = source | where {c} !contains {text}; {a} | project {b} = {c}, {d} = 1.5",
    "let {a} = ({b}:string) {{ source | where {c} =~ {b} }}; {a}({text})",
    "let {a} = datatable({b}:string, {d}:long)[{text}, 7]; source | where {c} in ({a})",
    "datatable({a}:string, {b}:dynamic)[{text}, {bag}] | extend {d} = {b}[{text}]",
    "print {a} = {text}, {b} = strcat({text}, 'x')",
    "source | parse {c} with * {text} {a} {text} {b}:long {text} {d}:datetime",
    "source | parse kind=relaxed {c} with {a} {text} {b}:real",
    "source | parse kind=regex flags=si {c} with 'a.' {a} '(b)' {b}",
    "source | extend {a} = columnifexists({text}, {text}), {b} = columnifexists('none', {c})",
    "source | extend {a} = parse_json({c})[{text}][0].['k'][{c}], {b} = parse_json({text})[{text}]",
    "source | extend {a} = {bag}, {b} = pack({text}, {c}), {d} = pack_array({bag}, *)",
    "source | project-rename {a} = {c} | project-away {a}",
    "source | extend {a} = case({c} startswith {text}, {text}, {c} endswith_cs {text}, {c}, tostring(now()))",
    "source | extend {a} = replace({regex}, {text}, {c}), {b} = extract({regex}, 0, {c})",
    "source | where {c} matches regex {regex} or {c} matches regex {c}",
    "source | where strlen({c}) between (1 .. strlen({text})) or {c} has_any ({text}, {c})",
    "source | extend {a} = split({c}, {text})[-1], {b} = -1 - strlen({c}), {d} = datetime(null)",
]


@st.composite
def constructs(draw):
    """A transformation with names and strings of any characters, and the name of its one column."""
    names = draw(st.lists(NASTY, min_size=4, max_size=4, unique=True))
    text = draw(NASTY)
    literals = {
        "text": to_text(tree.Literal(Type.STRING, text)),
        "regex": to_text(tree.Literal(Type.STRING, re.escape(text))),
        "bag": to_text(tree.Literal(Type.DYNAMIC, draw(JSON))),
    }
    quoted = {key: to_text(tree.Name(name)) for key, name in zip("abcd", names, strict=True)}
    return draw(st.sampled_from(CONSTRUCTS)).format(**quoted, **literals), names[2]
