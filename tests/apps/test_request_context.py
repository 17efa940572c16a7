"""Request context in columns: Django, Flask and FastAPI, behind real servers."""

import http.client
import json
import logging
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import asgi_correlation_id
import celery
import flask
import pytest
import uvicorn
from fastapi import Depends, FastAPI
from werkzeug.serving import make_server

from dcrlog import LogsIngestionHandler, context
from dcrlog.context import asgi
from dcrlog.context.celery import connect
from dcrlog.context.flask import init_app
from dcrlog.testing import RecordingSender

COLUMNS = ("Message", *context.REQUEST_COLUMNS)
log = logging.getLogger("shop")


def get(port, target, **headers):
    """Ask, and return the answer's status and headers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", target, headers={name.replace("_", "-"): headers[name] for name in headers})
        answer = connection.getresponse()
        answer.read()
        return answer
    finally:
        connection.close()


@pytest.fixture
def rows():
    """A function that returns the rows since the test began: what the columns of the named set have."""
    sender = RecordingSender()
    handler = LogsIngestionHandler(sender=sender, columns="request")
    loggers = [
        log,
        logging.getLogger("werkzeug"),
        logging.getLogger("uvicorn.access"),
        logging.getLogger("uvicorn.error"),
    ]
    for logger in loggers:
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)

    def collected():
        assert handler.flush(10)
        return [{"Logger": row["Logger"]} | {name: row.get(name) for name in COLUMNS} for row in sender.rows]

    yield collected
    for logger in loggers:
        logger.removeHandler(handler)
    handler.close()


def told(rows, *names, by="Message"):
    return [(row[by], *(row[name] for name in names)) for row in rows]


# Django


@pytest.fixture(scope="module")
def django():
    """The rows by case of one process that serves Django by WSGI and by ASGI."""
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("django_site.py")],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {
        case: [
            {name: row.get(name) for name in ("Logger", *COLUMNS)}
            for row in rows
            if row["Logger"] != "uvicorn.error"
        ]
        for case, rows in json.loads(done.stdout).items()
    }


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_django_records_know_their_request(django, kind):
    """Those of views, of sync code that async views call, of Django itself and of the server."""
    access = {"wsgi": "django.server", "asgi": "uvicorn.access"}[kind]
    names = ("hello", "me", "stream", "boom", "later", "missing")

    assert {(row["RequestId"], row["Path"], row["Method"], row["Client"]) for row in django[kind]} == {
        (f"r-{name[:2]}", f"/{name}/", "GET", "127.0.0.1") for name in names
    }
    assert sorted(told(django[kind], "RequestId", "Status", by="Logger"), key=str) == sorted(
        [
            ("shop", "r-he", None), ("shop", "r-me", None), ("shop", "r-me", None), ("shop", "r-st", 206),
            ("shop", "r-la", None), ("shop", "r-la", None),
            ("django.request", "r-bo", None), ("django.request", "r-mi", 404),
            (access, "r-he", 200), (access, "r-me", 203), (access, "r-st", 206), (access, "r-bo", 500),
            (access, "r-la", 200), (access, "r-mi", 404),
        ],
        key=str,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_djangos_user_is_told_once_the_view_has_loaded_it_and_costs_no_query(django, kind):
    """A record before that has none."""
    ours = [row for row in django[kind] if row["RequestId"] == "r-me"]

    assert told(ours, "User")[:2] == [("before, after 0 queries", None), ("after, after 1 queries", "7")]
    assert ours[2]["User"] == "7"
    later = [row for row in django[kind] if row["RequestId"] == "r-la" and row["Logger"] == "shop"]
    assert told(later, "User") == [("later", None), ("even later", "8")]


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_concurrent_django_requests_do_not_mix(django, kind):
    """Sixty, by eight clients, on threads and on a loop."""
    seen = django[f"{kind}, many"]
    wanted = {f"r-{n}": "/hello/" if n % 2 else "/later/" for n in range(60)}

    assert len(seen) == 30 * 2 + 30 * 3
    assert {row["RequestId"]: row["Path"] for row in seen} == wanted
    assert all(wanted[row["RequestId"]] == row["Path"] for row in seen)


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
@pytest.mark.parametrize("place", ["inside", "outside"])
@pytest.mark.skipif(find_spec("django_guid") is None, reason="it wants an older Django on this Python")
def test_the_id_of_django_guid_is_the_request_id(django, kind, place):
    """From where its middleware begins until the server's access record, whatever their order."""
    *_, hello, access = django[f"{kind}, guid {place}"]

    assert (hello["RequestId"], access["RequestId"], access["Status"]) == ("g-1", "g-1", 200)


