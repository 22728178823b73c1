"""Everything ledger answers: `cmd.query.<name>`, one ledger of the group for each question."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, get_args

import msgspec
import structlog

from services.ledger import activity, spend_sums
from services.ledger.consumer import Consumer
from services.ledger.spend_logs import encode, spend_logs
from services.ledger.store import Store, StoreAway, StoreError
from services.ledger.stream import facts_stream
from shared import subjects
from shared.bus import Bus, Message
from shared.calls import BODY_INLINE_MAX
from shared.errors import GatewayError, InvalidRequest, Unavailable
from shared.ids import new_id
from shared.payloads.bodies import BodyHolder
from shared.queries import LedgerHealth, QueryName, QueryReply, QueryRequest, SpendFilter

log = structlog.get_logger()

AT_ONCE_MAX = 16  # questions of one kind
HELD_BYTES_MAX = 256 * 1024 * 1024
HELD_S = 30.0  # how long a large answer can be read

Answer = Callable[[Store, SpendFilter], Awaitable[object]]

_SUMS: dict[str, Answer] = {
    "spend_summary": spend_sums.spend_summary,
    "spend_keys": spend_sums.spend_keys,
    "spend_users": spend_sums.spend_users,
    "spend_end_users": spend_sums.spend_end_users,
    "spend_tags": spend_sums.spend_tags,
    "global_spend": spend_sums.global_spend,
    "global_spend_keys": spend_sums.global_spend_keys,
    "global_spend_teams": spend_sums.global_spend_teams,
    "global_spend_models": spend_sums.global_spend_models,
    "global_spend_tags": spend_sums.global_spend_tags,
    "global_spend_provider": spend_sums.global_spend_provider,
    "global_spend_logs": spend_sums.global_spend_logs,
    "global_activity": activity.global_activity,
    "global_activity_model": activity.global_activity_model,
    "daily_activity": activity.daily_activity,
}

_decode = msgspec.json.Decoder(QueryRequest).decode


class Endpoints:
    """Answers from the tables; `consumer` is asked how far they are behind."""

    def __init__(self, bus: Bus, store: Store, consumer: Consumer) -> None:
        self._bus = bus
        self._store = store
        self._consumer = consumer
        self._holder = BodyHolder(bus)
        self._held_bytes = 0

    async def start(self) -> None:
        await self._holder.start()
        for name in get_args(QueryName):
            await self._bus.serve(
                subjects.query(name), self._handler(name), queue=subjects.LEDGERS, at_once_max=AT_ONCE_MAX
            )

    def _handler(self, name: str) -> Callable[[Message], Awaitable[bytes]]:
        async def answer(message: Message) -> bytes:
            try:
                reply = await self._answer(name, _decode(message.data or b"{}").body)
            except msgspec.DecodeError as error:
                reply = _refusal(InvalidRequest(f"cmd.query.{name}: {error}"))
            except StoreAway as error:
                log.warning("a question could not be answered", query=name, error=str(error))
                reply = _refusal(Unavailable("The spend database is not reachable. Try again.", retry_after_s=2))
            except StoreError as error:
                log.error("a question failed", query=name, error=str(error))
                reply = _refusal(GatewayError("The spend database could not answer."))
            except GatewayError as failure:
                reply = _refusal(failure)
            return encode(reply)

        return answer

    async def _answer(self, name: str, wanted: SpendFilter) -> QueryReply:
        if name == "health":
            return QueryReply(body=msgspec.Raw(encode(await self._health())))
        if name == "spend_logs":
            logs = await spend_logs(self._store, wanted)
            return self._reply(logs.body, truncated=logs.truncated)
        answer: Any = await _SUMS[name](self._store, wanted)
        return self._reply(encode(answer))

    def _reply(self, body: bytes, *, truncated: bool = False) -> QueryReply:
        if len(body) <= BODY_INLINE_MAX:
            return QueryReply(body=msgspec.Raw(body), truncated=truncated)
        if self._held_bytes + len(body) > HELD_BYTES_MAX:
            raise Unavailable("Too many large spend reports at a time. Try again.", retry_after_s=int(HELD_S))
        name = new_id("ans")
        self._held_bytes += len(body)
        asyncio.get_running_loop().call_later(HELD_S, self._drop, name, len(body))
        return QueryReply(body_ref=self._holder.hold(name, body), size=len(body), truncated=truncated)

    def _drop(self, name: str, size: int) -> None:
        self._holder.drop(name)
        self._held_bytes -= size

    async def _health(self) -> LedgerHealth:
        consumer = self._consumer
        behind = 0
        if consumer.position:
            behind = max(0, (await facts_stream(self._bus)).last + 1 - consumer.position)
        oldest_ns = consumer.waiting_since_ns or consumer.applied_until_ns
        return LedgerHealth(
            clickhouse="connected" if consumer.lacks() != "clickhouse" else "not connected",
            applied_batch=consumer.applied,
            lag_facts=behind,
            lag_s=max(0.0, time.time() - oldest_ns / 1e9) if behind and oldest_ns else 0.0,
            unreadable_facts=consumer.unreadable,
        )


def _refusal(failure: GatewayError) -> QueryReply:
    return QueryReply(status=failure.status, error=failure.to_dict())
