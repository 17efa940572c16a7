"""Task context for Celery: `connect()`, once, where the worker imports it."""

from contextvars import ContextVar, Token
from typing import Any

from celery import signals

from dcrlog import context

_tokens: ContextVar[tuple[Token[Any], ...]] = ContextVar("dcrlog_celery_tasks", default=())


def connect() -> None:
    """Bind `task` and `task_id` around each task; `dcrlog.context.update` adds to them.

    Called twice, it does nothing more.
    """
    # Celery holds receivers weakly; these are the module's own.
    signals.task_prerun.connect(_begin, dispatch_uid="dcrlog.context.begin")
    signals.task_postrun.connect(_end, dispatch_uid="dcrlog.context.end")


def _begin(task_id: str | None = None, task: Any = None, **_: Any) -> None:
    token = context.enter(context.Live({"task": getattr(task, "name", None), "task_id": task_id}))
    # A task that is called by another, eagerly, runs inside of it.
    _tokens.set((*_tokens.get(), token))


def _end(**_: Any) -> None:
    tokens = _tokens.get()
    if tokens:
        _tokens.set(tokens[:-1])
        context.leave(tokens[-1])
