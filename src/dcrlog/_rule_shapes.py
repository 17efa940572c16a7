"""The shapes in which people have a data collection rule, down to its properties. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from dcrlog.errors import ConfigError

_RESOURCE_TYPE: Final = "microsoft.insights/datacollectionrules"
SHAPES: Final = (
    "the ARM resource, its bare properties, an ARM template with the rule among its resources, "
    "or the output of 'az monitor data-collection rule show'"
)


def find_properties(document: object) -> Mapping[str, Any]:
    """Return the properties of the rule that a document has, whatever its shape.

    Raises:
        ConfigError: It has none, or several.
    """
    if not isinstance(document, Mapping):
        raise ConfigError(f"a rule is a JSON object, got {type(document).__name__}. Give {SHAPES}.")
    # A template has resources and no properties; a resource may have both.
    if "resources" in document and "properties" not in document:
        found = list(_template_rules(document["resources"]))
        if len(found) != 1:
            raise ConfigError(
                f"the ARM template has {len(found)} data collection rules among its resources; "
                "it must have exactly one. Give the wanted rule as a file of its own."
            )
        document = found[0]
    inner = document.get("properties", document)
    if not isinstance(inner, Mapping) or not {"streamDeclarations", "dataFlows"} & inner.keys():
        raise ConfigError(
            'the document is not a data collection rule: it has neither "streamDeclarations" nor '
            f'"dataFlows". Give {SHAPES}.'
        )
    return inner


def _template_rules(resources: object) -> Iterator[Mapping[str, Any]]:
    # Language version 2.0 of ARM templates writes resources as an object by symbolic name.
    listed = resources.values() if isinstance(resources, Mapping) else resources
    if not isinstance(listed, list | type({}.values())):
        raise ConfigError('"resources" of an ARM template must be a list or an object.')
    for resource in listed:
        if not isinstance(resource, Mapping):
            continue
        kind = resource.get("type")
        kind = kind.lower() if isinstance(kind, str) else None
        if kind == _RESOURCE_TYPE:
            yield resource
        elif kind == "microsoft.resources/deployments":
            properties = resource.get("properties")
            template = properties.get("template") if isinstance(properties, Mapping) else None
            if isinstance(template, Mapping) and "resources" in template:
                yield from _template_rules(template["resources"])
