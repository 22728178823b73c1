"""JSON schemas as Gemini takes them: nearly as they are, or in OpenAPI's older form for models before 2.0.

Sources: https://ai.google.dev/gemini-api/docs/structured-output and the field responseJsonSchema of
https://ai.google.dev/api/generate-content#v1beta.GenerationConfig (JSON Schema),
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


_ABOUT_THE_DOCUMENT = ("$schema", "strict")
_HOLD_SCHEMAS = ("properties", "$defs")
_HOLD_DATA = ("enum", "const", "default", "examples", "required")


def json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return `schema` in the words that Gemini's models read, saying the same.

    Beside a `$ref` nothing else may stand, definitions are called `$defs`; what it would pass over (`const`, `allOf`
    of one, OpenAPI's `nullable`) is told by what it knows. All else goes as it is.
    """
    return _object({name: value for name, value in schema.items() if name not in _ABOUT_THE_DOCUMENT}, 0)


def _json(schema: Any, depth: int) -> Any:
    return _object(schema, depth) if isinstance(schema, dict) and depth <= 4 * DEPTH_MAX else schema


def _object(schema: dict[str, Any], depth: int) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for given, value in schema.items():
        name = "$defs" if given == "definitions" else given
        if name in _HOLD_SCHEMAS and isinstance(value, dict):
            told[name] = told.get(name, {}) | {key: _json(inner, depth + 1) for key, inner in value.items()}
        elif name == "$ref" and isinstance(value, str):
            told[name] = value.replace("#/definitions/", "#/$defs/", 1)
        elif name in _HOLD_DATA:
            told[name] = value
        elif isinstance(value, list):
            told[name] = [_json(inner, depth + 1) for inner in value]
        else:
            told[name] = _json(value, depth + 1)
    if isinstance(told.get("const"), str | int | float) and not isinstance(told["const"], bool):
        told["enum"] = [told.pop("const")]
    if isinstance(told.get("allOf"), list) and len(told["allOf"]) == 1 and "anyOf" not in told:
        told["anyOf"] = told.pop("allOf")
    if told.get("nullable") is True and isinstance(told.get("type"), str):
        told.pop("nullable")
        told["type"] = [told["type"], "null"]
    if "$ref" in told and any(not name.startswith("$") for name in told) and "anyOf" not in told:
        told["anyOf"] = [{"$ref": told.pop("$ref")}]
    return told


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
