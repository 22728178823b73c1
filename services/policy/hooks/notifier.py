"""Calls the hooks for each crossing, in the order of the facts, once each, whichever process does it.

The process that owns partition 0 does. How far it has come is an entry of the POSITIONS bucket, written after each call
by compare-and-set: who takes over goes on from there.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

import msgspec
import structlog

from services.policy.hooks.door import post
from services.policy.hooks.message import slack_text, webhook_event
from services.policy.hooks.targets import Target
from shared import subjects
from shared.bus import Bus, BusError, Conflict, Reader, Stored, kv, newest
from shared.facts import BudgetThresholdCrossed
from shared.facts.registry import UnreadableFact, decode_fact

log = structlog.get_logger()

_FACTS = subjects.facts_of_kind(BudgetThresholdCrossed.KIND)
_ENTRY = "hooks"
LEADS_EVERY_S = 0.5
AGAIN_S = 1.0


class Position(msgspec.Struct, frozen=True):
    """All up to `seq` are told; of the next one the hooks in `done`, by name."""

    seq: int
    done: tuple[str, ...] = ()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Position).decode


class Notifier:
    def __init__(self, bus: Bus, targets: Sequence[Target]) -> None:
        self._bus = bus
        self._targets = targets

    async def run(self, leads: Callable[[], bool]) -> None:
        """Until cancelled, whenever this process `leads`."""
        if not self._targets:
            return
        while True:
            await asyncio.sleep(LEADS_EVERY_S)
            if not leads():
                continue
            try:
                await self._tell_while(leads)
            except Conflict:
                log.info("another process calls the hooks")
            except (BusError, TimeoutError) as error:
                log.debug("hooks are called later", error=str(error))
            except Exception:  # budgets go on being kept, whatever fails here
                log.exception("hooks could not be called")
            await asyncio.sleep(AGAIN_S)

    async def _tell_while(self, leads: Callable[[], bool]) -> None:
        position, revision = await self._position()
        reader = Reader(self._bus, subjects.FACTS, start=position.seq + 1, subject=_FACTS)
        try:
            while leads():
                for message in await reader.next_batch(100, LEADS_EVERY_S):
                    if not leads():
                        return
                    position, revision = await self._tell(message, position, revision)
        finally:
            with contextlib.suppress(BusError):
                await reader.close()

    async def _tell(self, message: Stored, position: Position, revision: int) -> tuple[Position, int]:
        """Call those hooks that were not called for it yet; return the new position."""
        try:
            fact = decode_fact(message.data)
        except UnreadableFact as error:
            log.error("a crossing cannot be read: no hook is called for it", seq=message.seq, error=str(error))
            return await self._put(Position(message.seq), revision)
        assert isinstance(fact, BudgetThresholdCrossed)
        for target in self._targets:
            if target.name in position.done:
                continue
            body = {"text": slack_text(fact)} if target.is_slack else webhook_event(fact)
            await post(target.name, target.url, body, fact.id)
            position, revision = await self._put(Position(position.seq, (*position.done, target.name)), revision)
        return await self._put(Position(message.seq), revision)

    async def _position(self) -> tuple[Position, int]:
        """Return how far the hooks were told, and the entry's revision; at the very first start all there is is old."""
        bucket = subjects.POSITIONS_BUCKET
        found = await newest(self._bus, kv.kv_stream(bucket), kv.kv_subject(bucket, _ENTRY))
        if found is not None:
            return _decode(found.data), found.seq
        state = (await self._bus.api(f"STREAM.INFO.{subjects.FACTS}", None))["state"]
        return await self._put(Position(state["last_seq"]), 0)

    async def _put(self, position: Position, revision: int) -> tuple[Position, int]:
        bucket = subjects.POSITIONS_BUCKET
        return position, await kv.put(self._bus, bucket, _ENTRY, _encode(position), expected=revision)
