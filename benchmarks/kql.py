"""What a transformation costs for a batch of 1 MB, over decoding the batch with `json.loads`.

In one process, in turns: the batch is decoded, then transformed. The engine's part includes reading the rows
into the stream's types and writing them as JSON values again.
"""

import gc
import json
import statistics
import time

from _common import IS_QUICK, command_line, tell
from dcrlog.kql import compile_transformation

ROUNDS = 3 if IS_QUICK else 60
ROWS = 3_300
STREAM = {
    "Time": "datetime",
    "Level": "string",
    "Message": "string",
    "Count": "long",
    "DurationMs": "real",
    "Context": "dynamic",
}
TRANSFORMATION = """source
| where Level != "DEBUG" and isnotempty(Message)
| extend TimeGenerated = todatetime(Time)
| extend Severity = case(Level == "ERROR", 3, Level == "WARNING", 4, Level == "INFO", 6, 7)
| extend User = tostring(Context.user), Region = tostring(Context["region"])
| extend Address = tostring(Context.client.address)
| extend Seconds = DurationMs / 1000
| extend IsSlow = DurationMs > 250.0
| extend Path = tostring(split(Message, " ")[1])
| extend Verb = toupper(tostring(split(Message, " ")[0]))
| extend Key = strcat(Region, "/", User)
| extend Total = Count + 1
| project TimeGenerated, Severity, User, Region, Address, Seconds, IsSlow, Path, Verb, Key, Total, Message
"""


def make_batch() -> str:
    """Return rows as JSON, of about 320 bytes each."""
    levels = ("DEBUG", "INFO", "INFO", "INFO", "WARNING", "ERROR")
    return json.dumps(
        [
            {
                "Time": f"2026-11-24T10:{number // 60 % 60:02d}:{number % 60:02d}.{number:07d}Z",
                "Level": levels[number % len(levels)],
                "Message": f"get /orders/{number} took a while; it was answered with 200 and 17 items",
                "Count": number,
                "DurationMs": number / 7,
                "Context": {
                    "user": f"user{number % 100}@example.org",
                    "region": "westeurope",
                    "client": {"address": f"10.0.{number % 256}.1", "port": 443},
                },
            }
            for number in range(ROWS)
        ]
    )


def main():
    batch = make_batch()
    transformation = compile_transformation(TRANSFORMATION, STREAM)
    decoding, transforming, ratios = [], [], []
    for _ in range(ROUNDS):
        gc.collect()
        started = time.perf_counter()
        rows = json.loads(batch)
        decoded = time.perf_counter()
        transformation.apply(rows)
        ended = time.perf_counter()
        decoding.append((decoded - started) * 1000)
        transforming.append((ended - decoded) * 1000)
        ratios.append(transforming[-1] / decoding[-1])
    started = time.perf_counter()
    compile_transformation(TRANSFORMATION, STREAM)
    compiling = (time.perf_counter() - started) * 1000
    tell(
        f"{ROWS} rows, {len(batch):,} bytes, median of {ROUNDS} rounds; compiled once in {compiling:.1f} ms",
        ["step", "ms", "times json.loads"],
        [
            ["json.loads", statistics.median(decoding), 1.0],
            ["the transformation", statistics.median(transforming), statistics.median(ratios)],
        ],
    )


if __name__ == "__main__":
    command_line(main)
