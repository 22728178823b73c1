"""The items that led to a response which is kept here, as OpenAI lists them. Pure."""

from collections.abc import Mapping
from typing import Any

import orjson

from shared.errors import InvalidRequest
from shared.kept.responses import Conversation

LIMIT, LIMIT_MAX = 20, 100
"""https://platform.openai.com/docs/api-reference/responses/input-items"""


def with_ids(kept: Conversation) -> list[dict[str, Any]]:
    items = [orjson.loads(memoryview(item)) for item in kept.items]
    return [{"id": f"item_{place}", **item} for place, item in enumerate(items)]


def page_of(items: list[dict[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    """Return the page that `limit`, `order` and `after` of the query ask for.

    Raises:
        InvalidRequest
    """
    limit, order, after = query.get("limit", str(LIMIT)), query.get("order", "desc"), query.get("after")
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= LIMIT_MAX):
        raise InvalidRequest(f"limit must be from 1 to {LIMIT_MAX}.", param="limit")
    if order not in ("asc", "desc"):
        raise InvalidRequest("order must be asc or desc.", param="order")
    if order == "desc":
        items = items[::-1]
    ids = [item["id"] for item in items]
    start = ids.index(after) + 1 if after in ids else 0
    page = items[start : start + int(limit)]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": start + int(limit) < len(items),
    }
