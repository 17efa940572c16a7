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
from dcrlog.cli.doctoring.finding import Finding, State

_TIMEOUT: Final = 10.0
_SKEW: Final = 300.0
"""Seconds. Entra ID and the service allow five minutes."""
_SOME_SKEW: Final = 60.0
_SOON: Final = 14 * 86_400.0
_PATH: Final = "/dataCollectionRules"
"""Where nothing is to be had without a token; the answer's headers are what is wanted."""


def check_network(endpoint: Endpoint, now: Callable[[], float] = time.time) -> Iterator[Finding]:
    """Resolve the host, greet it, and compare its clock; what cannot follow on a failure is left out."""
    import requests
    from requests.utils import get_environ_proxies

    parts = urlsplit(endpoint.url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    proxy = get_environ_proxies(endpoint.url).get(parts.scheme)
    if proxy is not None:
        through = urlsplit(proxy)
        yield Finding("dns", State.SKIP, f"requests go through the proxy {through.hostname}:{through.port}")
    else:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            yield Finding(
                "dns",
                State.FAIL,
                f"the host {host} has no address: {error}",
                "Check the endpoint letter by letter; with private link, the private DNS zone of "
                "monitor.azure.com; and whether this machine resolves other names.",
            )
            return
        addresses = sorted({str(each[4][0]) for each in found})
        yield Finding("dns", State.OK, f"{host} is {', '.join(addresses)}")
    try:
        with requests.get(
            f"{endpoint.url}{_PATH}", timeout=_TIMEOUT, stream=True, allow_redirects=False
        ) as response:
            yield from _certificate(response, endpoint, now())
            yield from _clock(response.headers.get("Date"), now())
    except (requests.RequestException, OSError) as error:
        yield _unreachable(host, port, error)


def _unreachable(host: str, port: int, error: Exception) -> Finding:
    import requests

    told = _innermost(error)
    if isinstance(error, requests.exceptions.ProxyError):
        return Finding(
            "tls", State.FAIL, f"the proxy lets nothing through: {told}", "Check HTTPS_PROXY and NO_PROXY."
        )
    if isinstance(error, requests.exceptions.SSLError) or "TLS CA certificate bundle" in str(error):
        return Finding(
            "tls",
            State.FAIL,
            f"the certificate of {host} is not trusted: {told}",
            "Behind a proxy that opens TLS, name a bundle with its authority in "
            "REQUESTS_CA_BUNDLE; else check "
            "that the file it names exists, and the endpoint's host.",
        )
    return Finding(
        "tls",
        State.FAIL,
        f"nothing answers at {host} port {port}: {told}",
        "Check firewall and proxy: the service needs port 443, outbound. With private link, this "
        "machine must "
        "be in its network.",
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
