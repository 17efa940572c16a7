"""Data collection rules, in the shapes in which people have them."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcrlog.errors import ConfigError
from dcrlog.rules import Rule, table_of

ID = "dcr-" + "0" * 32
PROPERTIES = {
    "immutableId": ID,
    "endpoints": {"logsIngestion": "https://a.ingest.monitor.azure.com"},
    "streamDeclarations": {"Custom-A": {"columns": [{"name": "TimeGenerated", "type": "dateTime"}]}},
    "dataFlows": [{"streams": ["Custom-A"], "destinations": ["ws"], "outputStream": "Custom-A_CL"}],
}
RESOURCE = {"type": "Microsoft.Insights/dataCollectionRules", "name": "r", "properties": PROPERTIES}
TEMPLATE = {"$schema": "x", "resources": [{"type": "Other/things"}, RESOURCE]}
NESTED = {
    "resources": [
        {
            "type": "Microsoft.Resources/deployments",
            "properties": {"template": {"resources": {"rule": RESOURCE}}},
        }
    ]
}
SHAPES = {
    "resource": RESOURCE,
    "properties": PROPERTIES,
    "shown": {**PROPERTIES, "id": "/subscriptions/x", "kind": "Direct", "name": "r", "resourceGroup": "g"},
    "template": TEMPLATE,
    "nested": NESTED,
    "version 2": {"languageVersion": "2.0", "resources": {"symbol": RESOURCE}},
    "resource with children": {**RESOURCE, "resources": []},
}


def changed(**properties):
    return {**copy.deepcopy(PROPERTIES), **properties}


@pytest.mark.parametrize("document", SHAPES.values(), ids=SHAPES)
def test_a_rule_is_read_in_every_shape(document):
    """All shapes give the same rule."""
    rule = Rule.parse(document)

    assert rule == Rule.parse(PROPERTIES)
    assert (rule.immutable_id, rule.endpoint) == (ID, "https://a.ingest.monitor.azure.com")
    assert rule.flows[0].table == "A_CL"
    assert rule.stream("Custom-A").types == {"TimeGenerated": "datetime"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_of_any_json_encoding_is_read(encoding):
    """PowerShell writes UTF-16 and byte order marks."""
    assert Rule.from_json(json.dumps(RESOURCE).encode(encoding)) == Rule.parse(RESOURCE)


def test_text_with_a_byte_order_mark_is_read():
    """A file opened without utf-8-sig keeps it."""
    assert Rule.from_json("\ufeff" + json.dumps(RESOURCE)) == Rule.parse(RESOURCE)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (None, "a rule is a JSON object, got NoneType"),
        ([], "got list"),
        ({}, "not a data collection rule"),
        ({"resources": []}, "0 data collection rules"),
        ({"resources": [RESOURCE, RESOURCE]}, "2 data collection rules"),
        ({"resources": 5}, "must be a list or an object"),
        (changed(streamDeclarations={}), "no \"streamDeclarations\""),
        (changed(streamDeclarations={5: {}}), "must be text, got 5"),
        (changed(streamDeclarations={"[variables('s')]": {}}), "an ARM expression"),
        (changed(dataFlows=[]), "no \"dataFlows\""),
        (changed(dataFlows=[{"streams": []}]), "data flow 1 must have a list \"streams\""),
        (changed(dataFlows=[{"streams": ["Custom-B"], "outputStream": "Custom-B_CL"}]), "'Custom-B', which"),
        (changed(dataFlows=[{"streams": ["Custom-A"]}]), "outputStream 'Custom-A' must be"),
        (changed(dataFlows=[{"streams": ["Custom-A"], "outputStream": "Microsoft-Perf"}]),
        "Azure table 'Perf'"),
        (changed(dataFlows=[{"streams": ["Custom-A"], "outputStream": 5}]),
        "\"outputStream\" must be text, got 5"),
        (changed(dataFlows=[{"streams": ["Custom-A"], "transformKql": "x" * 15_361}]), "15361 characters"),
        (changed(immutableId="[reference('x')]"), "\"immutableId\" is an ARM expression"),
        (changed(immutableId=10**5000), "must be text, got a value of type int"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(document, told):
    """The message says which part, what stands there and what belongs there."""
    document = copy.copy(document)
    if isinstance(document, dict) and "15361" in told:
        document["dataFlows"][0]["outputStream"] = "Custom-A_CL"

    with pytest.raises(ConfigError) as raised:
        Rule.parse(document)
    assert told in str(raised.value)
    assert len(str(raised.value)) < 1_000


def test_a_stream_that_the_rule_lacks_is_refused_with_those_it_has():
    """A typing error is seen at a glance."""
    with pytest.raises(ConfigError, match=r"no stream 'Custom-B'\. It declares: Custom-A"):
        Rule.parse(PROPERTIES).stream("Custom-B")


@pytest.mark.parametrize(
    "text", [b"", b"{", b"\xff", b"[" * 100_000, "\ufeff", b'{"a":' * 5_000, b"1" * 5_000]
)
def test_text_that_is_no_rule_is_refused(text):
    """Broken, cut, binary, too deep: one kind of error."""
    with pytest.raises(ConfigError):
        Rule.from_json(text)


def test_deployments_nested_without_end_are_refused():
    """A template that was made by a program may contain itself."""
    deployment = {"type": "Microsoft.Resources/deployments"}
    template = {"resources": [deployment]}
    deployment["properties"] = {"template": template}

    with pytest.raises(ConfigError, match="nested too deeply"):
        Rule.parse(template)


def test_what_azure_accepts_but_nobody_means_is_remarked():
    """A stream without a flow, a name without the prefix, a column that the table lacks."""
    columns = {"columns": [{"name": "Nonsense", "type": "string"}, {"name": "Mine_CF", "type": "string"}]}
    rule = Rule.parse(
        changed(
            streamDeclarations={"Custom-A": columns, "bare": columns},
            dataFlows=[{"streams": ["Custom-A"], "outputStream": "Microsoft-Syslog"}],
        )
    )

    told = "\n".join(rule.remarks)
    assert "'bare': the documentation wants 'Custom-'" in told
    assert "'bare': no data flow takes it" in told
    assert "'Nonsense': the Azure table Syslog has no such column" in told
    assert "Mine_CF" not in told


@pytest.mark.parametrize(
    ("text", "kept"),
    [("source", None), (" source ", None), ("", None), ("source | where 1", "source | where 1")],
)
def test_a_transformation_that_does_nothing_is_none(text, kept):
    """`source` alone passes rows unchanged."""
    flow = {"streams": ["Custom-A"], "outputStream": "Custom-A_CL", "transformKql": text}

    assert Rule.parse(changed(dataFlows=[flow])).flows[0].transformation == kept


def test_the_table_of_an_output_stream_is_found():
    """A custom table keeps its suffix; Microsoft's own template hyphenates OTelLogs."""
    assert table_of("Custom-A_CL") == "A_CL"
    assert table_of("Microsoft-OTel-Logs") == "OTelLogs"


