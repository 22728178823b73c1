"""One question to ledger, and its answer as the JSON it is."""

import asyncio
from typing import NamedTuple

import msgspec

from shared import subjects
from shared.bus import Bus, NoResponders, NotConnected
from shared.errors import GatewayError, Unavailable
from shared.heartbeat import Pulse
from shared.payloads.bodies import BodyGone, read_body
from shared.queries import QueryName, QueryReply, QueryRequest, SpendFilter

LOOK_EVERY_S = 0.5
TIMEOUT_S = 40.0  # the database gives up on a question after thirty
RETRY_AFTER_S = 2

_decode = msgspec.json.Decoder(QueryReply).decode


class LedgerAnswer(NamedTuple):
    """`truncated` when there is more than was given."""

    body: bytes
    truncated: bool


class Ledger:
    """Asks ledger. A question that died with its ledger is given up when that process has fallen silent."""

    def __init__(self, bus: Bus, pulse: Pulse) -> None:
        self._bus = bus
        self._pulse = pulse

    async def ask(self, name: QueryName, wanted: SpendFilter) -> LedgerAnswer:
        """Return ledger's answer; its body is complete JSON, to be passed on or decoded.

        Raises:
            GatewayError: ledger refused; or 503 while it, or its database, is away.
        """
        reply = _decode(await self._reply(name, msgspec.json.encode(QueryRequest(wanted))))
        if reply.error is not None:
            raise GatewayError.from_dict(reply.error)
        if not reply.body_ref:
            return LedgerAnswer(bytes(reply.body), reply.truncated)
        try:
            return LedgerAnswer(await read_body(self._bus, reply.body_ref, reply.size), reply.truncated)
        except BodyGone:
            raise _away("The ledger went away in the middle of its answer. Try again.") from None

    async def _reply(self, name: QueryName, question: bytes) -> bytes:
        asked = self._pulse.live("ledger")
        answer = asyncio.ensure_future(self._bus.request(subjects.query(name), question, timeout_s=TIMEOUT_S))
        try:
            while not (await asyncio.wait({answer}, timeout=LOOK_EVERY_S))[0]:
                if asked and not any(self._pulse.alive(process) for process in asked):
                    raise _away("The ledger died while it was asked. Try again in a moment.")
            return answer.result()
        except (NoResponders, NotConnected):
            raise _away("The ledger is not running. Try again in a moment.") from None
        except TimeoutError:
            raise _away("The ledger did not answer in time. Ask for a shorter time.") from None
        finally:
            answer.cancel()


def _away(message: str) -> Unavailable:
    return Unavailable(message, retry_after_s=RETRY_AFTER_S)
