"""One view that logs, and one that fails."""

import logging

from django.http import HttpRequest, JsonResponse
from django.urls import path

log = logging.getLogger(__name__)


def pay(request: HttpRequest, number: int) -> JsonResponse:
    """Log a record with a field of its own."""
    log.info("order %d paid", number, extra={"amount": 12.5, "agent": request.headers.get("User-Agent")})
    return JsonResponse({"paid": number})


def fail(request: HttpRequest) -> JsonResponse:
    """Raise; Django logs the traceback to `django.request`."""
    raise RuntimeError(f"no way to {request.path}")


urlpatterns = [path("orders/<int:number>", pay), path("fail", fail)]
