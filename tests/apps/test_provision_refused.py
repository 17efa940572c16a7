"""What `dcrlog provision` refuses, before Azure would."""

import json

import pytest
from typer.testing import CliRunner

from dcrlog.cli import make_app
from provisioned import RULE, row_of


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--preset", "perf"), "there is none for 'perf', but for syslog, commonsecuritylog"),
        (("--preset", "request"), "'request' adds columns to a table of your own"),
        (("--preset", "Event"), "outputStream is 'Microsoft-Event', and give it as --rule"),
        (("--preset", "Shop_CL"), "For a table of your own give --table"),
        (("--preset", "syslog", "--table", "Shop_CL"), "Leave --table out"),
        (("--preset", "syslog", "--sample", "sample.json"), "give one of them"),
        (("--columns", "missing.json"), "cannot be read: No such file or directory"),
        (("--sample", "sample.json", "--time", "When"), "no column 'When'. They have: TimeGenerated, Time"),
        (("--sample", "sample.json", "--time", "User"), "is a string, not a datetime"),
        (("--table", "AppLogs"), "must end in '_CL'. For an Azure table use --preset"),
        (("--table", "x'y_CL"), "must start with a letter A-Z or a-z and go on with ASCII letters"),
        (("--stream", "AppLogs"), "did you mean 'Custom-AppLogs'?"),
        (("--stream", "Custom-a.b"), "table 'a.b_CL': the name must start with a letter"),
        (("--stream", "Microsoft-Syslog"), "must start with 'Custom-': a rule declares no others"),
        (("--time", "When"), "--time is a column of --sample"),
        (("--otel", "--sample", "sample.json"), "Leave --otel out"),
        (("--otel", "--rule", "rule.json"), "Leave --otel out"),
        (("--rule", "missing.json"), "rule file 'missing.json' cannot be read: No such file"),
        (("--output", "nowhere/rule.json"), "'nowhere/rule.json' cannot be written: No such file"),
    ],
)
def test_what_cannot_be_provisioned_is_told_in_one_line(provision, arguments, told):
    """With what to write instead."""
    provision(*arguments, status=1)
    output = CliRunner().invoke(make_app(), ["provision", *arguments]).output

    assert output.startswith("dcrlog provision: ")
    assert told in output


def changed(**sections):
    """The rule, with other sections."""
    return json.loads(json.dumps(RULE | sections))


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (changed(dataFlows=RULE["dataFlows"] * 2), "has 2 data flows that take the stream 'Custom-Web'"),
        (
            changed(streamDeclarations={"Custom-Other": next(iter(RULE["streamDeclarations"].values()))}
                    | RULE["streamDeclarations"]),
            "several streams; set --stream to one of Custom-Other, Custom-Web",
        ),
    ],
)  # fmt: skip
def test_a_rule_of_which_nobody_can_tell_what_is_meant_is_refused(provision, tmp_path, rule, told):
    """With what it has."""
    (tmp_path / "rule.json").write_text(json.dumps(rule))
    provision("--rule", "rule.json", status=1)

    assert told in provision.stderr


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ("{", "the file 'columns.json' is not JSON"),
        ("[1]", "columns must map a column's name to a field"),
        ('{"Type": "kind"}', "'Type' is reserved"),
        ('{"TimeGenerated": null}', "no column TimeGenerated of type datetime"),
        (
            json.dumps({f"C{number}": "a" for number in range(600)}),
            "there are 615 columns; a table takes 500",
        ),
    ],
)
def test_columns_that_no_table_can_have_are_refused(provision, tmp_path, columns, told):
    """Before Azure does it."""
    (tmp_path / "columns.json").write_text(columns)
    provision("--columns", "columns.json", status=1)

    assert told in provision.stderr


@pytest.mark.parametrize(
    ("sample", "told"),
    [
        (b'{"aa": "\xff"}', "row 1 is not a JSON object: 'utf-8' codec can't decode byte 0xff"),
        (b'{"aa": 1}\n{"aa":', "row 2 is not a JSON object: Input data was truncated"),
        (b"[1]", "row 1 is not a JSON object: it is 1"),
        (
            b'{"aa": ' + b"[" * 9_000 + b"]" * 9_000 + b"}",
            "row 1 is not a JSON object: it is nested too deeply",
        ),
        (b'[{"aa": 1}', "cannot be read to its end: the array does not end"),
        (b"", "no row with a column that Azure Monitor would take. Give rows"),
        (b"\x1f\x8bbroken", "cannot be read: "),
    ],
)
def test_a_sample_that_cannot_be_read_is_told_with_the_row_and_the_reason(provision, tmp_path, sample, told):
    """In one line."""
    (tmp_path / "sample.json").write_bytes(sample)
    provision("--sample", "sample.json", status=1)

    assert told in provision.stderr
    assert len(provision.stderr.splitlines()) == 1


def test_a_column_of_the_time_counts_to_those_that_a_table_takes(provision, tmp_path):
    """500 columns, of which none is TimeGenerated, are one too many."""
    row = {f"C{number}": number for number in range(499)} | {"Time": "2026-11-23T21:01:54Z"}
    (tmp_path / "sample.json").write_text(json.dumps([row]))
    provision("--sample", "sample.json", "--time", "Time", status=1)

    assert "there are 501 columns" in provision.stderr


def test_a_rule_without_the_time_is_refused(provision, tmp_path):
    """Unless a transformation makes it."""
    rule = json.loads(json.dumps(RULE))
    rule["streamDeclarations"]["Custom-Web"]["columns"].pop(0)
    (tmp_path / "rule.json").write_text(json.dumps(rule))
    provision("--rule", "rule.json", status=1)
    assert "no column TimeGenerated of type datetime" in provision.stderr

    rule["dataFlows"][0]["transformKql"] = "source | extend TimeGenerated = now()"
    (tmp_path / "rule.json").write_text(json.dumps(rule))
    assert row_of(json.loads(provision("--rule", "rule.json")))["Message"] == "stock is low: 3 left"
