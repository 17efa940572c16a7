"""Where rows are sent: the endpoint, and the audience and login authority of its cloud.

Pure. A bearer token goes to this host, so a host that is not Azure's is refused unless the caller
names the audience, and plain http is for loopback only.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from dcrlog.errors import ConfigError

_CLOUDS: Final = {
    ".azure.com": ("https://monitor.azure.com", "login.microsoftonline.com"),
    ".azure.cn": ("https://monitor.azure.cn", "login.chinacloudapi.cn"),
    ".azure.us": ("https://monitor.azure.us", "login.microsoftonline.us"),
}
"""Audience and login authority by the end of the host (Logs Ingestion API overview, 2026-08)."""

_RULE_ID: Final = re.compile(r"dcr-[0-9a-fA-F]{32}\Z")


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
            f"endpoint {url!r} must be https: a bearer token is sent to it. Only loopback may be http."
        )
    if audience is not None and not audience.startswith("https://"):
        raise ConfigError(
            f"audience must be an https URL such as 'https://monitor.azure.com', got {audience!r}."
        )
    clouds = (cloud for end, cloud in _CLOUDS.items() if host.endswith(end))
    found, authority = next(clouds, (None, None))
    if is_loopback and audience is None:
        found = "https://monitor.azure.com"
    chosen = audience or found
    if chosen is None:
        raise ConfigError(
            f"endpoint {url!r}: {host!r} is not a host of Azure (*.ingest.monitor.azure.com, .cn, .us), and "
            "a mistyped host would receive a bearer token. If it is right, say audience= as well."
        )
    return Endpoint(
        f"{parts.scheme}://{parts.netloc}", chosen.removesuffix("/.default").rstrip("/"), authority
    )


def check_rule_id(rule_id: str) -> None:
    """Refuse what cannot be the immutable id of a rule; people often give its resource id or name.

    Raises:
        ConfigError: Says where the immutable id is found.
    """
    if not _RULE_ID.match(rule_id):
        raise ConfigError(
            f"rule_id must be the rule's immutable id, 'dcr-' and 32 hexadecimal digits, got {rule_id!r}. "
            "It is the immutableId in the rule's JSON view, or: "
            "az monitor data-collection rule show --query immutableId."
        )


def _split(url: str) -> tuple[SplitResult, str]:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise ConfigError(f"endpoint {url!r} is not a URL: {error}.") from None
    if parts.scheme not in {"https", "http"} or not host:
        raise ConfigError(
            "endpoint must be a URL such as 'https://my-dce-abcd.westeurope-1.ingest.monitor.azure.com', "
            f"got {url!r}."
        )
    if parts.username is not None or parts.query or parts.fragment or parts.path not in {"", "/"}:
        raise ConfigError(
            f"endpoint {url!r} may have a scheme and a host only: no user, path, query or fragment."
        )
    return parts, host


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
