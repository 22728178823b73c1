"""GET, DELETE, cancel and input_items of a response that the caller made: from where it is kept, here or there."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import orjson
from fastapi import APIRouter, Request, Response

from services.edge.calls.previous_response import owned_response
from shared import subjects
from shared.bus import Bus, BusError, NoResponders
from shared.calls import AskStored, StoredAnswer
from shared.errors import GatewayError, InvalidRequest, NotFound, Unavailable
from shared.identity.keys import Key
from shared.kept.responses import Conversation, StoredResponse, conversation_of, forget_response

TIMEOUT_S = 35.0
ITEMS_MAX = 100

_decode = msgspec.msgpack.Decoder(StoredAnswer).decode
_encode = msgspec.msgpack.Encoder().encode


def stored_response_routes(bus: Bus, key_of: Callable[[Mapping[bytes, bytes], str], Key | None]) -> APIRouter:
    """`key_of(headers, route)` returns the caller's key, None for the master, or raises."""
    router = APIRouter(tags=["responses"])

    async def owned(request: Request, response_id: str) -> StoredResponse:
        key = key_of(dict(request.scope["headers"]), request.url.path)
        return await owned_response(bus, response_id, key, param="response_id")

    def route(method: str, path: str, summary: str) -> Callable[[Any], Any]:
        def add(handler: Any) -> Any:
            for prefix in ("/v1/responses", "/responses", "/openai/v1/responses"):
                shown = prefix == "/v1/responses"
                router.add_api_route(prefix + path, handler, methods=[method], summary=summary, include_in_schema=shown)
            return handler

        return add

    @route("GET", "/{response_id}", "A response that this key made, and that was stored")
    async def read(response_id: str, request: Request) -> Response:
        stored = await owned(request, response_id)
        if stored.deployment:
            return await _at_provider(bus, "get", response_id, stored, request.url.query)
        if request.query_params.get("stream") == "true":
            raise InvalidRequest(
                "The stream of a response that the gateway keeps is not kept: read it without 'stream'.",
                param="stream",
            )
        return Response(bytes((await _kept(bus, response_id, stored)).response), media_type="application/json")

    @route("DELETE", "/{response_id}", "Forget a response")
    async def delete(response_id: str, request: Request) -> Response:
        stored = await owned(request, response_id)
        if stored.deployment:
            await _at_provider(bus, "delete", response_id, stored, "")
        try:
            await forget_response(bus, response_id, stored)
        except BusError as error:
            raise Unavailable("the response cannot be deleted at the moment", retry_after_s=1) from error
        return _json({"id": response_id, "object": "response", "deleted": True})

    @route("POST", "/{response_id}/cancel", "Cancel a response that is made in the background")
    async def cancel(response_id: str, request: Request) -> Response:
        stored = await owned(request, response_id)
        if stored.deployment:
            return await _at_provider(bus, "cancel", response_id, stored, "")
        raise InvalidRequest("Only a response that is made in the background can be cancelled.", param="response_id")

    @route("GET", "/{response_id}/input_items", "The items that led to a response")
    async def items(
        response_id: str, request: Request, limit: int = 20, order: str = "desc", after: str | None = None
    ) -> Response:
        stored = await owned(request, response_id)
        if stored.deployment:
            return await _at_provider(bus, "items", response_id, stored, request.url.query)
        if not 1 <= limit <= ITEMS_MAX or order not in ("asc", "desc"):
            raise InvalidRequest(f"limit must be from 1 to {ITEMS_MAX}, order asc or desc.", param="limit")
        found = _with_ids(await _kept(bus, response_id, stored))
        return _json(_page(found if order == "asc" else found[::-1], limit, after))

    return router


def _with_ids(kept: Conversation) -> list[dict[str, Any]]:
    items = [orjson.loads(memoryview(item)) for item in kept.items]
    return [{"id": f"item_{place}", **item} for place, item in enumerate(items)]


def _page(items: list[dict[str, Any]], limit: int, after: str | None) -> dict[str, Any]:
    ids = [item["id"] for item in items]
    start = ids.index(after) + 1 if after in ids else 0
    page = items[start : start + limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": start + limit < len(items),
    }


async def _kept(bus: Bus, response_id: str, stored: StoredResponse) -> Conversation:
    try:
        kept = await conversation_of(bus, response_id, stored)
    except BusError as error:
        raise Unavailable("stored responses cannot be read at the moment", retry_after_s=1) from error
    if kept is None:
        raise NotFound(f"Response with id '{response_id}' not found.", param="response_id")
    return kept


async def _at_provider(bus: Bus, verb: str, response_id: str, stored: StoredResponse, query: str) -> Response:
    question = AskStored(verb, response_id, stored.group, stored.deployment, query)
    try:
        answer = _decode(await bus.request(subjects.RESPONSE, _encode(question), timeout_s=TIMEOUT_S))
    except (TimeoutError, NoResponders, BusError) as error:
        raise Unavailable("no router is running to ask the provider", retry_after_s=1) from error
    if answer.failure is not None:
        raise GatewayError.from_dict(answer.failure)
    return Response(answer.body, answer.status, media_type=answer.content_type)


def _json(body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
