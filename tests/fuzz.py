"""Hostile values and calls by the hundred thousand, from a seed."""

import decimal
import logging
import random

import msgspec
import numpy as np

import hostile
from dcrlog._redact import make_redactor
from dcrlog._rows import compile_builder
from hostile import Counts, columns_of, make_record

KINDS = ("string", "int", "long", "real", "boolean", "datetime", "dynamic")
VALUES = 5
TYPED = {f"As{kind}": {"field": kind, "type": kind} for kind in KINDS}


def is_slow(value):
    """What takes milliseconds has tests of its own; and "%d" of 1E+1000000 takes Python half a minute."""
    if type(value) is decimal.Decimal:
        return value.is_finite() and value.adjusted() > 1_000
    return any(type(value) is kind for kind in (hostile.EndlessMapping, np.ndarray))


def generate(chance, leaves, depth=3):
    """A value: mostly of the catalogue, sometimes a container of more."""
    kind = chance.random()
    if depth == 0 or kind < 0.8:
        return chance.choice(leaves)
    size = chance.randrange(4)
    members = [generate(chance, leaves, depth - 1) for _ in range(size)]
    if kind < 0.87:
        return members
    if kind < 0.97:
        return {f"k{number}": member for number, member in enumerate(members)}
    return tuple(members)


def make_any_record(chance, leaves):
    """A record with hostile values in one place or several."""
    values = [generate(chance, leaves) for _ in range(VALUES)]
    msg = values[0] if chance.random() < 0.3 else chance.choice(["m", "m %s", "%d", "%s %s", "%(a)s"])
    args = chance.choice([(), (values[1],), (values[1], values[2]), ({"a": values[1]},)])
    record = make_record(
        msg, args, **{name: chance.choice(values) for name in chance.sample(KINDS, 2)}, other=values[3]
    )
    if chance.random() < 0.2:
        setattr(record, chance.choice(list(logging.makeLogRecord({}).__dict__)), values[4])
    if chance.random() < 0.05:
        delattr(record, chance.choice(list(record.__dict__)))
    return record


def build_rows(count, seed):
    """Build rows of so many values and calls; each is a JSON object, on one line, within the limit."""
    chance = random.Random(seed)
    leaves = [value for value in hostile.CATALOGUE if not is_slow(value)]
    builders = [
        compile_builder(columns_of(TYPED), count=Counts()),
        compile_builder(columns_of(), count=Counts()),
        compile_builder(columns_of(), count=Counts(), redact=make_redactor(True)),
        compile_builder(columns_of(), count=Counts(), formatter=logging.Formatter("%(message)s")),
    ]
    made = 0
    while made < count:
        row = chance.choice(builders)(make_any_record(chance, leaves))
        assert type(msgspec.json.decode(row)) is dict
        assert b"\n" not in row
        assert len(row) <= 1_000_000
        made += VALUES + 1
    return made
