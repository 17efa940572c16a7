"""Starting and stopping: two listeners, several at once, errors that cross threads, nothing left behind."""

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import certifi
import pytest
import requests
from requests.utils import should_bypass_proxies

from dcrlog.emulator import Emulator, EmulatorError
from dcrlog.emulator.store import Store

SOURCES = str(Path(__file__).parents[2] / "src")


def test_both_listeners_take_rows(emulator, web):
    """The https and the http address lead to the same tables."""
    for address in (emulator.endpoint, emulator.http_endpoint):
        answer = web.post(
            f"{address}/dataCollectionRules/{emulator.rule_id}/streams/Custom-AppLogs?api-version=2023-01-01",
            json=[{"Message": address}],
            headers={"Authorization": f"Bearer {emulator.token()}"},
            verify=emulator.ca_bundle,
        )
        assert answer.status_code == 204

    sent = [row["Message"] for row in emulator.rows("AppLogs_CL")]
    assert sent == [emulator.endpoint, emulator.http_endpoint]


def test_https_needs_the_emulators_authority(emulator, web):
    """A client that trusts the public authorities only does not trust the emulator."""
    with pytest.raises(requests.exceptions.SSLError):
        web.get(f"{emulator.endpoint}/_emulator/ready", verify=certifi.where())


def test_the_bundle_trusts_the_public_authorities_too(emulator):
    """REQUESTS_CA_BUNDLE replaces the usual authorities, so the bundle brings them along."""
    bundle = Path(emulator.ca_bundle).read_text()

    assert certifi.contents().strip() in bundle
    assert bundle.count("BEGIN CERTIFICATE") == certifi.contents().count("BEGIN CERTIFICATE") + 1


def test_old_tls_is_refused(emulator):
    """Like the service since March 2026, the emulator takes TLS 1.2 and later."""
    context = ssl.create_default_context(cafile=emulator.ca_bundle)
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", port_of(emulator.endpoint))) as plain,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


def test_it_listens_on_loopback_only(emulator):
    """Another address of this machine is not answered."""
    for endpoint in (emulator.endpoint, emulator.http_endpoint):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port_of(endpoint)), timeout=5)


def test_two_emulators_are_strangers(web, post):
    """Two at once have their own ports, rows and tokens."""
    with Emulator() as one, Emulator() as two:
        post(one, [{"Message": "for one"}])
        post(two, [{"Message": "for two"}])

        assert [row["Message"] for row in one.rows("AppLogs_CL")] == ["for one"]
        assert [row["Message"] for row in two.rows("AppLogs_CL")] == ["for two"]
        assert post(one, [{}], token=two.token()).status_code == 401


def test_nothing_is_left_behind(post):
    """After the with statement there is no thread, no file, no socket and no open connection of it."""
    threads, files = set(threading.enumerate()), open_files()
    with Emulator() as emulator:
        post(emulator, [{}])
        bundle, addresses = emulator.ca_bundle, (emulator.endpoint, emulator.http_endpoint)
        assert Path(bundle).is_file()

    assert set(threading.enumerate()) == threads
    assert not Path(bundle).parent.exists()
    for address in addresses:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port_of(address)), timeout=5)
    # The test's own HTTP client may keep its end of one connection.
    assert len(open_files() - files) <= 1


def test_stopping_does_not_wait_for_its_clients(web):
    """Idle TLS connections, half a handshake and a body that does not come are cut off, soon and for good."""
    threads = set(threading.enumerate())
    emulator = Emulator()
    emulator.start()
    session = requests.Session()
    session.trust_env = False
    session.get(f"{emulator.endpoint}/_emulator/ready", verify=emulator.ca_bundle)
    no_handshake = socket.create_connection(("127.0.0.1", port_of(emulator.endpoint)))
    no_body = socket.create_connection(("127.0.0.1", port_of(emulator.http_endpoint)))
    no_body.sendall(head_of_an_upload(emulator))
    # A request on a later connection is answered after the earlier ones were read.
    web.get(f"{emulator.http_endpoint}/_emulator/ready")

    started = time.monotonic()
    emulator.stop()

    assert time.monotonic() - started < 3
    assert set(threading.enumerate()) == threads
    no_body.settimeout(5)
    with no_handshake, no_body, session:
        assert cut_off(no_body)


def test_a_connection_that_comes_at_the_stop_is_closed():
    """Left to the garbage collector, it would make a ResourceWarning, which is an error here."""
    for _ in range(8):
        emulator, has_stopped = Emulator(), threading.Event()
        emulator.start()
        address = ("127.0.0.1", port_of(emulator.http_endpoint))
        caller = threading.Thread(target=call_until, args=(address, has_stopped))
        caller.start()
        try:
            emulator.stop()
        finally:
            has_stopped.set()
            caller.join(10)
        gc.collect()


