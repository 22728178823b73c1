"""Where a search of the web is to be from, in the tools of two dialects."""

from typing import Any


def location_of(search: dict[str, Any]) -> dict[str, Any]:
    """Return the place that a tool for web searches names, as the option that chat has for it."""
    place = search.get("user_location")
    if not isinstance(place, dict):
        return {}
    approximate = {name: value for name, value in place.items() if name != "type" and value is not None}
    return {"user_location": {"type": "approximate", "approximate": approximate}}
