"""The files of `dcrlog provision` for Terraform and the Azure CLI say what the ARM template says."""

import json
import os
import re
import subprocess

import hcl2
import pytest

from dcrlog.cli.role import PUBLISHER
from provisioned import RULE, row_of


@pytest.mark.parametrize("kind", ["direct", "dce"])
@pytest.mark.parametrize("what", [(), ("--preset", "syslog"), ("--sample", "sample.json", "--time", "Time")])
def test_terraform_says_the_same_as_the_template(provision, what, kind):
    """Read back by a parser, its bodies are those of the ARM resources."""
    parsed = hcl2.loads(provision("--format", "terraform", "--kind", kind, *what))
    template = json.loads(provision("--kind", kind, *what))

    made = {
        name: body for block in parsed["resource"] for named in block.values() for name, body in named.items()
    }
    made = {name.strip('"'): body for name, body in made.items()}
    of_arm = {each["type"].rpartition("/")[2]: each for each in template["resources"]}
    pairs = {"table": "tables", "endpoint": "dataCollectionEndpoints", "rule": "dataCollectionRules"}
    for name, kind_of in pairs.items():
        assert (name in made) == (kind_of in of_arm)
        if name in made:
            assert unquoted(made[name]["type"]).partition("@")[2] == of_arm[kind_of]["apiVersion"]
            body = unquoted(made[name]["body"])
            assert body["properties"] == same_but_expressions(
                of_arm[kind_of]["properties"], body["properties"]
            )
            assert body.get("kind") == of_arm[kind_of].get("kind")
    assert PUBLISHER in made["sender"]["role_definition_id"]
    outputs = {name.strip('"') for block in parsed["output"] for name in block}
    assert outputs == {name.lower() for name in template["outputs"]}
    variables = {name.strip('"') for block in parsed["variable"] for name in block}
    assert variables == set(
        re.findall(r"var\.(\w+)", provision("--format", "terraform", "--kind", kind, *what))
    )


def unquoted(value):
    """Undo what the parser leaves of HCL's spelling."""
    if isinstance(value, dict):
        return {unquoted(key): unquoted(member) for key, member in value.items() if key != "__is_block__"}
    if isinstance(value, list):
        return [unquoted(member) for member in value]
    if isinstance(value, str) and value.startswith('"'):
        return json.loads(value.replace("$${", "${"))
    return value


def same_but_expressions(wanted, found):
    """The wanted value, with what was found wherever it is an expression of ARM and one of Terraform."""
    if isinstance(wanted, dict):
        return {key: same_but_expressions(value, found.get(key)) for key, value in wanted.items()}
    if isinstance(wanted, list):
        return [same_but_expressions(value, each) for value, each in zip(wanted, found, strict=True)]
    is_expression = isinstance(wanted, str) and wanted.startswith("[")
    return found if is_expression and re.match(r"\$\{(data|azapi_resource)\.", str(found)) else wanted


AZ = """#!/bin/sh
echo "$@" >> calls
case "$*" in
*"method put"*) n=$(cat count 2>/dev/null || echo 0); n=$((n + 1)); echo $n > count
    for word in "$@"; do case $word in @*) cp "${word#@}" body$n ;; esac; done ;;
*provisioningState*) echo Succeeded ;;
*"account show"*) echo sub-1 ;;
*"--query location"*) echo westeurope ;;
*"--query id"*) echo /subscriptions/sub-1/ws ;;
*immutableId*) echo dcr-1 ;;
*ogsIngestion*) echo https://endpoint ;;
esac
"""


class Stubbed:
    """Runs a script with commands of ours in the place of az and sleep."""

    def __init__(self, directory):
        self.directory = directory
        (directory / "bin").mkdir()
        self._put("sleep", '#!/bin/sh\necho "$1" >> slept')
        self.az(AZ)

    def az(self, text):
        """What stands in the place of az."""
        self._put("az", text)

    def _put(self, name, text):
        command = self.directory / "bin" / name
        command.write_text(text)
        command.chmod(0o755)

    def run(self, script, *arguments):
        """Run it, for a group, a workspace and a sender unless other arguments are given."""
        (self.directory / "make.sh").write_text(script)
        return subprocess.run(
            ["sh", "make.sh", *(arguments or ("group", "space", "object-1"))],
            cwd=self.directory, env=os.environ | {"PATH": f"bin:{os.environ['PATH']}"},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    @property
    def slept(self):
        """The seconds that it would have slept."""
        slept = self.directory / "slept"
        return sum(map(int, slept.read_text().split())) if slept.exists() else 0


@pytest.fixture
def stubbed(tmp_path):
    """A directory in which the script of the command runs."""
    return Stubbed(tmp_path)


@pytest.mark.parametrize(("kind", "bodies"), [("direct", 2), ("dce", 3)])
def test_the_script_puts_the_same_bodies_and_ends_with_the_variables(
    provision, stubbed, tmp_path, kind, bodies
):
    """With a command line in the place of az that keeps what it gets."""
    template = json.loads(provision("--kind", kind))
    done = stubbed.run(provision("--format", "az", "--kind", kind))

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "DATA_COLLECTION_ENDPOINT=https://endpoint",
        "LOGS_DCR_RULE_ID=dcr-1",
        "LOGS_DCR_STREAM_NAME=Custom-AppLogs",
    ]
    table, *_, rule = (
        json.loads((tmp_path / f"body{number}").read_text()) for number in range(1, bodies + 1)
    )
    assert table["properties"] == template["resources"][0]["properties"]
    assert rule["location"] == "westeurope"
    assert (
        rule["properties"]["destinations"]["logAnalytics"][0]["workspaceResourceId"]
        == "/subscriptions/sub-1/ws"
    )
    assert row_of(rule)["Message"] == "stock is low: 3 left"
    assert f"role assignment create --role {PUBLISHER}" in (tmp_path / "calls").read_text()


