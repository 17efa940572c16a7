"""The mapping, the stream and the transformation for Azure tables that people send log records to.

Pure, and imported only where a preset is asked for. A preset's stream has the table's columns and
besides them what the table has no place for; the transformation folds that into the table's own.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from dcrlog._mapping import DEFAULTS, Defaults, snake_case
from dcrlog.errors import ConfigError, shown
from dcrlog.tables import azure_tables


@dataclass(frozen=True, slots=True)
class Preset:
    """How records come into an Azure table.

    Attributes:
        table: The table.
        fields: The field of each column of the stream that does not follow from its name.
        otel_fields: Those of an OpenTelemetry record, where they differ.
        extras: Columns that extras of their name fill, as it stands or in snake_case.
        aliases: Other names of such extras.
        transformation: What the rule does to a row.
    """

    table: str
    fields: tuple[tuple[str, str], ...]
    transformation: str
    otel_fields: dict[str, str] = field(default_factory=dict)
    extras: tuple[str, ...] = ()
    aliases: dict[str, str] = field(default_factory=dict)

    @property
    def stream_name(self) -> str:
        """The stream's name where nobody gives it another."""
        return f"Custom-{self.table}"

    def defaults(self, *, is_otel: bool = False) -> Defaults:
        """Return the columns with their types and fields, of the front end."""
        own = azure_tables()[self.table]
        fields = dict(self.fields) | (self.otel_fields if is_otel else {})
        fields |= {column: "|".join(self._names(column)) for column in self.extras}
        return tuple(
            (column, own.get(column) or _BESIDES[column], source) for column, source in fields.items()
        )

    def _names(self, column: str) -> Iterable[str]:
        yield column
        yield snake_case(column)
        if column in self.aliases:
            yield self.aliases[column]


_BESIDES: Final = {"Exception": "string", "Properties": "string"}


def _with_rest(column: str, *, properties: bool = False) -> str:
    """Write what appends the traceback, and extras that no column took, to a text column."""
    extended = f'strcat({column}, iif(isempty(Exception), "", strcat("\\n", Exception)))'
    away = "Exception"
    if properties:
        extended = f'strcat({column}, iif(isempty(Properties), "", strcat(" ", Properties)), '
        extended += 'iif(isempty(Exception), "", strcat("\\n", Exception)))'
        away = "Exception, Properties"
    return f"extend {column} = {extended} | project-away {away}"


def _default(column: str, value: str) -> str:
    return f"{column} = iif(isempty({column}), {value}, {column})"


_SYSLOG: Final = Preset(
    table="Syslog",
    fields=(
        ("TimeGenerated", "created"),
        ("EventTime", "created"),
        ("Computer", "host"),
        ("HostName", "host"),
        ("Facility", "facility"),
        ("SeverityLevel", "syslog_severity"),
        ("ProcessName", "program"),
        ("ProcessID", "process"),
        ("SyslogMessage", "message"),
        ("Exception", "exception"),
        ("Properties", "properties"),
    ),
    transformation=(
        f"source | extend {_default('Facility', chr(34) + 'user' + chr(34))} | "
        + _with_rest("SyslogMessage", properties=True)
    ),
)

_WINDOWS_EVENT: Final = Preset(
    table="WindowsEvent",
    fields=(
        ("TimeGenerated", "created"),
        ("Computer", "host"),
        ("Provider", "name"),
        ("EventLevel", "windows_level"),
        ("EventLevelName", "windows_level_name"),
        ("SystemProcessId", "process"),
        ("Correlation", "trace_id"),
        ("EventData", "properties"),
        ("RawEventData", "message"),
        ("Exception", "exception"),
    ),
    extras=("Channel", "EventID", "EventRecordId", "Keywords", "Opcode", "SystemUserId", "Task", "Version"),
    transformation=(
        f"source | extend {_default('Channel', chr(34) + 'Application' + chr(34))} | "
        + _with_rest("RawEventData")
    ),
)

_SECURITY_EVENT: Final = Preset(
    table="SecurityEvent",
    fields=(
        ("TimeGenerated", "created"),
        ("Computer", "host"),
        ("Activity", "message"),
        ("EventSourceName", "name"),
        ("Level", "windows_level"),
        ("EventLevelName", "windows_level_name"),
        ("Process", "program"),
        ("SystemProcessId", "process"),
        ("Correlation", "trace_id"),
        ("EventData", "properties"),
        ("Exception", "exception"),
    ),
    extras=(
        "AccessMask", "Account", "AccountDomain", "AccountName", "AccountType", "AuthenticationPackageName",
        "Channel", "CommandLine", "EventID", "FailureReason", "IpAddress", "IpPort", "LogonProcessName",
        "LogonType", "LogonTypeName", "MemberName", "NewProcessId", "NewProcessName", "ObjectName",
        "ObjectType", "ParentProcessName", "PrivilegeList", "ProcessId", "ProcessName", "ServiceName",
        "ShareName", "Status", "SubjectDomainName", "SubjectLogonId", "SubjectUserName", "SubjectUserSid",
        "SubStatus", "TargetDomainName", "TargetLogonId", "TargetUserName", "TargetUserSid",
        "WorkstationName",
    ),
    transformation=(
        f'source | extend {_default("Channel", chr(34) + "Security" + chr(34))} | ' + _with_rest("Activity")
    ),
)  # fmt: skip

