"""Secrets taken out of a row."""

import contextlib
import inspect
import sys
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hostile
import secret_samples
from dcrlog._redact import REDACTED, make_redactor
from dcrlog._rows import compile_builder
from dcrlog._secrets import KEYS, SECRETS, hide_cards, is_card
from dcrlog.errors import ConfigError
from hostile import Counts, build_row, columns_of, make_record
from secret_samples import PASSWORD

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
    "key", dict.fromkeys(key.replace(" ", gap) for key in KEYS for gap in (" ", "", "-", "_"))
)
def test_a_text_has_no_value_under_any_key(key):
    """The keys of extras and those in texts are the same ones."""
    for text in (f"{key}={SECRET}", f'{{"{key}":"{SECRET}"}}', f"{{'my_{key}': '{SECRET}'}}"):
        assert SECRET not in build_redacted(make_record(text))["Message"]


def test_a_value_beside_its_name_is_taken_out():
    """As settings and headers are listed."""
    settings = [{"name": "DB_PASSWORD", "value": SECRET}, {"name": "DB_HOST", "value": "db"}]

    assert build_redacted(make_record(settings=settings))["Properties"]["settings"] == [
        {"name": "DB_PASSWORD", "value": REDACTED},
        {"name": "DB_HOST", "value": "db"},
    ]


@pytest.mark.parametrize(("text", "secret"), secret_samples.EVERY)
def test_a_secret_of_every_shipped_kind_is_taken_out_of_any_text(text, secret):
    """Message, arguments, traceback, nested values and keys."""
    record = make_record(f"first {text}", exc_info=raised(ValueError(text)), body={text: [text]}, **{text: 1})
    row = build_redacted(record)

    assert secret in text
    assert secret not in str(row)
    assert row["Message"].startswith("first ")
    assert row["Exception"].startswith("Traceback")
    assert secret not in str(build_redacted(make_record("%s", (text,), stack=text)))


@pytest.mark.parametrize("kind", [*SECRETS, "card number"])
def test_a_kind_is_found_by_itself(kind):
    """Without the help of the others, and with the hints that let most texts pass without a search."""
    for text, secret in secret_samples.SAMPLES[kind]:
        if kind == "card number":
            found = hide_cards(text, REDACTED)
        else:
            pattern, hints = SECRETS[kind]
            assert any(hint in text.casefold() for hint in hints)
            found = pattern.sub(REDACTED, text)
        assert secret not in found
        assert REDACTED in found


def test_every_shipped_kind_has_a_sample():
    """And none of them matches the empty text."""
    assert secret_samples.SAMPLES.keys() == {*SECRETS, "card number"}
    assert not any(secret.pattern.search("") for secret in SECRETS.values())


@pytest.mark.parametrize(
    "text",
    [
        "an ordinary message",
        "unexpected token: x",
        "https://host:443/a@b",
        "a.b.c",
        "key=1",
        "wrong password: try again",
        "basic authentication is off",
        "bearer authorization",
        "ssh://git@github.com/x",
        "InstrumentationKey=00000000-0000-0000-0000-000000000001;IngestionEndpoint=https://x/",
        "AccountName=shop;EndpointSuffix=core.windows.net",
        "worker died, sig=9",
        "SharedAccessKeyName=Root",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "tokens=5",
        "the primary key = 7",
        "error code=404",
        "https://h/?code=404",
        "a number: 123456",
        "connection: keep-alive",
        "<b>bold</b> text",
        "basic + advanced",
        "Cannot resolve 'nowhere.credential': No module named 'nowhere'",
    ],
)
def test_an_ordinary_text_stays_as_it_is(text):
    """Redaction that eats messages is switched off."""
    assert build_redacted(make_record(text))["Message"] == text


@pytest.mark.parametrize(
    "text",
    ["4111111111111112", "4111 1111 1111 1112", "id 1732464859000", "20261124155419", "1732464859123456789",
     "trace 4bf92f3577b34da6a3ce929d0e0e4736", "a4111111111111111", "4111111111111111f", "0.4111111111111111",
     "41111111111111111", "4111111111111111.5", "4111  1111  1111  1111", "4111-1111 1111-1111",
     "9999999999999995", "4000-4111-4111-4111-411111111111", "2026-11-24 10:11:12"],
)  # fmt: skip
def test_a_number_that_is_no_card_s_stays(text):
    """Ids, times, decimals, hexadecimal digits, and whatever fails the checksum or has no network."""
    assert build_redacted(make_record(text, note=text))["Message"] == text


@given(number=st.integers(10**11, 10**19).map(str), gap=st.sampled_from(["", " ", "-"]))
def test_of_all_numbers_with_a_network_only_those_with_the_checksum_are_taken_out(number, gap):
    """By another way to count: doubling from the right, and adding the digits."""
    doubled = [int(each) * (1 + place % 2) for place, each in enumerate(reversed(number))]
    is_valid = sum(sum(map(int, str(each))) for each in doubled) % 10 == 0
    grouped = gap.join(number[at : at + 4] for at in range(0, len(number), 4))

    assert is_valid or not is_card(number)
    if len(number) == 16:
        assert (hide_cards(f"n {grouped}", "x") == "n x") is is_card(number)


def test_a_card_s_number_is_taken_out_as_a_number_too():
    """Of a nested value and of a column that holds whole numbers."""
    columns = {"Card": {"field": "card", "type": "long"}}
    row = build_redacted(
        make_record(card=4111111111111111, order=4111111111111112, body=[4111111111111111]), True, columns
    )

    assert "Card" not in row
    assert row["Properties"] == {"order": 4111111111111112, "body": [REDACTED]}


