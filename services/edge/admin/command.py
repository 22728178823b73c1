"""One command to the control plane, and its answer as the type it has."""

import json
from typing import Any, TypeVar

import msgspec

from services.edge.admin.authority import Actor
from shared import subjects
from shared.bus import Bus, NoResponders, NotConnected
from shared.control import ControlReply, ControlVerb
from shared.errors import DeadlinePassed, GatewayError, InvalidRequest, TooLarge, Unavailable

T = TypeVar("T")

TIMEOUT_S = 20.0  # policy tries for eight seconds to store a change
BYTES_MAX = 900 * 1024  # below NATS' default limit of a message

_decode = msgspec.json.Decoder(ControlReply).decode


async def command(bus: Bus, verb: ControlVerb, actor: Actor, body: dict[str, Any], answer: type[T]) -> T:
    """Return policy's answer to `verb`.

    Raises:
        GatewayError: policy refused; or it cannot be reached (503), does not answer (504), or the body is too large.
    """
    try:
        request = {"actor": {"id": actor.user_id, "admin": actor.is_admin}, "body": body}
        payload = json.dumps(request, allow_nan=False, ensure_ascii=False).encode()  # other encoders make NaN a null
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The body cannot be written as JSON: {error}") from None
    if len(payload) > BYTES_MAX:
        raise TooLarge(f"The body takes {len(payload)} bytes; at most {BYTES_MAX} are accepted here.")
    try:
        reply = _decode(await bus.request(subjects.control(verb), payload, timeout_s=TIMEOUT_S))
    except (NoResponders, NotConnected):
        raise Unavailable("No control plane is there to do this. Try again in a moment.", retry_after_s=1) from None
    except TimeoutError:
        raise DeadlinePassed("The control plane did not answer. Look whether a change was made first.") from None
    if reply.error is not None:
        raise GatewayError.from_dict(reply.error)
    return msgspec.json.decode(reply.body, type=answer)
