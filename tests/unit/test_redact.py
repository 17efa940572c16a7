"""Secrets taken out of a row."""

import re
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hostile
from dcrlog._redact import DEFAULT_KEYS, DEFAULT_PATTERNS, REDACTED, make_redactor
from dcrlog.errors import ConfigError
from hostile import Counts, build_row, make_record

SECRET = "hunter2xyz"


def build_redacted(record, setting=True, columns=None, **options):
    return build_row(record, columns, redact=make_redactor(setting), **options)


def raised(error):
    try:
        raise error
    except type(error):
        return sys.exc_info()


@pytest.mark.parametrize(
    "key", ["password", "Password", "PASS_WORD", "db.password", "dbPassword", "X-Api-Key", "api key",
    "access_token",
            "Set-Cookie", "AccountKey", "p a s s w o r d"]
)  # fmt: skip
def test_a_value_under_a_secret_key_is_taken_out_wherever_it_stands(key):
    """Case and punctuation do not matter, nor what stands before it, nor how deep it is."""
    nested = {"a": [{key: {"inner": SECRET}}], key: SECRET}
    row = build_redacted(make_record(**{key: SECRET, "body": nested}))

    assert row["Properties"][key] == REDACTED
    assert row["Properties"]["body"] == {"a": [{key: REDACTED}], key: REDACTED}


def test_a_harmless_key_keeps_its_value():
    """Keys are matched at their end."""
    assert build_redacted(make_record(tokens=5, secretary="Ann"))["Properties"] == {
        "tokens": 5,
        "secretary": "Ann",
    }


@pytest.mark.parametrize(
    "text",
    [f"Authorization: Bearer {SECRET}", f"basic {SECRET}", f"Password={SECRET};",
    f"client_secret={SECRET}&a=1",
     f"DB_PASSWORD = {SECRET}", f"Server=x;Pwd={SECRET};", f"AccountKey={SECRET}==;",
     f"https://h/?a=1&sig={SECRET}&b",
     f"{{'password': '{SECRET}', 'a': 1}}", f'{{"client_secret":"{SECRET}"}}',
     f"password='{SECRET} {SECRET}'",
     f"postgres://user:{SECRET}@db:5432/x", f"redis://:{SECRET}@h", f"eyJhbGciOi.eyJ{SECRET}.{SECRET}",
     f"x-eyJhbGciOi.eyJ{SECRET}.{SECRET}", f"token_eyJhbGciOi.eyJ{SECRET}.", f"access_token={SECRET}",
     f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
     f"-----BEGIN PRIVATE KEY-----\n{SECRET}"],
)  # fmt: skip
def test_a_secret_in_any_text_is_taken_out(text):
    """Message, arguments, traceback, nested values and keys."""
    record = make_record(f"first {text}", exc_info=raised(ValueError(text)), body={text: [text]}, **{text: 1})
    row = build_redacted(record)

    assert SECRET not in str(row)
    assert row["Message"].startswith("first ")
    assert row["Exception"].startswith("Traceback")
    assert SECRET not in str(build_redacted(make_record("%s", (text,), stack=text)))


@pytest.mark.parametrize(
    "text", ["an ordinary message", "unexpected token: x", "https://host:443/a@b", "a.b.c", "key=1"]
)
def test_an_ordinary_text_stays_as_it_is(text):
    """Redaction that eats messages is switched off."""
    assert build_redacted(make_record(text))["Message"] == text


def test_what_a_column_makes_text_of_is_redacted_before():
    """A dict in a string column and a misfit become text, in which no key can be told any more."""
    columns = {"Body": "body", "Amount": {"field": "amount", "type": "int"}, "Code": "password", "Token": "t"}
    tree = {"pass_word": SECRET, "a": 1}
    row = build_redacted(
        make_record(body=tree, amount=tree, password=SECRET, t=SECRET),
        {"keys": ["password", "token"]},
        columns,
    )

    assert row["Body"] == '{"pass_word":"[redacted]","a":1}'
    assert row["Properties"] == {"amount": '{"pass_word":"[redacted]","a":1}'}
    assert (row["Code"], row["Token"]) == (REDACTED, REDACTED)


def test_a_secret_in_a_column_that_holds_no_text_becomes_null():
    """The mark does not fit a number; that is no misfit."""
    counts = Counts()
    row = build_redacted(
        make_record(pin=1234), {"keys": ["pin"]}, {"Pin": {"field": "pin", "type": "int"}}, count=counts
    )

    assert "Pin" not in row
    assert "1234" not in str(row.get("Properties"))
    assert not counts


def test_ones_own_patterns_are_used_alone():
    """A mapping says everything."""
    row = build_redacted(make_record("card 4111-1111, password=x"), {"patterns": [r"\d{4}-\d{4}"]})

    assert row["Message"] == "card [redacted], password=x"


