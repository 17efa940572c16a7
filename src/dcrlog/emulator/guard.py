"""Who may call the emulator: names that nobody can point elsewhere, and pages of its own only."""

import ipaddress
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from dcrlog.emulator.answers import MAX_HEADERS, Refusal
from dcrlog.emulator.body import READ_TIMEOUT, declared_length, read

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_OWN_PAGES = frozenset({"same-origin", "none"})


class Names:
    """The names under which the emulator answers.

    Browsers never ask a name server for `localhost` and what ends in `.localhost`; and a page that was served
    under a name does not send an address as its Host.

    Args:
        host: The address that it listens on.
        others: Names by which other machines call it.
    """

    def __init__(self, host: str, others: Iterable[str]) -> None:
        self._others = frozenset(name.lower() for name in others)
        self._takes_addresses = host not in _LOOPBACK

    def include(self, netloc: str) -> bool:
        """Tell whether a Host header has one of them."""
        try:
            parts = urlsplit(f"//{netloc}")
        except ValueError:
            return False
        name = parts.hostname
        if name is None or "@" in netloc or parts.netloc != netloc:
            return False
        return (
            name in _LOOPBACK
            or name.endswith(".localhost")
            or name in self._others
            or (self._takes_addresses and _is_address(name))
        )


def not_let_in(request: Request, names: Names) -> Refusal | None:
    """Return why a request must not reach any route, if so."""
    # A page of a foreign name that has been pointed at 127.0.0.1 sends that name (DNS rebinding).
    if not names.include(request.headers.get("host", "")):
        return Refusal(
            421,
            "MisdirectedRequest",
            "The Host header must name a loopback address, or a name given to --name.",
        )
    # The parser's own limit holds only while the headers are incomplete.
    if sum(len(name) + len(value) for name, value in request.headers.raw) > MAX_HEADERS:
        return Refusal(431, "RequestHeadersTooLarge", f"The headers exceed {MAX_HEADERS} bytes.")
    return None


def guarded(
    endpoint: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Wrap a route so that pages of other origins do not reach it, whatever they send."""

    async def answer(request: Request) -> Response:
        try:
            _refuse_foreign_pages(request)
            return await endpoint(request)
        except Refusal as refusal:
            return refusal.response()
        except ClientDisconnect:
            # Nobody reads this answer.
            return Response(status_code=400)

    return answer


def need_json(request: Request) -> None:
    """Refuse what a form on a page could send without asking."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "UnsupportedMediaType", "The Content-Type must be application/json.")


async def json_body(request: Request) -> bytes:
    """Return the body of a request that changes something."""
    need_json(request)
    declared_length(request.headers)
    return await read(request, READ_TIMEOUT)


def _refuse_foreign_pages(request: Request) -> None:
    origin = request.headers.get("origin")
    own = f"{request.url.scheme}://{request.url.netloc}"
    if origin is not None and origin != own:
        raise Refusal(403, "ForeignOrigin", f"Pages of '{origin}' have no access to the emulator.")
    # Not every request of a page has an Origin, but browsers tell where it comes from.
    if request.headers.get("sec-fetch-site", "none") not in _OWN_PAGES:
        raise Refusal(403, "ForeignOrigin", "Pages of another origin have no access to the emulator.")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