def test_django_takes_the_forwarded_address_where_the_settings_say_so(django):
    """The one that the own proxy has written, and not what the client claims."""
    assert {row["Client"] for row in django["behind a proxy"]} == {"203.0.113.9"}


# Flask


@contextmanager
def served(app):
    """A threaded server of Werkzeug."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(20)
        server.server_close()


class Anonymous:
    """As Flask-Login's AnonymousUserMixin."""


class User:
    """As one of Flask-Login: asking it would ask a database."""

    def get_id(self):
        raise AssertionError("a database was asked")


@pytest.fixture
def flask_app(monkeypatch):
    # What Flask-Login 0.6 keeps: the id in the session, and the user in `g` once somebody has asked for it.
    monkeypatch.setitem(sys.modules, "flask_login", SimpleNamespace(AnonymousUserMixin=Anonymous))
    app = flask.Flask("shop")
    app.secret_key = "of no use"
    init_app(app, trusted_proxies=1)

    @app.get("/login")
    def login():
        flask.session["_user_id"] = "7"
        return "in"

    @app.get("/stranger")
    def stranger():
        flask.g._login_user = Anonymous()
        log.info("stranger")
        return "stranger"

    @app.get("/plain")
    def plain():
        log.info("plain")
        return "plain", 203

    @app.get("/me")
    def me():
        log.info("before")
        flask.g._login_user = User()
        log.info("after")

        def parts():
            log.info("streaming")
            yield "part"

        return flask.Response(parts(), status=206)

    @app.get("/told")
    def tell():
        context.update(user="42", tenant="contoso")
        log.info("told")
        return "told"

    return app


def test_flask_records_know_their_request(rows, flask_app):
    """And so does Werkzeug's access record, which is made after the response's start."""
    with served(flask_app) as port:
        get(port, "/plain?card=4111", X_Request_ID="r-1", X_Forwarded_For="6.6.6.6, 203.0.113.9")
        get(port, "/gone", X_Request_ID="not an id")
    plain, access, gone = rows()

    assert plain == {
        "Logger": "shop", "Message": "plain", "RequestId": "r-1", "Method": "GET", "Path": "/plain",
        "Status": None, "User": None, "Client": "203.0.113.9",
    }  # fmt: skip
    assert (access["Logger"], access["RequestId"], access["Status"]) == ("werkzeug", "r-1", 203)
    assert (gone["Path"], gone["Status"], gone["Client"], len(gone["RequestId"])) == (
        "/gone",
        404,
        "127.0.0.1",
        32,
    )


def test_the_user_of_flask_login_is_told_once_it_was_loaded(rows, flask_app):
    """From the session, without asking the user object; a record before that has none."""
    with served(flask_app) as port:
        cookie = get(port, "/login").headers["Set-Cookie"].partition(";")[0]
        get(port, "/me", Cookie=cookie)
        get(port, "/plain", Cookie=cookie)
        get(port, "/stranger", Cookie=cookie)
    seen = {row["Message"]: row["User"] for row in rows() if row["Logger"] == "shop"}

    assert seen == {"before": None, "after": "7", "streaming": None, "plain": None, "stranger": None}


def test_what_a_view_tells_of_its_user_is_in_later_records(rows, flask_app):
    """The access record, too; what has no column goes into the dynamic one."""
    with served(flask_app) as port:
        get(port, "/told")
    assert told(rows(), "User", by="Logger") == [("shop", "42"), ("werkzeug", "42")]


