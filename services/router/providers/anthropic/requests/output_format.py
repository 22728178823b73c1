"""`response_format`: structured output where the model has it, else a tool whose input is the answer.

Sources: https://platform.claude.com/docs/en/build-with-claude/structured-outputs,
https://platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools (forcing one tool).
"""

from typing import Any

from services.router.providers.anthropic.abilities import Abilities
from services.router.providers.anthropic.requests.json_schema import supported_schema
from services.router.providers.chat.answer_schema import answer_schema

ANSWER_TOOL = "json_tool_call"
"""The tool that carries a JSON answer, under LiteLLM's name; response and stream turn its calls back into content."""


def format_of(body: dict[str, Any], abilities: Abilities) -> dict[str, Any] | None:
    """Return output_config.format, or None if none is asked for or the model needs `answer_tool` for it."""
    wanted = answer_schema(body)
    if wanted is None or not wanted.schema or not abilities.structured_output:
        return None
    return {"type": "json_schema", "schema": supported_schema(wanted.schema)}


def answer_tool(body: dict[str, Any], abilities: Abilities) -> dict[str, Any] | None:
    """Return the tool that stands for structured output, where `format_of` has none.

    Used for older models, and for json_object on all of them: structured output needs a schema with every property.
    """
    wanted = answer_schema(body)
    if wanted is None or (wanted.schema and abilities.structured_output):
        return None
    schema, declared = wanted
    return {
        "name": ANSWER_TOOL,
        "description": declared.get("description") or "Give the final answer: the input of this tool is the answer.",
        "input_schema": {"type": "object", **schema} if schema else {"type": "object", "properties": {}},
    }
