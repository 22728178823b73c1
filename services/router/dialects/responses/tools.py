"""Tools of a request for a response, and the choice among them: the same as chat's, one level less deep.

Source: https://platform.openai.com/docs/guides/migrate-to-responses
"""

from typing import Any

from services.router.dialects.search_location import location_of
from services.router.providers.answers.rejection import InvalidField
from services.router.providers.chat.functions import tools_given


def tools_of(given: object, unsupported: dict[str, str]) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Return the functions and custom tools, and the options of a web search where one is among the tools."""
    tools: list[dict[str, Any]] = []
    search: dict[str, Any] | None = None
    for path, tool in tools_given(given):
        kind = tool.get("type")
        if kind in ("function", "custom"):
            if not isinstance(tool.get("name"), str):
                raise InvalidField(f"{path}.name", "must be a string.")
            inner = {name: value for name, value in tool.items() if name != "type" and value is not None}
            tools.append({"type": kind, kind: inner})
        elif str(kind).startswith("web_search"):
            size = tool.get("search_context_size")
            search = {**({} if size is None else {"search_context_size": size}), **location_of(tool)}
        else:
            unsupported[path] = f"tools of the type {kind}"
    return tools, search


def choice_of(given: object, unsupported: dict[str, str]) -> dict[str, Any]:
    if given is None:
        return {}
    if isinstance(given, str):
        return {"tool_choice": given}
    kind = given.get("type") if isinstance(given, dict) else None
    if isinstance(given, dict) and kind in ("function", "custom"):
        return {"tool_choice": {"type": kind, kind: {"name": given.get("name")}}}
    if isinstance(given, dict) and kind == "allowed_tools":
        named = [tool.get("name") for _, tool in tools_given(given.get("tools"), "tool_choice.tools")]
        tools = [{"type": "function", "function": {"name": name}} for name in named]
        allowed = {"mode": given.get("mode", "auto"), "tools": tools}
        return {"tool_choice": {"type": "allowed_tools", "allowed_tools": allowed}}
    unsupported["tool_choice"] = "a choice of a tool that OpenAI runs"
    return {}