def call_until(address, has_stopped):
    while not has_stopped.is_set():
        with suppress(OSError):
            socket.create_connection(address, timeout=5).close()


def test_stopping_twice_is_harmless():
    """`stop` on an emulator that does not run does nothing."""
    emulator = Emulator()
    emulator.stop()
    emulator.start()
    emulator.stop()
    emulator.stop()


def test_it_can_be_started_again(post):
    """A second start has empty tables."""
    emulator = Emulator()
    with emulator:
        post(emulator, [{}])
    with emulator:
        assert emulator.rows("AppLogs_CL") == []


def test_starting_twice_is_refused():
    """One emulator has one pair of listeners."""
    with Emulator() as emulator, pytest.raises(EmulatorError, match="running already"):
        emulator.start()


@pytest.mark.parametrize(
    "use",
    [
        lambda emulator: emulator.endpoint,
        lambda emulator: emulator.ca_bundle,
        lambda emulator: emulator.environment(),
        lambda emulator: emulator.rows("AppLogs_CL"),
        lambda emulator: emulator.reset(),
    ],
)
def test_an_emulator_that_does_not_run_says_so(use):
    """The message names the remedy."""
    with pytest.raises(EmulatorError, match=r"is not running\. Use it in a with statement, or call start"):
        use(Emulator())


def test_an_unknown_table_is_an_error(emulator):
    """A mistyped table name is not an empty table."""
    with pytest.raises(EmulatorError, match=r"no table 'AppLog_CL'\. Tables: AppLogs_CL"):
        emulator.rows("AppLog_CL")


def test_a_taken_port_is_an_error_that_leaves_nothing():
    """The message names the port, and no thread or file of the attempt remains."""
    threads = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EmulatorError, match=f"cannot listen on 127.0.0.1 port {port}: "):
            Emulator(http_port=port).start()

    assert set(threading.enumerate()) == threads


def test_chosen_ports_are_used():
    """A port that is given is the port that serves, also again after a stop."""
    with Emulator() as emulator:
        https, http = port_of(emulator.endpoint), port_of(emulator.http_endpoint)
    with Emulator(port=https, http_port=http) as emulator:
        assert (port_of(emulator.endpoint), port_of(emulator.http_endpoint)) == (https, http)


def test_an_error_in_a_handler_crosses_the_thread(post, monkeypatch):
    """A fault of the emulator is a 500 to the sender and an exception to the test."""
    monkeypatch.setattr(Store, "insert", lambda *_: 1 / 0)
    emulator = Emulator()
    emulator.__enter__()
    answer = post(emulator, [{}])

    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "InternalServerError")
    with pytest.raises(EmulatorError, match="failed 1 times; first: ZeroDivisionError") as caught:
        emulator.__exit__(None, None, None)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_an_error_is_raised_once(web, monkeypatch):
    """After `check` has raised it, leaving the context is quiet."""
    monkeypatch.setattr(Store, "rows", lambda *_, **__: 1 / 0)
    with Emulator() as emulator:
        web.get(f"{emulator.http_endpoint}/_emulator/rows/AppLogs_CL")
        with pytest.raises(EmulatorError, match="ZeroDivisionError"):
            emulator.check()


def test_an_error_of_the_test_is_not_hidden(post, monkeypatch):
    """An exception in the with statement wins over one inside the emulator."""
    monkeypatch.setattr(Store, "insert", lambda *_: 1 / 0)
    emulator = Emulator()
    emulator.__enter__()
    post(emulator, [{}])

    assert not emulator.__exit__(LookupError, LookupError(), None)


def test_rows_in_a_file_outlive_the_emulator(tmp_path, post):
    """A second run with the same file shows the rows of the first, and other programs can read it."""
    path = tmp_path / "rows.db"
    for number in (1, 2):
        with Emulator(db=path) as emulator:
            post(emulator, [{"Seq": number}])
            with sqlite3.connect(path) as other:
                assert other.execute("SELECT max(Seq) FROM AppLogs_CL").fetchone() == (number,)
            other.close()
            kept = [row["Seq"] for row in emulator.rows("AppLogs_CL")]

    assert kept == [1, 2]
    assert [found.name for found in tmp_path.iterdir()] == ["rows.db"]


def test_a_file_gets_the_new_columns_of_a_rule(tmp_path, post):
    """A rule that grew a column keeps the rows; a rule that changed a type is refused."""
    path = tmp_path / "rows.db"
    with Emulator(one_column("Old", "int"), db=path) as emulator:
        post(emulator, [{"Old": 1}], stream="Custom-Text")
    with Emulator(one_column("New", "int"), db=path) as emulator:
        post(emulator, [{"New": 2}], stream="Custom-Text")
        assert [row["New"] for row in emulator.rows("Text_CL")] == [None, 2]

    with pytest.raises(
        EmulatorError, match="column 'Old' of table 'Text_CL' as int, the rule has it as text"
    ):
        Emulator(one_column("Old", "string"), db=path).start()


