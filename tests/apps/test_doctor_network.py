"""`dcrlog doctor` on a network in each of the states that it can tell."""

import datetime as dt
import os
import socket
import threading
import time

import pytest

from dcrlog.cli.doctor import examine
from dcrlog.cli.doctoring.bounded import within
from dcrlog.emulator import Fault
from findings import STEPS, finding, of, states
from greeters import authority, greeter
from servers import free_port

NOW = dt.datetime.now()
DAY = dt.timedelta(days=1)


@pytest.fixture
def greeted(doctor, tmp_path, monkeypatch):
    """Let the doctor look at a server with such a certificate, and return what it found of a step."""
    trusted = authority(tmp_path / "trusted.pem")

    def look(step, names=("localhost",), *, by=trusted, **options):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "trusted.pem"))
        with greeter(leaf=by.issue_cert(*names, **options)) as url:
            return of(examine({"endpoint": url, "credential": NoCredential()}, "here"), step)

    return look


class NoCredential:
    """Refuses at once."""

    def get_token(self, *_, **__):
        raise ValueError("none today")


@pytest.mark.parametrize(
    ("names", "dates", "told", "remedy"),
    [
        (("localhost",), {"not_before": NOW - 9 * DAY, "not_after": NOW - DAY}, "has expired", "renew it"),
        (("localhost",), {"not_before": NOW + DAY}, "is not yet valid", "Set this machine's clock"),
        (("other.example",), {}, "Hostname mismatch", "belongs to another host"),
    ],
)
def test_a_certificate_that_is_not_good_is_told_with_what_is_wrong_with_it(
    greeted, names, dates, told, remedy
):
    """Each has a remedy of its own."""
    found = greeted("tls", names, **dates)

    assert (found.state, told in found.text, remedy in found.remedy) == ("FAIL", True, True), found


def test_a_certificate_of_an_unknown_authority_is_told(greeted, tmp_path):
    """As a proxy has it that opens TLS."""
    found = greeted("tls", by=authority(tmp_path / "other.pem"))

    assert (found.state, "issuer certificate" in found.text) == ("FAIL", True)
    assert "name a bundle with its authority in REQUESTS_CA_BUNDLE" in found.remedy


def test_a_certificate_that_ends_soon_is_a_warning(greeted):
    """Somebody has two weeks."""
    soon, later = (greeted("tls", not_after=NOW + days * DAY) for days in (10, 20))

    assert (soon.state, str((NOW + 10 * DAY).date()) in soon.text, later.state) == ("warn", True, "ok")


@pytest.mark.parametrize(
    ("seconds", "state", "told"),
    [
        (600, "FAIL", "seconds behind: tokens are taken for expired, or for not valid yet"),
        (-600, "FAIL", "seconds ahead: tokens are taken for expired, or for not valid yet"),
        (120, "warn", "seconds behind"),
        (-120, "warn", "seconds ahead"),
        (20, "ok", "agrees with the service's"),
    ],
)
def test_a_clock_that_is_off_is_told_by_the_date_of_an_answer(doctor, seconds, state, told):
    """Ten minutes break tokens; two are a warning."""
    with greeter(date=time.time() + seconds) as url:
        report = examine({"endpoint": url}, "here", sends=False)

    clock = of(report, "clock")
    assert (clock.state, told in clock.text) == (state, True), clock
    assert ("NTP" in clock.remedy) == (state != "ok")


@pytest.mark.parametrize("date", [None, "tomorrow"])
def test_an_answer_that_says_no_time_leaves_the_clock_alone(doctor, date):
    """Some proxies take the date out."""
    with greeter(date=date) as url:
        clock = of(examine({"endpoint": url}, "here", sends=False), "clock")

    assert (clock.state, clock.text) == ("skip", "the answer says no time")


def test_a_name_that_nobody_knows_ends_the_network_and_leaves_the_identity(doctor, monkeypatch):
    """Each step has its line."""
    monkeypatch.setenv("DCRLOG_AUDIENCE", "https://monitor.azure.com")
    status, told = doctor("--endpoint", "https://shop.invalid")

    assert status == 1
    assert "private DNS zone" in finding(told, "dns")
    assert [each["step"] for each in told["findings"]] == STEPS
    assert [states(told)[step] for step in ("tls", "clock", "credential", "probe")] == [
        "skip", "skip", "ok", "skip",
    ]  # fmt: skip


def test_a_name_that_cannot_be_one_is_told_as_one_that_nobody_knows(doctor, monkeypatch):
    """A label of over 63 characters."""
    monkeypatch.setenv("DCRLOG_AUDIENCE", "https://monitor.azure.com")
    _, told = doctor("--endpoint", f"https://{'a' * 64}.invalid")

    assert "has no address" in finding(told, "dns")


