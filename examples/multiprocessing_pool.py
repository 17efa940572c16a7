"""Processes of `multiprocessing`: each delivers its own records, under its own `InstanceId`."""

import logging.config
import multiprocessing
import sys

# At the module's level: a process that is spawned imports this module, one that is forked has it.
logging.config.dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"azure": {"class": "dcrlog.LogsIngestionHandler"}},
        "root": {"level": "INFO", "handlers": ["azure"]},
    }
)
log = logging.getLogger("shop")


def pay(number: int) -> None:
    """Log a record in a worker."""
    log.info("order %d paid", number)


if __name__ == "__main__":
    log.info("begin")
    with multiprocessing.get_context(*sys.argv[1:]).Pool(2) as pool:
        pool.map(pay, range(10))
        # The end of the block terminates the workers; these two let them end, and flush.
        pool.close()
        pool.join()
    log.info("end")
