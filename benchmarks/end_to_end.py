"""From `logger.info` to an accepted request, against what people write by hand today.

The rival is a QueueHandler, a QueueListener and a handler that collects 1,000 dicts and calls
`client.upload(list)`. Both run in processes of their own, in turns, against the same sink over TLS;
the sink counts distinct rows, and a run that lost or doubled one fails.
"""

import contextlib
import datetime as dt
import json
import logging
import logging.handlers
import queue
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import types
import urllib.request
from pathlib import Path

import trustme

from _common import RULE, RULE_ID, log_records, tell

RECORDS = 20_000 if "--quick" in sys.argv else 200_000
ROUNDS = 1 if "--quick" in sys.argv else 3
HERE = Path(__file__)


class Credential:
    """A token for nobody."""

    def get_token(self, *scopes, **options):  # noqa: ARG002
        from azure.core.credentials import AccessToken

        return AccessToken("token", int(time.time()) + 3600)


class UploadingHandler(logging.Handler):
    """What a careful application writes around the official client."""

    STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
    COLUMNS = types.MappingProxyType(
        {
            "user_id": "UserId",
            "duration_ms": "DurationMs",
            "count": "Count",
            "success": "Success",
            "request_id": "RequestId",
        }
    )

    def __init__(self, endpoint):
        super().__init__()
        from azure.monitor.ingestion import LogsIngestionClient

        self.client = LogsIngestionClient(endpoint, Credential())
        self.rows = []

    def emit(self, record):
        when = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat()
        row = {
            "TimeGenerated": when,
            "Level": record.levelname,
            "Logger": record.name,
            "Message": record.message,
        }
        for name, value in record.__dict__.items():
            if name not in self.STANDARD:
                row[self.COLUMNS.get(name, name)] = value
        self.rows.append(row)
        if len(self.rows) >= 1000:
            self.flush()

    def flush(self):
        if self.rows:
            self.client.upload(RULE_ID, "Custom-Bench", self.rows)
            self.rows = []


def make_rival(endpoint):
    uploading = UploadingHandler(endpoint)
    waiting = queue.Queue()
    listener = logging.handlers.QueueListener(waiting, uploading)
    listener.start()

    def finish():
        listener.stop()
        uploading.flush()

    return logging.handlers.QueueHandler(waiting), finish


def make_ours(endpoint):
    from dcrlog import LogsIngestionHandler

    handler = LogsIngestionHandler(
        endpoint,
        RULE_ID,
        credential=Credential(),
        rule=RULE,
        on_full="block",
    )
    return handler, lambda: handler.flush(120)


def run(which, endpoint, producers):
    """Log everything, deliver everything, tell seconds and CPU seconds."""
    logging.getLogger("azure").setLevel(logging.WARNING)
    handler, finish = {"ours": make_ours, "rival": make_rival}[which](endpoint)
    logger = logging.getLogger("bench")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    share = RECORDS // producers
    threads = [
        threading.Thread(target=log_records, args=(logger, number * share, share))
        for number in range(producers)
    ]
    started, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    finish()
    print(json.dumps({"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}))


@contextlib.contextmanager
def sink():
    """Run the sink; yield its address and the bundle that a client needs."""
    with tempfile.TemporaryDirectory() as folder:
        authority = trustme.CA()
        issued = authority.issue_cert("localhost")
        paths = [str(Path(folder) / name) for name in ("cert.pem", "key.pem", "ca.pem")]
        issued.cert_chain_pems[0].write_to_path(paths[0])
        issued.private_key_pem.write_to_path(paths[1])
        authority.cert_pem.write_to_path(paths[2])
        command = [sys.executable, str(HERE.with_name("_sink.py")), *paths[:2]]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            yield f"https://localhost:{process.stdout.readline().strip()}", paths[2]
            process.stdin.close()


def measure(which, producers, endpoint, bundle, script=HERE):
    command = [sys.executable, str(script), "--run", which, endpoint, str(producers), *sys.argv[1:]]
    done = subprocess.run(
        command, env={"REQUESTS_CA_BUNDLE": bundle}, stdout=subprocess.PIPE, text=True, check=True
    )
    result = json.loads(done.stdout)
    context = ssl.create_default_context(cafile=bundle)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    with opener.open(f"{endpoint}/") as answer:
        account = json.load(answer)
    if not account["rows"] == account["distinct"] == RECORDS:
        sys.exit(f"{which}: {RECORDS} records, but {account}")
    return result | account


def main():
    table = []
    with sink() as (endpoint, bundle):
        for producers in (1, 4):
            found = {"rival": [], "ours": []}
            for _ in range(ROUNDS):
                for which, results in found.items():
                    results.append(measure(which, producers, endpoint, bundle))
            for which, results in found.items():
                paired = list(zip(found["rival"], results, strict=True))
                table.append(
                    [
                        which,
                        producers,
                        int(RECORDS / statistics.median(one["seconds"] for one in results)),
                        statistics.median(one["cpu"] for one in results) / RECORDS * 1e6,
                        results[0]["requests"],
                        statistics.median(rival["seconds"] / one["seconds"] for rival, one in paired),
                        statistics.median(rival["cpu"] / one["cpu"] for rival, one in paired),
                    ]
                )
    tell(
        f"{RECORDS} records end to end over TLS, {ROUNDS} rounds; rival: QueueListener + client.upload(list)",
        ["which", "producers", "records/s", "CPU us/record", "requests", "x records/s", "x less CPU"],
        table,
    )


if __name__ == "__main__":
    if "--run" in sys.argv:
        place = sys.argv.index("--run")
        run(sys.argv[place + 1], sys.argv[place + 2], int(sys.argv[place + 3]))
    else:
        main()
