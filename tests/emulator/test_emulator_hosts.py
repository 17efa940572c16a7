"""Under which names and addresses the emulator answers, and whom it refuses."""

import socket
import ssl
from pathlib import Path

import pytest

from dcrlog.emulator import Emulator, EmulatorError
from dcrlog.emulator.guard import Names


@pytest.mark.parametrize(
    ("netloc", "is_included"),
    [
        ("localhost:1", True),
        ("LOCALHOST", True),
        ("127.0.0.1:1", True),
        ("[::1]:1", True),
        ("my-dce.ingest.localhost:1", True),
        ("localhost.example", False),
        ("example.com", False),
        ("127.0.0.1.example", False),
        ("evil@localhost", False),
        ("localhost/evil.example", False),
        ("localhost#evil.example", False),
        ("local\thost", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_loopback_has_names_that_nobody_can_point_elsewhere(netloc, is_included):
    """An unknown name may be that of a page which was pointed at this machine."""
    assert Names("127.0.0.1", ()).include(netloc) is is_included


def test_told_to_listen_elsewhere_it_takes_addresses_and_the_names_given():
    """A page is never served under an address that its owner cannot have; a name has to be given."""
    names = Names("0.0.0.0", ["Emulator"])

    assert [names.include(each) for each in ("10.0.0.1:80", "emulator:80", "[fe80::1]", "other")] == [
        True,
        True,
        True,
        False,
    ]


def test_an_endpoint_may_have_the_form_of_a_data_collection_endpoint(emulator):
    """`https://<name>.ingest.localhost` is in the certificate; browsers and curl resolve it."""
    context = ssl.create_default_context(cafile=emulator.ca_bundle)
    port = int(emulator.endpoint.rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname="my-dce.ingest.localhost") as wrapped,
    ):
        wrapped.sendall(b"GET /_emulator/ready HTTP/1.1\r\nHost: my-dce.ingest.localhost\r\n\r\n")
        assert wrapped.recv(12) == b"HTTP/1.1 200"


def test_it_listens_elsewhere_when_told(web):
    """Then another address of this machine is answered, under its name too, and its certificate has both."""
    with Emulator(host="0.0.0.0", names=["emulator", "127.0.0.2"]) as emulator:
        address = emulator.endpoint.replace("localhost", "127.0.0.2")
        answers = [
            web.get(f"{address}/_emulator/ready", headers={"Host": host}, verify=emulator.ca_bundle)
            for host in ("127.0.0.2", "emulator", "other")
        ]

        assert [answer.status_code for answer in answers] == [200, 200, 421]


@pytest.mark.parametrize("host", ["::1", "::", "127.0.0.2", "localhost", "0.0.0.0"])
def test_its_addresses_lead_to_it_wherever_it_listens(web, host):
    """With TLS, which its certificate is good for, and without."""
    if ":" in host and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    with Emulator(host=host) as emulator:
        addresses = (emulator.endpoint, emulator.http_endpoint)
        answers = [
            web.get(f"{address}/_emulator/ready", verify=emulator.ca_bundle, timeout=10)
            for address in addresses
        ]

        assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("192.0.2.1", r"cannot listen on 192\.0\.2\.1 port 0: "),
        ("nowhere.invalid", r"cannot listen on nowhere\.invalid port 0: (?!Unknown error)"),
        ("", "host is empty"),
    ],
)
def test_an_address_of_another_machine_is_an_error(host, message):
    """The message names it. An empty one would be all addresses of this machine."""
    with pytest.raises(EmulatorError, match=message):
        Emulator(host=host).start()


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_browser_says_comes_from_elsewhere_is_refused(emulator, web, site):
    """Requests of a page need not have an Origin; browsers tell all the same."""
    answer = web.get(f"{emulator.http_endpoint}/_emulator/drops", headers={"Sec-Fetch-Site": site})

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "ForeignOrigin")


def test_the_authority_can_be_fetched(emulator, web):
    """For programs that do not share this machine's files; it is the one in the bundle."""
    certificate = web.get(f"{emulator.http_endpoint}/_emulator/ca.pem").text

    assert certificate.startswith("-----BEGIN CERTIFICATE-----")
    assert certificate in Path(emulator.ca_bundle).read_text()


def test_what_is_no_http_is_answered_as_by_azures_front(emulator):
    """HTML and not JSON: parsers of errors must survive it."""
    port = int(emulator.http_endpoint.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b'[{"Message": "left over"}]\r\n\r\n')
        answer = b"".join(iter(lambda: connection.recv(4096), b""))

    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"<hr><p>HTTP Error 400. The request verb is invalid.</p>" in answer


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True
