"""What is kept of a response, so that its client can go on from it or ask for it again."""

from typing import Any

import msgspec
import structlog

from services.router.dialects.responses.stream import ResponseOutlet
from services.router.job import Ending, Job
from shared.bus import Bus, BusError
from shared.kept.responses import Conversation, StoredResponse, keep_response

log = structlog.get_logger()

RESPONSES = "aresponses"


class _Asked(msgspec.Struct):
    input: msgspec.Raw = msgspec.Raw(b'""')
    store: bool | None = None


_decode = msgspec.json.Decoder(_Asked).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


async def keep(bus: Bus, job: Job, ending: Ending) -> None:
    """Store it under the id that the client gets, as far as the client asks for it.

    A provider that has this API keeps a response unless it is told not to: then only whose it is, is kept here.
    """
    reader, deployment, request = ending.reader, ending.deployment, job.call.request
    if reader is None or deployment is None:
        return
    try:
        asked = _decode(job.body)
        tokens = ending.usage.prompt_tokens + ending.usage.completion_tokens
        entry = StoredResponse(request.caller.key, request.group, "", tokens)
        if isinstance(ending.outlet, ResponseOutlet):
            reader.response_id = ending.outlet.response_id
            if asked.store is True:
                response = msgspec.Raw(msgspec.json.encode(ending.outlet.response))
                await keep_response(bus, reader.response_id, entry, Conversation(response, _items(asked.input)))
        elif asked.store is not False and reader.response_id:
            entry = msgspec.structs.replace(entry, deployment=deployment.id)
            await keep_response(bus, reader.response_id, entry)
    except (BusError, msgspec.DecodeError) as error:
        log.error("a response could not be kept", request=request.request_id, error=str(error))


def _items(given: msgspec.Raw) -> list[msgspec.Raw]:
    """Return the input as items: a text is a message of the user."""
    if bytes(memoryview(given)[:1]) == b"[":
        return _decode_items(given)
    message: dict[str, Any] = {"type": "message", "role": "user", "content": _decode_text(given)}
    return [msgspec.Raw(msgspec.json.encode(message))]
