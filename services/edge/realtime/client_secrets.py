"""POST /v1/realtime/client_secrets: a secret for a browser; and what is refused, as it would go past the gateway."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
import orjson
from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect

from services.edge.http.request_body import ClientLeft, read_request_body
from services.edge.model_details.model_names import ModelNames, some_of
from services.edge.peeks.json_body import decoded
from services.edge.realtime.secret import SECONDS_LEAST, SECONDS_MOST, SECONDS_USUAL, Grant, Secrets
from shared.errors import GatewayError, InvalidRequest
from shared.identity.keys import Key
from shared.ids import new_id

_Read = TypeVar("_Read")
KeyOf = Callable[[Mapping[bytes, bytes], str], Key | None]
_PREFIXES = ("/v1/realtime", "/realtime", "/openai/v1/realtime")
BODY_MAX_BYTES = 64 * 1024


class _After(msgspec.Struct):
    anchor: str = "created_at"
    seconds: int = SECONDS_USUAL


class _Asked(msgspec.Struct):
    """OpenAI's present form; the first one has the session's fields on top."""

    session: dict[str, Any] | None = None
    expires_after: _After | None = None


_decode = msgspec.json.Decoder(_Asked).decode
_decode_all = msgspec.json.Decoder(dict[str, Any]).decode


def client_secret_routes(secrets: Secrets, names: ModelNames, key_of: KeyOf) -> APIRouter:
    """`key_of(headers, route)` returns the caller's key, None for the master, or raises."""
    router = APIRouter(tags=["realtime"])

    async def made(request: Request, session_of: Callable[[_Asked, bytes], dict[str, Any]]) -> tuple[Grant, Any, str]:
        headers = dict(request.scope["headers"])
        key = key_of(headers, request.url.path)
        try:
            body = await read_request_body(request.receive, BODY_MAX_BYTES, headers, setting="")
        except ClientLeft as left:
            raise ClientDisconnect from left
        asked = _read(_decode, body)
        session = session_of(asked, body)
        model = _checked(session, names, key)
        after = asked.expires_after or _After()
        if after.anchor != "created_at" or not SECONDS_LEAST <= after.seconds <= SECONDS_MOST:
            raise InvalidRequest(
                f"expires_after must be {{'anchor': 'created_at', 'seconds': {SECONDS_LEAST} to {SECONDS_MOST}}}.",
                param="expires_after",
            )
        begins_with = {name: value for name, value in session.items() if name not in ("model", "type")}
        said = orjson.dumps({"type": "realtime", **begins_with} if "type" in session else begins_with)
        expires_s = int(time.time()) + after.seconds
        grant = Grant("" if key is None else key.token, model, expires_s, said if begins_with else b"")
        return grant, session, secrets.seal(grant)

    for prefix in _PREFIXES:
        shown = prefix == _PREFIXES[0]

        @router.post(
            f"{prefix}/client_secrets",
            summary="A secret to open sessions with, for a browser",
            include_in_schema=shown,
        )
        async def client_secrets(request: Request) -> dict[str, Any]:
            grant, session, secret = await made(request, lambda asked, _: asked.session or {})
            return {"value": secret, "expires_at": grant.expires_s, "session": _shown(session)}

        @router.post(f"{prefix}/sessions", summary="The same in OpenAI's first form", include_in_schema=shown)
        async def sessions(request: Request) -> dict[str, Any]:
            grant, session, secret = await made(request, lambda _, body: _fields(body))
            told = {"value": secret, "expires_at": grant.expires_s}
            return {**_shown(session), "client_secret": told}

        @router.get(prefix, include_in_schema=False)
        async def without_a_socket(request: Request) -> None:
            key_of(dict(request.scope["headers"]), request.url.path)
            raise InvalidRequest(
                "A realtime session is a WebSocket: open one here (ws:// or wss://) with ?model=<name>.",
                param="upgrade",
            )

        @router.post(f"{prefix}/{{path:path}}", include_in_schema=False)
        async def past_the_gateway(path: str, request: Request) -> None:
            key_of(dict(request.scope["headers"]), request.url.path)
            raise InvalidRequest(
                f"/realtime/{path}: calls over WebRTC or SIP, translations and transcriptions go past the gateway, "
                "where nobody could hold them to a budget. Open a session over a WebSocket at /v1/realtime, by key or "
                "a secret of /v1/realtime/client_secrets.",
                param="path",
            )

    return router


def _read(decode: Callable[[bytes], _Read], body: bytes) -> _Read:
    return decoded(decode, body or b"{}", "/realtime/client_secrets")


def _fields(body: bytes) -> dict[str, Any]:
    fields = _read(_decode_all, body)
    return {name: value for name, value in fields.items() if name not in ("session", "expires_after")}


def _checked(session: dict[str, Any], names: ModelNames, key: Key | None) -> str:
    """Return the model of a session that the key may open.

    Raises:
        GatewayError
    """
    if session.get("type", "realtime") != "realtime":
        raise InvalidRequest("Only sessions of type 'realtime' are served.", param="session.type")
    model = session.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidRequest("Missing required parameter: 'session.model'.", param="session.model")
    group = names.group_of(model, names.access.aliases_of(key))
    refusal: GatewayError | None = names.access.model_refusal(key, "", group, model)
    if refusal is not None:
        raise refusal
    if not names.serves(group):
        raise InvalidRequest(
            f"Invalid model name passed in model={model[:200]}. Available: {some_of(names.usable_by(key))}.",
            param="session.model",
        )
    return model


def _shown(session: dict[str, Any]) -> dict[str, Any]:
    return {"type": "realtime", **session, "object": "realtime.session", "id": new_id("sess")}
