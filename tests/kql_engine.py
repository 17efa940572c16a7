"""Short ways to ask the engine for one value, for rows, or for a refusal."""

from datetime import UTC, datetime

import pytest

from dcrlog.kql import KqlError, compile_transformation

NOW = datetime(2026, 11, 24, 10, 20, 30, 123456, UTC)

STREAM = {
    "Flag": "boolean",
    "Small": "int",
    "Count": "long",
    "Share": "real",
    "Text": "string",
    "Bag": "dynamic",
    "Time": "datetime",
    "other text": "string",
}
"""A column of each type that a stream has, and one whose name has to be quoted."""


def transform(text, rows, columns=STREAM, **options):
    """The rows that come out."""
    return compile_transformation(text, columns, **options).apply(rows, now=NOW)


def value(expression, *, strict=True, **row):
    """The value of an expression for a row of STREAM."""
    (found,) = transform(f"source | project Result = {expression}", [row], strict=strict)
    return found["Result"]


def type_of(expression, *, strict=True):
    """The type of an expression."""
    compiled = compile_transformation(f"source | project Result = {expression}", STREAM, strict=strict)
    return compiled.columns["Result"]


def refusal(text, columns=STREAM, **options):
    """The error of a transformation that is refused."""
    with pytest.raises(KqlError) as caught:
        compile_transformation(text, columns, **options)
    return caught.value


def attempt(text, rows=(), columns=STREAM):
    """The rows that come out, or the error of a transformation that is refused."""
    try:
        return transform(text, rows, columns)
    except KqlError as error:
        return error


def check_rule(columns, text, rows, expected):
    """Rows of a stream, transformed, are the expected ones, column for column and in order.

    Args:
        columns: The stream's columns, as `name:type` between spaces.
        text: The transformation.
        rows: Rows as they are sent.
        expected: Rows as they are stored.
    """
    declared = dict(each.split(":") for each in columns.split())
    compiled = compile_transformation(text, declared, checks_output="TimeGenerated" in text)
    found = compiled.apply(rows, now=NOW)

    assert found == expected
    assert [list(row) for row in found] == [list(row) for row in expected]
    assert all(list(row) == list(compiled.columns) for row in found)
