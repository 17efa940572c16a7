"""The rule that is served where none is given: that of the front ends' default stream."""

from collections.abc import Mapping
from typing import Any, Final

DEFAULT_RULE: Final[Mapping[str, Any]] = {
    "streamDeclarations": {
        "Custom-AppLogs": {
            "columns": [
                {"name": "TimeGenerated", "type": "datetime"},
                {"name": "Level", "type": "string"},
                {"name": "Logger", "type": "string"},
                {"name": "Message", "type": "string"},
                {"name": "Exception", "type": "string"},
                {"name": "TraceId", "type": "string"},
                {"name": "SpanId", "type": "string"},
                {"name": "Host", "type": "string"},
                {"name": "Process", "type": "int"},
                {"name": "Thread", "type": "string"},
                {"name": "Function", "type": "string"},
                {"name": "Line", "type": "int"},
                {"name": "Properties", "type": "dynamic"},
                {"name": "ServiceName", "type": "string"},
                {"name": "ServiceInstance", "type": "string"},
                {"name": "Resource", "type": "dynamic"},
                {"name": "InstanceId", "type": "string"},
                {"name": "Seq", "type": "long"},
            ]
        }
    },
    "dataFlows": [
        {
            "streams": ["Custom-AppLogs"],
            "destinations": ["workspace"],
            "outputStream": "Custom-AppLogs_CL",
        }
    ],
}
