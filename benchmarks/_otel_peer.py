"""What a careful application writes between OpenTelemetry and the official client."""

import datetime as dt

from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult

from _common import COLUMNS, RULE_ID, Credential


class UploadingExporter(LogRecordExporter):
    """Gives each batch to `client.upload`, as a list."""

    def __init__(self, endpoint):
        from azure.monitor.ingestion import LogsIngestionClient

        self.client = LogsIngestionClient(endpoint, Credential())

    def export(self, batch):
        try:
            self.client.upload(RULE_ID, "Custom-Bench", [self.row(record) for record in batch])
        except Exception:
            return LogRecordExportResult.FAILURE
        return LogRecordExportResult.SUCCESS

    def row(self, record):
        log = record.log_record
        row = {
            "TimeGenerated": dt.datetime.fromtimestamp(log.timestamp / 1e9, dt.UTC).isoformat(),
            "Level": log.severity_text,
            "Logger": record.instrumentation_scope.name,
            "Message": log.body,
        }
        for name, value in log.attributes.items():
            row[COLUMNS.get(name, name)] = value
        return row

    def shutdown(self):
        self.client.close()

    def force_flush(self, timeout_millis=30_000):  # noqa: ARG002
        return True
