"""Tools of a Messages request, and the choice among them.

Sources: https://platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools,
https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool
"""

from typing import Any

from services.router.dialects.search_location import location_of
from services.router.providers.answers.rejection import InvalidField
from services.router.providers.chat.functions import tools_given

_OWN_FIELDS = ("allowed_callers", "defer_loading", "eager_input_streaming", "input_examples", "cache_control")
_SIZES = ((1, "low"), (5, "medium"))
"""(uses of a search, the size of its context that LiteLLM takes for it); more are high."""


def tools_of(given: object, unsupported: dict[str, str]) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Return the functions, and the options of a web search where one is among the tools."""
    tools: list[dict[str, Any]] = []
    search: dict[str, Any] | None = None
    for path, tool in tools_given(given):
        kind = tool.get("type")
        if kind in (None, "custom"):
            tools.append(_function(tool, path))
        elif str(kind).startswith("web_search"):
            search = _search(tool)
        else:
            unsupported[path] = f"tools of the type {kind}"
    return tools, search


def choice_of(given: object) -> dict[str, Any]:
    """Return tool_choice and parallel_tool_calls, as far as they are said."""
    if given is None:
        return {}
    kind = given.get("type") if isinstance(given, dict) else None
    words = {"auto": "auto", "any": "required", "none": "none"}
    if not isinstance(given, dict) or kind not in (*words, "tool"):
        raise InvalidField("tool_choice.type", "must be auto, any, tool or none.")
    if kind == "tool":
        if not isinstance(given.get("name"), str):
            raise InvalidField("tool_choice.name", "must be the name of a tool.")
        chosen: dict[str, Any] = {"tool_choice": {"type": "function", "function": {"name": given["name"]}}}
    else:
        chosen = {"tool_choice": words[str(kind)]}
    return {**chosen, "parallel_tool_calls": False} if given.get("disable_parallel_tool_use") is True else chosen


def _function(tool: dict[str, Any], path: str) -> dict[str, Any]:
    name, schema = tool.get("name"), tool.get("input_schema")
    if not isinstance(name, str) or not name:
        raise InvalidField(f"{path}.name", "must be a string.")
    if not isinstance(schema, dict):
        raise InvalidField(f"{path}.input_schema", "must be a JSON schema of an object.")
    function: dict[str, Any] = {"name": name, "parameters": schema}
    if isinstance(tool.get("description"), str):
        function["description"] = tool["description"]
    if tool.get("strict") is True:
        function["strict"] = True
    own = {field: tool[field] for field in _OWN_FIELDS if tool.get(field) is not None}
    return {"type": "function", "function": function, **own}


def _search(tool: dict[str, Any]) -> dict[str, Any]:
    uses = tool.get("max_uses")
    if not isinstance(uses, int):
        return location_of(tool)
    return {"search_context_size": next((size for most, size in _SIZES if uses <= most), "high"), **location_of(tool)}
