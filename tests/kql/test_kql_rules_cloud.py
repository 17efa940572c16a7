"""Transformations as public rules have them for cloud services: rows in, and rows out by hand."""

import pytest

from kql_engine import check_rule

AT = "2026-11-24T10:20:30.0000000Z"
NOW = "2026-11-24T10:20:30.1234560Z"

RULES = {
    "AWS CloudTrail: paths into JSON": (
        "eventTime:datetime eventName:string userIdentity:dynamic requestParameters:string",
        """source
        | extend parameters = parse_json(requestParameters)
        | project TimeGenerated = eventTime, EventName = eventName, UserIdentityArn = tostring(userIdentity.arn),
            SessionMfa = tobool(userIdentity.sessionContext.attributes.mfaAuthenticated),
            BucketName = tostring(parameters.bucketName), FirstRule = tostring(parameters.rules[0].id)""",
        [
            {
                "eventTime": "2026-11-24T10:20:30Z", "eventName": "PutBucket",
                "userIdentity": {"arn": "arn:aws:iam::1:user/a", "sessionContext": {"attributes": {"mfaAuthenticated": "true"}}},
                "requestParameters": '{"bucketName": "logs", "rules": [{"id": "r1"}, {"id": "r2"}]}',
            },
            {"eventTime": "2026-11-24T10:20:30Z", "eventName": "Ping", "requestParameters": "null"},
        ],
        [
            {"TimeGenerated": AT, "EventName": "PutBucket", "UserIdentityArn": "arn:aws:iam::1:user/a", "SessionMfa": True,
             "BucketName": "logs", "FirstRule": "r1"},
            {"TimeGenerated": AT, "EventName": "Ping", "UserIdentityArn": "", "SessionMfa": None, "BucketName": "",
             "FirstRule": ""},
        ],
    ),
    "AWS VPC flow logs: a line of columns between spaces": (
        "TimeGenerated:datetime message:string",
        """source
        | extend p = split(message, ' ')
        | extend Action = tostring(p[12]), SrcAddr = tostring(p[3]), SrcPort = toint(p[5]), Bytes = tolong(p[9]),
            Start = datetime(1970-01-01) + tolong(p[10]) * 1s
        | where Action == 'REJECT'
        | project TimeGenerated, SrcAddr, SrcPort, Bytes, Start, Action""",
        [
            {"TimeGenerated": AT, "message": "2 123 eni-1 10.0.0.1 10.0.0.2 443 5000 6 10 840 1795515630 1795515690 REJECT OK"},
            {"TimeGenerated": AT, "message": "2 123 eni-1 10.0.0.1 10.0.0.2 443 5000 6 10 840 1795515630 1795515690 ACCEPT OK"},
            {"TimeGenerated": AT, "message": "2 123 eni-1 - - - - - - - 1795515630 1795515690 - NODATA"},
        ],
        [{"TimeGenerated": AT, "SrcAddr": "10.0.0.1", "SrcPort": 443, "Bytes": 840, "Start": AT, "Action": "REJECT"}],
    ),
    "AWS GuardDuty: severity by number": (
        "TimeGenerated:datetime severity:real service:dynamic",
        """source
        | extend SeverityText = iif(severity >= 7.0, "High", iif(severity >= 4.0, "Medium", "Low"))
        | extend Count = toint(service.count)
        | project-away service""",
        [
            {"TimeGenerated": AT, "severity": 8, "service": {"count": 3}},
            {"TimeGenerated": AT, "severity": 4.0, "service": {"count": "12"}},
            {"TimeGenerated": AT, "severity": None},
        ],
        [
            {"TimeGenerated": AT, "severity": 8.0, "SeverityText": "High", "Count": 3},
            {"TimeGenerated": AT, "severity": 4.0, "SeverityText": "Medium", "Count": 12},
            {"TimeGenerated": AT, "severity": None, "SeverityText": "Low", "Count": None},
        ],
    ),
    "Okta: actor and target": (
        "published:datetime eventType:string actor:dynamic target:dynamic outcome:dynamic",
        """source
        | project-rename TimeGenerated = published
        | extend ActorName = tostring(actor.alternateId), TargetName = tostring(target[0].displayName),
            EventResult = case(tostring(outcome.result) =~ "SUCCESS", "Success", tostring(outcome.result) =~ "FAILURE", "Failure", "NA")
        | project-away actor, target, outcome""",
        [
            {
                "published": "2026-11-24T10:20:30Z", "eventType": "user.session.start", "actor": {"alternateId": "a@example.org"},
                "target": [{"displayName": "Console"}], "outcome": {"result": "success"},
            },
            {"published": "2026-11-24T10:20:30Z", "eventType": "x", "target": [], "outcome": {"result": "SKIPPED"}},
        ],
        [
            {"TimeGenerated": AT, "eventType": "user.session.start", "ActorName": "a@example.org", "TargetName": "Console",
             "EventResult": "Success"},
            {"TimeGenerated": AT, "eventType": "x", "ActorName": "", "TargetName": "", "EventResult": "NA"},
        ],
    ),
    "Okta: a column cast to itself, and the rest in a bag": (
        "TimeGenerated:datetime uuid:string severity:string version:string debug:dynamic",
        """source
        | extend version = toreal(version), severity = toupper(severity)
        | extend AdditionalFields = pack("uuid", uuid, "debug", debug, "version", version)
        | project TimeGenerated, severity, AdditionalFields""",
        [{"TimeGenerated": AT, "uuid": "u", "severity": "info", "version": "1.5", "debug": {"a": [1]}}],
        [{"TimeGenerated": AT, "severity": "INFO", "AdditionalFields": {"uuid": "u", "debug": {"a": [1]}, "version": 1.5}}],
    ),
    "GitHub: milliseconds, and only some actions": (
        "created_at:long action:string actor:string repo:string",
        """source
        | where action startswith_cs "repo." or action has "org"
        | extend TimeGenerated = datetime(1970-01-01) + created_at * 1ms
        | extend Organization = tostring(split(repo, "/")[0]), Repository = tostring(split(repo, "/", 1)[0])
        | project TimeGenerated, action, Organization, Repository""",
        [
            {"created_at": 1795515630000, "action": "repo.create", "repo": "acme/site"},
            {"created_at": 1795515630000, "action": "organization.add", "repo": "acme/site"},
            {"created_at": 1795515630000, "action": "invite.org", "repo": "acme"},
            {"created_at": 1795515630000, "action": "Repo.create", "repo": "acme/site"},
        ],
        [
            {"TimeGenerated": AT, "action": "repo.create", "Organization": "acme", "Repository": "site"},
            {"TimeGenerated": AT, "action": "invite.org", "Organization": "acme", "Repository": ""},
        ],
    ),
    "GCP: a severity mapped to a number, labels kept": (
        "timestamp:datetime severity:string resource:dynamic jsonPayload:dynamic textPayload:string",
        """let level = (name:string) { case(name in ('ERROR', 'CRITICAL', 'ALERT'), 1, name == 'WARNING', 2, 3) };
        source
        | project TimeGenerated = timestamp, SeverityLevel = level(severity), Project = tostring(resource.labels.project_id),
            Message = iff(isempty(textPayload), tostring(jsonPayload.message), textPayload)""",
        [
            {"timestamp": "2026-11-24T10:20:30Z", "severity": "ALERT", "resource": {"labels": {"project_id": "p"}},
             "jsonPayload": {"message": "from JSON"}},
            {"timestamp": "2026-11-24T10:20:30Z", "severity": "WARNING", "textPayload": "from text"},
            {"timestamp": "2026-11-24T10:20:30Z"},
        ],
        [
            {"TimeGenerated": AT, "SeverityLevel": 1, "Project": "p", "Message": "from JSON"},
            {"TimeGenerated": AT, "SeverityLevel": 2, "Project": "", "Message": "from text"},
            {"TimeGenerated": AT, "SeverityLevel": 3, "Project": "", "Message": ""},
        ],
    ),
    "Salesforce: names with dashes and spaces": (
        "TimeGenerated:datetime event-type:string user-id:string",
        """source | project TimeGenerated, EventType = ['event-type'], UserId = ["user-id"], ['Is Admin'] = ['user-id'] == '005'""",
        [{"TimeGenerated": AT, "event-type": "Login", "user-id": "005"}],
        [{"TimeGenerated": AT, "EventType": "Login", "UserId": "005", "Is Admin": True}],
    ),
    "Exchange message tracking: a time of its own, and many names": (
        "date-time:string client-ip:string recipient-count:string total-bytes:string",
        """source
        | extend TimeGenerated = todatetime(['date-time'])
        | extend clientIP = ['client-ip'], recipientCount = toint(['recipient-count']), totalBytes = tolong(['total-bytes'])
        | project-away ['date-time'], ['client-ip'], ['recipient-count'], ['total-bytes']""",
        [{"date-time": "2026-11-24T10:20:30.000Z", "client-ip": "::1", "recipient-count": "2", "total-bytes": "70000000000"}],
        [{"TimeGenerated": AT, "clientIP": "::1", "recipientCount": 2, "totalBytes": 70000000000}],
    ),
    "Entra sign-ins: a guid, and a time from the service": (
        "correlationId:string userId:string riskLevel:int",
        """source
        | extend TimeGenerated = now(), CorrelationId = toguid(correlationId)
        | extend RiskLevel = iff(riskLevel == int(null) or riskLevel < 0, int(0), riskLevel)
        | project TimeGenerated, CorrelationId, RiskLevel""",
        [
            {"correlationId": "0123456789ABCDEF0123456789ABCDEF", "riskLevel": 2},
            {"correlationId": "none", "riskLevel": -1},
        ],
        [
            {"TimeGenerated": NOW, "CorrelationId": "01234567-89ab-cdef-0123-456789abcdef", "RiskLevel": 2},
            {"TimeGenerated": NOW, "CorrelationId": None, "RiskLevel": 0},
        ],
    ),
    "Slack: hash who it was": (
        "TimeGenerated:datetime user:string email:string",
        """source
        | extend User = hash_sha256(strcat(user, "pepper")), Domain = tostring(split(email, "@")[1])
        | project-away user, email""",
        [{"TimeGenerated": AT, "user": "", "email": "a@example.org"}],
        [
            {"TimeGenerated": AT, "User": "8cbbcf29d9cef89675c5f5c1dcfe827d0570416a5aaba30dd0de159661ad905b",
             "Domain": "example.org"},
        ],
    ),
    "Cloudflare: nanoseconds, and a status by its class": (
        "EdgeStartTimestamp:long EdgeResponseStatus:int ClientRequestURI:string",
        """source
        | extend TimeGenerated = datetime(1970-01-01) + EdgeStartTimestamp / 100 * 1tick
        | extend Class = case(EdgeResponseStatus >= 500, "server error", EdgeResponseStatus >= 400, "client error",
            EdgeResponseStatus >= 300, "redirect", "ok")
        | extend Path = iff(ClientRequestURI has "?", substring(ClientRequestURI, 0, indexof(ClientRequestURI, "?")), ClientRequestURI)
        | project TimeGenerated, Class, Path""",
        [
            {"EdgeStartTimestamp": 1795515630123456789, "EdgeResponseStatus": 503, "ClientRequestURI": "/a?b=c"},
            {"EdgeStartTimestamp": 1795515630000000000, "EdgeResponseStatus": 200, "ClientRequestURI": "/"},
        ],
        [
            {"TimeGenerated": "2026-11-24T10:20:30.1234567Z", "Class": "server error", "Path": "/a"},
            {"TimeGenerated": AT, "Class": "ok", "Path": "/"},
        ],
    ),
    "Kubernetes audit: two bags merged": (
        "TimeGenerated:datetime requestObject:dynamic annotations:dynamic verb:string",
        """source
        | where verb !in ("get", "list", "watch")
        | project TimeGenerated, Detail = bag_merge(requestObject, annotations), Containers = array_length(requestObject.spec.containers)""",
        [
            {"TimeGenerated": AT, "verb": "create", "requestObject": {"spec": {"containers": [1, 2]}, "a": 1}, "annotations": {"a": 2, "b": 3}},
            {"TimeGenerated": AT, "verb": "get"},
        ],
        [{"TimeGenerated": AT, "Detail": {"spec": {"containers": [1, 2]}, "a": 1, "b": 3}, "Containers": 2}],
    ),
    "a tutorial's own: JSON in a text column": (
        "Time:datetime Computer:string AdditionalContext:string",
        """source
        | extend jsonContext = parse_json(AdditionalContext)
        | project TimeGenerated = Time, Computer, AdditionalContext = jsonContext,
            CounterName = tostring(jsonContext.CounterName), CounterValue = toreal(jsonContext.CounterValue)""",
        [
            {"Time": "2026-11-24T10:20:30Z", "Computer": "c", "AdditionalContext": '{"CounterName": "cpu", "CounterValue": 1}'},
            {"Time": "2026-11-24T10:20:30Z", "Computer": "d", "AdditionalContext": {"CounterName": "sent as an object", "CounterValue": "0.5"}},
        ],
        [
            {"TimeGenerated": AT, "Computer": "c", "AdditionalContext": {"CounterName": "cpu", "CounterValue": 1},
             "CounterName": "cpu", "CounterValue": 1.0},
            {"TimeGenerated": AT, "Computer": "d", "AdditionalContext": {"CounterName": "sent as an object", "CounterValue": "0.5"},
             "CounterName": "sent as an object", "CounterValue": 0.5},
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_a_rule_for_a_cloud_service(name):
    """The rows that are stored are those worked out by hand."""
    check_rule(*RULES[name])
