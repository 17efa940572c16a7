"""FastAPI. Run it with `uvicorn main:app --log-config log.json`."""

import logging

from fastapi import FastAPI

from dcrlog.ends import FlushAtShutdown

log = logging.getLogger("shop")
app = FastAPI()
app.add_middleware(FlushAtShutdown)


@app.get("/orders/{number}")
async def pay(number: int) -> dict[str, int]:
    """Log a record with a field of its own."""
    log.info("order %d paid", number, extra={"amount": 12.5})
    return {"paid": number}
