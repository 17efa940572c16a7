"""The answers of the service: status codes, error codes and their texts.

Texts marked "seen" are those of recordings and reports of the live service. The others have the
documented meaning, but nobody has published their wording.
"""

import uuid
from email.utils import formatdate
from typing import Final

from starlette.responses import JSONResponse, Response

from dcrlog.errors import DcrlogError

MAX_CONTENT_LENGTH: Final = 1_048_576
"""The largest body on the wire, after compression."""

MAX_BODY: Final = 50 * 1024 * 1024
"""The largest body after decompression."""

MAX_HEADERS: Final = 65_536
"""The most that the headers of a request may take."""

_STANDARD_HEADERS: Final = {"Server": "Microsoft-HTTPAPI/2.0", "X-Content-Type-Options": "nosniff"}
_ONLY_HTTPS: Final = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload"}


class EmulatorError(DcrlogError):
    """The emulator cannot start, is not running, or failed while it answered a request."""


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of the program
    """An answer other than success, as the service words it.

    Attributes:
        status: The HTTP status.
        code: The error code, also sent as `x-ms-error-code`.
        message: The text for people.
        headers: Further headers of the answer.
    """

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def response(self) -> Response:
        """Return the error body that the service sends."""
        body = {"error": {"code": self.code, "message": self.message}}
        return JSONResponse(body, self.status, {"x-ms-error-code": self.code, **self.headers})


class OAuthRefusal(Refusal):
    """A refusal in the words of the token endpoint, whose body has another form."""

    def response(self) -> Response:
        """Return the error body that a token endpoint sends."""
        return JSONResponse(
            {"error": self.code, "error_description": self.message}, self.status, self.headers
        )


def finish(
    response: Response, *, is_upload: bool, request_id: str, client_request_id: str | None
) -> Response:
    """Add the headers that every answer of the service bears."""
    headers = _STANDARD_HEADERS | {"Date": formatdate(usegmt=True)}
    if is_upload:
        # A browser that trusts our authority and strays to another path would turn http off for localhost.
        headers |= _ONLY_HTTPS
    # A fault may bring its own.
    for name, value in headers.items():
        response.headers.setdefault(name, value)
    response.headers["x-ms-request-id"] = request_id
    if client_request_id is not None:
        response.headers["x-ms-client-request-id"] = _with_dashes(client_request_id)
    return response


def _with_dashes(client_request_id: str) -> str:
    # Seen: the .NET client sends its id without dashes, and the echo has them.
    try:
        return str(uuid.UUID(client_request_id))
    except ValueError:
        return client_request_id


def rule_not_found(rule_id: str) -> Refusal:
    """Seen in official recordings; the official tests assert the text."""
    message = f"Data collection rule with immutable Id '{rule_id}' not found."
    return Refusal(404, "NotFound", message)


def no_access(rule_id: str, *, tenant_id: str, object_id: str) -> Refusal:
    """Seen; the answer to a token whose bearer lacks the role on the rule."""
    resource = (
        "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/emulator"
        f"/providers/Microsoft.Insights/dataCollectionRules/{rule_id}"
    )
    message = (
        "The authentication token provided does not have access to ingest data for the data collection "
        f"rule with immutable Id '{rule_id}' PipelineAccessResult: AccessGranted: False, IsRbacPresent: "
        f"False, IsDcrDceBindingValid: , DcrArmId: {resource}, Message: Required authorization action was "
        f"not found for tenantId {tenant_id} objectId {object_id} on resourceId {resource} "
        "ConfigurationId: .."
    )
    return Refusal(403, "OperationFailed", message)


def unknown_stream(stream: str, rule_id: str) -> Refusal:
    """Status and code are seen, the text is not published."""
    message = f"Stream '{stream}' is not declared by the data collection rule with immutable Id '{rule_id}'."
    return Refusal(400, "InvalidStream", message)


def too_long(length: int) -> Refusal:
    """Seen."""
    message = (
        f"Maximum allowed content length: {MAX_CONTENT_LENGTH} bytes (1 MB). "
        f"Provided content length: {length} bytes."
    )
    return Refusal(413, "ContentLengthLimitExceeded", message)


def too_large_decompressed() -> Refusal:
    """The code is seen cut off ("PayloadSizeLimitExc..."), its status and text are not."""
    message = f"The decompressed body exceeds the limit of {MAX_BODY} bytes (50 MiB)."
    return Refusal(413, "PayloadSizeLimitExceeded", message)


def broken_gzip() -> Refusal:
    """The text, with its slip of the pen, is that of DCRLogErrors; status and code are not published."""
    return Refusal(400, "InvalidCompressedData", "Compressed data in invalid.")


def malformed(reason: str) -> Refusal:
    """The documentation says: status code 400 'malformed JSON' error; the code is not published."""
    return Refusal(400, "MalformedJson", f"Malformed JSON: {reason}")


def time_span() -> Refusal:
    """The code is seen, its status and text are not."""
    message = "The times of the records span more than 30 minutes, which an Auxiliary table does not take."
    return Refusal(400, "RecordsTimeRangeIsMoreThan30Minutes", message)


def too_many_requests(retry_after: int) -> Refusal:
    """Status and header are documented, code and text are not published."""
    message = f"The limit of the data collection rule is reached. Retry after {retry_after} seconds."
    return Refusal(429, "TooManyRequests", message, Retry_After=str(retry_after))


def unauthorized(code: str, message: str) -> Refusal:
    """`InvalidAudience` is seen; the other codes and all texts are those of Azure Resource Manager."""
    return Refusal(401, code, message, WWW_Authenticate='Bearer error="invalid_token"')


def failure(error: Exception) -> Refusal:
    """The emulator's own; `Emulator.check` raises it, too."""
    return Refusal(500, "InternalServerError", f"The emulator failed: {type(error).__name__}: {error}.")
