"""Tools and the choice among them.

Sources: https://platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools,
https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool.
"""

from typing import Any

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.anthropic.abilities import Abilities
from services.router.providers.anthropic.requests.content import with_cache_control
from services.router.providers.anthropic.requests.json_schema import supported_schema
from services.router.providers.chat.functions import allowed_functions, function_of, named_function, tools_given

_OWN_FIELDS = ("allowed_callers", "defer_loading", "eager_input_streaming", "input_examples")
_SEARCHES = {"low": 1, "medium": 5, "high": 10}
"""LiteLLM's reading of search_context_size as a number of searches."""


def tools_of(body: dict[str, Any], abilities: Abilities, unsupported: dict[str, str]) -> list[dict[str, Any]]:
    """Translate `tools` and `web_search_options`. Tools in Anthropic's own form go through untouched."""
    tools: list[dict[str, Any]] = []
    for path, tool in tools_given(body.get("tools")):
        if isinstance(tool.get("custom"), dict):
            unsupported[path] = "custom tools with free text input"
        elif tool.get("type", "function") == "function" and "input_schema" not in tool:
            tools.append(_function(tool, path, abilities))
        else:
            tools.append(tool)
    search = body.get("web_search_options")
    if search is not None:
        tools.append(_web_search(search))
    return tools


def choice_of(
    body: dict[str, Any], tools: list[dict[str, Any]], unsupported: dict[str, str]
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Return the tools that remain and Anthropic's tool_choice, or None where its default says the same."""
    tools, choice = _choice(body.get("tool_choice"), tools, unsupported)
    if choice is not None and choice["type"] in ("any", "tool") and not tools:
        raise InvalidField("tool_choice", "demands a tool, but the request has no tools.")
    if not tools:
        return tools, None  # Anthropic refuses a choice among none
    if body.get("parallel_tool_calls") is False and (choice is None or choice["type"] != "none"):
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    return tools, choice


def _function(tool: dict[str, Any], path: str, abilities: Abilities) -> dict[str, Any]:
    function = function_of(tool, path)
    schema = {"type": "object", **(function.parameters or {"properties": {}})}
    translated: dict[str, Any] = {"name": function.name, "input_schema": schema}
    if function.description is not None:
        translated["description"] = function.description
    if function.strict and abilities.structured_output:
        translated |= {"input_schema": supported_schema(schema), "strict": True}
    translated |= {field: tool[field] for field in _OWN_FIELDS if tool.get(field) is not None}
    return with_cache_control(with_cache_control(translated, function.fields), tool)


def _web_search(options: object) -> dict[str, Any]:
    if not isinstance(options, dict):
        raise InvalidField("web_search_options", "must be an object.")
    tool: dict[str, Any] = {"type": "web_search_20250305", "name": "web_search"}
    size, location = options.get("search_context_size"), options.get("user_location")
    if size is not None:
        if not isinstance(size, str) or size not in _SEARCHES:
            raise InvalidField("web_search_options.search_context_size", "must be low, medium or high.")
        tool["max_uses"] = _SEARCHES[size]
    if location is not None:
        place = location.get("approximate") if isinstance(location, dict) else None
        if not isinstance(place, dict):
            raise InvalidField("web_search_options.user_location", "must have the object `approximate`.")
        tool["user_location"] = {**place, "type": "approximate"}
    return tool


def _choice(
    given: object, tools: list[dict[str, Any]], unsupported: dict[str, str]
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    if given is None:
        return tools, None
    if isinstance(given, str):
        kinds = {"auto": "auto", "none": "none", "required": "any", "any": "any"}
        if given not in kinds:
            raise InvalidField("tool_choice", "must be auto, none, required or an object that names a function.")
        return tools, {"type": kinds[given]}
    if not isinstance(given, dict):
        raise InvalidField("tool_choice", "must be a string or an object.")
    kind = given.get("type")
    if kind == "function":
        return tools, {"type": "tool", "name": named_function(given, "tool_choice")}
    if kind == "allowed_tools":
        names, must = allowed_functions(given)  # Anthropic has no such choice: only these are sent
        return [tool for tool in tools if str(tool.get("name")) in names], {"type": "any"} if must else None
    if kind == "custom":
        unsupported["tool_choice"] = "custom tools"
        return tools, None
    if kind in ("auto", "any", "tool", "none"):
        return tools, dict(given)  # Anthropic's own form
    raise InvalidField("tool_choice.type", "must be function or allowed_tools.")
