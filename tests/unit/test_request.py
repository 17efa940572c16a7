"""What a request is known by, and for how long."""

import asyncio
import contextvars
import sys
import threading
import weakref
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcrlog import context
from dcrlog.context import asgi, wsgi
from dcrlog.context.request import Request, checked_id, client_address
from dcrlog.errors import ConfigError
from hostile import build_row, make_record

RULE_COLUMNS = {"Status": {"type": "int"}, "RequestId": {"type": "string"}}


def scope(path="/", **headers):
    listed = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "GET", "path": path, "headers": listed, "client": ("192.0.2.1", 1)}


async def no_send(message):
    """Take a message."""


def serve(app, given_scope, send=no_send):
    asyncio.run(asgi.RequestContext(app)(given_scope, None, send))


@pytest.mark.parametrize("given", ["a", "A-1_b.c:d/e+f=@", "x" * 128])
def test_an_id_that_came_with_the_request_is_taken(given):
    """As it is."""
    assert Request({"request_id": given}).fields()["request_id"] == given


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a b", "a\n", "é", "a,b", 7])
def test_what_could_be_anything_but_an_id_is_replaced(given):
    """By 32 hexadecimal digits, another one for each request."""
    first, second = (Request({"request_id": given}).fields()["request_id"] for _ in range(2))

    assert len(first) == 32
    assert checked_id(first)
    assert first != second


@pytest.mark.parametrize(
    ("forwarded", "proxies", "client"),
    [
        ("203.0.113.9", 0, "10.0.0.1"), (None, 1, "10.0.0.1"), ("", 1, "10.0.0.1"),
        ("203.0.113.9", 1, "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", 1, "203.0.113.9"), ("6.6.6.6,203.0.113.9, 10.0.0.2", 2, "203.0.113.9"),
        ("203.0.113.9", 2, "10.0.0.1"), ("x" * 99, 1, "x" * 64), (" ", 1, None),
    ],
)  # fmt: skip
def test_the_forwarded_address_counts_from_the_nearest_proxy(forwarded, proxies, client):
    """And is ignored unless asked for: what is left of the own proxies' entries, anybody may have written."""
    assert client_address("10.0.0.1", forwarded, proxies) == client


def test_what_becomes_known_later_is_in_later_records():
    """Also inside a block that was entered before, and in a copied context."""
    request = Request({"path": "/"})
    token = context.enter(request)
    with context.bound(tenant="contoso"):
        before = contextvars.copy_context()
        context.update(status=201)

        assert before.run(context.current) == request.fields() | {"tenant": "contoso", "status": 201}
    context.leave(token)

    assert context.current() == {}


def test_an_update_outside_of_any_request_does_nothing():
    """Code that serves requests may run in a script, too."""
    context.update(user="7")

    assert context.current() == {}


def test_a_request_left_in_another_context_is_no_error():
    """A response may be closed in another thread, and twice."""
    token = contextvars.Context().run(context.enter, Request({}))

    context.leave(token)
    context.leave(token)


@pytest.mark.parametrize(
    ("module", "variable"),
    [("django_guid.context", "guid"), ("asgi_correlation_id.context", "correlation_id")],
)
def test_the_id_of_another_library_is_taken_once_it_is_known_and_kept(monkeypatch, module, variable):
    """Its middleware may be inside of ours, and forget the id when it ends."""
    theirs = contextvars.ContextVar(variable, default=None)
    monkeypatch.setitem(sys.modules, module, SimpleNamespace(**{variable: theirs}))
    request = Request({"request_id": "ours"})
    seen = [request.fields()["request_id"]]
    for value in ("theirs", None):
        theirs.set(value)
        seen.append(request.fields()["request_id"])

    assert seen == ["ours", "theirs", "theirs"]


def test_a_module_that_is_just_being_imported_costs_no_row(monkeypatch):
    """Nor one that has become something else."""
    monkeypatch.setitem(sys.modules, "django_guid.context", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "asgi_correlation_id.context", SimpleNamespace(correlation_id=7))

    assert Request({"request_id": "ours"}).fields() == {"request_id": "ours"}


