"""`dcrlog doctor` reads the options from wherever an application has them."""

import json

import pytest

from findings import STEPS, finding, states

LOGGING = {
    "version": 1,
    "handlers": {
        "console": {"class": "logging.StreamHandler"},
        "azure": {"class": "dcrlog.LogsIngestionHandler", "level": "INFO", "stream_name": "Custom-Other"},
    },
    "root": {"handlers": ["console", "azure"]},
}


def test_a_dict_config_says_the_options(doctor, tmp_path):
    """As JSON, or as a name in a module; a flag comes first."""
    (tmp_path / "logging.json").write_text(json.dumps(LOGGING))
    (tmp_path / "shop_logging.py").write_text(f"CONFIG = {LOGGING!r}")

    for where in ("logging.json", "shop_logging:CONFIG"):
        status, told = doctor("--dict-config", where)
        assert status == 1
        assert "the rule declares no stream 'Custom-Other'" in finding(told, "probe")
        assert "handler 'azure' of " in finding(told, "settings", "ok")
    assert doctor("--dict-config", "logging.json", "--stream", "Custom-AppLogs")[0] == 0


def test_the_settings_of_django_say_the_options(doctor, tmp_path):
    """The module is imported, and LOGGING read; Django itself is not needed."""
    (tmp_path / "shop_settings.py").write_text(f"LOGGING = {LOGGING!r}")
    status, told = doctor("--django", "shop_settings", "--stream", "Custom-AppLogs")

    assert status == 0
    assert "handler 'azure' of LOGGING of shop_settings" in finding(told, "settings", "ok")


HANDLERS = LOGGING["handlers"]
ROOT = LOGGING["root"]
OURS = HANDLERS["azure"]
QUEUE = {"class": "logging.handlers.QueueHandler", "handlers": ["azure"]}
MEMORY = {"class": "logging.handlers.MemoryHandler", "capacity": 1, "target": "azure"}


def config(azure=OURS, **changed):
    """The configuration, with another handler, or with other sections."""
    made = {**LOGGING, "handlers": {**HANDLERS, "azure": {**OURS, **azure}}, **changed}
    return {name: section for name, section in made.items() if section is not None}


@pytest.fixture
def read(doctor, tmp_path):
    """Let the doctor read a configuration; what it says of the settings, and whether it is content."""

    def run(content, *arguments, name="logging.json"):
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / name).write_text(text, encoding="utf-8")
        status, told = doctor("--dict-config", name, "--offline", *arguments)
        return status, [
            f"{each['text']} -> {each['remedy']}"
            for each in told["findings"][1:]
            if each["step"] == "settings"
        ]

    return run


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (config(root=None), "no logger has the handler 'azure', so no record reaches it"),
        (config(root={"handlers": "azure"}), "no logger has the handler 'azure'"),
        (config(root={"handlers": "z"}, handlers={"z": OURS}), "no logger has the handler 'z'"),
        (config(root=5), "no logger has the handler 'azure'"),
        (config(root=None, loggers=[5]), "no logger has the handler 'azure'"),
        (config(root=None, loggers={"shop": 5}), "no logger has the handler 'azure'"),
        (
            config(root={"handlers": ["queue"]}, handlers={"azure": OURS, "q": QUEUE}),
            "no logger has the handler",
        ),
        (
            config(handlers={"console": {}}),
            "has no handler of the class dcrlog.LogsIngestionHandler. It has: console",
        ),
        (config(handlers=None), "It has: none"),
        (config(handlers={"azure": 5}), "It has: azure"),
        (config(handlers=[5]), '"handlers" must map names to handlers, got [5]'),
        (
            config(handlers={"a": OURS, "b": OURS}),
            "has several handlers of dcrlog: add --handler, one of a, b",
        ),
        (
            config({"stream": 1}),
            "has no option 'stream' -> Leave it out. There are: account_rows, audience, ",
        ),
        (config({"formatter": "json"}), "names 'json', which 'formatters' does not have"),
        (config({"filters": ["thin"]}), "names 'thin', which 'filters' does not have"),
        (config({"level": "LOUD"}), "level must be a number or a name such as 'INFO', got 'LOUD'"),
        (config({"credential": "ext://nowhere.it"}), "'azure' cannot be made: Cannot resolve 'nowhere.it'"),
        (config(version=None), '"version" is None, so logging refuses it -> Write "version": 1'),
        ([], "is no dictionary for dictConfig, but []. Give one."),
        ("{", "is no dictConfig in JSON: Expecting property name"),
        ("[" * 100_000, "is no dictConfig in JSON: "),
    ],
)
def test_what_is_wrong_around_the_handler_is_told(read, content, told):
    """A configuration that reaches no record is the quietest failure of all."""
    status, lines = read(content)

    assert status == 1
    assert any(told in line for line in lines), lines


