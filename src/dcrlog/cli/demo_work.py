"""What the demo's child process does: real work that logs, configured by dictConfig alone.

It parses every module of the Python standard library on this machine and logs one record a module.
It neither flushes nor closes anything: delivery at exit is the handler's business. On stdout it
tells its progress, and as the last thing of all its accounts, one JSON object a line.
"""

import ast
import atexit
import json
import logging
import logging.config
import sysconfig
import time
import warnings
from collections import Counter
from pathlib import Path

COLUMNS = {
    "ModuleName": "module_name",
    "Lines": {"field": "lines", "type": "int"},
    "Functions": {"field": "functions", "type": "int"},
    "Seconds": {"field": "seconds", "type": "real"},
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"azure": {"class": "dcrlog.LogsIngestionHandler", "columns": COLUMNS}},
    "root": {"level": "INFO", "handlers": ["azure"]},
}
MANY_LINES = 2_000

log = logging.getLogger("stdlib")


def stdlib_modules() -> list[Path]:
    """Return the source files of the standard library, without what was installed beside it."""
    folder = Path(sysconfig.get_path("stdlib"))
    return sorted(path for path in folder.rglob("*.py") if "site-packages" not in path.parts)


def parse(path: Path, name: str) -> None:
    """Parse one module and log what it holds."""
    started = time.perf_counter()
    try:
        source = path.read_bytes()
        tree = ast.parse(source)
    except (SyntaxError, ValueError, OSError, RecursionError):
        log.exception("cannot parse %s", name, extra={"module_name": name})
        return
    lines = source.count(b"\n")
    kinds = Counter(type(node) for node in ast.walk(tree))
    found = {
        "module_name": name,
        "lines": lines,
        "functions": kinds[ast.FunctionDef] + kinds[ast.AsyncFunctionDef],
        "classes": kinds[ast.ClassDef],
        "seconds": time.perf_counter() - started,
    }
    level = logging.WARNING if lines > MANY_LINES else logging.INFO
    log.log(level, "parsed %s: %d lines", name, lines, extra=found)


def main() -> None:
    """Do the work, and leave delivery to the exit."""
    # Registered before dcrlog is imported, it runs after dcrlog's own exit hook: the accounts are final.
    atexit.register(_tell_accounts)
    warnings.simplefilter("ignore", SyntaxWarning)
    logging.config.dictConfig(LOGGING)
    paths = stdlib_modules()
    _tell(of=len(paths))
    folder = Path(sysconfig.get_path("stdlib"))
    for number, path in enumerate(paths, 1):
        parse(path, str(path.relative_to(folder)))
        _tell(logged=number)


def _tell_accounts() -> None:
    from dcrlog import LogsIngestionHandler

    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogsIngestionHandler):
            stats = handler.stats()
            told = {name: getattr(stats, name) for name in stats.__slots__}
            _tell(stats=told | {"dropped": dict(stats.dropped)})


def _tell(**news: object) -> None:
    print(json.dumps(news), flush=True)


if __name__ == "__main__":
    main()
