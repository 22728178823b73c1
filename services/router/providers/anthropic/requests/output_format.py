"""`response_format`: structured output where the model has it, else a tool whose input is the answer.

Sources: https://platform.claude.com/docs/en/build-with-claude/structured-outputs,
https://platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools (forcing one tool).
"""

from typing import Any

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.anthropic.abilities import Abilities
from services.router.providers.anthropic.requests.json_schema import supported_schema

ANSWER_TOOL = "json_tool_call"
"""The tool that carries a JSON answer, under LiteLLM's name; response and stream turn its calls back into content."""


def format_of(body: dict[str, Any], abilities: Abilities) -> dict[str, Any] | None:
    """Return output_config.format, or None if none is asked for or the model needs `answer_tool` for it."""
    schema = _schema(body)
    if schema is None or not schema or not abilities.structured_output:
        return None
    return {"type": "json_schema", "schema": supported_schema(schema)}


def answer_tool(body: dict[str, Any], abilities: Abilities) -> dict[str, Any] | None:
    """Return the tool that stands for structured output, where `format_of` has none.

    Used for older models, and for json_object on all of them: structured output needs a schema with every property.
    """
    schema = _schema(body)
    if schema is None or (schema and abilities.structured_output):
        return None
    declared = body["response_format"].get("json_schema") or {}
    return {
        "name": ANSWER_TOOL,
        "description": declared.get("description") or "Give the final answer: the input of this tool is the answer.",
        "input_schema": {"type": "object", **schema} if schema else {"type": "object", "properties": {}},
    }


def _schema(body: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema asked for, an empty one for any JSON object, or None where text will do."""
    wanted = body.get("response_format")
    if wanted is None:
        return None
    if not isinstance(wanted, dict):
        raise InvalidField("response_format", "must be an object with a type.")
    kind = wanted.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return {}
    if kind != "json_schema":
        raise InvalidField("response_format.type", "must be text, json_object or json_schema.")
    declared = wanted.get("json_schema")
    if not isinstance(declared, dict):
        raise InvalidField("response_format.json_schema", "must be an object with name and schema.")
    schema = declared.get("schema", {})
    if not isinstance(schema, dict):
        raise InvalidField("response_format.json_schema.schema", "must be a JSON schema.")
    return schema
