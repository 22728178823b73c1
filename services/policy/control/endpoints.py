"""What the control plane answers over the bus: `cmd.control.<verb>`, JSON. One policy process answers each."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog

from services.policy.control.keys.commands import ControlPlane
from shared import subjects
from shared.bus import Bus, Message
from shared.control import Actor, ControlReply, ControlRequest, KeyQuery
from shared.errors import AccessDenied, GatewayError, InvalidRequest, NotFound

log = structlog.get_logger()

_decode = msgspec.json.Decoder(ControlRequest).decode
_encode = msgspec.json.Encoder().encode

Answer = Callable[[ControlPlane, dict[str, Any], Actor], Awaitable[Any]]


async def serve_control(bus: Bus, control_plane: ControlPlane) -> int:
    """Answer from now on; return the subscription's number, for `bus.unsubscribe`."""

    async def answer(message: Message) -> bytes:
        return _encode(await reply_to(control_plane, message.subject.rsplit(".", 1)[-1], message.data))

    return await bus.serve(subjects.CONTROL_COMMANDS, answer, queue=subjects.CONTROLLERS)


async def reply_to(control_plane: ControlPlane, verb: str, data: bytes) -> ControlReply:
    """Do what `verb` asks; whatever happens there is a reply."""
    try:
        request = _request(data)
        command = _VERBS.get(verb)
        if command is None:
            raise NotFound(f"The control plane knows no command {verb!r}.")
        if not request.actor.admin and verb not in _FOR_ANYBODY:
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


def _name(body: dict[str, Any], field: str = "key") -> str:
    name = body.get(field)
    if not isinstance(name, str):
        raise InvalidRequest(f"{field} must name a key.", param=field)
    return name


def _names(body: dict[str, Any], field: str) -> list[str]:
    try:
        return msgspec.convert(body.get(field) or [], list[str])
    except msgspec.ValidationError:
        raise InvalidRequest(f"{field} must be a list of strings.", param=field) from None


def _query(body: dict[str, Any]) -> KeyQuery:
    try:
        return msgspec.convert(body, KeyQuery)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"Not a list that can be asked for: {error}") from None


_VERBS: dict[str, Answer] = {
    "key_generate": lambda plane, body, actor: plane.generate(body, by=actor.id),
    "key_update": lambda plane, body, actor: plane.update(body, by=actor.id),
    "key_delete": lambda plane, body, actor: plane.delete(
        _names(body, "keys"), _names(body, "key_aliases"), by=actor.id
    ),
    "key_block": lambda plane, body, actor: plane.block(_name(body), by=actor.id),
    "key_unblock": lambda plane, body, actor: plane.unblock(_name(body), by=actor.id),
    "key_info": lambda plane, body, _: plane.info(_name(body)),
    "key_find": lambda plane, body, _: plane.find(_names(body, "keys"), _names(body, "key_aliases")),
    "key_list": lambda plane, body, _: plane.list_keys(_query(body)),
}
_FOR_ANYBODY = {"key_info"}
"""Edge lets a key ask for itself alone."""
