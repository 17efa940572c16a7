"""Values and records that break code which trusts what applications log."""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import json
import logging
import pathlib
import sys
import uuid
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy as np

from dcrlog._rows import compile_builder
from dcrlog.settings import load


class Fatal(BaseException):
    """Neither an Exception nor one of the two that have to pass."""


def raising(method, error):
    """An object one of whose special methods raises."""

    def fail(self, *_):
        raise error  # a class: an instance would keep every traceback

    return type("Raising", (), {method: fail})()


class RaisingText:
    """Cannot be told at all."""

    def __str__(self):
        raise Fatal

    __repr__ = __str__


class RaisingClass:
    """Raises when it is asked what it is."""

    @property
    def __class__(self):
        raise Fatal


class LyingClass:
    """Says that it is a datetime."""

    @property
    def __class__(self):
        return dt.datetime


class Bottomless:
    """Recurses for ever when it is told."""

    def __str__(self):
        return str(self)


class EndlessMapping(Mapping):
    """Has no last key."""

    def __getitem__(self, key):
        return key

    def __len__(self):
        return 1

    def __iter__(self):
        return iter(int, 1)


class EndlessList(list):
    """A list whose iteration never ends."""

    def __iter__(self):
        return iter(int, 1)


class EndlessDict(dict):
    """A dict whose views never end."""

    def items(self):
        return iter(lambda: ("a", 1), None)

    keys = __iter__ = items


class MeanType(type):
    """A class that can be neither hashed nor named."""

    def __hash__(cls):
        raise Fatal

    def __getattribute__(cls, name):
        raise Fatal


class MeanKey:
    """A key that was hashed once and never again."""

    def __init__(self):
        self.hashed = False

    def __hash__(self):
        if self.hashed:
            raise Fatal
        self.hashed = True
        return 1

    def __eq__(self, other):
        raise Fatal


class Colour(enum.StrEnum):
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


class Odd(enum.Enum):
    NOTHING = None
    TREE = ("a", {"b": 1})

    def __str__(self):
        raise Fatal


class Text(str):
    """Text that lies about everything."""

    __slots__ = ()

    def __str__(self):
        raise Fatal

    def encode(self, *_):
        raise Fatal


class NotANumber(float):
    def __str__(self):
        raise Fatal

    __repr__ = __str__


class NoTime(dt.datetime):
    """As the NaT of pandas: a datetime that is none."""

    def isoformat(self, *_, **__):
        return "NaT"


class NoOffset(dt.tzinfo):
    def utcoffset(self, _):
        return None


class BadOffset(dt.tzinfo):
    def utcoffset(self, _):
        raise Fatal


@dataclasses.dataclass
class Node:
    name: str
    child: object = None


class Pair(NamedTuple):
    a: int
    b: int


class Scalarless:
    """Calls itself numpy's."""

    __module__ = "numpy"
    ndim = 0
    size = 1

    def tolist(self):
        return Scalarless2()


class Scalarless2(Scalarless):
    __module__ = "numpy"

    def tolist(self):
        return Scalarless()


def deep(levels, wrap=lambda inner: [inner]):
    """A value inside so many containers."""
    made = 1
    for _ in range(levels):
        made = wrap(made)
    return made


def cycle_of_list():
    made = []
    made.append(made)
    return made


def cycle_of_dict():
    made = {}
    made["self"] = made
    return made


def cycle_of_dataclass():
    made = Node("a")
    made.child = made
    return made


def array_in_itself():
    made = np.empty(2, dtype=object)
    made[:] = [made, made]
    return made


DEEP_LIST = deep(100_000)
DEEP_DICT = deep(100_000, lambda inner: {"a": inner})


