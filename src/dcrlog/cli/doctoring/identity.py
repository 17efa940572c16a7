"""The steps of the identity: which credential answers, for which audience, and what its token says."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dcrlog._attempt import begin_attempt
from dcrlog._credentials import make_credential
from dcrlog._endpoint import Endpoint
from dcrlog.cli.doctoring.bounded import within
from dcrlog.cli.doctoring.finding import Finding, State

_AADSTS: Final = re.compile(r"AADSTS([0-9]+)")
_REMEDIES: Final = {
    "7000222": (
        "The client secret has expired: make a new one for the application, and put it into "
        "AZURE_CLIENT_SECRET."
    ),
    "7000215": "The client secret is wrong: AZURE_CLIENT_SECRET takes the secret's value, not its id.",
    "700016": "The application is not in this tenant: check AZURE_CLIENT_ID and AZURE_TENANT_ID.",
    "90002": "The tenant does not exist in this cloud: check AZURE_TENANT_ID and AZURE_AUTHORITY_HOST.",
    "900023": "The tenant is no tenant's id or domain: check AZURE_TENANT_ID.",
    "500011": (
        "The tenant knows no resource of this audience: leave audience out, so that it follows from "
        "the endpoint."
    ),
    "700024": "The assertion is not valid at this time: check the clock, and the federated token file.",
    "70021": (
        "No federated identity matches: compare issuer and subject with the identity's federated credential."
    ),
    "700027": "The certificate is not one of the application's: check AZURE_CLIENT_CERTIFICATE_PATH.",
    "53003": "A Conditional Access policy blocks it: ask who administers the tenant.",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """What came of asking for a token.

    Attributes:
        findings: The steps.
        token: The token; None where none came. It is for nobody to see.
        claims: What it says; empty where it cannot be read.
    """

    findings: list[Finding]
    token: str | None
    claims: dict[str, Any]


def check_identity(setting: Any, endpoint: Endpoint, now: float, timeout: float) -> Identity:
    """Make the credential that the handler would make, and ask it for a token.

    Args:
        setting: The `credential` setting.
        endpoint: Where the token is for.
        now: This machine's clock, in seconds since the epoch.
        timeout: Seconds until it has to be there.
    """
    try:
        name, token = within(timeout, lambda: _ask(setting, endpoint, timeout))
    except (Exception, SystemExit) as error:  # a credential may raise anything
        return Identity([_refused(error, setting, endpoint)], None, {})
    findings = [Finding("credential", State.OK, f"{name} answers for {endpoint.audience}")]
    claims = read_claims(token)
    if claims is None:
        findings.append(Finding("token", State.WARN, "the token is no JWT, so nothing can be read from it"))
        return Identity(findings, token, {})
    findings.append(_judge(claims, endpoint, now))
    return Identity(findings, token, claims)


def _ask(setting: Any, endpoint: Endpoint, timeout: float) -> tuple[str, str]:
    """Return which credential answers, and the token."""
    # Before the step's own limit, for what the credential says of it tells more.
    begin_attempt(timeout * 0.8)
    credential = None
    try:
        credential = make_credential(setting, endpoint)
        token = str(credential.get_token(f"{endpoint.audience}/.default").token)
        return _name(credential), token
    finally:
        close = getattr(credential, "close", None)
        if isinstance(setting, str) and close is not None:
            close()


def _name(credential: Any) -> str:
    """Return the class that answered: in a chain the link, in an environment's what it made."""
    name = type(credential).__name__
    # Private, and the only way to tell: azure-identity 1.27 logs it, at INFO.
    inner = getattr(credential, "_successful_credential", None) or getattr(credential, "_credential", None)
    is_named = inner is not None and type(inner).__name__.endswith("Credential")
    return f"{name}: {_name(inner)}" if is_named else name


def read_claims(token: str) -> dict[str, Any] | None:
    """Return what a JWT says, without looking at its signature."""
    try:
        middle = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (IndexError, ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def _judge(claims: dict[str, Any], endpoint: Endpoint, now: float) -> Finding:
    audience, ends, begins = claims.get("aud"), _seconds(claims.get("exp")), _seconds(claims.get("nbf"))
    told = ", ".join(
        f"{word} {claims[name]}"
        for word, name in (
            ("audience", "aud"),
            ("tenant", "tid"),
            ("application", "appid"),
            ("object", "oid"),
        )
        if name in claims
    )
    if ends is not None:
        told += f", ends in {(ends - now) / 60:.0f} minutes"
    is_url = isinstance(audience, str) and audience.startswith("https://")
    if is_url and str(audience).rstrip("/") != endpoint.audience:
        return Finding(
            "token",
            State.FAIL,
            f"the token is for {audience}, not for {endpoint.audience}: {told}",
            "The credential must pass on the scope that it is asked for.",
        )
    if ends is not None and ends <= now:
        return Finding(
            "token",
            State.FAIL,
            f"the token has expired: {told}",
            "Check this machine's clock, and whether the credential keeps a token for too long.",
        )
    if begins is not None and begins > now + 300:
        return Finding(
            "token", State.FAIL, f"the token is not valid yet: {told}", "Check this machine's clock."
        )
    return Finding("token", State.OK, told)


def _seconds(claim: Any) -> float | None:
    try:
        return float(claim) if isinstance(claim, int | float) else None
    except OverflowError:
        return None


def _refused(error: BaseException, setting: Any, endpoint: Endpoint) -> Finding:
    told = " ".join(str(error).split())
    code = _AADSTS.search(told)
    remedy = _REMEDIES.get(code[1]) if code else None
    if remedy is None and "CA certificate bundle" in told:
        remedy = "REQUESTS_CA_BUNDLE names a file that is not there."
    if remedy is None and isinstance(setting, Mapping):
        remedy = (
            'Behind "()" stands the dotted path of a class or a function, which takes what else stands there '
            "and returns an object with get_token."
        )
    if remedy is None and not isinstance(setting, str):
        remedy = "It is an object of the application's: look at what makes it."
    if remedy is None:
        remedy = (
            "Choose one by DCRLOG_CREDENTIAL or --credential: managed_identity, workload_identity, "
            "environment, azure_cli. For environment, set AZURE_TENANT_ID, AZURE_CLIENT_ID and "
            "AZURE_CLIENT_SECRET; for azure_cli, run az login; "
            f"{endpoint.authority or 'the login service'} must be reachable from here."
        )
    if len(told) > 700:
        told = f"{told[:700]}..."
    return Finding(
        "credential", State.FAIL, f"no token for {endpoint.audience}: {type(error).__name__}: {told}", remedy
    )