def test_a_callable_gets_the_row_and_returns_it():
    """It may change, add and remove columns; what it returns is fitted to the columns again."""
    seen = {}

    def redact(row):
        seen.update(row)
        return {
            **row,
            "Message": {"a": 1},
            "Line": "x",
            "Unknown": 1,
            "Host": None,
            "TimeGenerated": "2026-01-01",
        }

    counts = Counts()
    row = build_redacted(make_record("m"), redact, count=counts)

    assert seen["Message"] == "m"
    assert row["Message"] == '{"a":1}'
    assert row["TimeGenerated"] == "2026-01-01T00:00:00.000000Z"
    assert not {"Line", "Unknown", "Host"} & row.keys()
    assert counts == {"misfits": 1}


def mutating(row):
    row["Level"] = object()
    row["New"] = SECRET
    row["Properties"].clear()
    raise hostile.Fatal


@pytest.mark.parametrize(
    "redact",
    [lambda row: 1 / 0, lambda row: None, lambda row: SECRET, lambda row: [row], mutating, lambda: None,
    hostile.raising,
     lambda row: {"Message": hostile.RaisingText(), **dict.fromkeys([hostile.RaisingText])} | None],
)  # fmt: skip
def test_a_redactor_that_fails_leaks_nothing_and_loses_no_row(redact):
    """Level, logger and time stay; every text says what has happened."""
    counts = Counts()
    row = build_row(make_record(f"m {SECRET}", body=SECRET), redact=redact, count=counts)

    assert SECRET not in str(row)
    assert row["Message"].startswith("[redacted: the redactor raised ")
    assert (row["Level"], row["Logger"]) == ("INFO", "app")
    assert counts == {"misfits": 1}


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interrupt_and_exit_pass_through_a_redactor(error):
    """They are the application's."""

    def redact(row):
        raise error

    with pytest.raises(error):
        build_row(make_record(), redact=redact)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        (5, "redact must be True"), ("password", "redact must be True"), ({}, "redact must be True"),
        ({"key": []}, "redact must be True"), ({"keys": "password"}, 'redact["keys"] must be a list'),
        ({"keys": 5}, 'redact["keys"] must be a list'), ({"keys": [""]}, "'' is none"),
        ({"keys": [5]}, "5 is none"),
        ({"keys": ["_-"]}, "it would match every key"),
        ({"patterns": ["("]}, "'(' is not a regular expression"),
        ({"patterns": ["a{99999999999}"]}, "not a regular expression"),
        ({"patterns": ["(" * 5_000 + ")" * 5_000]}, "not a regular expression"),
        ({"patterns": ["x*"]}, "matches the empty text"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_setting_is_named(setting, told):
    """At construction, and never while something is logged."""
    with pytest.raises(ConfigError) as raised_error:
        make_redactor(setting)
    assert told in str(raised_error.value)


def test_no_redaction_is_the_default():
    """None and False ask for none."""
    assert make_redactor(None) is make_redactor(False) is None


@pytest.mark.parametrize(
    "piece",
    ["eyJaaaaa-", "eyJ-", "eyJaaaaa.", "eyJaaaaa.aaaaa ", "-----BEGIN ", "-----BEGIN PRIVATE KEY",
    " PRIVATE KEY",
     "-----BEGIN PRIVATE KEY-----", "-----END ", "password", "password ", "password = ", "password='",
     'secret":', "bearer ",
     "bearer aaaa", "://", "://a:", "://a:b", "?sig=", "sig=&", "a", " ", "=", "_eyJ", "access_token", "\n"],
)  # fmt: skip
def test_no_text_makes_the_default_patterns_slow(piece):
    """Whoever controls a logged text must not control how long the logging call takes."""
    redact = make_redactor(True)
    text = (piece * 100_000)[:100_000]
    started = time.process_time()

    redact({"Message": text})
    assert time.process_time() - started < 0.3


secrets = st.text("abcXYZ019", min_size=12, max_size=20)


@given(
    secret=secrets,
    key=st.sampled_from(DEFAULT_KEYS + tuple(key.upper() for key in DEFAULT_KEYS)),
    depth=st.integers(0, 5),
    prefix=st.sampled_from(["", "db_", "X-", "client"]),
    form=st.sampled_from(["password={}", "Bearer {}", "'api_key': '{}'", "amqp://u:{}@h"]),
)
def test_no_secret_is_left_in_the_bytes_of_a_row(secret, key, depth, prefix, form):
    """Whatever its key, its depth and the text around it."""
    tree = {prefix + key: secret}
    for _ in range(depth):
        tree = {"a": [tree]}
    record = make_record("value " + form, (), body=tree, exc_info=raised(ValueError(form.format(secret))))
    record.msg = record.msg.format(secret)

    assert secret not in str(
        build_redacted(record, True, {"Text": "body", "Number": {"field": "body", "type": "int"}})
    )


@given(tree=st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=5))
def test_redacting_twice_is_redacting_once(tree):
    """The mark is no secret."""
    redact = make_redactor({"keys": ["a"], "patterns": [r"\d+"]})
    row = {"Properties": tree}

    assert redact(redact(row)) == redact(row)


def test_the_default_patterns_are_regular_expressions():
    """None of them matches the empty text."""
    assert not any(re.search(pattern, "") for pattern in DEFAULT_PATTERNS)
