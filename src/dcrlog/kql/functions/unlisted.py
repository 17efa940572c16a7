"""Functions of KQL that Azure does not list for transformations, though people write them."""

from functools import partial

from dcrlog.kql._dynamic import cut
from dcrlog.kql._table import FUNCTIONS, Call, Standing, function, plain
from dcrlog.kql._typed import Typed, apply, cast
from dcrlog.kql.functions.conditions import one_type
from dcrlog.kql.functions.searches import constant_regex, replacing

_FAMILY = "Not in transformations"
_unlisted = partial(function, family=_FAMILY, standing="unlisted")


# That this one is refused, replace_string and bag_pack, people have seen.
@function("coalesce(any, any, any*) -> any", family=_FAMILY, standing="refused")
def coalesce(call: Call) -> Typed:
    """Return the first value that is not null, nor an empty string."""
    wanted = one_type(call, call.arguments)
    values = [cast(value, wanted) for value in call.arguments]
    return apply(_first, values, wanted, takes_null=True, may_fail=True)


def _first(*values: object) -> object:
    return next((value for value in values if value is not None and value != ""), values[-1])


@plain(
    "replace_string(text, string, string) -> string",
    family=_FAMILY,
    standing="refused",
    note="write replace()",
)
def replace_string(text: str, wanted: str, replacement: str) -> str:
    """Replace a plain text."""
    return cut(text.replace(wanted, replacement)) if wanted else text


@_unlisted("replace_regex(text, string, string) -> string", note="write replace()")
def replace_regex(call: Call) -> Typed:
    """Replace every match of a pattern: the arguments are in another order than those of replace()."""
    return replacing(constant_regex(call, 1), call.arguments[2], call.arguments[0])


_ALIASES = {
    "pack_dictionary": "pack",
    "base64_encode_tostring": "base64_encodestring",
    "base64_decode_tostring": "base64_decodestring",
    "monthofyear": "getmonth",
    "notempty": "isnotempty",
    "notnull": "isnotnull",
    "parsejson": "parse_json",
    "todynamic": "parse_json",
    "toobject": "parse_json",
}


def _register(name: str, of: str, standing: Standing = "unlisted") -> None:
    known = FUNCTIONS[of]
    signature = known.signature.replace(of, name, 1)
    function(signature, family=_FAMILY, standing=standing, note=f"write {of}()")(known.bind)


_register("bag_pack", "pack", "refused")
for _name, _of in _ALIASES.items():
    _register(_name, _of)
