"""Tools, the choice among them, and the tool that stands for structured output where a model has none.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolConfiguration.html
"""

from typing import Any

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.anthropic.requests.json_schema import supported_schema
from services.router.providers.anthropic.requests.output_format import ANSWER_TOOL
from services.router.providers.bedrock.converse.abilities import Abilities
from services.router.providers.bedrock.converse.content import cache_point
from services.router.providers.chat.functions import allowed_functions, function_of, named_function, tools_given

Tools = list[dict[str, Any]]


def tools_of(body: dict[str, Any], abilities: Abilities, unsupported: dict[str, str]) -> tuple[Tools, Tools]:
    """Return Converse's tools, and those in Anthropic's own form (computer use, ...), which go beside them."""
    tools: Tools = []
    own: Tools = []
    for path, tool in tools_given(body.get("tools")):
        if "toolSpec" in tool or "cachePoint" in tool or "systemTool" in tool:
            tools.append(tool)
        elif tool.get("type", "function") == "function":
            tools.append({"toolSpec": _spec(tool, path, abilities)})
            marked = tool if "cache_control" in tool else tool["function"]
            tools += cache_point(marked, abilities.cached_tools)
        elif abilities.claude and tool.get("type") != "custom":
            own.append(tool)
        else:
            unsupported[path] = f"no tool of the type {tool.get('type')!r}"
    if (tools or own) and not abilities.tools:
        unsupported["tools"] = "this model calls no tools"
        return [], []
    return tools, own


def choice_of(
    body: dict[str, Any], tools: Tools, abilities: Abilities, unsupported: dict[str, str], *, can_force: bool
) -> tuple[Tools, dict[str, Any] | None]:
    """Return the tools that remain and toolChoice, None where the default says the same."""
    if body.get("parallel_tool_calls") is False and tools:
        unsupported["parallel_tool_calls"] = "the model decides"
    given = body.get("tool_choice")
    tools, choice = _choice(given, tools)
    if choice in ("auto", "") or (choice == "none" and not tools):
        return tools, None
    if not any("toolSpec" in tool for tool in tools):
        raise InvalidField("tool_choice", "demands a tool, but the request has no tools.")
    wanted = "any" if choice == "required" else "named"
    if not can_force or abilities.forced_tool == "none" or (wanted == "named" and abilities.forced_tool == "any"):
        unsupported["tool_choice"] = "this model, as set here, cannot be made to call a tool; use auto"
        return tools, None
    return tools, {"any": {}} if choice == "required" else {"tool": {"name": choice.removeprefix("function ")}}


def answer_tool(schema: dict[str, Any], declared: dict[str, Any]) -> dict[str, Any]:
    """Return the tool whose input is the answer."""
    description = declared.get("description") or "Give the final answer: the input of this tool is the answer."
    json_schema = {"type": "object", **schema} if schema else {"type": "object", "properties": {}}
    return {"toolSpec": {"name": ANSWER_TOOL, "description": description, "inputSchema": {"json": json_schema}}}


def stand_in(name: str) -> dict[str, Any]:
    """Return a declaration for a tool of earlier calls: Bedrock wants one wherever there are calls."""
    return {"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object", "properties": {}}}}}


def _spec(tool: dict[str, Any], path: str, abilities: Abilities) -> dict[str, Any]:
    function = function_of(tool, path)
    schema = {"type": "object", **(function.parameters or {"properties": {}})}
    spec: dict[str, Any] = {"name": function.name}
    if function.description:
        spec["description"] = function.description
    strict = function.strict and abilities.structured_output
    spec["inputSchema"] = {"json": supported_schema(schema) if strict else schema}
    if strict:
        spec["strict"] = True
    return spec


def _choice(given: object, tools: Tools) -> tuple[Tools, str]:
    """Return the tools that may be called, and auto, required, or "function NAME"."""
    if given is None:
        return tools, ""
    if isinstance(given, str):
        if given not in ("auto", "none", "required", "any"):
            raise InvalidField("tool_choice", "must be auto, none, required or an object that names a function.")
        # Converse has no none: the tools are not sent
        return ([], "none") if given == "none" else (tools, "required" if given == "any" else given)
    if not isinstance(given, dict):
        raise InvalidField("tool_choice", "must be a string or an object.")
    kind = given.get("type")
    if kind == "function":
        return tools, f"function {named_function(given, 'tool_choice')}"
    if kind == "allowed_tools":
        names, must = allowed_functions(given)
        kept = [tool for tool in tools if (tool.get("toolSpec") or {}).get("name") in names]
        return kept, "required" if must else "auto"
    raise InvalidField("tool_choice.type", "must be function or allowed_tools.")
