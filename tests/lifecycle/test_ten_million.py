"""Ten million records through one handler: each is counted once, and memory stays where it was."""

import json

import pytest

PROGRAM = """
import json, logging, os, time, zlib
from pathlib import Path
from dcrlog import LogsIngestionHandler
from dcrlog.testing import Answer

MILLIONS = 10

class Counting:
    rows = 0

    def send(self, body, *, request_id, timeout):
        self.rows += zlib.decompress(body, wbits=31).count(b'"InstanceId":')
        return Answer(status=204, request_id=request_id)

    def close(self):
        pass

def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

sender = Counting()
handler = LogsIngestionHandler(sender=sender, max_senders=1, on_full="block", close_timeout=60)
log = logging.getLogger("soak")
log.propagate = False
log.setLevel(logging.INFO)
log.addHandler(handler)
memory, costs = [], []
for million in range(MILLIONS):
    peak, started = 0.0, time.process_time()
    for number in range(1_000_000):
        log.info("order %s paid", number, extra={"tenant": "contoso", "amount": 12.5})
        if number % 50_000 == 0:
            peak = max(peak, resident())
    memory.append(peak)
    costs.append(time.process_time() - started)
assert handler.flush(60)
stats = handler.stats()
counted = {"accepted": stats.accepted, "delivered": stats.delivered, "sent": sender.rows}
print(json.dumps({"memory": memory, "costs": costs, "counted": counted}))
"""


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_ten_million_records_leave_memory_flat(run):
    """The last million has no more memory than the first ones, but for what the allocator keeps."""
    told = json.loads(run(PROGRAM, preamble="", seconds=1_700).stdout)

    print(f"MiB at the peak of each million: {[round(peak) for peak in told['memory']]}")
    print(f"CPU us a record, packing and unpacking too: {[round(cost, 2) for cost in told['costs']]}")
    assert set(told["counted"].values()) == {10_000_000}
    assert max(told["memory"][5:]) <= max(told["memory"][:2]) + 8
