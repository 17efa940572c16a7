"""How a type checker sees the public surface. Only checked, never run."""

import logging
from collections.abc import Mapping
from typing import assert_type

from dcrlog import ConfigError, DcrlogError, DropReason, LogsIngestionHandler, Rule, Stats, Stream


def a_handler_is_a_logging_handler(handler: LogsIngestionHandler) -> logging.Handler:
    """It goes wherever the standard library takes a handler."""
    assert_type(handler.flush(timeout=1.0), bool)
    assert_type(handler.stats(), Stats)
    return handler


def drops_are_counted_by_reason(stats: Stats) -> None:
    """Plain numbers, and a mapping that nobody can write to."""
    assert_type(stats.dropped, Mapping[DropReason, int])
    assert_type(stats.accepted, int)


def a_wrong_setting_is_a_value_error(error: ConfigError) -> tuple[DcrlogError, ValueError]:
    """It can be caught as either."""
    return error, error


def a_rule_has_streams(rule: Rule) -> Stream:
    """By name."""
    return rule.stream("Custom-AppLogs")
