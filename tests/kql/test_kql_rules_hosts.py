"""Transformations as public rules have them for hosts and applications: rows in, and rows out by hand."""

import pytest

from kql_engine import check_rule

AT = "2026-11-24T10:20:30.0000000Z"
NOW = "2026-11-24T10:20:30.1234560Z"

RULES = {
    "Syslog: drop the noise": (
        "TimeGenerated:datetime Facility:string SeverityLevel:string SyslogMessage:string",
        "source | where Facility !in ('cron', 'lpr') and SeverityLevel != 'info' or SyslogMessage has 'denied'",
        [
            {"TimeGenerated": AT, "Facility": "auth", "SeverityLevel": "warning", "SyslogMessage": "a"},
            {"TimeGenerated": AT, "Facility": "cron", "SeverityLevel": "err", "SyslogMessage": "b"},
            {"TimeGenerated": AT, "Facility": "cron", "SeverityLevel": "info", "SyslogMessage": "access Denied."},
        ],
        [
            {"TimeGenerated": AT, "Facility": "auth", "SeverityLevel": "warning", "SyslogMessage": "a"},
            {"TimeGenerated": AT, "Facility": "cron", "SeverityLevel": "info", "SyslogMessage": "access Denied."},
        ],
    ),
    "Syslog: priority to facility and severity": (
        "TimeGenerated:datetime Raw:string",
        """source
        | parse Raw with "<" Priority:int ">" SyslogMessage
        | extend Facility = Priority / 8, Severity = Priority % 8
        | project TimeGenerated, Facility, Severity, SyslogMessage""",
        [{"TimeGenerated": AT, "Raw": "<165>hello"}, {"TimeGenerated": AT, "Raw": "hello"}],
        [
            {"TimeGenerated": AT, "Facility": 20, "Severity": 5, "SyslogMessage": "hello"},
            {"TimeGenerated": AT, "Facility": None, "Severity": None, "SyslogMessage": ""},
        ],
    ),
    "sshd: user and address by one pattern": (
        "TimeGenerated:datetime SyslogMessage:string",
        r"""source
        | extend m = extract_all(@"^Failed password for (invalid user )?(\S+) from (\S+) port (\d+)", SyslogMessage)[0]
        | where isnotnull(m)
        | project TimeGenerated, User = tostring(m[1]), Address = tostring(m[2]), Port = toint(m[3]), IsUnknown = isnotempty(tostring(m[0]))""",
        [
            {"TimeGenerated": AT, "SyslogMessage": "Failed password for invalid user admin from 192.0.2.1 port 4022 ssh2"},
            {"TimeGenerated": AT, "SyslogMessage": "Failed password for root from 192.0.2.2 port 22 ssh2"},
            {"TimeGenerated": AT, "SyslogMessage": "Accepted publickey for root"},
        ],
        [
            {"TimeGenerated": AT, "User": "admin", "Address": "192.0.2.1", "Port": 4022, "IsUnknown": True},
            {"TimeGenerated": AT, "User": "root", "Address": "192.0.2.2", "Port": 22, "IsUnknown": False},
        ],
    ),
    "nginx: an access log by parse": (
        "TimeGenerated:datetime RawData:string",
        """source
        | parse RawData with ClientIP " - " User " [" * "] \\"" Method " " Path " HTTP/" Version "\\" " Status:int " " Bytes:long *
        | project TimeGenerated, ClientIP, User = iff(User == "-", "", User), Method, Path, Status, Bytes""",
        [
            {"TimeGenerated": AT, "RawData": '10.0.0.1 - bob [24/Nov/2026:10:20:30 +0000] "GET /a b HTTP/1.1" 404 153 "-" "curl"'},
            {"TimeGenerated": AT, "RawData": '::1 - - [24/Nov/2026:10:20:30 +0000] "POST / HTTP/2.0" 200 9'},
            {"TimeGenerated": AT, "RawData": "garbage"},
        ],
        [
            # The shortest text that leads to a match: the path ends before " HTTP/", the method at the first blank.
            {"TimeGenerated": AT, "ClientIP": "10.0.0.1", "User": "bob", "Method": "GET", "Path": "/a b", "Status": 404,
             "Bytes": 153},
            {"TimeGenerated": AT, "ClientIP": "::1", "User": "", "Method": "POST", "Path": "/", "Status": 200, "Bytes": 9},
            {"TimeGenerated": AT, "ClientIP": "", "User": "", "Method": "", "Path": "", "Status": None, "Bytes": None},
        ],
    ),
    "IIS: date and time in two columns": (
        "date:string time:string csMethod:string scStatus:string timeTaken:string",
        """source
        | extend TimeGenerated = todatetime(strcat(date, " ", time)), TimeTaken = totimespan(strcat(timeTaken, "ms"))
        | extend TimeTaken = tolong(TimeTaken / 1ms), scStatus = toint(scStatus)
        | project-away date, time, timeTaken""",
        [{"date": "2026-11-24", "time": "10:20:30", "csMethod": "GET", "scStatus": "200", "timeTaken": "1500"}],
        [{"csMethod": "GET", "scStatus": 200, "TimeGenerated": AT, "TimeTaken": 1500}],
    ),
    "Windows events: some ids, and names for them": (
        "TimeGenerated:datetime EventID:int EventData:string",
        """let known = datatable(Id:int, Name:string)[4624, 'logon', 4625, 'failed logon'];
        source
        | where EventID in (known)
        | extend Data = parse_xml(EventData).EventData
        | project TimeGenerated, EventID, Activity = strcat(EventID, " - ", iff(EventID == 4624, "Logged on", "Failed")),
            LogonType = toint(Data.Data["#text"])""",
        [
            {"TimeGenerated": AT, "EventID": 4625, "EventData": '<EventData><Data Name="LogonType">3</Data></EventData>'},
            {"TimeGenerated": AT, "EventID": "4624", "EventData": ""},
            {"TimeGenerated": AT, "EventID": 1, "EventData": ""},
        ],
        [
            {"TimeGenerated": AT, "EventID": 4625, "Activity": "4625 - Failed", "LogonType": 3},
            {"TimeGenerated": AT, "EventID": 4624, "Activity": "4624 - Logged on", "LogonType": None},
        ],
    ),
    "an application log: a level in front of the text": (
        "TimeGenerated:datetime RawData:string",
        r"""source
        | extend Level = toupper(extract(@"^\[(\w+)\]", 1, RawData))
        | extend Level = iff(isempty(Level), "INFO", Level), Message = replace(@"^\[\w+\]\s*", "", RawData)
        | where Level !in ("DEBUG", "TRACE")
        | project TimeGenerated, Level, Message""",
        [{"TimeGenerated": AT, "RawData": each} for each in ("[error] it broke", "[debug] it works", "no level")],
        [
            {"TimeGenerated": AT, "Level": "ERROR", "Message": "it broke"},
            {"TimeGenerated": AT, "Level": "INFO", "Message": "no level"},
        ],
    ),
    "dcrlog's own rows: properties taken out": (
        "TimeGenerated:datetime Level:string Message:string Properties:dynamic Seq:long",
        """source
        | where Level != "DEBUG"
        | extend UserId = tostring(Properties.user_id), DurationMs = toreal(Properties["duration_ms"])
        | extend Bucket = tostring(bin(DurationMs, 100.0))
        | project-away Properties""",
        [
            {"TimeGenerated": AT, "Level": "INFO", "Message": "m", "Properties": {"user_id": "u", "duration_ms": 250}, "Seq": 1},
            {"TimeGenerated": AT, "Level": "DEBUG", "Message": "m", "Seq": 2},
            {"TimeGenerated": AT, "Level": "INFO", "Message": "m", "Seq": 3},
        ],
        [
            {"TimeGenerated": AT, "Level": "INFO", "Message": "m", "Seq": 1, "UserId": "u", "DurationMs": 250.0,
             "Bucket": "200.0"},
            {"TimeGenerated": AT, "Level": "INFO", "Message": "m", "Seq": 3, "UserId": "", "DurationMs": None, "Bucket": ""},
        ],
    ),
    "secrets masked": (
        "TimeGenerated:datetime Message:string",
        r"""source
        | extend Message = replace(@"(?i)(password|token)=\S+", @"\1=***", Message)
        | extend Message = replace(@"\b\d{12,19}\b", "<card>", Message)""",
        [{"TimeGenerated": AT, "Message": "user=a Password=hunter2 card 4111111111111111 token=abc."}],
        [{"TimeGenerated": AT, "Message": "user=a Password=*** card <card> token=***"}],
    ),
    "base64 in a field": (
        "TimeGenerated:datetime Payload:string",
        """source
        | extend Decoded = parse_json(base64_decodestring(Payload))
        | project TimeGenerated, User = tostring(Decoded.user), Size = strlen(Payload)""",
        [{"TimeGenerated": AT, "Payload": "eyJ1c2VyIjoiYm9iIn0="}, {"TimeGenerated": AT, "Payload": "%%"}],
        [
            {"TimeGenerated": AT, "User": "bob", "Size": 20},
            {"TimeGenerated": AT, "User": "", "Size": 2},
        ],
    ),
    "a sensor: late values are left out": (
        "Time:datetime Value:real Unit:string",
        """source
        | where Time > ago(1d) and Time <= now()
        | extend TimeGenerated = Time, Celsius = iff(Unit =~ "F", round((Value - 32) / 1.8, 1), Value), Hour = hourofday(Time)
        | extend Weekend = dayofweek(Time) in (0d, 6d)
        | project TimeGenerated, Celsius, Hour, Weekend""",
        [
            {"Time": "2026-11-24T10:20:30Z", "Value": 98.6, "Unit": "f"},
            {"Time": "2026-11-23T09:00:00Z", "Value": 1, "Unit": "C"},
            {"Time": "2026-11-23T11:00:00Z", "Value": -40, "Unit": "C"},
            {"Value": 1},
        ],
        [
            {"TimeGenerated": AT, "Celsius": 37.0, "Hour": 10, "Weekend": False},
            {"TimeGenerated": "2026-11-23T11:00:00.0000000Z", "Celsius": -40.0, "Hour": 11, "Weekend": False},
        ],
    ),
    "old columns that may be missing": (
        "TimeGenerated:datetime Computer:string",
        """source
        | extend Host = columnifexists("HostName", Computer), Site = columnifexists("Site", "unknown")
        | project TimeGenerated, Host, Site""",
        [{"TimeGenerated": AT, "Computer": "c"}],
        [{"TimeGenerated": AT, "Host": "c", "Site": "unknown"}],
    ),
    "one line, as a rule has it": (
        "Time:datetime Level:string RawData:string",
        'source | extend TimeGenerated = now() | where Level == "ERROR" or RawData contains "fatal" | project TimeGenerated, Severity = iff(Level == "ERROR", int(1), int(2)), RawData',
        [
            {"Level": "ERROR", "RawData": "a"},
            {"Level": "INFO", "RawData": "a FATAL one"},
            {"Level": "INFO", "RawData": "b"},
        ],
        [
            {"TimeGenerated": NOW, "Severity": 1, "RawData": "a"},
            {"TimeGenerated": NOW, "Severity": 2, "RawData": "a FATAL one"},
        ],
    ),
    "regions by a list in a let statement": (
        "TimeGenerated:datetime Region:string Amount:long",
        """let europe = parse_json('["de", "fr", "nl"]');
        let limit = 100;
        source
        | where Region in (europe) and Amount >= limit
        | extend Share = Amount * 100.0 / 400, Key = strcat_delim("|", Region, Amount)""",
        [
            {"TimeGenerated": AT, "Region": "de", "Amount": 100},
            {"TimeGenerated": AT, "Region": "us", "Amount": 500},
            {"TimeGenerated": AT, "Region": "fr", "Amount": 99},
        ],
        [{"TimeGenerated": AT, "Region": "de", "Amount": 100, "Share": 25.0, "Key": "de|100"}],
    ),
    "bits of a mask": (
        "TimeGenerated:datetime Flags:string",
        """source
        | extend Mask = tolong(Flags)
        | extend IsDir = binary_and(Mask, 16) != 0, High = binary_shift_right(Mask, 8), Rest = binary_xor(Mask, 16)""",
        [{"TimeGenerated": AT, "Flags": "0x0110"}, {"TimeGenerated": AT, "Flags": "?"}],
        [
            {"TimeGenerated": AT, "Flags": "0x0110", "Mask": 272, "IsDir": True, "High": 1, "Rest": 256},
            {"TimeGenerated": AT, "Flags": "?", "Mask": None, "IsDir": True, "High": None, "Rest": None},
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_a_rule_for_a_host_or_an_application(name):
    """The rows that are stored are those worked out by hand."""
    check_rule(*RULES[name])