_CUSTOM: Final = tuple(
    name
    for number in range(1, 7)
    for name in (f"DeviceCustomString{number}", f"DeviceCustomString{number}Label")
)

_COMMON_SECURITY_LOG: Final = Preset(
    table="CommonSecurityLog",
    fields=(
        ("TimeGenerated", "created"),
        ("Computer", "host"),
        ("LogSeverity", "cef_severity"),
        ("Message", "message"),
        ("ProcessName", "program"),
        ("ProcessID", "process"),
        ("DeviceEventClassID", "DeviceEventClassID|device_event_class_id|name"),
        ("Activity", "Activity|activity|funcName"),
        ("AdditionalExtensions", "properties"),
        ("Exception", "exception"),
    ),
    extras=(
        "ApplicationProtocol", "CommunicationDirection", "DestinationDnsDomain", "DestinationHostName",
        "DestinationIP", "DestinationMACAddress", "DestinationNTDomain", "DestinationPort",
        "DestinationProcessName", "DestinationServiceName", "DestinationTranslatedAddress",
        "DestinationTranslatedPort", "DestinationUserID", "DestinationUserName", *_CUSTOM, "DeviceAction",
        "DeviceAddress", "DeviceEventCategory", "DeviceExternalID", "DeviceFacility",
        "DeviceInboundInterface", "DeviceName", "DeviceOutboundInterface", "DeviceProduct",
        "DeviceVendor", "DeviceVersion", "EndTime", "EventCount", "EventOutcome", "FieldDeviceCustomNumber1",
        "FieldDeviceCustomNumber2", "FieldDeviceCustomNumber3", "FileHash", "FileName", "FilePath",
        "FileSize", "Protocol", "Reason", "ReceivedBytes", "RequestClientApplication", "RequestContext",
        "RequestMethod", "RequestURL", "SentBytes", "SourceDnsDomain", "SourceHostName", "SourceIP",
        "SourceMACAddress", "SourceNTDomain", "SourcePort", "SourceProcessName", "SourceServiceName",
        "SourceTranslatedAddress", "SourceTranslatedPort", "SourceUserID", "SourceUserName", "StartTime",
    ),
    aliases={
        "ApplicationProtocol": "app", "DestinationHostName": "dhost", "DestinationIP": "dst",
        "DestinationPort": "dpt", "DestinationUserName": "duser", "DeviceAction": "act",
        "DeviceEventCategory": "cat", "EventOutcome": "outcome", "FileName": "fname", "Protocol": "proto",
        "RequestURL": "url", "SourceHostName": "shost", "SourceIP": "src", "SourcePort": "spt",
        "SourceUserName": "suser",
    },
    transformation=(
        f'source | extend {_default("DeviceVendor", chr(34) + "Python" + chr(34))}, '
        f'{_default("DeviceProduct", "ProcessName")} | ' + _with_rest("Message")
    ),
)  # fmt: skip

_OTEL_LOGS: Final = Preset(
    table="OTelLogs",
    fields=(
        ("TimeGenerated", "created"),
        ("Body", "message"),
        ("SeverityText", "levelname"),
        ("SeverityNumber", "severity_number"),
        ("ScopeName", "name"),
        ("TraceId", "trace_id"),
        ("SpanId", "span_id"),
        ("ServiceName", "program"),
        ("ServiceInstanceId", "instance_id"),
        ("Attributes", "properties"),
        ("Exception", "exception"),
    ),
    otel_fields={
        "ServiceName": "resource.service.name",
        "ServiceNamespace": "resource.service.namespace",
        "ServiceVersion": "resource.service.version",
        "ServiceInstanceId": "resource.service.instance.id",
        "ResourceAttributes": "resource",
        "ScopeVersion": "scope.version",
        "DroppedAttributesCount": "dropped_attributes",
    },
    transformation="source | " + _with_rest("Body"),
)

PRESETS: Final = {
    preset.table.lower(): preset
    for preset in (_SYSLOG, _COMMON_SECURITY_LOG, _SECURITY_EVENT, _WINDOWS_EVENT, _OTEL_LOGS)
}
"""By the table's name in lower case."""


def find_preset(name: str) -> Preset:
    """Return the preset of a name, in whatever case.

    Raises:
        ConfigError: There is none; the message lists those there are.
    """
    found = PRESETS.get(name.strip().lower().replace("_", ""))
    if found is None:
        known = ", ".join(repr(each) for each in (*PRESETS, "request"))
        raise ConfigError(
            f"columns={shown(name)} is no preset. There are {known}; or map columns to fields, as in "
            '{"Tenant": "tenant_id"}.'
        )
    return found


def is_otel(defaults: Defaults) -> bool:
    """Whether these are the columns of an OpenTelemetry front end."""
    return defaults is not DEFAULTS
