"""A WSGI application that logs one record for each request."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

log = logging.getLogger("shop")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Serve a request."""
    number = environ["PATH_INFO"].rpartition("/")[2]
    log.info("order %s paid", number, extra={"amount": 12.5})
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4")])
    return [b"paid"]
