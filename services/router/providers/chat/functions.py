"""Tools that a request declares, the choice among them, and the calls that it tells of, checked and decoded."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from services.router.providers.answers.rejection import InvalidField


class Function(NamedTuple):
    """`fields` are all that the client wrote of it; `parameters` None where it takes none."""

    name: str
    description: str | None
    parameters: dict[str, Any] | None
    strict: bool
    fields: dict[str, Any]


class Call(NamedTuple):
    id: str
    name: str
    arguments: dict[str, Any]


class Allowed(NamedTuple):
    """The functions that may be called; `must`: one of them has to be."""

    names: list[str]
    must: bool


def tools_given(given: object, field: str = "tools") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the tools that a request has in `field`, each behind its path.

    Raises:
        InvalidField
    """
    if given is None:
        return
    if not isinstance(given, list):
        raise InvalidField(field, "must be a list of tools.")
    for index, tool in enumerate(given):
        path = f"{field}[{index}]"
        if not isinstance(tool, dict):
            raise InvalidField(path, "must be an object.")
        yield path, tool


def function_of(tool: dict[str, Any], path: str) -> Function:
    """Raises: InvalidField."""
    function = tool.get("function")
    if not isinstance(function, dict):
        raise InvalidField(f"{path}.function", "must be an object with a name.")
    name, parameters, description = function.get("name"), function.get("parameters"), function.get("description")
    if not isinstance(name, str) or not name:
        raise InvalidField(f"{path}.function.name", "must be a string.")
    if parameters is not None and not isinstance(parameters, dict):
        raise InvalidField(f"{path}.function.parameters", "must be a JSON schema of an object.")
    told = description if isinstance(description, str) else None
    return Function(name, told, parameters, function.get("strict") is True, function)


def named_function(holder: object, path: str) -> str:
    """Return the name of the function that a choice of tools, or a part of it, is about.

    Raises:
        InvalidField
    """
    function = holder.get("function") if isinstance(holder, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str) or not name:
        raise InvalidField(f"{path}.function.name", "must be the name of a tool.")
    return name


def allowed_functions(choice: dict[str, Any]) -> Allowed:
    """Return what a tool_choice of the type allowed_tools allows.

    Raises:
        InvalidField
    """
    allowed = choice.get("allowed_tools")
    path = "tool_choice.allowed_tools"
    if not isinstance(allowed, dict) or not isinstance(allowed.get("tools"), list):
        raise InvalidField(path, "must be an object with mode and tools.")
    names = [named_function(tool, f"{path}.tools[{index}]") for index, tool in enumerate(allowed["tools"])]
    return Allowed(names, allowed.get("mode") == "required")


def call_of(call: object, path: str, *, provider: str) -> Call:
    """Return one of an assistant message's `tool_calls`.

    Raises:
        InvalidField
    """
    if not isinstance(call, dict):
        raise InvalidField(path, "must be an object with id and function.")
    if call.get("type", "function") != "function":
        raise InvalidField(f"{path}.type", f"must be function: {provider} has no other calls of a client's tools.")
    call_id, function = call.get("id"), call.get("function")
    if not isinstance(call_id, str) or not call_id:
        raise InvalidField(f"{path}.id", "must be a string.")
    if not isinstance(function, dict):
        raise InvalidField(f"{path}.function", "must be an object with name and arguments.")
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidField(f"{path}.function.name", "must be the name of the tool called.")
    return Call(call_id, name, _arguments(function.get("arguments"), f"{path}.function.arguments"))


def _arguments(given: object, path: str) -> dict[str, Any]:
    if given is None or given == "":
        return {}  # a call without arguments
    if isinstance(given, str):
        try:
            given = orjson.loads(given)
        except orjson.JSONDecodeError as failure:
            raise InvalidField(path, f"must be JSON: {failure}.") from failure
    if not isinstance(given, dict):
        raise InvalidField(path, "must be a JSON object.")
    return given
