"""Take the pictures of the emulator's page in docs/: scripts/screenshots.py, with Chromium on the PATH.

The rows are made up. Run it with `make screenshots`.
"""

import json
import random
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dcrlog.emulator import Emulator, Fault
from dcrlog.emulator.default_rule import DEFAULT_RULE

DOCS = Path(__file__).parents[1] / "docs"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUERY = """AppLogs_CL
| extend Tenant = tostring(Properties.tenant), Amount = toreal(Properties.amount)
| summarize Rows = count(), Errors = countif(Level == "ERROR"), Amount = sum(Amount), Hosts = make_set(Host)
    by Tenant, bin(TimeGenerated, 1m)
| sort by Tenant asc"""
SHOTS = (
    ("emulator-rows.png", "?table=AppLogs_CL&row={row}", "light"),
    ("emulator-requests.png", "#requests", "dark"),
    ("emulator-query.png", f"?query={quote(QUERY)}#query", "light"),
)
LINES = (
    ("INFO", "shop.http", "GET /api/orders/{order} 200 in {ms} ms", 8),
    ("INFO", "shop.orders", "order {order} accepted for customer {customer}", 5),
    ("DEBUG", "shop.cache", "cache hit for product:{order}", 5),
    ("INFO", "shop.auth", "customer {customer} signed in", 3),
    ("WARNING", "shop.payments", "the provider answered after {ms} ms, trying again", 2),
    ("ERROR", "shop.stock", "order {order} cannot be reserved: the warehouse timed out", 1),
)
ORDERS = {
    "immutableId": "dcr-5f1c0c2be2a84d2a9d5a0d1d9cf2f001",
    "streamDeclarations": {
        "Custom-Orders": {
            "columns": [
                {"name": "TimeGenerated", "type": "datetime"},
                {"name": "OrderId", "type": "string"},
                {"name": "Amount", "type": "real"},
                {"name": "Note", "type": "string"},
            ]
        }
    },
    "dataFlows": [{"streams": ["Custom-Orders"], "destinations": ["ws"], "outputStream": "Custom-Orders_CL"}],
}
TABLES = {"Orders_CL": {"TimeGenerated": "datetime", "OrderId": "string", "Amount": "real"}}


def main() -> None:
    """Fill an emulator and photograph its page."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        sys.exit(f"none of {', '.join(BROWSERS)} is on the PATH.")
    with Emulator([DEFAULT_RULE, ORDERS], tables=TABLES, create_tables=True) as emulator:
        row = fill(emulator)
        for name, query, scheme in SHOTS:
            take(browser, f"{emulator.http_endpoint}/{query.format(row=row)}", DOCS / name, scheme)


def fill(emulator: Emulator) -> int:
    """Send rows, and return the number of one with something to tell."""
    chance = random.Random(5)
    emulator.faults.add(Fault("status", status=503, rate=0.1, seed=3))
    odd = 0
    for number in range(24):
        rows = list(app_rows(chance, 6))
        if number in range(19, 22):
            rows[-1] |= {"Process": "4711", "Line": "n/a", "Tenant": "acme"}
        python = "azsdk-python-monitor-ingestion/1.1.0 Python/3.13.1"
        send(emulator, emulator.rule_id, "Custom-AppLogs", rows, python)
        odd = emulator.count("AppLogs_CL") if number in range(19, 22) else odd
        if number % 5 == 2:
            order = {"OrderId": f"A-{number}", "Amount": 12.5 if number % 2 else "n/a", "Note": "gift"}
            javascript = "azsdk-js-monitor-ingestion/1.2.0 Node/20.20.2"
            send(emulator, ORDERS["immutableId"], "Custom-Orders", [order], javascript)
        if number == 22:
            send(emulator, emulator.rule_id, "Custom-Applogs", rows, "curl/8.5.0")
    return odd


def app_rows(chance: random.Random, count: int) -> Iterator[dict[str, Any]]:
    """Yield rows as a shop would log them."""
    for _ in range(count):
        level, logger, text, _ = chance.choices(LINES, [weight for *_, weight in LINES])[0]
        moment = datetime.now(UTC) - timedelta(milliseconds=chance.randint(0, 900))
        yield {
            "TimeGenerated": moment.isoformat(),
            "Level": level,
            "Logger": logger,
            "Message": text.format(
                order=chance.randint(10_000, 99_999), ms=chance.randint(3, 900), customer=417
            ),
            "Host": f"web-{chance.randint(1, 4)}",
            "Line": chance.randint(10, 400),
            "Properties": {"tenant": chance.choice(["acme", "globex"]), "amount": chance.randint(1, 90) / 2},
        }


def send(emulator: Emulator, rule_id: Any, stream: str, rows: list[Any], agent: str) -> None:
    """Send one request, whatever it is answered."""
    request = urllib.request.Request(
        f"{emulator.http_endpoint}/dataCollectionRules/{rule_id}/streams/{stream}?api-version=2023-01-01",
        json.dumps(rows).encode(),
        {
            "Authorization": f"Bearer {emulator.token()}",
            "Content-Type": "application/json",
            "User-Agent": agent,
            "x-ms-client-request-id": str(uuid.uuid4()),
        },
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(request, timeout=10).close()
    except urllib.error.HTTPError as error:
        error.close()


def take(browser: str, address: str, path: Path, scheme: str) -> None:
    """Photograph an address in light or dark."""
    with tempfile.TemporaryDirectory() as profile:
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
            "--hide-scrollbars", f"--user-data-dir={profile}", "--window-size=1280,760", "--timeout=2500",
            f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}",
            f"--screenshot={path}", address,
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    print(path)


if __name__ == "__main__":
    main()
