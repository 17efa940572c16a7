"""Endpoints: which hosts may receive a bearer token."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcrlog._endpoint import check_rule_id, parse_endpoint
from dcrlog.errors import ConfigError

AUDIENCE = "https://monitor.azure.com"


@pytest.mark.parametrize(
    ("end", "authority"),
    [
        ("com", "login.microsoftonline.com"),
        ("cn", "login.chinacloudapi.cn"),
        ("us", "login.microsoftonline.us"),
    ],
)
def test_audience_and_authority_follow_from_the_host(end, authority):
    """Three clouds, three pairs; the host's case does not matter."""
    endpoint = parse_endpoint(f"https://My-DCE.westeurope-1.ingest.monitor.AZURE.{end}/")

    assert (endpoint.audience, endpoint.authority) == (f"https://monitor.azure.{end}", authority)
    assert not endpoint.url.endswith("/")


@pytest.mark.parametrize(
    "host",
    ["azure.com.evil.net", "evilazure.com", "azure.com", "x.azure.com.", "x.azure.co", "x.azure.org",
    "10.0.0.1",
     "example.com"],
)  # fmt: skip
def test_a_host_that_only_looks_like_azure_is_refused_without_an_audience(host):
    """A mistyped host would receive a bearer token; naming the audience says that it is meant."""
    with pytest.raises(ConfigError, match="say audience="):
        parse_endpoint(f"https://{host}")

    endpoint = parse_endpoint(f"https://{host}", AUDIENCE)
    assert (endpoint.audience, endpoint.authority) == (AUDIENCE, None)


@pytest.mark.parametrize(
    "url",
    ["https://u@x.azure.com", "https://u:p@x.azure.com", "https://@x.azure.com",
    "https://evil.net\\@x.azure.com",
     "https://evil.net\\.azure.com", "https://evil.net%2f.azure.com", "https://evil.net%00.azure.com",
     "https://evil.net .azure.com", "https://evil。net.azure.com", "https://x.azure.com/path",
     "https://x.azure.com?q=1", "https://x.azure.com#f", "https://x.azure.com:99999", "https://[::1",
     "https://",
     "x.azure.com", "ftp://x.azure.com", "http://x.azure.com", "http://10.0.0.1", "http://localhost.evil.net",
     "http://127.0.0.1.evil.net", "", "https:x.azure.com", "https://x.azure.com/../", "javascript:1"],
)  # fmt: skip
def test_a_url_that_is_not_a_plain_https_host_is_refused(url):
    """No user, path, query; no host that another parser could read otherwise; no plain http but loopback."""
    with pytest.raises(ConfigError, match="endpoint"):
        parse_endpoint(url, AUDIENCE)


def test_a_password_in_a_url_is_not_repeated_in_the_message():
    """Messages end up in logs."""
    with pytest.raises(ConfigError) as raised:
        parse_endpoint("https://user:hunter2@x.azure.com")
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:1", "127.9.9.9", "[::1]:8080"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_loopback_needs_no_tls_and_no_audience(scheme, host):
    """The emulator lives there."""
    endpoint = parse_endpoint(f"{scheme}://{host}")

    assert endpoint.url == f"{scheme}://{host}"
    assert endpoint.audience == AUDIENCE
    assert endpoint.is_plain_http == (scheme == "http")


@pytest.mark.parametrize("url", ["https://X-1.ingest.Azure.com", "https://x-1.ingest.azure.com:443/"])
def test_a_host_has_one_spelling(url):
    """Or rows in a spool would be for somewhere else after a change of case."""
    assert parse_endpoint(url).url == "https://x-1.ingest.azure.com"


def test_a_scope_given_for_an_audience_is_taken():
    """People paste the scope of a token request."""
    assert (
        parse_endpoint("https://h", "https://monitor.azure.us/.default").audience
        == "https://monitor.azure.us"
    )
    assert (
        parse_endpoint("https://h", "https://monitor.azure.us//.default").audience
        == "https://monitor.azure.us"
    )


@pytest.mark.parametrize(
    "audience", ["", "monitor.azure.com", "http://monitor.azure.com", "https://", "https:// a", 5, b"x"]
)
def test_an_audience_that_is_no_https_url_is_refused(audience):
    """Its message names it and gives an example."""
    with pytest.raises(ConfigError, match="audience must be an https URL such as"):
        parse_endpoint("https://h.azure.com", audience)


@given(
    url=st.text(max_size=40)
    | st.from_regex(r"https?://[\w.@:\\/?#%\[\]-]{0,30}(\.azure\.com)?/?", fullmatch=True)
)
def test_whatever_is_taken_goes_to_the_host_that_was_judged(url):
    """The URL that is kept has one host for every parser, and it is Azure's or loopback."""
    try:
        endpoint = parse_endpoint(url)
    except ConfigError:
        return
    parts = urlsplit(endpoint.url)
    assert (
        parts.hostname.endswith((".azure.com", ".azure.cn", ".azure.us"))
        or parts.hostname in {"localhost", "::1"}
        or parts.hostname.startswith("127.")
    )
    assert not set(endpoint.url) & set("@\\?#% \t\n")
    assert parse_endpoint(endpoint.url) == endpoint


@pytest.mark.parametrize(
    "rule_id",
    [
        "",
        "my-rule",
        "dcr-",
        "dcr-" + "0" * 31,
        "dcr-" + "g" * 32,
        "dcr-" + "0" * 32 + "\n",
        "/subscriptions/x",
    ],
)
def test_a_rule_id_that_is_not_immutable_is_refused(rule_id):
    """People give the resource id or the name; the message says where the right one is."""
    with pytest.raises(ConfigError, match="show --query immutableId"):
        check_rule_id(rule_id)


def test_an_immutable_id_is_taken():
    """Hexadecimal digits of either case."""
    check_rule_id("dcr-" + "0aF9" * 8)
