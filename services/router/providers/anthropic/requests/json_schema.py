"""The JSON schemas that Anthropic compiles: strict tools and structured output.

It answers 400 to a constraint that its grammar cannot hold, so such a constraint moves into the description, where
the model still reads it. Anthropic's own SDKs do the same:
https://platform.claude.com/docs/en/build-with-claude/structured-outputs
"""

from typing import Any

import orjson

_NOT_COMPILED = frozenset(
    {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "maxItems",
        "uniqueItems",
        "contains",
        "minContains",
        "maxContains",
        "prefixItems",
        "minProperties",
        "maxProperties",
        "patternProperties",
        "propertyNames",
        "dependentRequired",
        "dependentSchemas",
        "unevaluatedProperties",
        "if",
        "then",
        "else",
        "not",
    }
)


def supported_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return `schema` as Anthropic takes it: no uncompiled constraints, closed objects, anyOf in place of oneOf."""
    kept: dict[str, Any] = {}
    moved: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in _NOT_COMPILED or (keyword == "minItems" and value not in (0, 1)):
            moved[keyword] = value
        elif keyword in ("anyOf", "oneOf") and isinstance(value, list):
            kept["anyOf"] = kept.get("anyOf", []) + [_inner(part) for part in value]
        elif keyword == "allOf" and isinstance(value, list):
            kept[keyword] = [_inner(part) for part in value]
        elif keyword in ("properties", "$defs", "definitions") and isinstance(value, dict):
            kept[keyword] = {name: _inner(part) for name, part in value.items()}
        elif keyword == "items":
            kept[keyword] = _inner(value)
        else:
            kept[keyword] = value
    kind = schema.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind):
        kept["additionalProperties"] = False
    if moved:
        note = orjson.dumps(moved).decode()
        kept["description"] = f"{kept['description']}\n\n{note}" if kept.get("description") else note
    return kept


def _inner(part: object) -> object:
    return supported_schema(part) if isinstance(part, dict) else part