@pytest.mark.parametrize("content", [b"no database, but long enough to look like one" * 50, None])
def test_a_file_that_is_no_database_is_refused(tmp_path, content):
    """The message names the file."""
    path = tmp_path / "rows.db"
    path.mkdir() if content is None else path.write_bytes(content)

    with pytest.raises(EmulatorError, match=r"the database '.*rows\.db' cannot be"):
        Emulator(db=path).start()


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        (["CREATE TABLE users (name TEXT)"], "it is that of another program"),
        (["CREATE TABLE _tables (name TEXT)"], "it is that of another program"),
        (
            ["CREATE TABLE _tables (name TEXT)", "PRAGMA application_id=1684238956", "PRAGMA user_version=7"],
            "it is of version 7",
        ),
    ],
)
def test_a_database_of_others_is_refused_and_left_alone(tmp_path, statements, reason):
    """Of another program, or of another version of this one; not a byte of it changes."""
    path = tmp_path / "rows.db"
    with closing(sqlite3.connect(path)) as other:
        for statement in statements:
            other.execute(statement)
        other.commit()
    before = path.read_bytes()

    with pytest.raises(EmulatorError, match=rf"the database '.*rows\.db' cannot be used: {reason}"):
        Emulator(db=path).start()
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["rows.db"]


@pytest.mark.parametrize(
    "damage", ["declared = '{}'", "declared = '{'", "declared = x'ff'", "name = 1, declared = 1"]
)
def test_a_damaged_database_is_refused(tmp_path, damage):
    """In one line, as what is no database at all."""
    path = tmp_path / "rows.db"
    with Emulator(db=path):
        pass
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"UPDATE _tables SET {damage}")
        other.commit()

    with pytest.raises(EmulatorError, match=r"the database '.*rows\.db' cannot be used"):
        Emulator(db=path).start()


def test_who_reads_a_file_holds_up_no_rows(tmp_path, post):
    """Another program may take its time over what it reads."""
    path = tmp_path / "rows.db"
    with Emulator(db=path) as emulator, closing(sqlite3.connect(path)) as other:
        post(emulator, [{}, {}])
        reading = other.execute("SELECT * FROM AppLogs_CL")
        assert reading.fetchone()

        assert post(emulator, [{}]).status_code == 204
        assert len(reading.fetchall()) == 1


def test_the_rows_of_a_request_are_stored_all_or_none(tmp_path, post):
    """Where one of its tables fails, the others have nothing of it."""
    path = tmp_path / "rows.db"
    two = one_column("Text", "string")
    two["dataFlows"] += [{"streams": ["Custom-Text"], "outputStream": "Custom-Other_CL"}]
    with Emulator(two, db=path) as emulator:
        with closing(sqlite3.connect(path)) as other:
            other.execute("DROP TABLE Other_CL")
        answer = post(emulator, [{"Text": "a"}], stream="Custom-Text")
        with pytest.raises(EmulatorError, match="no such table: Other_CL"):
            emulator.check()

        assert (answer.status_code, emulator.count("Text_CL")) == (500, 0)


def test_a_column_of_a_file_may_come_back_in_another_case(tmp_path, post):
    """SQLite takes the two for one name; to Azure they are two, and the rows of each keep theirs."""
    path = tmp_path / "rows.db"
    for name in ("Text", "text"):
        with Emulator(one_column(name, "string"), db=path) as emulator:
            assert post(emulator, [{name: name}], stream="Custom-Text").status_code == 204
            rows = [(row.get("Text"), row.get("text")) for row in emulator.rows("Text_CL")]

    assert rows == [("Text", None), (None, "text")]


def test_the_hosts_logging_is_left_alone(post):
    """No logger is configured, and a root handler at level 1 hears nothing from the server."""
    heard = []
    handler = logging.Handler(1)
    handler.emit = heard.append
    root, level = logging.getLogger(), logging.getLogger().level
    before = (configured_loggers(), logging.getLevelNamesMapping())
    root.addHandler(handler)
    root.setLevel(1)
    try:
        with Emulator() as emulator:
            post(emulator, [{}])
            post(emulator, [{}], token="wrong")
            with socket.create_connection(("127.0.0.1", port_of(emulator.http_endpoint))) as broken:
                broken.sendall(b"nonsense\r\n\r\n")
                broken.recv(1000)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)

    # asyncio announces each event loop; urllib3 is the test's own client.
    assert {record.name for record in heard} <= {"asyncio", "urllib3.connectionpool"}
    assert (configured_loggers(), logging.getLevelNamesMapping()) == before


