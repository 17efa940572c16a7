"""The step of the probe: one row, sent as the handler sends them, and its answer in words."""

import logging
import uuid
from dataclasses import dataclass
from typing import Any, Final

from dcrlog._client import ClientSender
from dcrlog._gzip import compress
from dcrlog._retry import Answer
from dcrlog._rows import compile_builder
from dcrlog._stamp import Stamp
from dcrlog.cli.doctoring.bounded import within
from dcrlog.cli.doctoring.finding import Finding, State
from dcrlog.cli.role import PUBLISHER
from dcrlog.settings import Settings


@dataclass(frozen=True, slots=True)
class Probe:
    """What became of the row.

    Attributes:
        finding: The step.
        mark: The text by which the row is found in the table.
        answer: What the service said.
    """

    finding: Finding
    mark: str
    answer: Answer


def send_probe(settings: Settings, claims: dict[str, Any], timeout: float) -> Probe:
    """Send one row through the official client, and explain the answer.

    Args:
        settings: The handler's.
        claims: What the token says.
        timeout: Seconds until an answer has to be there.
    """
    endpoint = settings.endpoint
    assert endpoint is not None
    mark = f"probe-{uuid.uuid4().hex[:12]}"
    sender = ClientSender(endpoint, settings.rule_id, settings.stream_name, settings.credential)
    body = compress(b"[%b]" % _row(settings, mark))

    def send() -> Answer:
        try:
            answer = _send(sender, body, timeout)
            return _send(sender, body, timeout) if answer.is_token_renewed else answer
        finally:
            sender.close()

    try:
        answer = within(timeout, send)
    except TimeoutError as error:
        answer = Answer(status=None, code="TimeoutError", message=str(error))
    return Probe(_explain(answer, settings, claims), mark, answer)


def _send(sender: ClientSender, body: bytes, timeout: float) -> Answer:
    # Before the step's own limit, for what the client says of it tells more.
    return sender.send(body, request_id=str(uuid.uuid4()), timeout=timeout * 0.8)


def _row(settings: Settings, mark: str) -> bytes:
    stamped = {field: column.name for column in settings.columns for field in column.fields}
    build = compile_builder(settings.columns, count=lambda *_: None, redact=settings.redact)
    record = logging.LogRecord(
        "dcrlog.doctor",
        logging.INFO,
        __file__,
        0,
        "dcrlog doctor looks whether rows arrive: %s",
        (mark,),
        None,
    )
    stamp = Stamp(stamped.get("instance_id"), stamped.get("seq"))
    return stamp.write(1, [build(record)])[0]


def _explain(answer: Answer, settings: Settings, claims: dict[str, Any]) -> Finding:
    status = answer.status
    if status == 204:
        return Finding("probe", State.OK, "the service has taken one row (204)")
    told = str(answer)
    who = f"object {claims['oid']}" if "oid" in claims else "the identity"
    if status is None:
        return Finding("probe", State.FAIL, told, "No answer came: look at firewall and proxy.")
    if status == 429 or status >= 500:
        return Finding(
            "probe", State.WARN, told, "The service is busy or unwell. The handler waits; try again later."
        )
    if status == 400 and answer.code == "InvalidStream":
        return Finding(
            "probe",
            State.FAIL,
            f"the rule declares no stream {settings.stream_name!r}: {told}",
            "stream_name is a key of the rule's streamDeclarations ('Custom-...'), not the table "
            "('..._CL'): az "
            "monitor data-collection rule show --query streamDeclarations.",
        )
    text, remedy = _BY_STATUS.get(
        status,
        (
            "this is not an answer of the Logs Ingestion API",
            "Check the endpoint, and what a proxy does on the way.",
        ),
    )
    return Finding(
        "probe", State.FAIL, f"{text}: {told}", remedy.format(who=who, rule=settings.rule_id, role=PUBLISHER)
    )


_BY_STATUS: Final = {
    400: (
        "the service refuses the row",
        "Compare the columns with those that the rule's stream declares, and their types.",
    ),
    401: (
        "the service does not take the token",
        (
            "The audience must be that of the endpoint's cloud (https://monitor.azure.com, .cn, .us): leave "
            "audience out. Check the tenant, and the clock."
        ),
    ),
    403: (
        "the identity may not send to this rule",
        (
            "Give {who} the role Monitoring Metrics Publisher on the data collection rule: az role "
            "assignment create --role {role} --assignee-object-id OBJECT_ID "
            "--scope RULE_RESOURCE_ID. A new role takes up to 30 minutes to work."
        ),
    ),
    404: (
        "the endpoint knows no such rule",
        (
            "Check rule_id ({rule}): az monitor data-collection rule show --query immutableId. The endpoint "
            "must be the rule's own, or the data collection endpoint that the rule names."
        ),
    ),
    413: (
        "a row of a few hundred bytes is said to be too large",
        "This is the limit of a proxy on the way, not of the service: raise it there.",
    ),
}
