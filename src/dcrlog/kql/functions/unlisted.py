"""Functions of KQL that Azure refuses in a transformation, though people write them."""

from functools import partial

from dcrlog.kql._dynamic import cut
from dcrlog.kql._table import FUNCTIONS, Call, function, plain
from dcrlog.kql._typed import Typed, apply, cast
from dcrlog.kql.functions.conditions import one_type
from dcrlog.kql.functions.searches import constant_regex, replacing

_refused = partial(function, family="Not in transformations", standing="refused")
_plainly = partial(plain, family="Not in transformations", standing="refused")


@_refused("coalesce(any, any, any*) -> any")
def coalesce(call: Call) -> Typed:
    """Return the first value that is not null, nor an empty string."""
    wanted = one_type(call, call.arguments)
    values = [cast(value, wanted) for value in call.arguments]
    return apply(_first, values, wanted, takes_null=True, may_fail=True)


def _first(*values: object) -> object:
    return next((value for value in values if value is not None and value != ""), values[-1])


@_plainly("replace_string(text, string, string) -> string")
def replace_string(text: str, wanted: str, replacement: str) -> str:
    """Replace a plain text."""
    return cut(text.replace(wanted, replacement)) if wanted else text


@_refused("replace_regex(text, string, string) -> string")
def replace_regex(call: Call) -> Typed:
    """Replace every match of a pattern: the arguments are in another order than those of replace()."""
    return replacing(constant_regex(call, 1), call.arguments[2], call.arguments[0])


_ALIASES = {
    "bag_pack": "pack",
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
for _name, _of in _ALIASES.items():
    _known = FUNCTIONS[_of]
    _signature = _known.signature.replace(_of, _name, 1)
    _refused(_signature, note=f"write {_of}()")(_known.bind)
