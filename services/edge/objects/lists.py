"""Which of one's files and batches a list is to show: out of its query. Pure."""

from typing import Any
from urllib.parse import parse_qs

from shared.errors import InvalidRequest
from shared.kept.object_calls import Kind, Page

LIMIT_MAX: dict[Kind, int] = {"file": 10_000, "batch": 100}
LIMIT: dict[Kind, int] = {"file": 10_000, "batch": 20}
"""As OpenAI has them. https://platform.openai.com/docs/api-reference/files/list"""

_AFTER = {"type": "string", "description": "The id behind which the page begins"}
PARAMETERS: dict[Kind, dict[str, dict[str, Any]]] = {
    "file": {
        "limit": {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX["file"], "default": LIMIT["file"]},
        "after": _AFTER,
        "order": {"type": "string", "enum": ["asc", "desc"], "default": "desc"},
        "purpose": {"type": "string", "description": "Only files of this purpose"},
    },
    "batch": {
        "limit": {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX["batch"], "default": LIMIT["batch"]},
        "after": _AFTER,
    },
}
"""The JSON schema of each, for the OpenAPI document."""


def page_in(kind: Kind, query: bytes) -> Page:
    """Return what the query asks for; a field that the list does not have is not looked at.

    Raises:
        InvalidRequest
    """
    found = parse_qs(query.decode("latin-1"))
    asked = {name: values[-1] for name, values in found.items() if name in PARAMETERS[kind]}
    limit, order = asked.get("limit", str(LIMIT[kind])), asked.get("order", "desc")
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= LIMIT_MAX[kind]):
        raise InvalidRequest(f"limit must be from 1 to {LIMIT_MAX[kind]}.", param="limit")
    if order not in ("asc", "desc"):
        raise InvalidRequest("order must be asc or desc.", param="order")
    return Page(int(limit), asked.get("after", ""), order == "asc", asked.get("purpose", ""))
