"""An unmodified program, started by `opentelemetry-instrument` with nothing but environment variables."""

import os
import sys
from pathlib import Path

import pytest

INSTRUMENTED = (str(Path(sys.executable).parent / "opentelemetry-instrument"), sys.executable)
QUIET = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_SERVICE_NAME": "shop"}
APP = """
import logging
logging.basicConfig(level=logging.INFO)
logging.getLogger("app").warning("order %s paid", "A-17", extra={"amount": 12.5, "item": {"sku": "X1"}})
"""


def only_app(rows):
    return [row for row in rows() if row["Logger"] == "app"]


@pytest.mark.parametrize("root", ["INFO", "DEBUG"])
def test_the_logs_of_an_unmodified_program_arrive(run, rows, root):
    """With its types, and the service's name; and no row that the program has not logged."""
    run(
        APP.replace("logging.INFO", f"logging.{root}"), command=INSTRUMENTED, preamble="",
        OTEL_LOGS_EXPORTER="dcrlog", **QUIET,
    )  # fmt: skip

    (row,) = rows()
    assert (row["Message"], row["Level"], row["Logger"]) == ("order A-17 paid", "WARNING", "app")
    assert row["Properties"] == {"amount": 12.5, "item": {"sku": "X1"}}
    assert row["ServiceName"] == row["Resource"]["service.name"] == "shop"


def test_a_configuration_file_names_the_exporter_and_its_options(run, rows, tmp_path, emulator):
    """The options under its name are the constructor's arguments."""
    (tmp_path / "otel.yaml").write_text(
        'file_format: "1.0"\n'
        "resource: {attributes: [{name: service.name, value: shop}]}\n"
        "logger_provider:\n"
        "  processors:\n"
        "    - batch: {exporter: {dcrlog: {columns: {Amount: amount}, close_timeout: 9.5}}}\n"
    )
    run(APP, command=INSTRUMENTED, preamble="", OTEL_CONFIG_FILE="otel.yaml", **QUIET)

    (row,) = only_app(rows)
    assert (row["Message"], row["ServiceName"]) == ("order A-17 paid", "shop")
    # The emulator's stream does not declare Amount; it left Properties for its column.
    assert row["Properties"] == {"item": {"sku": "X1"}}


def test_a_program_whose_exporter_lacks_its_settings_runs_all_the_same(run, rows):
    """OpenTelemetry tells what is missing; the program is not stopped."""
    _, told = run(
        APP + "print('worked')", command=INSTRUMENTED, preamble="", OTEL_LOGS_EXPORTER="dcrlog",
        DATA_COLLECTION_ENDPOINT="", **QUIET,
    )  # fmt: skip

    assert "DATA_COLLECTION_ENDPOINT" in told
    assert rows() == []


def test_the_example_for_the_shell_ships_a_programs_logs(run, rows, request):
    """With the three variables that say where to, and none but them."""
    example = request.config.rootpath / "examples" / "otel_environment.sh"
    scripts = str(Path(sys.executable).parent)
    run(APP, command=("sh", str(example)), preamble="", PATH=f"{scripts}{os.pathsep}{os.environ['PATH']}")

    assert [row["ServiceName"] for row in only_app(rows)] == ["shop"]
