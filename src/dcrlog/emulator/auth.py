"""Tokens: who may have one, what is in it, and whether one that comes back is good.

They look like those of Microsoft Entra ID and are signed with a secret that each emulator makes for itself,
so that a token of another emulator, or a real one, is refused.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dcrlog.emulator.answers import OAuthRefusal, unauthorized

TENANT: Final = "adfs"
"""The tenant of `environment()`: for this one MSAL asks no public host which authorities exist."""

CLIENT_ID: Final = "dcrlog-emulator"
CLIENT_SECRET: Final = "dcrlog-emulator-secret"
IDENTITY_HEADER: Final = "dcrlog-emulator-identity"

CLIENT_WITHOUT_ROLE: Final = "no-role"
"""A client id whose tokens lack the role Monitoring Metrics Publisher."""

DEFAULT_AUDIENCE: Final = "https://monitor.azure.com"
_AUDIENCES: Final = frozenset(
    f"https://monitor.azure.{cloud}{slash}" for cloud in ("com", "cn", "us") for slash in ("", "/")
)
_LIFETIME: Final = 3599
_TENANT_ID: Final = str(uuid.uuid5(uuid.NAMESPACE_URL, "dcrlog-emulator"))


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who sent a token that is good.

    Attributes:
        tenant_id: The tenant, as the token says.
        object_id: The identity, as the token says.
        has_role: Whether it may ingest.
    """

    tenant_id: str
    object_id: str
    has_role: bool


class Authority:
    """Mints tokens and checks them.

    Args:
        grant_role: False mints every token without the role, so that ingestion answers 403.
    """

    def __init__(self, *, grant_role: bool) -> None:
        self._grant_role = grant_role
        self._secret = secrets.token_bytes(32)

    def mint(
        self, audience: str, *, expires_in: float = _LIFETIME, role: bool = True, client_id: str = CLIENT_ID
    ) -> str:
        """Return a token for an audience, already expired where `expires_in` is negative."""
        now = time.time()
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{_TENANT_ID}/",
            "iat": int(now),
            "nbf": int(now),
            "exp": int(now + expires_in),
            "appid": client_id,
            "oid": str(uuid.uuid5(uuid.NAMESPACE_URL, client_id)),
            "tid": _TENANT_ID,
            "ver": "1.0",
            # A real token does not tell roles on a rule; here it saves a list of assignments.
            "may_ingest": role and self._grant_role and client_id != CLIENT_WITHOUT_ROLE,
        }
        signed = f"{_encode(json.dumps({'typ': 'JWT', 'alg': 'HS256'}).encode())}.{_encode_json(claims)}"
        return f"{signed}.{_encode(self._sign(signed))}"

    def grant(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Answer a token request of the client credentials flow.

        Raises:
            Refusal: Another flow, a wrong secret or no scope.
        """
        if form.get("grant_type") != "client_credentials":
            raise OAuthRefusal(
                400,
                "unsupported_grant_type",
                f"AADSTS70003: The app requested an unsupported grant type '{form.get('grant_type', '')}'.",
            )
        # Workload identity sends an assertion that only its own issuer could check.
        if "client_assertion" not in form and not hmac.compare_digest(
            form.get("client_secret", "").encode(), CLIENT_SECRET.encode()
        ):
            raise OAuthRefusal(
                401,
                "invalid_client",
                "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request "
                "is the client secret value, not the client secret ID, for a secret added to app "
                f"'{form.get('client_id', '')}'.",
            )
        audience = form.get("scope", "").split(" ")[0].removesuffix("/.default") or form.get("resource")
        if not audience:
            raise OAuthRefusal(
                400,
                "invalid_request",
                "AADSTS90014: The required field 'scope' is missing from the credential.",
            )
        token = self.mint(audience, client_id=form.get("client_id", CLIENT_ID))
        return {
            "token_type": "Bearer",
            "expires_in": _LIFETIME,
            "ext_expires_in": _LIFETIME,
            "access_token": token,
        }

    def grant_managed_identity(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Answer a token request of a managed identity, as App Service and IMDS do.

        Raises:
            Refusal: No resource is named.
        """
        resource = query.get("resource")
        if not resource:
            raise OAuthRefusal(400, "invalid_request", "The query parameter 'resource' is missing.")
        client_id = query.get("client_id", CLIENT_ID)
        return {
            "access_token": self.mint(resource, client_id=client_id),
            "client_id": client_id,
            # MSAL reads the first from IMDS and the second from App Service, both as text.
            "expires_in": str(_LIFETIME),
            "expires_on": str(int(time.time()) + _LIFETIME),
            "resource": resource,
            "token_type": "Bearer",
        }

    def check(self, authorization: str | None, *, any_audience: bool = False) -> Bearer:
        """Read the header `Authorization`.

        Args:
            authorization: The header.
            any_audience: Take tokens for other audiences than that of ingestion, too.

        Raises:
            Refusal: There is no token, or it is not ours, has expired or is for another audience.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise unauthorized(
                "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
            )
        claims = self._verified(token.strip())
        if claims["exp"] <= time.time():
            raise unauthorized(
                "ExpiredAuthenticationToken",
                f"The access token expiry UTC time '{_utc(claims['exp'])}' is earlier than current UTC time "
                f"'{_utc(time.time())}'.",
            )
        if not any_audience and claims["aud"] not in _AUDIENCES:
            raise unauthorized(
                "InvalidAudience",
                f"The access token has been obtained for wrong audience or resource '{claims['aud']}'. "
                f"It should exactly match with one of the allowed audiences '{DEFAULT_AUDIENCE}'.",
            )
        return Bearer(claims["tid"], claims["oid"], claims["may_ingest"])

    def _verified(self, token: str) -> dict[str, Any]:
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(_encode(self._sign(signed)).encode(), signature.encode()):
            raise unauthorized("InvalidAuthenticationToken", "The access token is invalid.")
        claims: dict[str, Any] = json.loads(_decode(signed.partition(".")[2]))
        return claims

    def _sign(self, text: str) -> bytes:
        return hmac.digest(self._secret, text.encode(), hashlib.sha256)


def _utc(seconds: float) -> str:
    return time.strftime("%m/%d/%Y %H:%M:%S", time.gmtime(seconds))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _encode_json(claims: Mapping[str, Any]) -> str:
    return _encode(json.dumps(claims).encode())


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
