"""GET /v1/files and /v1/batches: one's own, from what the gateway knows; a provider would list everybody's."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import orjson
from fastapi import APIRouter, Request, Response

from services.edge.identify import owner_of_key
from shared.bus import Bus, BusError
from shared.errors import InvalidRequest, Unavailable
from shared.identity.keys import Key
from shared.kept.owned import ANYBODY, Owned, all_owned

LIMIT_MAX = {"file": 10_000, "batch": 100}
LIMIT = {"file": 10_000, "batch": 20}
"""As OpenAI has them. https://platform.openai.com/docs/api-reference/files/list"""


class _Purpose(msgspec.Struct):
    purpose: str = ""


_purpose_of = msgspec.json.Decoder(_Purpose).decode


def list_routes(bus: Bus, key_of: Callable[[Mapping[bytes, bytes], str], Key | None]) -> APIRouter:
    """`key_of(headers, route)` returns the caller's key, None for the master, or raises."""
    router = APIRouter(tags=["files and batches"])

    async def listed(kind: str, request: Request) -> list[Owned]:
        key = key_of(dict(request.scope["headers"]), request.url.path)
        try:
            return await all_owned(bus, kind, owner_of_key(key) if key is not None else ANYBODY)
        except BusError as error:
            raise Unavailable(f"the list of {kind}s cannot be read at the moment", retry_after_s=1) from error

    def route(path: str, summary: str) -> Callable[[Any], Any]:
        def add(handler: Any) -> Any:
            for prefix in ("/v1", "", "/openai/v1"):
                router.add_api_route(
                    prefix + path, handler, methods=["GET"], summary=summary, include_in_schema=prefix == "/v1"
                )
            return handler

        return add

    @route("/files", "The caller's files, the newest first")
    async def files(
        request: Request, limit: int | None = None, after: str = "", order: str = "desc", purpose: str = ""
    ) -> Response:
        found = await listed("file", request)
        if purpose:
            found = [owned for owned in found if _purpose_of(owned.shown).purpose == purpose]
        return _page("file", found, limit, after, order)

    @route("/batches", "The caller's batches, the newest first, as they were seen last")
    async def batches(request: Request, limit: int | None = None, after: str = "") -> Response:
        return _page("batch", await listed("batch", request), limit, after, "desc")

    return router


def _page(kind: str, found: list[Owned], limit: int | None, after: str, order: str) -> Response:
    limit = LIMIT[kind] if limit is None else limit
    if not 1 <= limit <= LIMIT_MAX[kind]:
        raise InvalidRequest(f"limit must be from 1 to {LIMIT_MAX[kind]}.", param="limit")
    if order not in ("asc", "desc"):
        raise InvalidRequest("order must be asc or desc.", param="order")
    if order == "asc":
        found = found[::-1]
    start = next((place + 1 for place, owned in enumerate(found) if owned.id == after), 0)
    page = found[start : start + limit]
    answer = {
        "object": "list",
        "data": [orjson.Fragment(owned.shown) for owned in page],
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
        "has_more": start + limit < len(found),
    }
    return Response(orjson.dumps(answer), media_type="application/json")
