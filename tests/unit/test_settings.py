"""Options: from arguments, from the environment, and what is wrong with them."""

import json
import logging
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcrlog._environment import _READERS, read_options
from dcrlog.errors import ConfigError, ConfigWarning
from dcrlog.rules import Rule
from dcrlog.settings import OPTIONS, AccountRows, OnFull, load

ID = "dcr-" + "0" * 32
ENDPOINT = "https://a.ingest.monitor.azure.com"
PLACE = {"endpoint": ENDPOINT, "rule_id": ID}
RULE = {
    "immutableId": ID,
    "endpoints": {"logsIngestion": ENDPOINT},
    "streamDeclarations": {"Custom-A": {"columns": [{"name": "TimeGenerated", "type": "datetime"}]}},
    "dataFlows": [{"streams": ["Custom-A"], "outputStream": "Custom-A_CL"}],
}


def drop_nothing(reason, count):
    """A callable with a path, for on_drop."""


WRITTEN = {
    "endpoint": ("https://b.ingest.monitor.azure.us", "https://b.ingest.monitor.azure.us"),
    "rule_id": ("dcr-" + "a" * 32, "dcr-" + "a" * 32),
    "stream_name": ("Custom-Other", "Custom-Other"),
    "credential": ('{"()": "package.factory"}', {"()": "package.factory"}),
    "enabled": ("off", False),
    "level": ("warning", logging.WARNING),
    "capacity": ("4194304", 4_194_304),
    "flush_interval": ("0.5", 0.5),
    "close_timeout": ("0", 0.0),
    "on_full": ("block", OnFull.BLOCK),
    "block_timeout": ("1e1", 10.0),
    "max_senders": ("2", 2),
    "redact": ("no", None),
    "on_drop": ("json:dumps", json.dumps),
    "account_rows": ("never", AccountRows.NEVER),
    "spool_capacity": ("9000000", 9_000_000),
    "fsync": ("YES", True),
    "flush_on_sigterm": ("true", True),
}


def test_every_option_can_be_written_in_the_environment():
    """OpenTelemetry's start from the environment alone needs each."""
    assert set(_READERS) == OPTIONS


@pytest.mark.parametrize("option", WRITTEN)
def test_an_option_is_read_from_its_variable(option):
    """DCRLOG_ and the option's name."""
    text, expected = WRITTEN[option]
    settings = load({}, {f"DCRLOG_{key.upper()}": value for key, value in {**PLACE, option: text}.items()})

    made = getattr(settings, option)
    if option == "endpoint":
        made = settings.endpoint.url
    assert made == expected


def test_the_options_that_are_no_setting_are_read_from_their_variables(tmp_path):
    """The rule's path, the columns as JSON and the audience."""
    (tmp_path / "dcr.json").write_text(json.dumps(RULE), encoding="utf-16")
    environment = {
        "DCRLOG_RULE": str(tmp_path / "dcr.json"),
        "DCRLOG_COLUMNS": '{"TimeGenerated": "asctime"}',
        "DCRLOG_AUDIENCE": "https://other.example",
    }
    settings = load({}, environment)

    assert settings.columns[0].fields == ("asctime",)
    assert settings.endpoint.audience == "https://other.example"
    assert (settings.rule_id, settings.stream_name) == (ID, "Custom-A")


def test_the_columns_of_a_request_can_be_asked_for_by_their_variable():
    """A word, where other columns are JSON."""
    environment = {"DATA_COLLECTION_ENDPOINT": ENDPOINT, "LOGS_DCR_RULE_ID": ID}

    assert load({}, {**environment, "DCRLOG_COLUMNS": " request\n"}).columns == load(
        {"columns": "request"}, environment
    ).columns  # fmt: skip
    with pytest.raises(ConfigError, match=r"'requests' is no preset. There are .*, 'request'"):
        load({}, {**environment, "DCRLOG_COLUMNS": "requests"})


def test_the_names_of_the_official_samples_are_read():
    """Who has run a sample of azure-monitor-ingestion has nothing to set."""
    environment = {
        "DATA_COLLECTION_ENDPOINT": ENDPOINT,
        "LOGS_DCR_RULE_ID": ID,
        "LOGS_DCR_STREAM_NAME": "Custom-Mine",
    }
    settings = load({}, environment)

    assert (settings.endpoint.url, settings.rule_id, settings.stream_name) == (ENDPOINT, ID, "Custom-Mine")
    assert load({}, {**environment, "DCRLOG_STREAM_NAME": "Custom-Own"}).stream_name == "Custom-Own"


@pytest.mark.parametrize("option", ["max_senders", "capacity", "level"])
def test_an_argument_beats_the_environment(option):
    """And an argument of None counts as not given."""
    environment = {f"DCRLOG_{option.upper()}": "3000000" if option == "capacity" else "3"}

    assert getattr(
        load({**PLACE, option: 7_000_000 if option == "capacity" else 7}, environment), option
    ) in {7, 7_000_000}
    assert getattr(load({**PLACE, option: None}, environment), option) in {3, 3_000_000}


