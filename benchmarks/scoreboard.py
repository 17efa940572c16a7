"""Records lost of 1,000 in bad moments, by dcrlog and its peers as they are set up by default.

Each pipeline runs as a program of its own against a service of its own: a sink, which is the oracle. A
record is lost when, after the program has ended, it is neither there nor in a file of the pipeline's. For one
that leaves files another program has run at the same place before, which logs one record more, lives for some
seconds and may deliver what the first has left. An exit is measured from the end of the program's own code.
The table is Markdown.
"""

import contextlib
import functools
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from _common import EXTRAS, IS_QUICK, command_line, logger_with, tell
from _peers import AZURE_MONITOR, LISTENER, OTEL, OURS, SPOOL, installed, make
from _service import Certificate, Service, sink

RECORDS = 1_000
AFTER = RECORDS
PACE = 1_000 if IS_QUICK else 100
OUTAGE = 1 if IS_QUICK else 30
LONGEST_EXIT = 7 if IS_QUICK else 35
LONGEST = 120
ROUNDS = 1 if IS_QUICK else 3
AGAIN = "again"
LEAVES_FILES = (SPOOL, AZURE_MONITOR)
ENDED = "ended"
RUNNING = set()


def log(logger, number, **unusual):
    extra = EXTRAS | {"count": number} | unusual
    logger.info("user %s did %s", "alice@example.org", "checkout", extra=extra)


def log_all(logger, first=0, count=RECORDS, pace=None, unusual=()):
    """Log records, `pace` of them a second, the one in the middle with unusual values."""
    started = time.perf_counter()
    for number in range(first, first + count):
        if pace:
            time.sleep(max(0.0, started + (number - first) / pace - time.perf_counter()))
        log(logger, number, **(dict(unusual) if number == RECORDS // 2 else {}))


def kill(logger):
    log_all(logger)
    os.kill(os.getpid(), signal.SIGKILL)


def terminate(logger):
    log_all(logger, pace=2 * PACE)
    os.kill(os.getpid(), signal.SIGTERM)


def fork(logger):
    log_all(logger, count=RECORDS // 2)
    child = os.fork()
    if not child:
        log_all(logger, first=RECORDS // 2, count=RECORDS // 2)
        sys.exit()
    os.waitpid(child, 0)


def outage(logger):
    """Log evenly while connections are refused, and for a third of that time afterwards."""
    log_all(logger, pace=RECORDS / (OUTAGE * 4 / 3))


def poison(logger):
    log_all(logger, pace=PACE, unusual={"request_id": "poison"})


def not_a_number(logger):
    log_all(logger, pace=PACE, unusual={"duration_ms": float("nan")})


def again(logger):
    """Run after the program, where it ran: what it has left on the disk is delivered."""
    log(logger, AFTER)
    time.sleep(1 if IS_QUICK else 3)


PROGRAMS = {
    "nothing goes wrong": log_all,
    "kill -9 after the last": kill,
    "SIGTERM after the last": terminate,
    "forked child": fork,
    "connections refused": outage,
    "one poisoned row": poison,
    "exit, server hangs": log_all,
    "NaN among the values": not_a_number,
}
CONTROL = "nothing goes wrong"
HANGING = "exit, server hangs"
REFUSED = "connections refused"


def run(name, scenario, endpoint, directory):
    logging.getLogger("azure").setLevel(logging.CRITICAL)
    pipeline = make(name, endpoint, directory=directory, batch=100, on_full="drop_newest")
    PROGRAMS.get(scenario, again)(logger_with("scoreboard", pipeline.handler))
    Path(directory, ENDED).touch()


def start(name, scenario, service, directory):
    """Start a program; what it has to say is said by its losses."""
    command = [sys.executable, __file__, *sys.argv[1:], "--run", name, scenario, service.endpoint, directory]
    program = subprocess.Popen(
        command, env=service.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    RUNNING.add(program)
    return program


def end(program, longest):
    """Wait for a program's end; return whether it came by itself."""
    try:
        program.wait(longest)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
        return False
    finally:
        RUNNING.discard(program)
    return True


def measure(certificate, case):
    """Run a scenario; return how many are lost, came twice or are on the disk, and the exit's seconds."""
    name, scenario = case
    # Bound all the time, so that nobody else gets the port; who connects is refused until a sink listens.
    with (
        tempfile.TemporaryDirectory() as directory,
        socket.socket() as listener,
        contextlib.ExitStack() as life,
    ):
        listener.bind(("127.0.0.1", 0))
        spool = Path(directory, "spool")
        spool.mkdir()
        service = Service(f"https://localhost:{listener.getsockname()[1]}", certificate.bundle)

        def serve(*options):
            life.close()
            life.enter_context(sink("--check", *options, certificate=certificate, listener=listener))

        if scenario != REFUSED:
            serve(*["--hang"] * (scenario == HANGING))
        program = start(name, scenario, service, str(spool))
        if scenario == REFUSED:
            time.sleep(OUTAGE)
            serve()
        has_ended = end(program, LONGEST_EXIT if scenario == HANGING else LONGEST)
        ended = spool / ENDED
        seconds = time.time() - ended.stat().st_mtime if has_ended and ended.exists() else None
        if scenario == HANGING:
            serve()
        if name in LEAVES_FILES:
            end(start(name, AGAIN, service, str(spool)), LONGEST)
        account = service.account("numbers")
        kept = sum(len(path.read_bytes().splitlines()) for path in spool.rglob("*.blob*"))
    missing = RECORDS - len(set(account["numbers"]) - {AFTER})
    if scenario == CONTROL and (missing or account["incomplete"] or program.returncode):
        sys.exit(f"{name} ends with {program.returncode}, and loses {missing} where nothing goes wrong")
    return {
        "lost": missing - kept,
        "twice": account["rows"] - account["distinct"],
        "kept": kept,
        "hangs": not has_ended,
        "seconds": seconds,
    }


def cell(scenario, results):
    """Tell the losses of all rounds, once where they agree."""
    lost = [str(one["lost"]) for one in results]
    text = lost[0] if len(set(lost)) == 1 else ", ".join(lost)
    for key, words in (("twice", "twice"), ("kept", "left on disk")):
        most = max(one[key] for one in results)
        text += f" ({most} {words})" if most else ""
    if any(one["hangs"] for one in results):
        return f"{text}, **hangs**"
    return f"{text}, exit {max(one['seconds'] for one in results):.1f} s" if scenario == HANGING else text


def main():
    names, absent = installed((OURS, SPOOL, LISTENER, OTEL, AZURE_MONITOR))
    # The longest are near the end of the table.
    cases = [(name, scenario) for scenario in reversed(PROGRAMS) for name in names] * ROUNDS
    found = {case: [] for case in cases}
    # They wait most of the time.
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(8) as pool:
        results = pool.map(functools.partial(measure, Certificate(directory)), cases)
        try:
            for case, result in zip(cases, results, strict=True):
                found[case].append(result)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for program in list(RUNNING):
                program.kill()
            raise
    tell(
        f"Records lost of {RECORDS}, {ROUNDS} rounds{absent}",
        ["", *names],
        [[scenario, *(cell(scenario, found[name, scenario]) for name in names)] for scenario in PROGRAMS],
    )


if __name__ == "__main__":
    command_line(main, run)
