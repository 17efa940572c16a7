"""A Django project in one file, served and asked by itself; prints the rows by case as JSON.

A process of its own, since Django is configured once a process.
"""

import asyncio
import http.client
import json
import logging
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.http import HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path

from dcrlog import LogsIngestionHandler
from dcrlog.testing import RecordingSender

OURS = "dcrlog.context.django.RequestContext"
GUID = "django_guid.middleware.guid_middleware"
USER = "django_site.with_user"
HAS_GUID = find_spec("django_guid") is not None  # on Python 3.12 it wants an older Django
QUERIES = []
log = logging.getLogger("shop")


def with_user(get_response):
    """As Django's own, but with a query that is counted."""
    from asgiref.sync import iscoroutinefunction
    from django.contrib.auth.models import User
    from django.utils.functional import SimpleLazyObject

    def load():
        QUERIES.append(1)
        return User(pk=7)

    def prepare(request):
        request.user = SimpleLazyObject(load)
        return get_response(request)

    async def aprepare(request):
        request.user = SimpleLazyObject(load)
        return await get_response(request)

    return aprepare if iscoroutinefunction(get_response) else prepare


with_user.async_capable = True


def hello(request):
    log.info("hello")
    return HttpResponse("hello")


def me(request):
    log.info("before, after %d queries", len(QUERIES))
    assert request.user.is_authenticated
    log.info("after, after %d queries", len(QUERIES))
    return HttpResponse("me", status=203)


def stream(request):
    def parts():
        log.info("streaming")
        yield b"part"

    async def aparts():
        for part in parts():
            yield part

    is_async = isinstance(request, ASGIRequest)
    return StreamingHttpResponse(aparts() if is_async else parts(), status=206)


def boom(request):
    raise LookupError("boom")


async def later(request):
    await asyncio.sleep(0)
    await sync_to_async(log.info)("later")
    from django.contrib.auth.models import User

    request._acached_user = User(pk=8)  # where `await request.auser()` keeps what it has loaded
    log.info("even later")
    return HttpResponse("later")


VIEWS = (hello, me, stream, boom, later)
urlpatterns = [path(f"{view.__name__}/", view) for view in VIEWS]


def get(port, target, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(
            "GET", target, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def serving_wsgi():
    from django.core.wsgi import get_wsgi_application

    server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
    server.set_app(get_wsgi_application())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def stop():
        server.shutdown()
        thread.join()
        server.server_close()

    return server.server_address[1], stop


def serving_asgi():
    import uvicorn
    from django.core.asgi import get_asgi_application

    server = uvicorn.Server(
        uvicorn.Config(get_asgi_application(), port=0, log_config=None, lifespan="off", proxy_headers=False)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    until = time.monotonic() + 20
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)

    def stop():
        server.should_exit = True
        thread.join()

    return server.servers[0].sockets[0].getsockname()[1], stop


def rows(serve, middleware, ask):
    """Serve with this middleware, ask, and return the rows."""
    QUERIES.clear()
    sender = RecordingSender()
    handler = LogsIngestionHandler(sender=sender, columns="request")
    logging.getLogger().addHandler(handler)
    try:
        with override_settings(MIDDLEWARE=middleware):
            port, stop = serve()
            try:
                ask(port)
            finally:
                stop()
        assert handler.flush(10)
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
    names = ("Logger", "Message", "RequestId", "Method", "Path", "Status", "User", "Client")
    return [{name: row[name] for name in names if name in row} for row in sender.rows]


def ask_each(port):
    for view in ("hello/?card=4111", "me/", "stream/", "boom/", "later/", "missing/"):
        get(port, f"/{view}", X_Request_ID=f"r-{view[:2]}", X_Forwarded_For="6.6.6.6, 203.0.113.9")


def ask_many(port):
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda n: get(port, f"/{'hello' if n % 2 else 'later'}/", X_Request_ID=f"r-{n}"), range(60)
            )
        )


def ask_with_guid(port):
    get(port, "/hello/", X_Guid="g-1")


def main():
    settings.configure(
        ROOT_URLCONF="django_site", ALLOWED_HOSTS=["*"], SECRET_KEY="of no use", LOGGING_CONFIG=None,
        INSTALLED_APPS=[
            "django.contrib.auth", "django.contrib.contenttypes", *(["django_guid"] if HAS_GUID else [])
        ],
        USE_TZ=True,
        DJANGO_GUID={"GUID_HEADER_NAME": "X-Guid", "VALIDATE_GUID": False},
    )  # fmt: skip
    django.setup()
    logging.getLogger().setLevel(logging.INFO)
    found = {}
    for name, serve in (("wsgi", serving_wsgi), ("asgi", serving_asgi)):
        found[name] = rows(serve, [OURS, USER], ask_each)
        found[f"{name}, many"] = rows(serve, [OURS], ask_many)
        for place, order in (("inside", [OURS, GUID]), ("outside", [GUID, OURS])):
            if HAS_GUID:
                found[f"{name}, guid {place}"] = rows(serve, order, ask_with_guid)
    with override_settings(DCRLOG_TRUSTED_PROXIES=1):
        found["behind a proxy"] = rows(serving_wsgi, [OURS], ask_each)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    sys.modules["django_site"] = sys.modules["__main__"]
    main()
