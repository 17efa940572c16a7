"""This tree beside another commit, in turns: `python benchmarks/_compare.py COMMIT`.

Both are measured by the benchmarks of this tree, each time in processes of their own.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from _common import IS_QUICK, command_line, tell
from _peers import OURS
from _service import sink
from end_to_end import RECORDS, WARM_UP
from end_to_end import measure as measure_path
from start import PROGRAMS, bytecode
from start import measure as measure_start

ROUNDS = 1 if IS_QUICK else 6
STARTS = 2 if IS_QUICK else 10
HERE = Path(__file__).parent
ROOT = HERE.parent


def source_of(commit, directory):
    """Write a commit's source to a directory and return where it is."""
    command = ["git", "archive", commit, "src"]
    archive = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if archive.returncode:
        sys.exit(f"{commit} is no commit of this repository")
    subprocess.run(["tar", "-x", "-C", str(directory)], input=archive.stdout, check=True)
    return Path(directory) / "src"


def use(source):
    """Let the processes to come import dcrlog from a place, and see that they do."""
    os.environ["PYTHONPATH"] = str(source)
    command = [sys.executable, "-c", "import dcrlog; print(dcrlog.__file__)"]
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    if source not in Path(found).parents:
        sys.exit(f"{found} is not in {source}")


def measure(service):
    """Return the figures of the source that is in use."""
    command = [sys.executable, str(HERE / "emit.py"), "--json", *["--quick"] * IS_QUICK]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    found = {
        f"logger.info, {name}: x NullHandler": ratio
        for name, _, _, ratio in json.loads(done.stdout)["rows"][1:3]
    }
    for producers in (1, 4):
        told = measure_path(service, HERE / "end_to_end.py", OURS, producers, RECORDS)
        found[f"end to end, {producers} producers: records/s"] = told["rate"]
        found[f"end to end, {producers} producers: CPU us/record"] = told["cpu"]
    with bytecode():
        measure_start(PROGRAMS[OURS])
        over = [measure_start(PROGRAMS[OURS])[1] - measure_start("pass")[1] for _ in range(STARTS)]
    return found | {"start: CPU ms over import logging": statistics.median(over)}


def main():
    base = next(argument for argument in sys.argv[1:] if not argument.startswith("-"))
    with tempfile.TemporaryDirectory() as directory, sink() as service:
        sources = {base: source_of(base, Path(directory).resolve()), "here": ROOT / "src"}
        found = {name: [] for name in sources}
        for source in sources.values():
            # Or the first would be the one that compiles the SDK.
            use(source)
            measure_path(service, HERE / "end_to_end.py", OURS, 1, WARM_UP)
        for number in range(ROUNDS):
            for name in sorted(sources, reverse=number % 2 == 1):
                use(sources[name])
                found[name].append(measure(service))
    rows = []
    for what in found["here"][0]:
        pairs = [(old[what], new[what]) for old, new in zip(found[base], found["here"], strict=True)]
        before, after = (statistics.median(side) for side in zip(*pairs, strict=True))
        rows.append([what, before, after, statistics.median(new / old for old, new in pairs)])
    tell(f"{base} and this tree, {ROUNDS} rounds", ["", base, "here", "here / there (median, paired)"], rows)


if __name__ == "__main__":
    command_line(main, None, "base")
