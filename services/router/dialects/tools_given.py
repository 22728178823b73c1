"""What the tools of two dialects have alike."""

from collections.abc import Iterator
from typing import Any

from services.router.providers.answers.rejection import InvalidField


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


def location_of(search: dict[str, Any]) -> dict[str, Any]:
    """Return the place that a tool for web searches names, as the option that chat has for it."""
    place = search.get("user_location")
    if not isinstance(place, dict):
        return {}
    approximate = {name: value for name, value in place.items() if name != "type" and value is not None}
    return {"user_location": {"type": "approximate", "approximate": approximate}}