def test_a_request_that_has_ended_keeps_its_fields_and_nothing_of_the_framework():
    """A task that it started may go on for ever in a copy of its context."""

    class Framework:
        user = "7"

    framework = Framework()
    gone = weakref.ref(framework)
    token = context.enter(Request({"path": "/"}, lambda known=framework: known.user))
    copied = contextvars.copy_context()
    context.leave(token)
    del framework

    assert gone() is None
    assert copied.run(context.current)["user"] == "7"


@pytest.mark.parametrize("given", ["1", True, -1, None, 1.0])
def test_what_is_no_number_of_proxies_is_refused_at_the_start(given):
    """And not at each request."""
    for kind in (wsgi.RequestContext, asgi.RequestContext):
        with pytest.raises(ConfigError, match="trusted_proxies"):
            kind(None, trusted_proxies=given)


def test_a_late_user_that_fails_costs_the_user_only():
    """Never the record, nor the other fields."""
    token = context.enter(Request({"path": "/x"}, lambda: 1 / 0))
    row = build_row(make_record(), "request")
    context.leave(token)

    assert row["Path"] == "/x"
    assert "User" not in row


def test_the_named_set_fills_six_columns():
    """And nothing is said twice."""
    token = context.enter(Request({"request_id": "r", "method": "GET", "path": "/p", "client": "::1"}))
    context.update(status=404, user="7", tenant="contoso")
    row = build_row(make_record(), "request")
    context.leave(token)

    assert {name: row[name] for name in context.REQUEST_COLUMNS} == {
        "RequestId": "r", "Method": "GET", "Path": "/p", "Status": 404, "User": "7", "Client": "::1",
    }  # fmt: skip
    assert row["Properties"] == {"tenant": "contoso"}


def test_what_is_bound_and_has_no_column_goes_beside_the_extras_which_win():
    """What is not known is not there."""
    with context.bound(tenant="contoso", path="/bound", user=None, cart={1}):
        row = build_row(make_record("m", path="/extra"))

    assert row["Properties"] == {"path": "/extra", "tenant": "contoso", "cart": [1]}


def test_a_column_of_a_rule_takes_the_extra_and_else_the_request():
    """By the column's name alone; a mapped one keeps to its field."""
    token = context.enter(Request({"request_id": "r"}))
    context.update(status=200)
    rows = [
        build_row(make_record(**extra), RULE_COLUMNS)
        for extra in ({}, {"status": 500, "RequestId": "x"}, {"status": None})
    ]
    mapped = build_row(make_record(), {"Status": {"field": "status", "type": "int"}})
    context.leave(token)

    assert [(row.get("Status"), row["RequestId"]) for row in rows] == [(200, "r"), (500, "x"), (200, "r")]
    assert "Status" not in mapped


def test_an_asgi_request_is_known_from_its_start_to_its_end():
    """The status from the response's start on, which is when a server writes its access record."""
    seen = []

    async def send(message):
        seen.append(context.current().get("status"))

    async def app(given, receive, send):
        seen.append(dict(context.current()))
        await send({"type": "http.response.start", "status": 418})

    serve(app, scope("/tea", x_request_id="r-1"), send)

    assert seen == [{"request_id": "r-1", "method": "GET", "path": "/tea", "client": "192.0.2.1"}, 418]
    assert context.current() == {}


def test_what_an_asgi_application_or_server_leaves_out_costs_nothing():
    """Messages that break the protocol reach the server, which complains in its own words."""
    got = []

    async def send(message):
        got.append(message)

    async def app(given, receive, send):
        await send({"type": "http.response.start"})
        await send({})

    serve(app, {"type": "http"}, send)

    assert got == [{"type": "http.response.start"}, {}]


def test_a_lifespan_is_no_request():
    """It passes through."""
    seen = []

    async def app(given, receive, send):
        seen.append(dict(context.current()))

    serve(app, {"type": "lifespan"})

    assert seen == [{}]


@pytest.mark.parametrize(("starts", "status"), [(False, 500), (True, 200)])
def test_the_record_of_a_server_about_an_exception_knows_its_request(starts, status):
    """It is made in the request's task, after the middleware."""

    async def app(given, receive, send):
        if starts:
            await send({"type": "http.response.start", "status": 200})
        raise LookupError

    async def server():
        with pytest.raises(LookupError):
            await asgi.RequestContext(app)(scope("/x"), None, no_send)
        return dict(context.current())

    found = asyncio.run(server())

    assert (found["path"], found["status"]) == ("/x", status)


