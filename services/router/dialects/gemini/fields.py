"""Fields of Google's JSON, which may be written in either of two ways: inlineData, inline_data."""

import re
from functools import cache
from typing import Any

from services.router.providers.answers.rejection import InvalidField


@cache
def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda letter: f"_{letter[1].lower()}", name)


@cache
def camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda letter: letter[1].upper(), name)


def asks_for_something(value: object) -> bool:
    """Whether a field is more than there: null, false, an empty object and the enum's zero leave all as it is."""
    return value not in (None, False, "", [], {}) and not (isinstance(value, str) and value.endswith("_UNSPECIFIED"))


def field(holder: dict[str, Any], name: str) -> Any:
    """Return the value of `name`, which is in camel case, under either spelling; None where there is none."""
    value = holder.get(name)
    return holder.get(_snake(name)) if value is None else value


def spellings(*names: str) -> set[str]:
    return {*names, *map(_snake, names)}


def object_in(holder: dict[str, Any], name: str, path: str) -> dict[str, Any]:
    """Return an object, an empty one where there is none.

    Raises:
        InvalidField
    """
    value = field(holder, name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidField(f"{path}.{name}" if path else name, "must be an object.")
    return value


def list_in(holder: dict[str, Any], name: str, path: str) -> list[dict[str, Any]]:
    """Return a list of objects, an empty one where there is none; Google takes a single object for a list.

    Raises:
        InvalidField
    """
    value = field(holder, name)
    if value is None:
        return []
    values = [value] if isinstance(value, dict) else value
    if not isinstance(values, list) or not all(isinstance(each, dict) for each in values):
        raise InvalidField(f"{path}.{name}" if path else name, "must be a list of objects.")
    return values
