"""The steps of the network: the host's name, its certificate, and its clock."""

import datetime as dt
import email.utils
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from dcrlog._endpoint import Endpoint
from dcrlog.cli.doctoring.bounded import within
from dcrlog.cli.doctoring.finding import Finding, State

_TIMEOUT: Final = 10.0
_SKEW: Final = 300.0
"""Seconds. Entra ID and the service allow five minutes."""
_SOME_SKEW: Final = 60.0
_SOON: Final = 14 * 86_400.0
_PATH: Final = "/dataCollectionRules"
"""Where nothing is to be had without a token; the answer's headers are what is wanted."""


def check_network(
    endpoint: Endpoint, timeout: float, now: Callable[[], float] = time.time
) -> Iterator[Finding]:
    """Resolve the host, greet it, and compare its clock; what cannot follow on a failure is left out.

    Args:
        endpoint: Whose host.
        timeout: Seconds until there has to be an address, and then an answer.
        now: This machine's clock, in seconds since the epoch.
    """
    import requests
    from requests.utils import get_environ_proxies

    parts = urlsplit(endpoint.url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    proxy = get_environ_proxies(endpoint.url).get(parts.scheme)
    dns = _resolve(host, port, timeout) if proxy is None else _through(proxy)
    yield dns
    if dns.state is State.FAIL:
        return
    url = f"{endpoint.url}{_PATH}"

    def greet() -> list[Finding]:
        with requests.get(
            url, timeout=min(_TIMEOUT, timeout), stream=True, allow_redirects=False
        ) as response:
            return [
                *_certificate(response, endpoint, now()),
                *_clock(response.headers.get("Date"), now()),
            ]

    try:
        yield from within(timeout, greet)
    except (requests.RequestException, OSError) as error:
        yield _unreachable(host, port, error)


def _resolve(host: str, port: int, timeout: float) -> Finding:
    try:
        found = within(timeout, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        return Finding(
            "dns",
            State.FAIL,
            f"the host {host} has no address: {error}",
            "Check the endpoint letter by letter; with private link, the private DNS zone of "
            "monitor.azure.com; and whether this machine resolves other names.",
        )
    addresses = sorted({str(each[4][0]) for each in found})
    return Finding("dns", State.OK, f"{host} is {', '.join(addresses)}")


def _through(proxy: str) -> Finding:
    # Without a scheme, as curl takes it, it is a host all the same.
    try:
        through = urlsplit(proxy if "://" in proxy else f"//{proxy}")
        told = through.hostname and f"{through.hostname}:{through.port or 'its usual port'}"
    except ValueError:
        told = None
    if told:
        return Finding("dns", State.SKIP, f"requests go through the proxy {told}")
    # The value is not repeated: it may have a password.
    return Finding(
        "dns",
        State.FAIL,
        "requests go through a proxy, and what names it is no URL",
        "Write HTTPS_PROXY (or ALL_PROXY, or the system's setting) as http://HOST:PORT.",
    )


_TLS: Final = {
    "certificate has expired": (
        "Its owner has to renew it, if this machine's clock is right. A proxy that opens TLS has its own."
    ),
    "certificate is not yet valid": "Set this machine's clock, by NTP (timedatectl set-ntp true).",
    "ostname mismatch": (
        "It belongs to another host: check the endpoint letter by letter, and with private link, the private "
        "DNS zone."
    ),
    "IP address mismatch": "It belongs to another host: name the endpoint's host, and not its address.",
}
"""What to do, by what OpenSSL says; else it is the authority that is not trusted."""


def _unreachable(host: str, port: int, error: Exception) -> Finding:
    import requests

    told = _innermost(error)
    if isinstance(error, requests.exceptions.ProxyError):
        return Finding(
            "tls", State.FAIL, f"the proxy lets nothing through: {told}", "Check HTTPS_PROXY and NO_PROXY."
        )
    if isinstance(error, requests.exceptions.InvalidSchema):
        return Finding(
            "tls",
            State.FAIL,
            f"the proxy cannot be spoken to: {told}",
            "For a proxy of SOCKS: pip install 'requests[socks]'. Others begin with http:// or https://.",
        )
    if isinstance(error, requests.exceptions.SSLError) or "TLS CA certificate bundle" in str(error):
        remedy = next(
            (remedy for what, remedy in _TLS.items() if what in told),
            "Behind a proxy that opens TLS, name a bundle with its authority in REQUESTS_CA_BUNDLE; else "
            "check that the file it names exists, and the endpoint's host.",
        )
        return Finding("tls", State.FAIL, f"the certificate of {host} is not trusted: {told}", remedy)
    return Finding(
        "tls",
        State.FAIL,
        f"nothing answers at {host} port {port}: {told}",
        "Check firewall and proxy: the service needs port 443, outbound. With private link, this "
        "machine must be in its network.",
    )


def _certificate(response: Any, endpoint: Endpoint, now: float) -> Iterator[Finding]:
    if endpoint.is_plain_http:
        yield Finding("tls", State.SKIP, f"{endpoint.url} is plain http, which only loopback hosts may be")
        return
    sock: Any = getattr(getattr(response.raw, "connection", None), "sock", None)
    version, ends = "TLS", None
    with suppress(Exception):  # what urllib3 has behind an answer is its own business
        version = sock.version()
        ends = float(ssl.cert_time_to_seconds(sock.getpeercert()["notAfter"]))
    if ends is not None and ends - now < _SOON:
        date = dt.datetime.fromtimestamp(ends, dt.UTC).date()
        yield Finding("tls", State.WARN, f"{version}, trusted; the certificate ends on {date}")
    else:
        yield Finding("tls", State.OK, f"{version}, the certificate is trusted")


def _clock(date: str | None, now: float) -> Iterator[Finding]:
    try:
        theirs = email.utils.parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        yield Finding("clock", State.SKIP, "the answer says no time")
        return
    skew = now - theirs
    told = f"this machine's clock is {abs(skew):.0f} seconds {'ahead' if skew > 0 else 'behind'}"
    if abs(skew) <= _SOME_SKEW:
        yield Finding("clock", State.OK, "this machine's clock agrees with the service's")
        return
    is_wrong = abs(skew) > _SKEW
    yield Finding(
        "clock",
        State.FAIL if is_wrong else State.WARN,
        told + (": tokens are taken for expired, or for not valid yet" if is_wrong else ""),
        "Set the clock, by NTP (timedatectl set-ntp true). Containers have their host's.",
    )


def _innermost(error: BaseException) -> str:
    """Return the last reason; urllib3 and requests wrap it several times."""
    told: Any = error
    while True:
        inner = getattr(told, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next(
                (each for each in getattr(told, "args", ()) if isinstance(each, BaseException)), None
            )
        if inner is None:
            return f"{type(told).__name__}: {told}"[:300]
        told = inner
