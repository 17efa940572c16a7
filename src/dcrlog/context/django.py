"""Request context for Django: put "dcrlog.context.django.RequestContext" first in MIDDLEWARE."""

from collections.abc import Awaitable, Callable
from contextvars import Token
from functools import partial
from typing import Any, ClassVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import LazyObject

from dcrlog import context
from dcrlog.context.request import Request, checked_proxies, client_address


class RequestContext:
    """Binds `request_id`, `method`, `path`, `status`, `user` and `client` around each request.

    It serves WSGI and ASGI. The fields hold until the response is closed, so for Django's own "Not Found"
    records, too. `status` is known from the response on. `user` is the primary key of the user, once the
    application has loaded the user: nothing is loaded for it. With `DCRLOG_TRUSTED_PROXIES = n` in the
    settings, `client` is taken from `X-Forwarded-For`, to which n proxies of one's own append.
    """

    sync_capable: ClassVar = True
    async_capable: ClassVar = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._trusted_proxies = checked_proxies(getattr(settings, "DCRLOG_TRUSTED_PROXIES", 0))
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Serve a request, as Django asks for it."""
        if self._is_async:
            return self._respond(request)
        here, token = self._enter(request)
        try:
            response: HttpResponseBase = self._get_response(request)
        except BaseException:
            context.leave(token)
            raise
        return _closing(response, here, token)

    async def _respond(self, request: HttpRequest) -> HttpResponseBase:
        here, token = self._enter(request)
        try:
            response: HttpResponseBase = await self._get_response(request)
        except BaseException:
            context.leave(token)
            raise
        return _closing(response, here, token)

    def _enter(self, request: HttpRequest) -> tuple[Request, Token[Any]]:
        meta = request.META
        peer, forwarded = meta.get("REMOTE_ADDR"), meta.get("HTTP_X_FORWARDED_FOR")
        here = Request(
            {
                "request_id": meta.get("HTTP_X_REQUEST_ID"),
                "method": request.method,
                "path": request.path,
                "client": client_address(peer, forwarded, self._trusted_proxies),
            },
            partial(_loaded_user, request),
        )
        return here, context.enter(here)


def _closing(response: HttpResponseBase, here: Request, token: Token[Any]) -> HttpResponseBase:
    here.update({"status": response.status_code})
    # Django tells of 4xx and 5xx after the last middleware, and a server writes its access record later.
    response._resource_closers.append(partial(context.leave, token))  # noqa: SLF001 - its handlers use it too
    return response


def _loaded_user(request: HttpRequest) -> object:
    """Return the primary key of the user, if somebody else has loaded the user already."""
    known = vars(request)
    user = known.get("user")
    if isinstance(user, LazyObject):
        user = vars(user).get("_wrapped")
    for found in (user, known.get("_cached_user"), known.get("_acached_user")):
        meta = getattr(type(found), "_meta", None)
        key = vars(found).get(meta.pk.attname) if meta is not None else None
        if key is not None:
            return str(key)
    return None