def test_a_port_where_nobody_listens_is_told(doctor):
    """What a firewall does that refuses."""
    _, told = doctor("--endpoint", f"https://localhost:{free_port()}")

    assert "Connection refused -> Check firewall and proxy" in finding(told, "tls")


def test_a_server_that_never_comes_to_an_end_holds_up_nobody(doctor):
    """Its answer has header after header."""
    with greeter(is_endless=True) as url:
        found = of(examine({"endpoint": url, "credential": NoCredential()}, "here", timeout=0.2), "tls")

    assert (found.state, "no end within 0.2 seconds" in found.text) == ("FAIL", True)


def test_a_server_that_is_mute_holds_up_nobody(doctor, mute):
    """As far as the greeting of TLS."""
    found = of(examine({"endpoint": mute, "credential": NoCredential()}, "here", timeout=0.2), "tls")

    assert (found.state, "nothing answers" in found.text) == ("FAIL", True)


class Waiting:
    """A credential that waits for something that does not come."""

    def __init__(self):
        self.comes = threading.Event()

    def get_token(self, *_, **__):
        self.comes.wait()


def test_a_credential_that_waits_for_ever_holds_up_nobody(emulator):
    """A program that it runs, or a prompt that nobody sees."""
    credential = Waiting()
    with greeter() as url:
        report = examine(
            {"endpoint": url, "credential": credential, "rule_id": emulator.rule_id}, "here", timeout=2
        )
    credential.comes.set()

    assert "no end within 2 seconds" in of(report, "credential").text
    assert of(report, "probe").state == "skip"


def test_a_name_that_is_looked_up_for_ever_holds_up_nobody(doctor, monkeypatch):
    """As where no resolver answers."""
    comes = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: comes.wait())
    found = of(examine({"credential": NoCredential()}, "here", timeout=0.2), "dns")
    comes.set()

    assert (found.state, "no end within 0.2 seconds" in found.text) == ("FAIL", True)


def test_what_hangs_is_told_by_who_waited_for_it(emulator, doctor, mute, monkeypatch):
    """Before the step's own end, which knows less."""
    emulator.faults.add(Fault("hang"))
    assert "Read timed out" in of(examine({}, "here", timeout=2), "probe").text

    monkeypatch.setenv("AZURE_AUTHORITY_HOST", mute)
    credential = of(examine({"credential": "environment"}, "here", timeout=2), "credential")
    assert "no end within" not in credential.text
    assert "timed out" in credential.text


def test_a_redirect_is_not_followed(doctor):
    """The handler follows none; whoever answers there is somebody else."""
    with greeter(date=time.time()) as elsewhere, greeter(date=time.time() + 600, location=elsewhere) as url:
        assert of(examine({"endpoint": url}, "here", sends=False), "clock").state == "FAIL"


def test_work_that_is_late_does_not_keep_the_process():
    """Its thread ends with it."""
    assert within(60, lambda: threading.current_thread().daemon)


def test_what_the_work_itself_raises_is_told_as_it_is():
    """Its own timeouts too, and no thread is left with it."""

    def work():
        raise TimeoutError("the socket's")

    with pytest.raises(TimeoutError, match="the socket's"):
        within(60, work)


@pytest.mark.parametrize(
    ("proxy", "wanted", "told"),
    [
        ("http://user:hunter2@127.0.0.1:{port}", ("dns", "skip"), "go through the proxy 127.0.0.1:{port} "),
        ("http://user:hunter2@127.0.0.1:{port}", ("tls", "fail"), "the proxy lets nothing through"),
        ("127.0.0.1:{port}", ("dns", "skip"), "go through the proxy 127.0.0.1:{port} "),
        ("http://127.0.0.1", ("dns", "skip"), "go through the proxy 127.0.0.1:its usual port"),
        ("http://user:hunter2@[proxy", ("dns", "fail"), "Write HTTPS_PROXY"),
        ("http://user:hunter2@proxy:port", ("dns", "fail"), "Write HTTPS_PROXY"),
        ("http://user:hunter2@", ("dns", "fail"), "Write HTTPS_PROXY"),
        ("socks5://user:hunter2@127.0.0.1:{port}", ("tls", "fail"), "pip install 'requests[socks]'"),
    ],
)
def test_a_proxy_is_told_and_its_password_is_not(doctor, monkeypatch, proxy, wanted, told):
    """Whether it can be used or not."""
    port = free_port()
    for name in os.environ:
        if name.lower() in {"no_proxy", "https_proxy", "all_proxy"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HTTPS_PROXY", proxy.format(port=port))
    monkeypatch.setenv("DCRLOG_CREDENTIAL", "azure_cli")
    status, found = doctor()

    assert status == 1
    assert told.format(port=port) in finding(found, *wanted)
    assert "hunter2" not in str(found)
