"""Tools and the choice among them.

Sources: https://ai.google.dev/gemini-api/docs/function-calling, https://ai.google.dev/gemini-api/docs/google-search.
"""

from typing import Any

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.chat.functions import allowed_functions, function_of, named_function, tools_given
from services.router.providers.gemini.abilities import Abilities
from services.router.providers.gemini.requests.json_schema import json_schema, old_schema

_OWN_TOOLS = {
    "googleSearch": "googleSearch",
    "google_search": "googleSearch",
    "googleSearchRetrieval": "googleSearchRetrieval",
    "codeExecution": "codeExecution",
    "code_execution": "codeExecution",
    "urlContext": "urlContext",
    "url_context": "urlContext",
    "googleMaps": "googleMaps",
    "enterpriseWebSearch": "enterpriseWebSearch",
    "computerUse": "computerUse",
    "fileSearch": "fileSearch",
    "retrieval": "retrieval",
}
"""Tools that Google runs itself, written as {"googleSearch": {}}, in either spelling."""


def tools_of(body: dict[str, Any], abilities: Abilities, unsupported: dict[str, str]) -> list[dict[str, Any]]:
    """Translate `tools` and `web_search_options`; all functions become one tool, as Gemini wants it."""
    functions: list[dict[str, Any]] = []
    own: dict[str, Any] = {}
    for path, tool in tools_given(body.get("tools")):
        if named := {_OWN_TOOLS[name]: value for name, value in tool.items() if name in _OWN_TOOLS}:
            own |= named
        elif isinstance(tool.get("functionDeclarations"), list):
            functions += tool["functionDeclarations"]
        elif isinstance(tool.get("custom"), dict):
            unsupported[path] = "custom tools with free text input"
        elif tool.get("type", "function") == "function":
            functions.append(_function(tool, path, abilities))
        else:
            unsupported[path] = f"no tool of the type {tool['type']!r}"
    if (search := body.get("web_search_options")) is not None:
        if not isinstance(search, dict):
            raise InvalidField("web_search_options", "must be an object.")
        own.setdefault("googleSearch", {})
    tools = [{name: value} for name, value in own.items()]
    return [{"functionDeclarations": functions}, *tools] if functions else tools


def choice_of(body: dict[str, Any], tools: list[dict[str, Any]], unsupported: dict[str, str]) -> dict[str, Any] | None:
    """Return functionCallingConfig, or None where Gemini's default says the same."""
    given = body.get("tool_choice")
    if body.get("parallel_tool_calls") is False:
        unsupported["parallel_tool_calls"] = "the model decides"
    if given is None:
        return None
    has_functions = bool(tools) and "functionDeclarations" in tools[0]
    config = _choice(given, unsupported)
    if config is not None and config["mode"] == "ANY" and not has_functions:
        raise InvalidField("tool_choice", "demands a tool, but the request has no tools.")
    return config if has_functions else None


def _function(tool: dict[str, Any], path: str, abilities: Abilities) -> dict[str, Any]:
    function = function_of(tool, path)
    parameters = function.parameters
    declared: dict[str, Any] = {"name": function.name}
    if function.description is not None:
        declared["description"] = function.description
    if parameters and parameters.get("properties"):  # Gemini refuses an object without properties
        if abilities.json_schema:
            declared["parametersJsonSchema"] = {"type": "object", **json_schema(parameters)}
        else:
            declared["parameters"] = old_schema({"type": "object", **parameters}, f"{path}.function.parameters")
    return declared


def _choice(given: object, unsupported: dict[str, str]) -> dict[str, Any] | None:
    if isinstance(given, str):
        modes = {"auto": "AUTO", "none": "NONE", "required": "ANY", "any": "ANY"}
        if given not in modes:
            raise InvalidField("tool_choice", "must be auto, none, required or an object that names a function.")
        return {"mode": modes[given]}
    if not isinstance(given, dict):
        raise InvalidField("tool_choice", "must be a string or an object.")
    kind = given.get("type")
    if kind == "function":
        return {"mode": "ANY", "allowedFunctionNames": [named_function(given, "tool_choice")]}
    if kind == "allowed_tools":
        names, must = allowed_functions(given)
        # VALIDATED: a text, or a call of one of these; AUTO takes no names
        return {"mode": "ANY" if must else "VALIDATED", "allowedFunctionNames": names}
    if kind == "custom":
        unsupported["tool_choice"] = "custom tools"
        return None
    raise InvalidField("tool_choice.type", "must be function or allowed_tools.")