@pytest.mark.parametrize(
    "content",
    [
        config(root=None, loggers={"shop": {"handlers": ["azure"]}}),
        config(root={"handlers": ["queue"]}, handlers={"azure": OURS, "queue": QUEUE}),
        config(root={"handlers": ["memory"]}, handlers={"azure": OURS, "memory": MEMORY}),
        config(
            root={"handlers": ["a"]},
            handlers={"azure": OURS, "a": {**QUEUE, "handlers": ["a", "b"]}, "b": QUEUE},
        ),
        config({"formatter": "json", "filters": ["thin"]}, formatters={"json": {}}, filters={"thin": {}}),
        config({"class": "dcrlog.handler.LogsIngestionHandler"}),
        {
            **config(),
            "handlers": {"azure": {"()": "dcrlog.LogsIngestionHandler"}, "console": HANDLERS["console"]},
        },
    ],
)
def test_what_reaches_the_handler_in_another_way_is_well(read, content):
    """By a logger below the root, or through handlers that hand on."""
    status, lines = read(content)

    assert status == 0, lines


def test_a_class_or_a_factory_of_ones_own_is_found(read, tmp_path):
    """A class by what it is made of; a factory where somebody names the handler, for only it knows."""
    (tmp_path / "shop_handlers.py").write_text(
        "from dcrlog import LogsIngestionHandler\nclass Mine(LogsIngestionHandler): pass\ndef make(): ...\n"
    )
    assert read({**config(), "handlers": {"azure": {"class": "shop_handlers.Mine"}}})[0] == 0

    made = {**config(), "handlers": {"azure": {"()": "shop_handlers.make"}, "console": HANDLERS["console"]}}
    assert "has no handler of the class" in read(made)[1][0]
    assert read(made, "--handler", "azure")[0] == 0
    assert "no handler 'console' of the class" in read(config(), "--handler", "console")[1][0]
    assert "no handler 'other' of the class" in read(config(), "--handler", "other")[1][0]


def test_yaml_is_read_as_json_is(read):
    """As uvicorn takes it."""
    text = "version: 1\nhandlers:\n  azure: {class: dcrlog.LogsIngestionHandler}\nroot: {handlers: [azure]}\n"

    assert read(text, name="logging.yaml")[0] == 0
    assert "is no dictConfig in YAML: " in read("{", name="logging.yml")[1][0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--dict-config", "gone.json"), "the file 'gone.json' cannot be read: No such file or directory"),
        (("--dict-config", "shop.py"), "'shop.py' is a module. Name the dictionary in it: shop:NAME"),
        (
            ("--dict-config", "gone:LOGGING"),
            "No module named 'gone'. Write a file's name, or package.module:NAME",
        ),
        (("--dict-config", "gone"), "'gone' is not a dotted path"),
        (("--dict-config", "ends:LOGGING"), "'ends:LOGGING' cannot be imported: SystemExit: 3"),
        (("--django", "ends"), "the settings module 'ends' cannot be imported: SystemExit: 3"),
        (("--django", "raises"), "ZeroDivisionError: division by zero"),
        (("--django", "bare"), "has no LOGGING. Add it"),
        (("--django", "gone"), "as DJANGO_SETTINGS_MODULE has it, and run the command where manage.py is"),
        (("--django", "bare", "--dict-config", "logging.json"), "give --django or --dict-config, not both"),
        (("--handler", "azure"), "Say which with --django or --dict-config"),
        (("--columns", "{"), "--columns '{' cannot be read: JSONDecodeError"),
    ],
)
def test_options_that_cannot_be_read_are_told_and_nothing_else_is_looked_at(
    doctor, tmp_path, arguments, told
):
    """Each step has its line all the same."""
    for name, text in {"ends": "import sys; sys.exit(3)", "raises": "1 / 0", "bare": ""}.items():
        (tmp_path / f"{name}.py").write_text(text)
    status, found = doctor(*arguments)

    assert status == 1
    assert told in finding(found, "settings")
    assert [each["step"] for each in found["findings"]] == STEPS
    assert set(states(found).values()) == {"ok", "fail", "skip"}


def test_what_a_module_prints_does_not_come_between_the_lines(doctor, tmp_path):
    """The report on standard output is JSON and nothing else."""
    (tmp_path / "prints.py").write_text(f"print('loading'); LOGGING = {config()!r}")

    assert doctor("--django", "prints", "--offline")[0] == 0


def test_a_variable_that_the_configuration_overrules_is_told(read):
    """By its name and without its value; one that says the same is none of it."""
    status, lines = read(config({"rule_id": "dcr-" + "0" * 32}))
    warned = "{} has no effect, since the handler's {} comes first and says otherwise -> "

    assert (status, sum("has no effect" in line for line in lines)) == (0, 2)
    for names in ("LOGS_DCR_STREAM_NAME", "stream_name"), ("LOGS_DCR_RULE_ID", "rule_id"):
        assert any(line.startswith(warned.format(*names)) for line in lines), lines
    assert not any("has no effect" in line for line in read(config({"stream_name": "Custom-AppLogs"}))[1])
    assert not any("STREAM" in line for line in read(config(), "--stream", "Custom-AppLogs")[1])


def test_of_two_variables_for_one_option_that_of_dcrlog_comes_first(doctor, monkeypatch):
    """And the other is told, where it says otherwise."""
    monkeypatch.setenv("DCRLOG_STREAM_NAME", "Custom-AppLogs")
    assert doctor("--offline")[1]["findings"][1]["state"] == "ok"

    monkeypatch.setenv("DCRLOG_STREAM_NAME", "Custom-Other")
    status, told = doctor("--offline")
    assert status == 0
    assert "LOGS_DCR_STREAM_NAME has no effect, since DCRLOG_STREAM_NAME comes first" in finding(
        told, "settings", "warn"
    )
