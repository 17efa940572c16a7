"""Where rows are sent: the endpoint, and the audience and login authority of its cloud.

Pure. A bearer token goes to this host, so a host that is not Azure's is refused unless the caller
names the audience, and plain http is for loopback only.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from dcrlog.errors import ConfigError, shown

_CLOUDS: Final = {
    ".azure.com": ("https://monitor.azure.com", "login.microsoftonline.com"),
    ".azure.cn": ("https://monitor.azure.cn", "login.chinacloudapi.cn"),
    ".azure.us": ("https://monitor.azure.us", "login.microsoftonline.us"),
}
"""Audience and login authority by the end of the host (Logs Ingestion API overview, 2026-08)."""

_PORTS: Final = {"https": ":443", "http": ":80"}
_RULE_ID: Final = re.compile(r"dcr-[0-9a-fA-F]{32}\Z")
# Stricter than urlsplit, which takes `https://evil.net\.azure.com` for a host of Azure's; an HTTP client
# that ends the host at the backslash would send the token to evil.net.
_NETLOC: Final = re.compile(r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]*)?\Z", re.ASCII | re.IGNORECASE)
_AUDIENCE: Final = re.compile(r"https://[a-z0-9][!-~]*\Z", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A checked logs ingestion endpoint.

    Attributes:
        url: Scheme and host, without a path.
        audience: What tokens are asked for, for example `https://monitor.azure.com`.
        authority: Host of the login service of that cloud; None where nothing tells the cloud.
    """

    url: str
    audience: str
    authority: str | None

    @property
    def is_plain_http(self) -> bool:
        """Whether requests go unencrypted, which only loopback hosts may."""
        return self.url.startswith("http://")


def parse_endpoint(url: str, audience: str | None = None) -> Endpoint:
    """Check an endpoint and find the cloud it belongs to.

    Raises:
        ConfigError: Names what is wrong with the URL and what to write instead.
    """
    parts, host = _split(url)
    is_loopback = _is_loopback(host)
    if parts.scheme == "http" and not is_loopback:
        raise ConfigError(
            f"endpoint {shown(url)} must be https: a bearer token is sent to it. Only loopback may be http."
        )
    if audience is not None and not (isinstance(audience, str) and _AUDIENCE.match(audience)):
        raise ConfigError(
            f"audience must be an https URL such as 'https://monitor.azure.com', got {shown(audience)}."
        )
    clouds = (cloud for end, cloud in _CLOUDS.items() if host.endswith(end))
    found, authority = next(clouds, (None, None))
    if is_loopback and audience is None:
        found = "https://monitor.azure.com"
    chosen = audience or found
    if chosen is None:
        raise ConfigError(
            f"endpoint {shown(url)}: {shown(host)} is not a host of Azure (*.ingest.monitor.azure.com, .cn, "
            ".us), and a mistyped host would receive a bearer token. If it is right, say audience= as well."
        )
    return Endpoint(
        # One spelling for a host: the spool tells destinations apart by it.
        f"{parts.scheme}://{parts.netloc.lower().removesuffix(_PORTS[parts.scheme]).rstrip(':')}",
        chosen.removesuffix("/.default").rstrip("/"),
        authority,
    )


def check_rule_id(rule_id: str) -> None:
    """Refuse what cannot be the immutable id of a rule; people often give its resource id or name.

    Raises:
        ConfigError: Says where the immutable id is found.
    """
    if not _RULE_ID.match(rule_id):
        raise ConfigError(
            "rule_id must be the rule's immutable id, 'dcr-' and 32 hexadecimal digits, got "
            f"{shown(rule_id)}. It is the immutableId in the rule's JSON view, or: "
            "az monitor data-collection rule show --query immutableId."
        )


def _split(url: str) -> tuple[SplitResult, str]:
    if "@" in url:
        # The value is not repeated: this is where people put passwords.
        raise ConfigError(
            "endpoint must not have a user or password before its host; leave out what stands before '@'."
        )
    # Nor is a query, where a signature may stand.
    told = shown(re.sub(r"([?#]).+", r"\1...", url, count=1, flags=re.DOTALL))
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise ConfigError(f"endpoint {told} is not a URL: {error}.") from None
    if parts.scheme not in {"https", "http"} or not host:
        raise ConfigError(
            "endpoint must be a URL such as 'https://my-dce-abcd.westeurope-1.ingest.monitor.azure.com', "
            f"got {told}."
        )
    if not _NETLOC.match(parts.netloc):
        raise ConfigError(
            f"endpoint {told}: {shown(parts.netloc)} is not a host. Write ASCII letters, digits, dots "
            "and hyphens only."
        )
    if parts.query or parts.fragment or parts.path not in {"", "/"}:
        raise ConfigError(f"endpoint {told} may have a scheme and a host only: no path, query or fragment.")
    return parts, host


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