@pytest.mark.parametrize("missing", [{}, {"endpoint": ENDPOINT}, {"rule_id": ID}])
def test_a_missing_destination_names_all_three_settings(missing):
    """Argument and variable of each, and the way to switch the handler off."""
    with pytest.raises(ConfigError) as raised:
        load(missing, {})
    for name in ("endpoint", "rule_id", "stream_name", "DATA_COLLECTION_ENDPOINT", "LOGS_DCR_RULE_ID",
                 "LOGS_DCR_STREAM_NAME", "enabled=False"):  # fmt: skip
        assert name in str(raised.value)


def test_a_handler_that_is_switched_off_needs_nothing():
    """Local development has no endpoint."""
    assert load({"enabled": False, "rule": "nowhere.json"}, {}).endpoint is None
    assert load({}, {"DCRLOG_ENABLED": "false"}).enabled is False
    with pytest.raises(ConfigError, match=r"endpoint is not set.*DCRLOG_ENABLED=false"):
        load({}, {})


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("endpoint", 5), ("rule_id", 5), ("rule_id", "my-rule"), ("stream_name", 5),
        ("stream_name", "AppLogs"),
        ("audience", 5), ("columns", 5), ("columns", "a"), ("columns", {5: "a"}), ("columns", {"ab": 5}),
        ("rule", 5), ("rule", "/no/such/file"), ("rule", "a\0b"), ("rule", "/"), ("rule", {}),
        ("rule", {5: 5}),
        ("enabled", 1), ("enabled", "yes"), ("level", "LOUD"), ("level", 1.5), ("level", True), ("level", []),
        ("capacity", 1), ("capacity", 1e9), ("capacity", True), ("capacity", "64 MiB"), ("flush_interval", 0),
        ("flush_interval", float("nan")), ("flush_interval", True), ("close_timeout", -1),
        ("close_timeout", "5"),
        ("close_timeout", float("inf")), ("on_full", "drop"), ("on_full", []),
        ("block_timeout", None.__class__),
        ("max_senders", 0), ("max_senders", 65), ("redact", 5), ("redact", {"key": []}), ("on_drop", 5),
        ("account_rows", ""), ("spool_dir", 5), ("spool_dir", ""), ("spool_capacity", 0), ("fsync", "true"),
        pytest.param("close_timeout", 10**400, id="close_timeout-huge"),
        pytest.param("capacity", -(10**5000), id="capacity-huge"),
        pytest.param("flush_interval", 10**5000, id="flush_interval-huge"),
    ],
)  # fmt: skip
def test_a_bad_argument_is_a_config_error_that_names_the_option(option, value):
    """Nothing else is raised, and the message says which option."""
    with pytest.raises(ConfigError, match=option.rstrip("s").replace("_", ".")):
        load({**PLACE, option: value}, {})


@pytest.mark.parametrize(
    ("option", "text", "remedy"),
    [
        ("enabled", "maybe", "write true or false"), ("capacity", "64MiB", "write a whole number"),
        ("capacity", "9" * 5_000, "write a whole number"), ("flush_interval", "soon", "write a number"),
        ("flush_interval", "nan", "must be seconds"), ("columns", "{", "Expecting"),
        ("columns", "[]", "must map"),
        ("columns", "[" * 100_000, "RecursionError"), ("redact", "nothing", "not a dotted path"),
        ("redact", "no.such.module", "No module"), ("on_drop", "json.nothing", "has no attribute"),
        ("on_drop", "..x.y", "package"), ("on_drop", "5:5", "No module"), ("level", "LOUD", "INFO"),
        ("on_full", "drop", "'drop_newest', 'drop_oldest', 'block'"), ("max_senders", "0", "from 1 to 64"),
        ("credential", "{", "cannot be read"), ("rule", "/no/such/file", "No such file"),
    ],
)  # fmt: skip
def test_a_bad_variable_is_a_config_error_with_the_remedy(option, text, remedy):
    """What cannot be read is told with the variable or option and what to write."""
    with pytest.raises(ConfigError) as raised:
        load(PLACE, {f"DCRLOG_{option.upper()}": text})
    assert option in str(raised.value).lower()
    assert remedy in str(raised.value)
    assert len(str(raised.value)) < 700


def test_a_module_that_fails_on_import_is_a_config_error(tmp_path, monkeypatch):
    """A path in the environment runs other people's code."""
    (tmp_path / "dcrlog_failing.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(
        ConfigError, match=r"DCRLOG_ON_DROP='dcrlog_failing\.f' cannot be read: ZeroDivisionError"
    ):
        load(PLACE, {"DCRLOG_ON_DROP": "dcrlog_failing.f"})


