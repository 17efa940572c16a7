"""`dcrlog transform`, as a person or a script runs it; in this process, which is quicker."""

import io
import json

import pytest

import dcrlog.cli


def rule(*flows, **streams):
    declared = {"Logs": {"Time": "datetime", "Level": "string", "Count": "long"}, **streams}
    return {
        "streamDeclarations": {
            f"Custom-{name}": {
                "columns": [{"name": column, "type": kind} for column, kind in columns.items()]
            }
            for name, columns in declared.items()
        },
        "dataFlows": [
            {"streams": [f"Custom-{stream}"], "outputStream": output, "transformKql": text}
            for stream, output, text in flows
        ],
    }


GOOD = (
    "Logs",
    "Custom-Logs_CL",
    "source\n| where Level != 'DEBUG'\n| project TimeGenerated = Time, Total = Count + 1",
)
BAD = (
    "Logs",
    "Custom-Logs_CL",
    "source\n| extend TimeGenerated = Time\n| extend X = replace_string(Level, 'a', 'b')",
)
WRONG = (
    "Logs",
    "Microsoft-Syslog",
    "source | project TimeGenerated = Time, SyslogMessage = Count, Own_CF = 1, Other = 2",
)


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run the command; returns status, output and errors."""

    def call(document, *arguments, rows="", option="--rule"):
        path = tmp_path / "dcr.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        monkeypatch.setattr("sys.argv", ["dcrlog", "transform", option, str(path), *arguments])
        stdin = io.TextIOWrapper(io.BytesIO(rows.encode("utf-8", "surrogateescape")))
        monkeypatch.setattr("sys.stdin", stdin)
        with pytest.raises(SystemExit) as ended:
            dcrlog.cli.main()
        found = capsys.readouterr()
        status = ended.value.code
        return (
            (status, found.out, found.err)
            if isinstance(status, int)
            else (1, found.out, f"{found.err}{status}")
        )

    return call


def test_rows_go_through(run):
    """One JSON object a line, in and out; blank lines say nothing."""
    rows = '{"Time": "2026-11-24", "Level": "INFO", "Count": 1}\n\n{"Level": "DEBUG"}\n{"Count": "x"}\n'
    status, out, err = run(rule(GOOD), rows=rows)

    assert (status, err) == (0, "")
    assert [json.loads(line) for line in out.splitlines()] == [
        {"TimeGenerated": "2026-11-24T00:00:00.0000000Z", "Total": 2},
        {"TimeGenerated": None, "Total": None},
    ]


def test_many_rows_go_through_in_order(run):
    """More than the command takes at a time."""
    rows = "".join(f'{{"Count": {number}}}\n' for number in range(2_500))
    _, out, _ = run(rule(GOOD), rows=rows)

    assert [json.loads(line)["Total"] for line in out.splitlines()] == list(range(1, 2_501))


def test_a_number_beyond_all_reals_is_null(run):
    """Python reads it as infinity, which would be written as no JSON."""
    text = "source | project TimeGenerated = Time, Bag, Share, Packed = pack('a', Share)"
    document = rule(
        ("Logs", "Custom-Logs_CL", text), Logs={"Bag": "dynamic", "Share": "real", "Time": "datetime"}
    )
    status, out, _ = run(document, rows='{"Bag": [1e400], "Share": 1e400}')

    assert (status, json.loads(out)) == (
        0,
        {"TimeGenerated": None, "Bag": [None], "Share": None, "Packed": {"a": None}},
    )
    assert "Infinity" not in out


def test_a_refusal_is_drawn_under_the_offending_text(run):
    """And the status is 1."""
    status, out, err = run(rule(BAD), rows="{}\n")

    assert (status, out) == (1, "")
    assert "3:14 | | extend X = replace_string(Level, 'a', 'b')\n" + " " * 20 + "^" * 31 in err
    assert "InvalidTransformQuery: the transformation of Custom-Logs -> Logs_CL is refused." in err


def test_lenient_carries_out_what_azure_refuses(run):
    """With a warning on stderr."""
    status, out, err = run(rule(BAD), "--lenient", rows='{"Level": "banana"}\n')

    assert status == 0
    assert json.loads(out)["X"] == "bbnbnb"
    assert "warning: 3:14" in err
    assert "Azure would refuse this" in err


def test_check_tells_of_every_flow(run):
    """What is right, what is wrong, and which columns the table lacks."""
    fine = ("Logs", "Microsoft-Syslog", WRONG[2].replace("SyslogMessage = Count", "SyslogMessage = Level"))
    status, out, _ = run(rule(GOOD, BAD, WRONG, fine), option="--check")

    assert status == 1
    assert "Custom-Logs -> Logs_CL: ok, TimeGenerated: datetime, Total: long" in out
    assert "Custom-Logs -> Logs_CL: InvalidTransformQuery\n3:14 | | extend X" in out
    assert "Custom-Logs -> Syslog: InvalidTransformOutput" in out
    assert "SyslogMessage [produced:'Long', output:'String']" in out
    assert "warning: Syslog lacks these columns, so they are not stored: Other\n" in out


def test_a_rule_without_mistakes_is_checked_with_status_0(run):
    """A flow without a transformation is one, too."""
    status, out, _ = run(rule(GOOD, ("Logs", "Custom-Raw_CL", "source")), option="--check")

    assert status == 0
    assert out.count(": ok, ") == 2


@pytest.mark.parametrize(
    ("document", "arguments", "rows", "told"),
    [
        ("{", [], "", "not valid JSON"),
        (rule(GOOD), ["--stream", "Custom-Other"], "", "0 data flows fit"),
        (
            rule(GOOD, ("Logs", "Custom-Raw_CL", "source")),
            [],
            "",
            "2 data flows fit; name one with --stream and --table.",
        ),
        (rule(GOOD), ["--check", "also.json"], "", "give --rule FILE for rows on stdin, or --check FILE."),
        (rule(GOOD), [], "{}\n[]\n", "line 2 is not a JSON object"),
        (rule(GOOD), [], "{}\n{", "line 2 is not JSON"),
        (rule(GOOD), [], '{"Count": NaN}', "line 1 is not JSON: it has no NaN."),
        (rule(GOOD), [], '{"Level": "\udcff"}', "line 1 is not JSON: 'utf-8' codec can't decode byte 0xff"),
    ],
    ids=["no JSON", "no stream", "two tables", "both", "no object", "no JSON line", "NaN", "no UTF-8"],
)
def test_what_cannot_be_done_is_said_in_one_line(run, document, arguments, rows, told):
    """With the remedy, and status 1."""
    status, _, err = run(document, *arguments, rows=rows)

    assert status == 1
    assert told in err
    assert err.startswith("dcrlog transform: ")


def test_a_table_is_named_where_the_stream_fills_several(run):
    """The other flow is left alone, wrong or not."""
    status, out, _ = run(
        rule(GOOD, BAD, WRONG), "--stream", "Custom-Logs", "--table", "Syslog", "--lenient", rows="{}"
    )

    assert status == 1
    status, out, _ = run(rule(GOOD, WRONG), "--table", "Logs_CL", rows='{"Count": 1}')
    assert (status, json.loads(out)["Total"]) == (0, 2)
