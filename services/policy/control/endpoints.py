"""What the control plane answers over the bus: `cmd.control.<verb>`, JSON. One policy process answers each."""

import msgspec
import structlog

from services.policy.control.plane import ControlPlane
from services.policy.control.verbs import FOR_ANYBODY, VERBS
from shared import subjects
from shared.bus import Bus, Message
from shared.control import ControlReply, ControlRequest
from shared.errors import AccessDenied, GatewayError, InvalidRequest, NotFound

log = structlog.get_logger()

_decode = msgspec.json.Decoder(ControlRequest).decode
_encode = msgspec.json.Encoder().encode


async def serve_control(bus: Bus, control_plane: ControlPlane) -> int:
    """Answer from now on; return the subscription's number, for `bus.unsubscribe`."""

    async def answer(message: Message) -> bytes:
        return _encode(await reply_to(control_plane, message.subject.rsplit(".", 1)[-1], message.data))

    return await bus.serve(subjects.CONTROL_COMMANDS, answer, queue=subjects.CONTROLLERS)


async def reply_to(control_plane: ControlPlane, verb: str, data: bytes) -> ControlReply:
    """Do what `verb` asks; whatever happens there is a reply."""
    try:
        request = _request(data)
        command = VERBS.get(verb)
        if command is None:
            raise NotFound(f"The control plane knows no command {verb!r}.")
        if not request.actor.admin and verb not in FOR_ANYBODY:
            raise AccessDenied("Only an administrator may do this.", type="auth_error")
        body = await command(control_plane, request.body, request.actor)
        return ControlReply(200, body=msgspec.Raw(_encode(body)))
    except GatewayError as error:
        return _refusal(error)
    except Exception:
        log.exception("a control command failed", verb=verb)
        return _refusal(GatewayError("The control plane failed; its log says why."))


def _refusal(error: GatewayError) -> ControlReply:
    return ControlReply(error.status, error=error.to_dict())


def _request(data: bytes) -> ControlRequest:
    try:
        return _decode(data)
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"Not a control command: {error}") from None