def test_headers_in_pairs_are_redacted_by_their_names():
    """An ASGI scope has them so, as bytes."""
    headers = [(b"x-api-key", b"short"), (b"cookie", b"a=1"), (b"host", b"h")]

    assert build_redacted(make_record(headers=headers))["Properties"]["headers"] == [
        ["x-api-key", REDACTED],
        ["cookie", REDACTED],
        ["host", "h"],
    ]


def test_what_was_harmless_before_is_not_searched_again_and_what_was_not_is():
    """More texts than are remembered, each of them twice."""
    redact = make_redactor(True)
    for number in [*range(1_500)] * 2:
        row = redact({"Message": f"password={PASSWORD}{number}", "Logger": f"app.{number}"})
        assert row == {"Message": REDACTED, "Logger": f"app.{number}"}


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


def test_ones_own_come_beside_the_shipped_ones_where_that_is_asked_for():
    """Keys, patterns and cards."""
    setting = {"keys": ["pin"], "patterns": [r"PNR-\d+"], "shipped": True}
    row = build_redacted(make_record("PNR-7, password=x, 4111111111111111", pin=1, token="t", n=7), setting)

    assert row["Message"] == "[redacted], [redacted], [redacted]"
    assert row["Properties"] == {"pin": REDACTED, "token": REDACTED, "n": 7}


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
    assert row["Properties"] == row["Message"]
    assert (row["Level"], row["Logger"]) == ("INFO", "app")
    assert counts == {"withheld": len({"Message", "Function", "Properties"})}


def test_a_value_at_which_the_shipped_redactor_fails_is_withheld_alone():
    """At the end of the application's stack, say: never the row, and never the secret."""
    build = compile_builder(columns_of(), count=(counts := Counts()), redact=make_redactor(True))

    def log(frames, record):
        return log(frames - 1, record) if frames else build(record)

    rows = []
    depth = sys.getrecursionlimit() - len(inspect.stack())
    for frames in range(depth - 40, depth):
        # What looks like a card takes more calls than the message does.
        record = make_record(f"password={PASSWORD}", note=f"4111 1111 1111 {1_000 + frames}", pwd=PASSWORD)
        with contextlib.suppress(RecursionError):
            rows.append(msgspec.json.decode(log(frames, record)))
    withheld = [
        row for row in rows if row.get("Properties") == "[redacted: the redactor raised RecursionError]"
    ]

    assert any(row["Message"] == REDACTED and row["Level"] == "INFO" for row in withheld)
    assert counts["withheld"] >= len(withheld)
    assert PASSWORD not in str(rows)


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
        ({"shipped": 1}, 'redact["shipped"] must be True or False, got 1'),
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


PIECES = [
    "eyJaaaaa-", "eyJ-", "eyJaaaaa.", "eyJaaaaa.aaaaa ", "-----BEGIN ", "-----BEGIN PRIVATE KEY",
    " PRIVATE KEY", "-----BEGIN PRIVATE KEY-----", "-----END ", "password", "password ", "password = ",
    "password='", 'secret":', "bearer ", "bearer aaaa", "://", "://a:", "://a:b", "?sig=", "sig=&", "a",
    " ", "=", "_eyJ", "access_token", "\n", '"password":"', "password={", "password=[", "password=x\\\\",
    '\\\\"', "authorization: ", "authorization: digest ", "cookie: ", "secret: ", "secret: a", "key:",
    "4111 ", "4111-", "41", "4111111111111", "4111 1111 1111 1111 ", "://a:b@", "://a@", "%3Fsig%3D",
    "abc8Q~", "A", "AAAA==", "-----BEGIN A PRIVATE KEY-----", "-----END PRIVATE KEY", ";pwd=",
    "'token', ", "-----BEGIN%20", "%20", "PRIVATE%20KEY", "AA%2B", "%3D%3D", "token=\'\'\'", "\'\'\'", '"""',
    "<token>", "token>", "<", '"token", "value": ', "authorization:  ", "authorization:\t", "bearer+",
    "basic%20", "?code=", "a%253F", "sig%253D", "card number=", "api key",
]  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
def test_no_text_makes_the_default_patterns_slow(piece):
    """Whoever controls a logged text must not control how long the logging call takes."""
    redact = make_redactor(True)
    text = (piece * 100_000)[:100_000]
    started = time.process_time()

    redact({"Message": text})
    assert time.process_time() - started < 0.3


pieces = st.sampled_from(PIECES) | st.text("=:;&?'\"\\\\{}[] \n.-_/@%0eyJsigkAB", min_size=1, max_size=6)


@given(start=st.text("abc =", max_size=5), parts=st.lists(pieces, min_size=1, max_size=4), end=pieces)
def test_no_repetition_of_parts_of_secrets_makes_the_shipped_patterns_slow(start, parts, end):
    """One that backtracks over a run, or looks for an end from each beginning, takes seconds here."""
    redact = make_redactor(True)
    run = "".join(parts)
    text = start + run * (20_000 // len(run)) + end
    started = time.process_time()

    redact({"Message": text})
    assert time.process_time() - started < 0.5


secrets = st.text("abcXYZ019", min_size=12, max_size=20)


@given(
    secret=secrets,
    key=st.sampled_from(KEYS + tuple(key.upper() for key in KEYS)),
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