@pytest.mark.parametrize(
    ("state", "told"),
    [("Failed", "its provisioningState is 'Failed'"), ("Updating", "'Updating'"), ("", "''")],
)
def test_the_script_ends_where_azure_does_not_get_it_done(provision, stubbed, state, told):
    """After ten minutes at most; and at once where Azure says that it has failed."""
    stubbed.az(f'#!/bin/sh\ncase "$*" in *provisioningState*) echo {state} ;; esac')
    done = stubbed.run(provision("--format", "az"))

    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr
    assert stubbed.slept == (0 if state == "Failed" else 600)


def test_without_a_sender_no_role_is_assigned_and_no_file_is_left(provision, stubbed, tmp_path, monkeypatch):
    """The template has a condition for it, Terraform an empty list."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    done = stubbed.run(provision("--format", "az"), "group", "space")

    assert (done.returncode, list((tmp_path / "temporary").iterdir())) == (0, [])
    assert "role assignment" not in (tmp_path / "calls").read_text()
    role = json.loads(provision())["resources"][-1]
    assert role["condition"] == "[not(empty(parameters('principalId')))]"


def test_the_rule_of_terraform_waits_for_its_table(provision):
    """Azure refuses one whose table is not there; one of Azure's own is."""
    waits = "depends_on = [\n    azapi_resource.table,\n  ]"

    assert waits in provision("--format", "terraform")
    assert "depends_on" not in provision("--format", "terraform", "--preset", "syslog")


def test_the_script_ends_where_a_command_fails(provision, stubbed):
    """Rather than to ask for ever how far it is."""
    stubbed.az('#!/bin/sh\ncase "$*" in *provisioningState*) exit 3 ;; esac')
    done = stubbed.run(provision("--format", "az"))

    assert (done.returncode, stubbed.slept) == (3, 0)


TEXT = (
    'source | extend A = strcat("\\n$1`x`", @"\\d\b\f\n\t\u2028 😀 é") | '
    'extend B = "${a} %{b} $${c} $workspace <<JSON\nJSON\n\'"'
)


def with_transformation(text):
    """The rule, with another transformation."""
    return {**RULE, "dataFlows": [{**RULE["dataFlows"][0], "transformKql": text}]}


def test_a_transformation_survives_terraform(provision, tmp_path):
    """Its quotes, its templates, and the characters for which HCL has no escape of one letter."""
    (tmp_path / "rule.json").write_text(json.dumps(with_transformation(TEXT)))
    written = provision("--rule", "rule.json", "--format", "terraform")
    (quoted,) = re.findall(r'transformKql += ("(?:[^"\\\n]|\\.)*")\n', written)

    assert re.findall(r"\\[^nrt\"\\]", quoted.replace("\\\\", "")) == ["\\u", "\\u", "\\u"]
    assert not re.search(r"(?<![$])[$]{|(?<!%)%{", quoted)
    assert json.loads(quoted.replace("$${", "${").replace("%%{", "%{")) == TEXT


def test_equals_signs_stand_as_terraform_fmt_puts_them(provision):
    """A repository that checks its format takes the file as it is."""
    written = provision("--format", "terraform")

    assert '  type        = string\n  default     = "dcr-applogs"\n' in written
    assert "  default     = []\n" in written
    assert '      source  = "Azure/azapi"\n      version = ' in written


def test_a_transformation_survives_the_script(provision, stubbed, tmp_path):
    """Quotes, backslashes and dollars are the shell's, too."""
    (tmp_path / "rule.json").write_text(json.dumps(with_transformation(TEXT)))
    done = stubbed.run(provision("--rule", "rule.json", "--format", "az"))

    assert done.returncode == 0, done.stderr
    body = json.loads((tmp_path / "body2").read_text())
    assert body["properties"]["dataFlows"][0]["transformKql"] == TEXT
    destination = body["properties"]["destinations"]["logAnalytics"][0]
    assert destination["workspaceResourceId"] == "/subscriptions/sub-1/ws"
