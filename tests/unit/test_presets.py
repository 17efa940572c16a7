"""Presets for Azure tables: their columns, and the level in the words of others."""

import logging
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dcrlog import _levels
from dcrlog._presets import PRESETS
from dcrlog.errors import ConfigError
from dcrlog.settings import load
from dcrlog.tables import azure_tables

PLACE = {"endpoint": "https://a.ingest.monitor.azure.com", "rule_id": "dcr-" + "0" * 32}
FUNCTIONS = {"iif", "isempty", "strcat"}


@pytest.mark.parametrize("is_otel", [False, True])
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_fills_columns_of_its_table_with_their_types(name, is_otel):
    """What else its stream has, the transformation takes away."""
    preset = PRESETS[name]
    own = azure_tables()[preset.table]
    defaults = preset.defaults(is_otel=is_otel)
    away = set(re.findall(r"\w+", preset.transformation.rpartition("project-away ")[2]))

    assert {column for column, *_ in defaults} - own.keys() == away
    assert all(own[column] == kind for column, kind, _ in defaults if column in own)
    assert ("TimeGenerated", "datetime", "created") in defaults


@pytest.mark.parametrize("name", PRESETS)
def test_a_transformation_uses_what_azure_documents(name):
    """Three functions of the documented list, and columns that the stream has."""
    preset = PRESETS[name]
    without_text = re.sub(r'"[^"]*"', "", preset.transformation)
    called = set(re.findall(r"(\w+)\(", without_text))
    named = set(re.findall(r"[A-Z]\w+", without_text))

    assert called <= FUNCTIONS
    assert named <= {column for column, *_ in preset.defaults()}
    assert {stage.split()[0] for stage in without_text.split(" | ")} == {"source", "extend", "project-away"}


@given(st.integers(-10, 200), st.integers(0, 200))
@example(level=19, more=1)
def test_a_graver_level_is_never_told_as_less_grave(level, more):
    """In each of the systems."""
    words = ["debug", "info", "notice", "warning", "err", "crit", "alert", "emerg"]
    names = ["Verbose", "Information", "Warning", "Error", "Critical"]
    ranks = {
        "syslog_severity": words.index,
        "windows_level": lambda number: -number,
        "windows_level_name": names.index,
        "cef_severity": int,
        "severity_number": int,
    }

    assert ranks.keys() == _levels.LEVEL_FIELDS.keys()
    for field, convert in _levels.LEVEL_FIELDS.items():
        assert ranks[field](convert(level)) <= ranks[field](convert(level + more))


@pytest.mark.parametrize(
    ("level", "told"),
    [
        (logging.DEBUG, ("debug", 5, "Verbose", "1", 5)),
        (logging.INFO, ("info", 4, "Information", "3", 9)),
        (logging.WARNING, ("warning", 3, "Warning", "6", 13)),
        (logging.ERROR, ("err", 2, "Error", "8", 17)),
        (logging.CRITICAL, ("crit", 1, "Critical", "10", 21)),
        (25, ("notice", 4, "Information", "3", 12)),
        (5, ("debug", 5, "Verbose", "1", 4)),
        (19, ("debug", 5, "Verbose", "1", 8)),
        (-7, ("debug", 5, "Verbose", "1", 1)),
        (99, ("emerg", 1, "Critical", "10", 24)),
    ],
)
def test_the_usual_levels_have_the_usual_words(level, told):
    """As the tables have them."""
    fields = "syslog_severity", "windows_level", "windows_level_name", "cef_severity", "severity_number"

    assert tuple(_levels.LEVEL_FIELDS[field](level) for field in fields) == told


@pytest.mark.parametrize("given_name", ["syslog", "Syslog", " SYSLOG "])
def test_a_preset_is_named_in_whatever_case_as_argument_or_variable(given_name):
    """It says the stream's name, too, unless that is given."""
    for settings in (
        load({**PLACE, "columns": given_name}, {}),
        load(PLACE, {"DCRLOG_COLUMNS": given_name}),
    ):
        assert settings.stream_name == "Custom-Syslog"
        assert [column.name for column in settings.columns][-3:] == [
            "SyslogMessage",
            "Exception",
            "Properties",
        ]
    assert load({**PLACE, "columns": given_name, "stream_name": "Custom-A"}, {}).stream_name == "Custom-A"


def test_a_preset_that_there_is_not_is_refused_with_those_that_there_are():
    """It may be meant as a column."""
    with pytest.raises(ConfigError, match=r"columns='perf' is no preset. There are 'syslog', "):
        load({**PLACE, "columns": "perf"}, {})


def test_a_rule_says_the_columns_and_a_preset_what_fills_them():
    """Beyond the preset's own, extras do."""
    declared = [
        {"name": "TimeGenerated", "type": "datetime"},
        {"name": "SyslogMessage", "type": "string"},
        {"name": "Shop_CF", "type": "string"},
    ]
    rule = {
        "streamDeclarations": {"Custom-Mine": {"columns": declared}},
        "dataFlows": [{"streams": ["Custom-Mine"], "outputStream": "Microsoft-Syslog"}],
    }
    settings = load({**PLACE, "columns": "syslog", "rule": rule}, {})

    assert settings.stream_name == "Custom-Mine"
    assert [column.fields for column in settings.columns] == [
        ("created",), ("message",), ("Shop_CF", "shop_cf"),
    ]  # fmt: skip
