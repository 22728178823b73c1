"""What a client says when it opens a realtime session: its key, the model, and the form of events it knows. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

from shared.errors import InvalidRequest

SUBPROTOCOL = "realtime"
_KEY_PREFIX = "openai-insecure-api-key."
_BETA_PREFIX = "openai-beta."
BETA_HEADER = b"openai-beta"


class Opening(NamedTuple):
    """`headers` are those of a request that says the same without subprotocols; `subprotocol` is to be accepted.

    `model` is "" where only a client secret can tell it.
    """

    model: str
    headers: dict[bytes, bytes]
    subprotocol: str | None


def opening_of(headers: Mapping[bytes, bytes], query: bytes, subprotocols: Sequence[str]) -> Opening:
    """Return what is asked for. A browser cannot set headers, and so says it all in subprotocols.

    https://platform.openai.com/docs/guides/realtime-websocket

    Raises:
        InvalidRequest: another kind of session than there is.
    """
    asked = dict(parse_qsl(query.decode("latin-1")))
    if asked.get("intent", "conversation") != "conversation":
        raise InvalidRequest(
            f"/realtime: intent={asked['intent'][:100]} is not served; recordings are transcribed by "
            "/v1/audio/transcriptions.",
            param="intent",
        )
    if "call_id" in asked:
        raise InvalidRequest(
            "/realtime: calls over WebRTC or SIP go past the gateway, and cannot be joined here. Name a model.",
            param="call_id",
        )
    model = asked.get("model") or asked.get("deployment") or ""
    found = dict(headers)
    for name in subprotocols:
        if name.startswith(_KEY_PREFIX) and b"authorization" not in found:
            found[b"authorization"] = b"Bearer " + name.removeprefix(_KEY_PREFIX).encode("latin-1", "replace")
        elif name.startswith(_BETA_PREFIX) and BETA_HEADER not in found:
            version = name.removeprefix(_BETA_PREFIX)
            found[BETA_HEADER] = version.replace("-", "=", 1).encode("latin-1", "replace")
    offered = SUBPROTOCOL if SUBPROTOCOL in subprotocols else None
    return Opening(model, found, offered)
