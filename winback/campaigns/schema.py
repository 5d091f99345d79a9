"""The schema of a campaign file for editors, campaigns/campaign.schema.json: `make reference` writes it anew."""

from collections.abc import Iterator, Mapping
from typing import Any

from winback.campaigns.campaign import Campaign
from winback.campaigns.reference import FIELDS


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a campaign file, for editors; what only `check` can tell is left to it."""
    made = Campaign.model_json_schema()
    definitions = made.pop("$defs")
    plain: dict[str, Any] = _plain(made, definitions, "")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "winback campaign"} | plain


def _plain(node: dict[str, Any], definitions: Mapping[str, Any], path: str) -> dict[str, Any]:
    """A part of the schema without references, nulls and titles, described in the words of the reference."""
    node = definitions[node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    choices = [part for part in node.get("anyOf", []) if part.get("type") != "null"]
    if len(choices) == 1:
        return _plain(choices[0], definitions, path)
    kept = {key: value for key, value in node.items() if key not in {"title", "default", "description"}}
    if choices:
        kept["anyOf"] = [_plain(part, definitions, "") for part in choices]
    if "items" in kept:
        kept["items"] = _plain(kept["items"], definitions, f"{path}[]")
    if "properties" in kept:
        parts = kept["properties"].items()
        kept["properties"] = {
            name: _plain(part, definitions, f"{path}.{name}".lstrip(".")) for name, part in parts
        }
    if path in {"name", "objective"}:  # a text, or one for each language
        kept = {"anyOf": [{"type": "string"}, kept]}
    return kept | _described(path)


def _described(path: str) -> dict[str, str]:
    entry = FIELDS.get(path)
    return {"description": entry.says.en.replace("`", "").partition("; see [")[0]} if entry else {}


def names(node: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Every field a schema has a place for, as the reference names it."""
    for name, part in node.get("properties", {}).items():
        place = f"{path}.{name}".lstrip(".")
        listed = part.get("items", {})
        below, at = (listed, f"{place}[]") if "properties" in listed else (part, place)
        if "properties" in below:
            yield from names(below, at)
        else:
            yield place
