"""Ten million records through one handler: each is counted once, and memory stays where it was."""

import json

import pytest

PROGRAM = """
import json, logging, os
from pathlib import Path
from dcrlog import LogsIngestionHandler
from dcrlog.testing import Answer

MILLIONS = 10

class Discard:
    def send(self, body, *, request_id, timeout):
        return Answer(status=204, request_id=request_id)

    def close(self):
        pass

def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

handler = LogsIngestionHandler(sender=Discard(), on_full="block", close_timeout=60)
log = logging.getLogger("soak")
log.propagate = False
log.setLevel(logging.INFO)
log.addHandler(handler)
memory = []
for million in range(MILLIONS):
    peak = 0.0
    for number in range(1_000_000):
        log.info("order %s paid", number, extra={"tenant": "contoso", "amount": 12.5})
        if number % 50_000 == 0:
            peak = max(peak, resident())
    memory.append(peak)
assert handler.flush(60)
stats = handler.stats()
print(json.dumps({"memory": memory, "accepted": stats.accepted, "delivered": stats.delivered}))
"""


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_ten_million_records_leave_memory_flat(run):
    """The last million has no more memory than the first ones, but for what the allocator keeps."""
    told = json.loads(run(PROGRAM, preamble="", seconds=1_700).stdout)

    print(f"MiB at the peak of each million: {[round(peak) for peak in told['memory']]}")
    assert told["accepted"] == told["delivered"] == 10_000_000
    assert max(told["memory"][5:]) <= max(told["memory"][:2]) + 8
