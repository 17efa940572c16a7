"""asyncio: a logging call never waits, so coroutines log as functions do."""

import asyncio
import logging.config

from dcrlog import ends

logging.config.dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"azure": {"class": "dcrlog.LogsIngestionHandler"}},
        "root": {"level": "INFO", "handlers": ["azure"]},
    }
)
log = logging.getLogger("shop")


async def pay(number: int) -> None:
    """Log two records with other tasks between them."""
    log.info("order %d begun", number)
    await asyncio.sleep(0)
    log.info("order %d paid", number)


async def main() -> None:
    """Run tasks side by side. A flush, should one be needed, waits: so it goes into a thread."""
    await asyncio.gather(*map(pay, range(10)))
    await asyncio.to_thread(ends.flush, 5.0)


asyncio.run(main())
