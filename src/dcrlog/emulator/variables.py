"""The environment variables with which unmodified programs talk to an emulator."""

from urllib.parse import urlsplit
from urllib.request import getproxies

from dcrlog.emulator import auth
from dcrlog.emulator.tokens import IDENTITY_PATH


def variables(*, https: str, http: str, ca_bundle: str, rule_id: str, stream: str) -> dict[str, str]:
    """Return them by name.

    Args:
        https: The https address.
        http: The http address, for managed identity.
        ca_bundle: The path of a PEM file with the authorities to trust.
        rule_id: The rule to send to.
        stream: The stream to send to.
    """
    made = {
        "AZURE_AUTHORITY_HOST": https,
        "AZURE_TENANT_ID": auth.TENANT,
        "AZURE_CLIENT_ID": auth.CLIENT_ID,
        "AZURE_CLIENT_SECRET": auth.CLIENT_SECRET,
        # requests; OpenSSL, and with it aiohttp, Go, .NET on Linux; node; curl.
        "REQUESTS_CA_BUNDLE": ca_bundle,
        "SSL_CERT_FILE": ca_bundle,
        "NODE_EXTRA_CA_CERTS": ca_bundle,
        "CURL_CA_BUNDLE": ca_bundle,
        "IDENTITY_ENDPOINT": f"{http}{IDENTITY_PATH}",
        "IDENTITY_HEADER": auth.IDENTITY_HEADER,
        "DATA_COLLECTION_ENDPOINT": https,
        "LOGS_DCR_RULE_ID": rule_id,
        "LOGS_DCR_STREAM_NAME": stream,
    }
    proxies = getproxies()
    if proxies:
        # requests would send even loopback addresses through a proxy.
        own = dict.fromkeys(["localhost", "127.0.0.1", urlsplit(http).hostname or ""])
        others = [proxies["no"]] if proxies.get("no") else []
        # Of the two spellings, the small one wins in most clients where a program has both.
        made["NO_PROXY"] = made["no_proxy"] = ",".join([*others, *own])
    return made
