"""What edge, policy and router agree on for realtime sessions: a client's WebSocket, joined to one of a provider.

A session is a request of its own, and so is each response in it: admitted, held, priced and told of by itself.
"""

from typing import Any

import msgspec
import orjson

from shared.errors import GatewayError
from shared.ids import new_id

SESSION_S = 3_600
"""How long a session may last: OpenAI's own bound. https://platform.openai.com/docs/guides/realtime-conversations"""

MESSAGE_MAX_BYTES = 16 * 1024 * 1024
"""Of one event: OpenAI takes 15 MB of audio in one."""

WINDOW_BYTES = 4 * 1024 * 1024
"""How much of what a client has said may be on its way to the provider before the client is no longer read."""

KEEP_ALIVE_S = 2.0
SILENCE_S = 10.0
"""Edge says every few seconds that the client is there; a session of which nothing is heard so long has ended."""


class Examined(msgspec.Struct, array_like=True, frozen=True):
    """What guardrails say to a part of a session. `body` None: as it was; `failure` is GatewayError.to_dict()."""

    body: bytes | None = None
    failure: dict[str, Any] | None = None


encode_examined = msgspec.msgpack.Encoder().encode
decode_examined = msgspec.msgpack.Decoder(Examined).decode


def error_event(failure: GatewayError, event_id: str | None = None) -> bytes:
    """Return the event that tells a session's client of a failure; `event_id` names the client's event it concerns."""
    error = {
        "type": failure.type,
        "code": failure.type,
        "message": failure.message,
        "param": failure.param,
        "event_id": event_id,
        **(failure.fields or {}),
    }
    return orjson.dumps({"type": "error", "event_id": new_id("event"), "error": error}, default=str)