# FastAPI


@contextmanager
def on_uvicorn(app):
    """Uvicorn in a thread."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, proxy_headers=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    until = time.monotonic() + 20
    while not server.started and thread.is_alive() and time.monotonic() < until:
        time.sleep(0.005)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)


def who():
    """Run in a thread of the pool, as FastAPI does with what is no coroutine."""
    context.update(user="42")


def fast_app(*middleware):
    app = FastAPI()

    @app.get("/items/{number}")
    async def items(number: int):
        log.info("items")
        return number

    @app.get("/me", dependencies=[Depends(who)], status_code=203)
    def me():
        log.info("me")

    @app.get("/boom")
    async def boom():
        raise LookupError("boom")

    for kind in middleware:
        app.add_middleware(kind)
    return app


def test_fastapi_records_know_their_request(rows):
    """Those of coroutines, of threads, of the server about its access and about an exception."""
    with on_uvicorn(fast_app(asgi.RequestContext)) as port:
        get(port, "/items/3?card=4111", X_Request_ID="r-1")
        get(port, "/me", X_Request_ID="r-2")
        get(port, "/boom", X_Request_ID="r-3")
    seen = [row for row in rows() if row["RequestId"]]

    assert sorted(told(seen, "RequestId", "Path", "Status", "User", by="Logger"), key=lambda row: row[1]) == [
        ("shop", "r-1", "/items/3", None, None), ("uvicorn.access", "r-1", "/items/3", 200, None),
        ("shop", "r-2", "/me", None, "42"), ("uvicorn.access", "r-2", "/me", 203, "42"),
        ("uvicorn.access", "r-3", "/boom", 500, None), ("uvicorn.error", "r-3", "/boom", 500, None),
    ]  # fmt: skip
    assert {(row["Method"], row["Client"]) for row in seen} == {("GET", "127.0.0.1")}


def test_concurrent_fastapi_requests_do_not_mix(rows):
    """Two hundred, by sixteen clients."""
    with on_uvicorn(fast_app(asgi.RequestContext)) as port, ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: get(port, f"/items/{n}", X_Request_ID=f"r-{n}"), range(200)))
    seen = [row for row in rows() if row["RequestId"]]

    assert len(seen) == 400
    assert all(row["Path"] == f"/items/{row['RequestId'][2:]}" for row in seen)


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)], ids=["outside", "inside"])
def test_the_id_of_asgi_correlation_id_is_the_request_id(rows, order):
    """From where its middleware begins until the access record, whatever their order."""
    both = [asgi.RequestContext, asgi_correlation_id.CorrelationIdMiddleware][order]
    with on_uvicorn(fast_app(*both)) as port:
        number = get(port, "/items/1").headers["X-Request-ID"]
    seen = [row for row in rows() if row["Path"]]

    assert told(seen, "RequestId", by="Logger") == [("shop", number), ("uvicorn.access", number)]


# Celery


def test_celery_records_know_their_task(rows):
    """One that a task calls eagerly is inside of it; after each nothing is bound, also where it failed.

    Eager, since a worker takes seconds to stop; the signals are those of the same tracer.
    """
    jobs = celery.Celery("shop", broker="memory://")
    connect()
    connect()

    @jobs.task(name="inner")
    def inner():
        log.info("inner of %s", context.current()["task_id"])
        raise LookupError

    @jobs.task(name="outer")
    def outer():
        inner.apply(task_id="t-2")
        context.update(tenant="contoso")
        log.info("outer %s", dict(context.current()))

    for number in ("t-1", "t-3"):
        outer.apply(task_id=number)
        assert context.current() == {}

    assert [row["Message"] for row in rows() if row["Logger"] == "shop"] == [
        "inner of t-2", "outer {'task': 'outer', 'task_id': 't-1', 'tenant': 'contoso'}",
        "inner of t-2", "outer {'task': 'outer', 'task_id': 't-3', 'tenant': 'contoso'}",
    ]  # fmt: skip
