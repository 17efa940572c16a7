"""The routes where clients get their tokens: client credentials, App Service and IMDS managed identity."""

from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dcrlog.emulator.answers import OAuthRefusal
from dcrlog.emulator.auth import IDENTITY_HEADER, Authority
from dcrlog.emulator.requestlog import RequestEntry

IDENTITY_PATH: Final = "/msi/token"
_MAX_FORM: Final = 65_536


class TokenRoutes:
    """Handlers that grant tokens of one authority."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    async def client_credentials(self, request: Request, _: RequestEntry) -> Response:
        """Answer what `ClientSecretCredential` and `WorkloadIdentityCredential` post."""
        return _token_response(self._authority.grant(await _form(request)))

    async def app_service(self, request: Request, _: RequestEntry) -> Response:
        """Answer what `ManagedIdentityCredential` asks where IDENTITY_ENDPOINT is set."""
        if request.headers.get("x-identity-header") != IDENTITY_HEADER:
            raise OAuthRefusal(401, "unauthorized", "The header X-IDENTITY-HEADER is missing or wrong.")
        return _token_response(self._authority.grant_managed_identity(request.query_params))

    async def imds(self, request: Request, _: RequestEntry) -> Response:
        """Answer what `ManagedIdentityCredential` asks where AZURE_POD_IDENTITY_AUTHORITY_HOST is set."""
        if request.headers.get("metadata", "").lower() != "true":
            raise OAuthRefusal(400, "bad_request_102", "Required metadata header not specified")
        return _token_response(self._authority.grant_managed_identity(request.query_params))


async def discovery(request: Request) -> Response:
    """Return the OpenID configuration of a tenant; MSAL.js refuses one without `jwks_uri`."""
    origin = f"{request.url.scheme}://{request.url.netloc}"
    base = f"{origin}/{request.path_params['tenant']}"
    return JSONResponse(
        {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        }
    )


async def keys(_: Request) -> Response:
    """Return no keys: tokens are for the emulator alone to check."""
    return JSONResponse({"keys": []})


async def _form(request: Request) -> dict[str, str]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM:
            raise OAuthRefusal(413, "invalid_request", f"The form has more than {_MAX_FORM} bytes.")
    try:
        return dict(parse_qsl(body.decode(), max_num_fields=100))
    except ValueError:
        raise OAuthRefusal(400, "invalid_request", "The body is not a form.") from None


def _token_response(content: dict[str, Any]) -> Response:
    return JSONResponse(content, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})