@pytest.mark.parametrize("credential", ["hunter2", {"client_secret": "hunter2"}, ["hunter2"]])
def test_a_credential_is_not_repeated_in_a_message(credential):
    """What is given in the wrong place may be the secret itself."""
    with pytest.raises(ConfigError, match="credential must be") as raised:
        load({**PLACE, "credential": credential}, {})
    assert "hunter2" not in str(raised.value)
    with pytest.raises(ConfigError, match="DCRLOG_CREDENTIAL") as raised:
        load(PLACE, {"DCRLOG_CREDENTIAL": '{"client_secret": hunter2'})
    assert "hunter2" not in str(raised.value)


def test_a_level_of_the_applications_own_is_known_as_it_is_spelled():
    """logging.addLevelName takes any spelling, and so do setLevel and we."""
    logging.addLevelName(5, "trace")

    assert load({**PLACE, "level": "trace"}, {}).level == 5
    assert load(PLACE, {"DCRLOG_LEVEL": "trace"}).level == 5
    assert load(PLACE, {"DCRLOG_LEVEL": " info "}).level == 20


def test_a_rule_gives_endpoint_id_and_stream():
    """A rule of kind Direct needs no other setting."""
    for given_rule in (RULE, Rule.parse(RULE)):
        settings = load({"rule": given_rule}, {})
        assert (settings.endpoint.url, settings.rule_id, settings.stream_name) == (ENDPOINT, ID, "Custom-A")


def test_a_rule_with_several_streams_asks_which():
    """An empty name is no answer."""
    streams = {**RULE["streamDeclarations"], "Custom-B": RULE["streamDeclarations"]["Custom-A"]}
    rule = {
        **RULE,
        "streamDeclarations": streams,
        "dataFlows": [{"streams": list(streams), "outputStream": "Custom-A_CL"}],
    }

    for name in (None, ""):
        with pytest.raises(ConfigError, match="set stream_name to one of Custom-A, Custom-B"):
            load({"rule": rule, "stream_name": name}, {})
    assert load({"rule": rule, "stream_name": "Custom-B"}, {}).stream_name == "Custom-B"
    with pytest.raises(ConfigError, match="no stream 'Custom-C'"):
        load({"rule": rule, "stream_name": "Custom-C"}, {})


def test_a_stream_that_cannot_stand_in_a_url_is_refused_even_if_declared():
    """It would be another path of the service."""
    rule = json.loads(json.dumps(RULE).replace('Custom-A"', 'Custom-A/../B"'))
    with pytest.raises(ConfigError, match=r"stream name 'Custom-A/\.\./B'"):
        load({"rule": rule}, {})


def test_the_remarks_of_a_rule_are_warned_about():
    """They are no errors, since Azure takes such rules."""
    rule = json.loads(json.dumps(RULE).replace('Custom-A"', 'Bare"'))
    with pytest.warns(ConfigWarning, match="wants 'Custom-'"):
        load({"rule": rule}, {})


def test_an_unreadable_rule_file_is_named(tmp_path):
    """Path and reason."""
    path = Path(tmp_path / "dcr.json")
    path.write_bytes(b"{")
    with pytest.raises(ConfigError, match=re.escape(str(path)) + ".*not valid JSON"):
        load({"rule": path}, {})


class _BytesPath:
    def __fspath__(self):
        return b"x"


def test_a_path_of_bytes_is_a_config_error():
    """os.PathLike promises too much."""
    with pytest.raises(ConfigError, match="rule file"):
        load({"rule": _BytesPath()}, {})


@given(
    environment=st.dictionaries(
        st.sampled_from([f"DCRLOG_{name.upper()}" for name in OPTIONS]), st.text(max_size=12)
    )
)
def test_any_environment_is_read_or_refused_with_config_error(environment):
    """Nothing else is raised, whatever the variables hold."""
    try:
        read_options(environment)
        load(PLACE, environment)
    except ConfigError:
        return


odd_values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.lists(st.none(), max_size=1)
)


@given(options=st.dictionaries(st.sampled_from(sorted(OPTIONS)), odd_values))
def test_any_argument_is_taken_or_refused_with_config_error(options):
    """Nothing else is raised, whatever the caller gives."""
    try:
        load({**PLACE, **options}, {})
    except ConfigError:
        return


def test_a_spool_without_identities_is_warned_of():
    """Copies could not be told apart."""
    with pytest.warns(ConfigWarning, match="takes InstanceId and Seq"):
        load({**PLACE, "rule": RULE, "spool_dir": "spool"}, {})


def test_a_spool_with_identities_is_not_warned_of(recwarn):
    """The default columns have both."""
    load({**PLACE, "spool_dir": "spool"}, {})

    assert not recwarn.list
