"""Tools of generateContent, the choice among them, and Google's way to write a schema.

Sources: https://ai.google.dev/gemini-api/docs/function-calling, https://ai.google.dev/api/caching#Schema
"""

from typing import Any

from services.router.dialects.gemini.fields import asks_for_something, camel, field, list_in, object_in
from services.router.providers.answers.rejection import InvalidField

_SCHEMA_WORDS = {"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"}
_NOT_OF_JSON_SCHEMA = ("nullable", "propertyOrdering", "property_ordering", "example")
_SEARCHES = ("googleSearch", "googleSearchRetrieval")
_COUNTS = {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}


def tools_of(body: dict[str, Any], unsupported: dict[str, str]) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Return the functions, and the options of a web search where Google's is among the tools."""
    tools: list[dict[str, Any]] = []
    search: dict[str, Any] | None = None
    for index, tool in enumerate(list_in(body, "tools", "")):
        path = f"tools[{index}]"
        declared = list_in(tool, "functionDeclarations", path)
        tools += [_function(function, f"{path}.functionDeclarations[{at}]") for at, function in enumerate(declared)]
        for name, options in tool.items():
            kind = camel(name)
            if kind in _SEARCHES and options is not None:
                search = {}
                more = options if kind == "googleSearch" and isinstance(options, dict) else {}
                unsupported |= {f"{path}.{kind}.{camel(one)}": "" for one in more if asks_for_something(more[one])}
            elif kind != "functionDeclarations" and options is not None:
                unsupported[f"{path}.{kind}"] = "a tool that Google runs"
    return tools, search


def choice_of(config: dict[str, Any], unsupported: dict[str, str]) -> dict[str, Any]:
    unsupported |= {
        f"toolConfig.{camel(name)}": ""
        for name, value in config.items()
        if camel(name) != "functionCallingConfig" and asks_for_something(value)
    }
    calling = object_in(config, "functionCallingConfig", "toolConfig")
    mode, names = str(calling.get("mode") or "AUTO").upper(), field(calling, "allowedFunctionNames") or []
    if mode not in ("AUTO", "ANY", "NONE", "VALIDATED", "MODE_UNSPECIFIED"):
        raise InvalidField("toolConfig.functionCallingConfig.mode", "must be AUTO, ANY, NONE or VALIDATED.")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidField("toolConfig.functionCallingConfig.allowedFunctionNames", "must be a list of names.")
    if mode == "NONE":
        return {"tool_choice": "none"}
    if names and mode in ("ANY", "VALIDATED"):
        if len(names) == 1 and mode == "ANY":
            return {"tool_choice": {"type": "function", "function": {"name": names[0]}}}
        tools = [{"type": "function", "function": {"name": name}} for name in names]
        allowed = {"mode": "required" if mode == "ANY" else "auto", "tools": tools}
        return {"tool_choice": {"type": "allowed_tools", "allowed_tools": allowed}}
    return {"tool_choice": "required"} if mode == "ANY" else {}


def json_schema(schema: Any) -> Any:
    """Return Google's schema as a JSON schema: types in small letters, `nullable` as a type, counts as numbers."""
    if isinstance(schema, list):
        return [json_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    out: dict[str, Any] = {}
    for name, value in schema.items():
        if name in _NOT_OF_JSON_SCHEMA:
            continue
        if name in ("properties", "$defs") and isinstance(value, dict):
            out[name] = {key: json_schema(each) for key, each in value.items()}
        elif name in ("enum", "default", "const", "required"):
            out[name] = value
        elif name == "type" and isinstance(value, str) and value.upper() in _SCHEMA_WORDS:
            out[name] = value.lower()
        elif name in _COUNTS and isinstance(value, str) and value.isdigit():
            out[name] = int(value)
        else:
            out["anyOf" if name == "any_of" else name] = json_schema(value)
    if schema.get("nullable") is True and isinstance(out.get("type"), str):
        out["type"] = [out["type"], "null"]
    return out


def _function(function: dict[str, Any], path: str) -> dict[str, Any]:
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidField(f"{path}.name", "must be a string.")
    schema = field(function, "parametersJsonSchema") or function.get("parameters")
    declared: dict[str, Any] = {"name": name}
    if isinstance(function.get("description"), str):
        declared["description"] = function["description"]
    declared["parameters"] = json_schema(schema) if schema else {"type": "object", "properties": {}}
    return {"type": "function", "function": declared}
