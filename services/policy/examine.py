"""What is said in a realtime session goes through the guardrails before it goes on; any policy process can tell."""

import struct
from collections.abc import Mapping

import msgspec
import structlog

from services.policy.guardrails import Blocked, Chain
from services.policy.replies import Replies
from shared import subjects
from shared.bus import Bus, Message
from shared.calls import unpack_admit
from shared.errors import Unavailable
from shared.identity.holder_access import HolderAccess
from shared.identity.keys import MASTER_KEY_ID, Key
from shared.realtime import Examined, encode_examined

log = structlog.get_logger()


class Examiner:
    def __init__(self, bus: Bus, keys: Mapping[str, Key], access: HolderAccess, chain: Chain, replies: Replies) -> None:
        self._bus = bus
        self._keys = keys
        self._access = access
        self._chain = chain
        self._replies = replies

    async def start(self) -> None:
        await self._bus.serve(subjects.EXAMINE, self._answer, queue=subjects.POLICIES)

    async def _answer(self, message: Message) -> bytes:
        """`message` is an Admit with the body to be examined; what is blocked is told as a fact, too."""
        try:
            request, body = unpack_admit(message.data)
        except (msgspec.DecodeError, struct.error) as error:
            log.error("a part of a session cannot be read", error=str(error))
            return encode_examined(Examined(failure=Unavailable("the event could not be examined").to_dict()))
        key = self._keys.get(request.caller.key)
        if key is None and request.caller.key != MASTER_KEY_ID:
            away = Unavailable("the key is not known to policy; the event could not be examined", retry_after_s=1)
            return encode_examined(Examined(failure=away.to_dict()))
        names = self._chain.names_for(request.guardrails, self._access.guardrails_of(key))
        verdict = self._chain.check_request(body, names)
        if isinstance(verdict, Blocked):
            self._replies.deny(request, "guardrail", verdict.error, guardrail=verdict.guardrail)
            return encode_examined(Examined(failure=verdict.error.to_dict()))
        return encode_examined(Examined(verdict.body))
