"""Transformations as public rules have them for network devices: rows in, and rows out by hand."""

import pytest

from kql_engine import check_rule

AT = "2026-11-24T10:20:30.0000000Z"

RULES = {
    "Meraki: quoted names at the head, severity by case": (
        "name:string ts:string type:string deviceSerial:string eventData:dynamic",
        """source
        | extend TimeGenerated = todatetime(['ts']), EventType = ['type']
        | extend EventSeverity = case(['type'] has 'ids', 'High', ['type'] startswith 'security', 'Medium', 'Informational')
        | project TimeGenerated, EventType, EventSeverity, DeviceName = ['name'], Client = tostring(eventData['clientIp'])""",
        [
            {"name": "mx-1", "ts": "2026-11-24T10:20:30Z", "type": "ids-alerts", "eventData": {"clientIp": "10.1.1.1"}},
            {"name": "mx-2", "ts": "2026-11-24T10:20:30Z", "type": "Security_Event"},
            {"name": "ap-1", "ts": "never", "type": "association", "eventData": {"clientIp": None}},
        ],
        [
            {"TimeGenerated": AT, "EventType": "ids-alerts", "EventSeverity": "High", "DeviceName": "mx-1",
             "Client": "10.1.1.1"},
            {"TimeGenerated": AT, "EventType": "Security_Event", "EventSeverity": "Medium", "DeviceName": "mx-2",
             "Client": ""},
            {"TimeGenerated": None, "EventType": "association", "EventSeverity": "Informational", "DeviceName": "ap-1",
             "Client": ""},
        ],
    ),
    "Meraki: protocol numbers to names": (
        "TimeGenerated:datetime protocol:string srcPort:string",
        """source
        | extend NetworkProtocol = case(protocol == '6', 'TCP', protocol == '17', 'UDP', protocol == '1', 'ICMP',
            toupper(protocol))
        | extend SrcPortNumber = toint(srcPort)
        | project-away protocol, srcPort""",
        [
            {"TimeGenerated": "2026-11-24T10:20:30Z", "protocol": "6", "srcPort": "443"},
            {"TimeGenerated": "2026-11-24T10:20:30Z", "protocol": "gre", "srcPort": "none"},
        ],
        [
            {"TimeGenerated": AT, "NetworkProtocol": "TCP", "SrcPortNumber": 443},
            {"TimeGenerated": AT, "NetworkProtocol": "GRE", "SrcPortNumber": None},
        ],
    ),
    "Palo Alto: a CSV line by split and index": (
        "TimeGenerated:datetime RawData:string",
        """source
        | extend Fields = split(RawData, ',')
        | where array_length(Fields) >= 6
        | extend LogType = tostring(Fields[3]), Source = tostring(Fields[4]), Bytes = tolong(Fields[5]), Last = tostring(Fields[-1])
        | project TimeGenerated, LogType, Source, Bytes, Last""",
        [
            {"TimeGenerated": "2026-11-24 10:20:30", "RawData": "1,2026/11/24,0011,TRAFFIC,10.0.0.5,1500,allow"},
            {"TimeGenerated": "2026-11-24 10:20:30", "RawData": "too,short"},
            {"TimeGenerated": "2026-11-24 10:20:30", "RawData": ",,,,,"},
        ],
        [
            {"TimeGenerated": AT, "LogType": "TRAFFIC", "Source": "10.0.0.5", "Bytes": 1500, "Last": "allow"},
            {"TimeGenerated": AT, "LogType": "", "Source": "", "Bytes": None, "Last": ""},
        ],
    ),
    "Palo Alto: drop what was allowed": (
        "TimeGenerated:datetime DeviceVendor:string DeviceAction:string Activity:string",
        """source | where not(DeviceVendor == "Palo Alto Networks" and Activity == "TRAFFIC" and DeviceAction =~ "allow")""",
        [
            {"TimeGenerated": AT, "DeviceVendor": "Palo Alto Networks", "DeviceAction": "Allow", "Activity": "TRAFFIC"},
            {"TimeGenerated": AT, "DeviceVendor": "Palo Alto Networks", "DeviceAction": "deny", "Activity": "TRAFFIC"},
            {"TimeGenerated": AT, "DeviceVendor": "Fortinet", "DeviceAction": "allow", "Activity": "TRAFFIC"},
        ],
        [
            {"TimeGenerated": AT, "DeviceVendor": "Palo Alto Networks", "DeviceAction": "deny", "Activity": "TRAFFIC"},
            {"TimeGenerated": AT, "DeviceVendor": "Fortinet", "DeviceAction": "allow", "Activity": "TRAFFIC"},
        ],
    ),
    "CEF: the extension as a dictionary": (
        "TimeGenerated:datetime Message:string",
        """source
        | extend cefMessage = iff(Message contains_cs ";", replace(";", " ", Message), Message)
        | extend parsed = parse_cef_dictionary(cefMessage)
        | extend Extension = parsed["Extension"]
        | project TimeGenerated, SourceIP = tostring(Extension.src), DestinationPort = toint(Extension.dpt),
            DeviceVendor = tostring(parsed.DeviceVendor)""",
        [{"TimeGenerated": AT, "Message": "CEF:0|Acme|Wall|2|1|deny|7|src=10.0.0.1;dpt=8443 msg=x"}],
        [{"TimeGenerated": AT, "SourceIP": "10.0.0.1", "DestinationPort": 8443, "DeviceVendor": "Acme"}],
    ),
    "CEF: severity words from numbers": (
        "TimeGenerated:datetime LogSeverity:string",
        """source
        | extend Level = toint(LogSeverity)
        | extend SeverityName = case(isnull(Level), LogSeverity, Level <= 3, 'Low', Level <= 6, 'Medium', Level <= 8, 'High',
            'Very-High')
        | project-away Level""",
        [{"TimeGenerated": AT, "LogSeverity": each} for each in ("0", "5", "8", "10", "Unknown")],
        [
            {"TimeGenerated": AT, "LogSeverity": level, "SeverityName": name}
            for level, name in (("0", "Low"), ("5", "Medium"), ("8", "High"), ("10", "Very-High"), ("Unknown", "Unknown"))
        ],
    ),
    "Fortinet: key=value pairs by extract": (
        "TimeGenerated:datetime RawData:string",
        r"""source
        | extend SourceIP = extract(@'srcip=(\d+\.\d+\.\d+\.\d+)', 1, RawData),
            SourcePort = extract(@'srcport=(\d+)', 1, RawData, typeof(int)),
            Action = extract(@'action="?([^"\s]+)', 1, RawData)
        | project-away RawData""",
        [
            {"TimeGenerated": AT, "RawData": 'devname="fw" srcip=10.9.8.7 srcport=51234 action="accept" x=1'},
            {"TimeGenerated": AT, "RawData": "action=deny"},
        ],
        [
            {"TimeGenerated": AT, "SourceIP": "10.9.8.7", "SourcePort": 51234, "Action": "accept"},
            {"TimeGenerated": AT, "SourceIP": "", "SourcePort": None, "Action": "deny"},
        ],
    ),
    "Cisco ASA: parse a message": (
        "TimeGenerated:datetime Message:string",
        """source
        | parse Message with "%ASA-" Severity:int "-" MessageId:int ": " Text
        | parse Text with Verdict " " Protocol " connection " * " for " Interface ":" Address "/" Port:int " " *
        | project TimeGenerated, Severity, MessageId, Verdict, Address, Port""",
        [
            {"TimeGenerated": AT, "Message": "%ASA-6-302013: Built TCP connection 85 for outside:192.0.2.4/443 (x)"},
            {"TimeGenerated": AT, "Message": "%ASA-5-111008: User ran a command"},
            {"TimeGenerated": AT, "Message": "something else"},
        ],
        [
            {"TimeGenerated": AT, "Severity": 6, "MessageId": 302013, "Verdict": "Built", "Address": "192.0.2.4",
             "Port": 443},
            {"TimeGenerated": AT, "Severity": 5, "MessageId": 111008, "Verdict": "", "Address": "", "Port": None},
            {"TimeGenerated": AT, "Severity": None, "MessageId": None, "Verdict": "", "Address": "", "Port": None},
        ],
    ),
    "Zscaler: renames that change only case": (
        "TimeGenerated:datetime eventType:string clientIP:string URL:string",
        "source | project-rename EventType = eventType, ClientIP = clientIP, Url = URL",
        [{"TimeGenerated": AT, "eventType": "block", "clientIP": "10.0.0.1", "URL": "example.org"}],
        [{"TimeGenerated": AT, "EventType": "block", "ClientIP": "10.0.0.1", "Url": "example.org"}],
    ),
    "Infoblox: epoch seconds to a time": (
        "timestamp:long query:string qtype:string",
        """source
        | extend TimeGenerated = datetime(1970-01-01) + timestamp * 1s
        | extend Domain = tolower(query), qtype = toupper(qtype)
        | project TimeGenerated, Domain, QueryType = qtype""",
        [{"timestamp": 1795515630, "query": "WWW.Example.ORG", "qtype": "aaaa"}, {"query": "x", "qtype": ""}],
        [
            {"TimeGenerated": AT, "Domain": "www.example.org", "QueryType": "AAAA"},
            {"TimeGenerated": None, "Domain": "x", "QueryType": ""},
        ],
    ),
    "Netflow: bytes to megabytes, and the busy ones only": (
        "TimeGenerated:datetime inBytes:long outBytes:long seconds:real",
        """source
        | extend TotalBytes = inBytes + outBytes
        | where TotalBytes > 1000000
        | extend Megabytes = round(TotalBytes / 1048576.0, 2), PerSecond = iff(seconds > 0, TotalBytes / seconds, real(null))
        | project TimeGenerated, TotalBytes, Megabytes, PerSecond""",
        [
            {"TimeGenerated": AT, "inBytes": 2097152, "outBytes": 0, "seconds": 2},
            {"TimeGenerated": AT, "inBytes": 1500000, "outBytes": 1, "seconds": 0.0},
            {"TimeGenerated": AT, "inBytes": 10, "outBytes": 10},
            {"TimeGenerated": AT, "inBytes": 1500000},
        ],
        [
            {"TimeGenerated": AT, "TotalBytes": 2097152, "Megabytes": 2.0, "PerSecond": 1048576.0},
            {"TimeGenerated": AT, "TotalBytes": 1500001, "Megabytes": 1.43, "PerSecond": None},
        ],
    ),
    "WAF: an XML event": (
        "TimeGenerated:datetime Payload:string",
        """source
        | extend x = parse_xml(Payload)
        | project TimeGenerated, Rule = tostring(x.event["@rule"]), Uri = tostring(x.event.uri), Score = toint(x.event.score)""",
        [
            {"TimeGenerated": AT, "Payload": '<event rule="942100"><uri>/login</uri><score>5</score></event>'},
            {"TimeGenerated": AT, "Payload": "no xml"},
        ],
        [
            {"TimeGenerated": AT, "Rule": "942100", "Uri": "/login", "Score": 5},
            {"TimeGenerated": AT, "Rule": "", "Uri": "", "Score": None},
        ],
    ),
    "VPN: the address out of brackets, private ones marked": (
        "TimeGenerated:datetime Peer:string",
        r"""source
        | extend Address = iff(Peer startswith "[", extract(@"^\[([^\]]+)\]", 1, Peer), tostring(split(Peer, ":")[0]))
        | extend IsPrivate = Address matches regex @"^(10\.|192\.168\.|172\.(1[6-9]|2[0-9]|3[01])\.)"
        | project TimeGenerated, Address, IsPrivate""",
        [{"TimeGenerated": AT, "Peer": each} for each in ("[2001:db8::1]:500", "172.20.1.1:4500", "198.51.100.1")],
        [
            {"TimeGenerated": AT, "Address": address, "IsPrivate": private}
            for address, private in (("2001:db8::1", False), ("172.20.1.1", True), ("198.51.100.1", False))
        ],
    ),
    "DHCP: only some messages": (
        "TimeGenerated:datetime ID:string Description:string",
        "source | where ID in ('10', '11', '12') and Description !contains 'BOOTP' | project TimeGenerated, EventId = toint(ID)",
        [
            {"TimeGenerated": AT, "ID": "10", "Description": "Assign"},
            {"TimeGenerated": AT, "ID": "11", "Description": "bootp renew"},
            {"TimeGenerated": AT, "ID": "63", "Description": "Restart"},
        ],
        [{"TimeGenerated": AT, "EventId": 10}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_a_rule_for_a_network_device(name):
    """The rows that are stored are those worked out by hand."""
    check_rule(*RULES[name])
