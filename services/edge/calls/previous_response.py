"""What a request for a response goes on from: found before it is admitted, so that it is held, guarded and paid for."""

from typing import Any, NamedTuple

import msgspec

from services.edge.peeks.peek import Units
from shared.bus import Bus, BusError
from shared.errors import NotFound, Unavailable
from shared.identity.keys import Key
from shared.kept.responses import StoredResponse, conversation_of, find_response

_FIELD = b'"previous_response_id"'


class Resolved(NamedTuple):
    """`pinned` is the deployment that holds what came before, whose `tokens` it will read again.

    `model` and `units` are what that says of the call beside its body: who answers, and what its tools may use up.
    """

    body: bytes
    pinned: str = ""
    tokens: int = 0
    model: str = ""
    units: Units = ()


class _Asked(msgspec.Struct):
    previous_response_id: str | None = None
    input: msgspec.Raw = msgspec.Raw(b"[]")


class _Said(msgspec.Struct):
    output: list[msgspec.Raw]


_decode = msgspec.json.Decoder(_Asked).decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_said = msgspec.json.Decoder(_Said).decode
_encode = msgspec.json.Encoder().encode


async def resolve_previous(bus: Bus, body: bytes, key: Key | None) -> Resolved:
    """Return the body with the conversation before it, where that is kept here.

    Raises:
        NotFound: there is no such response, or another key made it.
        Unavailable
    """
    if _FIELD not in body and b"\\u00" not in body:
        return Resolved(body)
    try:
        asked = _decode(body)
    except (msgspec.DecodeError, RecursionError):
        return Resolved(body)  # the peek says what is wrong with it
    if not asked.previous_response_id:
        return Resolved(body)
    response_id = asked.previous_response_id
    stored = await owned_response(bus, response_id, key, param="previous_response_id")
    if stored.deployment:
        return Resolved(body, stored.deployment, stored.tokens)
    try:
        kept = await conversation_of(bus, response_id, stored)
    except BusError as error:
        raise _away() from error
    if kept is None:
        raise _unknown(response_id, "previous_response_id")
    fields: dict[str, Any] = _fields(body)
    fields["input"] = [*kept.items, *_said(kept.response).output, *_own_items(asked.input)]
    return Resolved(_encode(fields))


async def owned_response(bus: Bus, response_id: str, key: Key | None, *, param: str) -> StoredResponse:
    """Return what is known of a response. The master key may see those of all keys.

    Raises:
        NotFound: there is none, or another key made it: who asks is told the same.
        Unavailable
    """
    try:
        stored = await find_response(bus, response_id)
    except BusError as error:
        raise _away() from error
    if stored is None or (key is not None and stored.owner != key.token):
        raise _unknown(response_id, param)
    return stored


def _own_items(given: msgspec.Raw) -> list[Any]:
    if bytes(memoryview(given)[:1]) == b"[":
        return list(_items(given))
    return [{"type": "message", "role": "user", "content": given}]


def _unknown(response_id: str, param: str) -> NotFound:
    return NotFound(
        f"Response with id '{response_id[:100]}' not found. One can be asked for again by the key that made it, where "
        "it was made with store: true.",
        param=param,
    )


def _away() -> Unavailable:
    return Unavailable("stored responses cannot be read at the moment", retry_after_s=1)