def test_the_callers_thread_is_left_alone():
    """Signal handlers and the event loop of the calling thread are what they were."""
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    async def inside():
        loop = asyncio.get_running_loop()
        with Emulator():
            return asyncio.get_running_loop() is loop

    assert asyncio.run(inside())
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_a_process_that_forgets_to_stop_it_still_ends():
    """The threads do not keep a process alive, and its exit removes the bundle."""
    program = "from dcrlog.emulator import Emulator; e = Emulator(); e.start(); print(e.ca_bundle)"
    environment = os.environ | {"PYTHONPATH": SOURCES}
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=True)

    assert not Path(done.stdout.strip()).exists()


def test_the_client_side_is_not_imported():
    """The emulator brings in only what it and the client must agree on: rules, columns, tables, KQL."""
    program = (
        "import json, sys; import dcrlog; before = set(sys.modules); import dcrlog.emulator;"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    environment = os.environ | {"PYTHONPATH": SOURCES}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=True)
    ours = [name for name in json.loads(done.stdout) if name.startswith(("dcrlog.", "azure"))]
    brought = {name for name in ours if not name.startswith(("dcrlog.emulator", "dcrlog.kql"))}

    assert brought <= {f"dcrlog.{name}" for name in ("errors", "rules", "_rule_file", "schema", "tables")}


def test_without_its_extra_it_says_what_to_install():
    """Where Starlette is missing, the import error names the extra."""
    program = "import sys; sys.modules['starlette'] = None; import dcrlog.emulator"
    environment = os.environ | {"PYTHONPATH": SOURCES}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)

    assert "pip install 'dcrlog[tools]'" in done.stderr.splitlines()[-1]


def test_the_environment_names_everything(emulator):
    """The variables are those of the official samples and of azure-identity, all of them text."""
    variables = emulator.environment("Custom-Other")

    assert variables["DATA_COLLECTION_ENDPOINT"] == variables["AZURE_AUTHORITY_HOST"] == emulator.endpoint
    assert (variables["LOGS_DCR_RULE_ID"], variables["LOGS_DCR_STREAM_NAME"]) == (
        emulator.rule_id,
        "Custom-Other",
    )
    assert variables["REQUESTS_CA_BUNDLE"] == variables["SSL_CERT_FILE"] == emulator.ca_bundle
    assert emulator.environment()["LOGS_DCR_STREAM_NAME"] == "Custom-AppLogs"


def test_loopback_is_kept_from_a_proxy(emulator, monkeypatch):
    """Where a proxy is configured, the child does not send loopback addresses through it."""
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "intranet.example")

    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    hosts = ["localhost", "127.0.0.1", "intranet.example", "example.com"]
    assert [should_bypass_proxies(f"https://{host}", None) for host in hosts] == [True, True, True, False]


def test_many_senders_at_once_lose_nothing(emulator):
    """Eight threads with a connection each store every row once."""

    def send(sender):
        with requests.Session() as session:
            session.trust_env = False
            for number in range(10):
                session.post(
                    f"{emulator.http_endpoint}/dataCollectionRules/{emulator.rule_id}/streams/Custom-AppLogs",
                    params={"api-version": "2023-01-01"},
                    json=[{"Thread": str(sender), "Seq": number}],
                    headers={"Authorization": f"Bearer {emulator.token()}"},
                )

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    stored = [(row["Thread"], row["Seq"]) for row in emulator.rows("AppLogs_CL")]
    assert sorted(stored) == [(str(sender), number) for sender in range(8) for number in range(10)]
    assert emulator.count("AppLogs_CL") == len(emulator.requests()) == 80


def port_of(address):
    return int(address.rpartition(":")[2])


def one_column(name, kind):
    return {
        "streamDeclarations": {"Custom-Text": {"columns": [{"name": name, "type": kind}]}},
        "dataFlows": [{"streams": ["Custom-Text"], "outputStream": "Custom-Text_CL"}],
    }


def open_files():
    return (
        {entry.name for entry in Path("/proc/self/fd").iterdir()} if Path("/proc/self/fd").exists() else set()
    )


def configured_loggers():
    return [
        name
        for name, logger in logging.Logger.manager.loggerDict.items()
        if isinstance(logger, logging.Logger)
        and name.startswith(("uvicorn", "asyncio", "dcrlog"))
        and (logger.level or logger.handlers or logger.filters or logger.disabled or not logger.propagate)
    ]


def head_of_an_upload(emulator):
    path = f"/dataCollectionRules/{emulator.rule_id}/streams/Custom-AppLogs?api-version=2023-01-01"
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {emulator.token()}",
        "Content-Type: application/json",
        "Content-Length: 1000",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def cut_off(connection):
    try:
        return b"HTTP/1.1 204" not in connection.recv(1000)
    except ConnectionError:
        return True
