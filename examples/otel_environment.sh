#!/bin/sh
# Usage: examples/otel_environment.sh PROGRAM.py
#
# Ship the logs of a program that knows nothing of dcrlog. Needs dcrlog[otel], opentelemetry-distro and
# opentelemetry-instrumentation-logging; and the three variables that say where to:
# DATA_COLLECTION_ENDPOINT, LOGS_DCR_RULE_ID, LOGS_DCR_STREAM_NAME.
set -eu

OTEL_SERVICE_NAME=${OTEL_SERVICE_NAME:-shop} OTEL_LOGS_EXPORTER=dcrlog \
    OTEL_TRACES_EXPORTER=none OTEL_METRICS_EXPORTER=none \
    exec opentelemetry-instrument python "$@"