@pytest.mark.parametrize("listed", [None, [], 5, "ws", {"name": "ws"}])
def test_a_flow_may_name_its_workspace_in_any_way(listed):
    """Rows of this API go to a workspace all the same."""
    flow = {"streams": ["Custom-A"], "outputStream": "Custom-A_CL", "destinations": listed}

    assert Rule.parse(changed(dataFlows=[flow])).flows[0].destination == ""


names = st.sampled_from(
    ["properties", "resources", "type", "name", "streamDeclarations", "dataFlows", "columns", "streams",
    "template",
     "outputStream", "transformKql", "immutableId", "endpoints", "logsIngestion", "Custom-A"]
)  # fmt: skip
leaves = st.sampled_from(
    [None, True, 0, 1.5, "", "Custom-A", "Custom-A_CL", "[x]", "string",
    "microsoft.insights/dataCollectionRules",
     "Microsoft.Resources/deployments", "Microsoft-Syslog", "aa"]
) | st.text(max_size=5)  # fmt: skip
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def damaged_rules(draw):
    """A good rule with one part replaced."""
    document = copy.deepcopy(draw(st.sampled_from(list(SHAPES.values()))))
    here = document
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            return document
        key = draw(st.sampled_from(keys))
        if not isinstance(here[key], dict | list) or draw(st.integers(0, 3)) == 0:
            here[key] = draw(trees)
            return document
        here = here[key]


@given(document=trees | damaged_rules())
def test_parsing_any_document_raises_nothing_but_config_error(document):
    """Whatever JSON somebody has, the answer is a rule or one kind of error."""
    try:
        rule = Rule.parse(document)
    except ConfigError:
        return
    assert rule.streams
    assert all(isinstance(flow.table, str) for flow in rule.flows)


@given(content=st.binary(max_size=60) | trees.map(lambda tree: json.dumps(tree).encode("utf-16")))
def test_reading_any_bytes_raises_nothing_but_config_error(content):
    """A file may hold anything."""
    try:
        Rule.from_json(content)
    except ConfigError:
        return
