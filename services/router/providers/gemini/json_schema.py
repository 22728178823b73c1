"""JSON schemas as Gemini takes them: nearly as they are, or in OpenAPI's older form for models before 2.0.

Sources: https://ai.google.dev/gemini-api/docs/structured-output (JSON Schema),
https://ai.google.dev/api/caching#Schema (the older form).
"""

from typing import Any

from services.router.providers.answers.rejection import InvalidField

_OLD_KEYWORDS = frozenset(
    {
        "title",
        "description",
        "format",
        "default",
        "example",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "pattern",
        "required",
        "propertyOrdering",
    }
)
_OLD_FORMATS = {"enum", "date-time", "int32", "int64", "float", "double"}
DEPTH_MAX = 32


def json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return `schema` without the keywords about the document itself."""
    return {name: value for name, value in schema.items() if name not in ("$schema", "strict")}


def old_schema(schema: dict[str, Any], path: str) -> dict[str, Any]:
    """Return `schema` in OpenAPI's form: references put in place, types in capitals, null as `nullable`."""
    definitions = {
        f"#/{holder}/{name}": value
        for holder in ("$defs", "definitions")
        for name, value in (schema.get(holder) or {}).items()
    }
    return _old(schema, definitions, path, 0)


def _old(schema: object, definitions: dict[str, Any], path: str, depth: int) -> dict[str, Any]:
    if not isinstance(schema, dict):
        return {}
    if depth > DEPTH_MAX:
        raise InvalidField(path, "refers to itself, or is nested too deeply for this model.")
    if isinstance(schema.get("$ref"), str):
        target = definitions.get(schema["$ref"])
        if target is None:
            raise InvalidField(path, f"refers to {schema['$ref']}, which it does not define.")
        schema = {**target, **{name: value for name, value in schema.items() if name != "$ref"}}
    kept = {name: value for name, value in schema.items() if name in _OLD_KEYWORDS}
    if kept.get("format") not in _OLD_FORMATS:
        kept.pop("format", None)
    kind = schema.get("type")
    kinds = [kind] if isinstance(kind, str) else [each for each in kind or () if isinstance(each, str)]
    if "null" in kinds:
        kept["nullable"] = True
    named = [each for each in kinds if each != "null"]
    if named:
        kept["type"] = named[0].upper()
    if "const" in schema:
        kept["enum"], kept["type"] = [str(schema["const"])], "STRING"
    elif isinstance(schema.get("enum"), list):
        kept["enum"], kept["type"] = [str(value) for value in schema["enum"] if value is not None], "STRING"
    if isinstance(schema.get("properties"), dict):
        kept["properties"] = {
            name: _old(inner, definitions, path, depth + 1) for name, inner in schema["properties"].items()
        }
    if "items" in schema:
        kept["items"] = _old(schema["items"], definitions, path, depth + 1)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(choices, list):
        others = [choice for choice in choices if not (isinstance(choice, dict) and choice.get("type") == "null")]
        if len(others) < len(choices):
            kept["nullable"] = True
        if len(others) == 1:
            return _old(others[0], definitions, path, depth + 1) | kept
        kept["anyOf"] = [_old(choice, definitions, path, depth + 1) for choice in others]
    return kept
