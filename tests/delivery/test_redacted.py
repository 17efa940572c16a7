"""Secrets of every shipped kind, and the real handler: nobody finds them where a row has been."""

import pytest

from dcrlog import LogsIngestionHandler
from dcrlog.emulator import Fault
from dcrlog.settings import load
from hostile import Fatal
from secret_samples import EVERY, PASSWORD, TOKEN

RULE_ID = "dcr-" + "0" * 32
SECRETS = sorted({secret for _, secret in EVERY})


class Headers:
    """As some frameworks have them: no mapping, and told by pairs."""

    def __str__(self):
        return f"Headers([('X-Api-Key', '{TOKEN}'), ('Cookie', 'sid={PASSWORD}')])"


def log_everywhere(logger, text, secret, mark):
    """In message, arguments, extras of each shape, request headers, the exception and its cause."""
    by_name = {"X-Api-Key": secret, "Authorization": text, "HTTP_COOKIE": secret, text: 1}
    pairs = [(name.encode(), value.encode()) for name, value in (("x-api-key", secret), ("cookie", secret))]
    extra = {
        "note": text, "body": [{"deep": (text, {text: text})}], "headers": by_name, "tenant": "contoso",
        "scope": {"headers": pairs}, "raw": text.encode(), "meta": Headers(), "password": secret,
    }  # fmt: skip
    try:
        try:
            raise KeyError(text)
        except KeyError as error:
            raise ValueError(text) from error
    except ValueError:
        logger.exception(
            f"{mark} {text} %s %(a)s" if mark == "odd" else f"{mark} {text} %s", text, extra=extra
        )


def found_in(content, place):
    told = content if isinstance(content, bytes) else str(content).encode()
    return {f"{secret} in {place}" for secret in SECRETS if secret.encode() in told}


def test_a_secret_of_no_shipped_kind_reaches_a_row_the_disk_stderr_or_a_repr(emulator, logger, home, capfd):
    """While rows wait in the spool, after a dead letter was written, and in what arrives."""
    handler = LogsIngestionHandler(
        redact=True, spool_dir=home.parent, flush_interval=0.05, columns={"Function": "note"}
    )  # fmt: skip
    logger.addHandler(handler)
    outage = emulator.faults.add(Fault("status", status=503))
    # First, since a row is known to be bad once another one has passed after it.
    log_everywhere(logger, "; ".join(text for text, _ in EVERY), PASSWORD, "poison")
    for text, secret in EVERY:
        log_everywhere(logger, text, secret, "plain")
    log_everywhere(logger, *EVERY[0], "odd")

    assert outage.wait()
    files = [path for path in home.rglob("*") if path.is_file()]
    assert any(b"plain" in path.read_bytes() for path in files)
    leaks = found_in(b"".join(path.read_bytes() for path in files), "the spool")
    shown = (handler, vars(handler), vars(handler._pipeline), handler._pipeline._settings, handler.stats())
    leaks |= found_in(repr(shown), "a repr")

    emulator.faults.clear()
    emulator.faults.add(Fault("status", status=400, containing="poison"))
    handler._pipeline._senders.hurry()
    assert handler.flush(30)
    (letter,) = (home / "dead").iterdir()
    assert b"poison" in letter.read_bytes()
    leaks |= found_in(letter.read_bytes(), "a dead letter")
    rows = emulator.rows("AppLogs_CL")
    assert len([row for row in rows if row["Message"].startswith("plain")]) == len(EVERY)
    assert rows[0]["Properties"]["tenant"] == "contoso"
    assert leaks | found_in(rows, "a row") | found_in(capfd.readouterr().err, "stderr") == set()


def test_a_credential_s_secret_is_in_no_repr():
    """Neither of the settings nor of what has them."""
    credential = {"()": "azure.identity.ClientSecretCredential", "client_secret": PASSWORD}
    settings = load(
        {"credential": credential, "endpoint": "https://x.ingest.monitor.azure.com", "rule_id": RULE_ID}
    )

    assert settings.credential is credential
    assert PASSWORD not in repr(settings)


def raising(row):
    raise ValueError(f"password={PASSWORD} in {row}")


def raising_fatal(row):
    raise Fatal(PASSWORD)


@pytest.mark.parametrize(
    "redact", [raising, raising_fatal, str, lambda row: {"Message": 1 / 0}, lambda row: None]
)
def test_a_redactor_that_fails_withholds_the_values_and_tells_nobody_what_they_were(
    emulator, logger, capfd, redact
):
    """The row arrives with what cannot hold a secret, and the accounts say how many values are missing."""
    handler = LogsIngestionHandler(redact=redact)
    logger.addHandler(handler)
    logger.error("sent password=%s", PASSWORD, extra={"note": PASSWORD})

    assert handler.flush()
    (row,) = emulator.rows("AppLogs_CL")
    assert (row["Level"], row["Logger"]) == ("ERROR", logger.name)
    assert row["Message"].startswith("[redacted: the redactor raised ")
    assert PASSWORD not in f"{row} {handler.stats()!r} {capfd.readouterr().err}"
    assert handler.stats().withheld == len({"Message", "Function", "Properties"})
