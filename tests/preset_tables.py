"""What the page of presets says of each, in Markdown."""

from collections.abc import Iterator

from dcrlog._presets import PRESETS, Preset
from option_tables import table


def presets_table() -> str:
    """Return the presets by name."""
    lines = ((f'`"{name}"`', each.table, f"`{each.stream_name}`") for name, each in PRESETS.items())
    return table(("`columns=`", "table", "stream"), lines)


def preset_sections() -> str:
    """Return a section for each preset: columns with their fields, extras, transformation."""
    return "\n\n".join(_section(each) for each in PRESETS.values())


def _section(preset: Preset) -> str:
    parts = [f"## {preset.table}", table(("column", "field"), _fields(preset))]
    if preset.extras:
        columns = ", ".join(
            f"{column} (also `{preset.aliases[column]}`)" if column in preset.aliases else column
            for column in preset.extras
        )
        parts.append(f"From extras of their name, as it stands or in snake_case: {columns}.")
    parts.append(f"```kusto\n{preset.transformation}\n```")
    return "\n\n".join(parts)


def _fields(preset: Preset) -> Iterator[tuple[str, str]]:
    for column, field in preset.fields:
        yield column, " or ".join(f"`{each}`" for each in field.split("|"))
    for column, field in preset.otel_fields.items():
        yield f"{column}, with OpenTelemetry", f"`{field}`"