def test_a_cancelled_asgi_request_is_over():
    """Nothing is told of it afterwards."""

    async def app(given, receive, send):
        raise asyncio.CancelledError

    async def server():
        with pytest.raises(asyncio.CancelledError):
            await asgi.RequestContext(app)(scope(), None, no_send)
        return context.current()

    assert asyncio.run(server()) == {}


def environ(**others):
    return {
        "REQUEST_METHOD": "GET", "SCRIPT_NAME": "/shop", "PATH_INFO": "/\u00c3\u00a9",
        "QUERY_STRING": "a=secret", "REMOTE_ADDR": "192.0.2.1",
    } | others  # fmt: skip


def test_a_wsgi_request_lasts_until_its_response_is_closed():
    """Streams and access records belong to it; the application's own close is called."""
    closed = []

    class Body:
        def __iter__(self):
            yield from (b"", dict(context.current()))

        def close(self):
            closed.append(context.current()["status"])

    def app(given, start):
        start("404 NOT FOUND", [])
        return Body()

    body = wsgi.RequestContext(app)(environ(HTTP_X_REQUEST_ID="r"), lambda *_: None)
    *_, seen = body
    body.close()

    assert seen == {
        "request_id": "r",
        "method": "GET",
        "path": "/shop/é",
        "client": "192.0.2.1",
        "status": 404,
    }
    assert closed == [404]
    assert context.current() == {}


def test_arguments_of_start_response_may_be_named():
    """PEP 3333 has them by position; wsgiref and others take both."""
    got = []

    def app(given, start):
        start("200 OK", response_headers=[("A", "b")], exc_info=None)
        return [b""]

    def start_response(status, response_headers, exc_info):
        got.append((status, response_headers, exc_info))

    wsgi.RequestContext(app)(environ(), start_response).close()

    assert got == [("200 OK", [("A", "b")], None)]


def test_a_wsgi_application_that_raises_leaves_nothing_behind():
    """Its thread goes on to serve others."""

    def app(given, start):
        raise LookupError

    with pytest.raises(LookupError):
        wsgi.RequestContext(app)(environ(), lambda *_: None)
    assert context.current() == {}


def test_a_file_is_left_to_the_server():
    """Which sends its own wrapper by sendfile, and only that."""

    class Wrapper(list):
        pass

    body = wsgi.RequestContext(lambda *_: Wrapper())(environ(**{"wsgi.file_wrapper": Wrapper}), None)

    assert type(body) is Wrapper
    assert context.current() == {}


@given(order=st.lists(st.integers(0, 4), min_size=5, max_size=30))
def test_concurrent_requests_do_not_mix(order):
    """Whatever the order in which their tasks take turns."""
    seen = []

    async def main():
        turns = [asyncio.Queue() for _ in range(5)]

        async def app(given, receive, send):
            while await turns[int(given["path"])].get():
                found = context.current()
                seen.append((given["path"], found["path"], found.get("visits", 0)))
                context.update(visits=found.get("visits", 0) + 1)

        serving = [asgi.RequestContext(app)(scope(str(number)), None, no_send) for number in range(5)]
        tasks = [asyncio.create_task(task) for task in serving]
        for number in order:
            turns[number].put_nowait(True)
            await asyncio.sleep(0)
        for queue in turns:
            queue.put_nowait(False)
        await asyncio.gather(*tasks)

    asyncio.run(main())

    assert all(path == found for path, found, _ in seen)
    assert sorted(seen) == sorted(
        (str(number), str(number), visit) for number in range(5) for visit in range(order.count(number))
    )


def test_requests_in_threads_do_not_mix():
    """All of them are under way at the same moment."""
    seen = {}
    together = threading.Barrier(8, timeout=30)

    def app(given, start):
        together.wait()
        context.update(status=int(given["PATH_INFO"]))
        together.wait()
        seen[given["PATH_INFO"]] = (context.current()["path"], context.current()["status"])
        return ()

    def serve_one(path):
        wsgi.RequestContext(app)(environ(PATH_INFO=path, SCRIPT_NAME=""), None).close()

    threads = [threading.Thread(target=serve_one, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert seen == {str(number): (str(number), number) for number in range(8)}
