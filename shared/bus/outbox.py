"""Facts on their way into the stream: each is published, its ack awaited, and repeated until it is stored.

The stream drops a repetition by its message id, but for some minutes only. After an outage longer than that, the stream
is asked first whether it has the fact.

Bounded: when `full`, the process must stop taking work that would make more facts.
"""

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

import structlog

from shared import subjects
from shared.bus.acknowledgement import Outcome
from shared.bus.connection import Bus
from shared.bus.failures import BusError, MessageTooBig
from shared.bus.headers import header_value
from shared.bus.lookup import read
from shared.bus.topology import DEDUP_WINDOW_S

log = structlog.get_logger()

FACTS_MAX = 20_000
RETRY_WAIT_S = 0.25
REPEAT_WITHIN_S = DEDUP_WINDOW_S - 60.0
CLOCKS_APART_S = 600.0
"""How far the server's clock may be from this one."""


class _Fact(NamedTuple):
    """`since` is when it was first sent, in seconds since 1970."""

    subject: str
    payload: bytes
    msg_id: str
    stored: asyncio.Future[int]
    since: float


class Outbox:
    def __init__(self, bus: Bus, *, facts_max: int = FACTS_MAX) -> None:
        self._bus = bus
        self._facts_max = facts_max
        self._open: dict[str, _Fact] = {}  # by message id
        self._failed: dict[str, _Fact] = {}  # to be sent again
        self._retry: asyncio.Task[None] | None = None
        self.retries = 0
        self.oldest_since: float | None = None  # monotonic time since which something could not be stored

    @property
    def full(self) -> bool:
        return len(self._open) >= self._facts_max

    @property
    def waiting(self) -> int:
        return len(self._open)

    def put(self, subject: str, payload: bytes, msg_id: str, *, sent_since: float | None = None) -> asyncio.Future[int]:
        """Publish a fact; the future gives its stream sequence once it is stored, however long that takes.

        `sent_since`: another process may have sent it before, from that time on, in seconds since 1970.

        The future raises:
            MessageTooBig: it can never be stored.
        """
        stored: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        now = time.time()
        fact = _Fact(subject, payload, msg_id, stored, now if sent_since is None else sent_since)
        self._open[msg_id] = fact
        if fact.since < now - REPEAT_WITHIN_S:
            self._send_later(fact)  # which asks the stream first
        else:
            self._send(fact)
        return stored

    async def drain(self, timeout_s: float) -> int:
        """Wait until all is stored; return how many facts are not."""
        if self._open:
            await asyncio.wait([fact.stored for fact in self._open.values()], timeout=timeout_s)
        return len(self._open)

    def _send(self, fact: _Fact) -> None:
        self._bus.store_then(fact.subject, fact.payload, partial(self._settle, fact), msg_id=fact.msg_id)

    def _settle(self, fact: _Fact, outcome: Outcome) -> None:
        if isinstance(outcome, int):
            self._is_stored(fact, outcome)
            return
        if isinstance(outcome, MessageTooBig):
            log.error("a fact is lost: it is too big to be stored", subject=fact.subject, error=str(outcome))
            self._close(fact)
            if not fact.stored.done():
                fact.stored.set_exception(outcome)
                fact.stored.exception()  # whoever does not wait for it need not hear of it twice
            return
        if self.oldest_since is None:
            self.oldest_since = time.monotonic()
            log.warning("facts are waiting to be stored", waiting=len(self._open), error=repr(outcome))
        self._send_later(fact)

    def _send_later(self, fact: _Fact) -> None:
        self._failed[fact.msg_id] = fact
        if self._retry is None or self._retry.done():
            self._retry = asyncio.get_running_loop().create_task(self._send_failed_again())

    def _is_stored(self, fact: _Fact, seq: int) -> None:
        self._close(fact)
        if not fact.stored.done():
            fact.stored.set_result(seq)

    def _close(self, fact: _Fact) -> None:
        self._open.pop(fact.msg_id, None)
        if not self._open:
            self.oldest_since = None

    async def _send_failed_again(self) -> None:
        while self._failed:
            await asyncio.sleep(RETRY_WAIT_S)
            if not self._bus.connected:
                continue
            again, self._failed = self._failed, {}
            self.retries += len(again)
            oldest = time.time() - REPEAT_WITHIN_S
            old = [fact for fact in again.values() if fact.since < oldest]
            try:
                found = await self._stored_of(old) if old else {}
            except (BusError, TimeoutError) as error:
                log.debug("nobody says which facts are stored", error=str(error))
                self._failed |= again
                continue
            for fact in again.values():
                if fact.msg_id in found:
                    self._is_stored(fact, found[fact.msg_id])
                else:
                    self._send(fact)

    async def _stored_of(self, facts: Iterable[_Fact]) -> dict[str, int]:
        """Return the sequences of those that are in the stream, by message id."""
        wanted: dict[str, list[_Fact]] = {}
        for fact in facts:
            wanted.setdefault(fact.subject, []).append(fact)
        found: dict[str, int] = {}
        for subject, some in wanted.items():
            since = datetime.fromtimestamp(min(fact.since for fact in some) - CLOCKS_APART_S, UTC)
            ids = {fact.msg_id for fact in some}
            for message in await read(self._bus, subjects.FACTS, subject=subject, since=since, at_most=None):
                msg_id = header_value(message.headers, "Nats-Msg-Id")
                if msg_id in ids:
                    found[str(msg_id)] = message.seq
        return found