def values():
    """The whole catalogue, freshly made."""
    now = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    errors = (ValueError, Fatal, RecursionError, MemoryError, GeneratorExit, StopIteration)
    methods = (
        "__str__", "__repr__", "__bool__", "__eq__", "__hash__", "__getattr__", "__getattribute__", "__len__",
        "__iter__", "__int__", "__float__", "__index__", "__format__",
    )  # fmt: skip
    return [
        None, True, False, 0, 1, -1, 2**31 - 1, 2**31, -(2**31) - 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64,
        10**4999, -(10**4999), 10**20_000, 0.0, -0.0, 1.5, 1e308, 5e-324, float("nan"), float("inf"),
        float("-inf"), 1e16, "", "text", "a\nb\r\t\0\x1f\x7f", "\u2028\u2029", "é" * 40, "\U0001f600",
        "\ud800", "a\udfffb", "\ufeff", "NaN", "1e400", "true", "FALSE", "17", " 17 ", "9" * 30, "1_000",
        "2026-01-02T03:04:05Z", "2026-01-02", '","x":"y', "}\n{", b"bytes", b"\xff\xfe\x00", bytearray(b"x"),
        memoryview(b"view"), memoryview(bytearray(12))[::2], memoryview(bytes(4)).cast("i", ()),
        decimal.Decimal("1.10"), decimal.Decimal("1E+1000000"), decimal.Decimal("1E-1000000"),
        decimal.Decimal("0E+1000000"), decimal.Decimal("NaN"), decimal.Decimal("sNaN"),
        decimal.Decimal("-Infinity"), decimal.Decimal(10) ** 25, Colour.RED, Number.ONE, Odd.NOTHING,
        Odd.TREE,
        Text("lie"), NotANumber("nan"), NotANumber(1.5), NoTime(2026, 1, 1), uuid.UUID(int=7),
        pathlib.PurePosixPath("/a/b"), pathlib.PureWindowsPath("c:/a"), now, now.replace(tzinfo=None),
        dt.datetime.max.replace(tzinfo=dt.timezone(dt.timedelta(hours=-23))), dt.datetime.min,
        now.replace(tzinfo=NoOffset()), now.replace(tzinfo=BadOffset()), dt.date(2026, 1, 2), dt.time(1, 2),
        dt.timedelta(days=1), Node("a", Node("b")), (1, "two"), {1, 2}, frozenset({3}),
        collections.deque([1], maxlen=1), collections.OrderedDict(a=1), collections.Counter("aab"),
        collections.ChainMap({"a": 1}), Pair(1, 2), range(10**9), {}.keys(),
        {1: "int", 1.5: "float", None: "none", (1, 2): "tuple", False: "false", b"b": "bytes"},
        {"\ud800": "\udfff"}, {"": 0}, {"a": float("nan"), "b": [float("inf")]}, {MeanKey(): 1},
        {frozenset({1}): {"x"}}, EndlessMapping(), EndlessList([1, 2]), EndlessDict(a=1), DEEP_LIST,
        DEEP_DICT,
        cycle_of_list(), cycle_of_dict(), cycle_of_dataclass(), array_in_itself(), [[1] * 200] * 200,
        np.int64(5), np.uint64(2**64 - 1), np.float32(1.5), np.float64("nan"), np.bool_(True), np.str_("s"),
        np.bytes_(b"b"), np.datetime64("2026-01-02"), np.datetime64("NaT", "s"), np.longdouble(1),
        np.complex64(1j),
        np.array([1.5, float("nan")]), np.zeros((300, 300)), np.array("zero-dimensional"), np.array([]),
        np.zeros(1, dtype=[("a", "i4")])[0], Scalarless(), 1j, object(), object, int, ..., NotImplemented,
        len, sys, lambda: 1, (number for number in [1]), iter([1]), type("Metal", (), {}), ValueError("boom"),
        Fatal("x"), RaisingText(), RaisingClass(), LyingClass(), Bottomless(), MeanType("Mean", (), {})(),
        MeanType("Mean", (), {}), *(raising(method, error) for method in methods for error in errors),
    ]  # fmt: skip


CATALOGUE = tuple(values())
"""For tests in which a value may be used again; generators in it are not consumed."""


class Counts(collections.Counter):
    """What a builder counts."""

    def __call__(self, name, number):
        self[name] += number


def columns_of(columns=None, rule=None):
    """The mapped columns of a handler with these options."""
    return load({"columns": columns, "rule": rule}, {}, needs_endpoint=False).columns


def make_record(msg="message", args=(), *, level=logging.INFO, exc_info=None, stack=None, **extra):
    """A record as a logger makes it."""
    record = logging.getLogger("app").makeRecord(
        "app", level, "/app/main.py", 7, msg, (), exc_info, func="run", extra=extra, sinfo=stack
    )
    # LogRecord asks a single argument whether it is a mapping, at which some values raise.
    record.args = args[0] if len(args) == 1 and type(args[0]) is dict and args[0] else args
    return record


def parse(text):
    """Read a row strictly, twice."""

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    by_json = json.loads(text.decode("utf-8"), parse_constant=refuse)
    assert msgspec.json.decode(text) == by_json
    assert b"\n" not in text
    return by_json


def build_row(record, columns=None, *, rule=None, count=None, redact=None, formatter=None):
    """Build one row and read it."""
    build = compile_builder(
        columns_of(columns, rule),
        count=Counts() if count is None else count,
        redact=redact,
        formatter=formatter,
    )
    return parse(build(record))
