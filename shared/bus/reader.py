"""Reading a stream in order, without gaps, from any sequence: for projections, folds and replays.

An ephemeral pull consumer without acks feeds it. Each message carries its number in that consumer; when one is
missing, the connection was away or the server forgot the consumer, the reader opens a new one right after the last
message it handed out. So nothing is skipped and nothing comes twice.
"""

import asyncio
import time
from collections import deque
from typing import Literal, NamedTuple

import msgspec
import structlog

from shared.bus.connection import Bus
from shared.bus.failures import BusError
from shared.bus.message import Message

log = structlog.get_logger()

PULL_MAX = 2_000  # messages asked for at a time: what may wait in memory
PULL_EXPIRES_S = 10.0
INACTIVE_S = 60
_REOPEN_WAIT_S = 0.2

Deliver = Literal["by_start_sequence", "last_per_subject", "all"]


class Stored(NamedTuple):
    """One message of a stream; `time_ns` is when JetStream stored it."""

    seq: int
    subject: str
    data: bytes
    headers: bytes
    time_ns: int


class Reader:
    """Hands out the messages of `stream` from `start` on. One task reads; `close` when done."""

    def __init__(
        self,
        bus: Bus,
        stream: str,
        *,
        start: int = 1,
        subject: str = "",
        deliver: Deliver = "by_start_sequence",
        pull_max: int = PULL_MAX,
        poll_s: float | None = None,
    ) -> None:
        """`subject` filters; `deliver="last_per_subject"` begins with the newest message of each subject.

        With `poll_s` messages are fetched that often, or when `poll_now` asks, instead of one by one as they come:
        under a steady trickle a process then wakes a few times a second and not for every message.
        """
        self._bus = bus
        self._stream = stream
        self._subject = subject
        self._deliver = deliver
        self._pull_max = pull_max
        self._poll_s = poll_s
        self._next_poll = 0.0
        self._next_start = start
        self._queue: deque[Stored] = deque()
        self._wake = asyncio.Event()
        self._consumer = ""
        self._inbox = ""
        self._subscription = 0
        self._expected = 1  # the next message's number in the consumer
        self._asked = 0  # messages asked for and not yet delivered
        self._asked_until = 0.0
        self._pending = 0  # messages in the stream behind the newest one delivered
        self._lost = True
        self._given_up = False
        bus.on_reconnect(self._mark_lost)

    @property
    def position(self) -> int:
        """The sequence from which a new reader would go on: one past the last message handed out."""
        return self._next_start

    @property
    def is_caught_up(self) -> bool:
        """True when everything that was in the stream has been handed out."""
        return not self._lost and not self._queue and self._pending == 0 and bool(self._consumer)

    def poll_now(self) -> None:
        """Fetch what there is without waiting for the next turn."""
        self._next_poll = 0.0
        self._wake.set()

    async def next_batch(self, at_most: int, wait_s: float) -> list[Stored]:
        """Return up to `at_most` messages; an empty list when none came within `wait_s`."""
        deadline = time.monotonic() + wait_s
        while not self._queue or (self._poll_s is not None and self._asked and len(self._queue) < at_most):
            now = time.monotonic()
            if self._given_up or (now >= deadline and not self._queue):
                return []
            await self._keep_open()
            self._wake.clear()
            if self._lost or (self._queue and not self._asked):
                continue
            try:
                async with asyncio.timeout(self._pause(now, deadline)):
                    await self._wake.wait()
            except TimeoutError:
                if self._queue:
                    break
        batch: list[Stored] = []
        while self._queue and len(batch) < at_most:
            batch.append(self._queue.popleft())
        if batch:
            self._next_start = batch[-1].seq + 1
        if self._poll_s is None:
            await self._keep_open()
        return batch

    def _pause(self, now: float, deadline: float) -> float:
        """Return how long nothing is to be done unless something comes."""
        until = min(deadline, now + 1.0)
        if self._poll_s is not None and not self._asked:
            until = min(until, self._next_poll)
        return max(0.001, until - now)

    def give_up(self) -> None:
        """Let whoever waits for the next batch go on at once, without one."""
        self._given_up = True
        self._wake.set()

    async def close(self) -> None:
        self._bus.forget_reconnect(self._mark_lost)
        if self._subscription:
            await self._bus.unsubscribe(self._subscription)
        if self._consumer and self._bus.connected:
            try:
                await self._bus.api(f"CONSUMER.DELETE.{self._stream}.{self._consumer}", None, timeout_s=1)
            except (BusError, TimeoutError):
                log.debug("consumer left to expire", consumer=self._consumer)

    async def _keep_open(self) -> None:
        """Open the consumer if there is none, and keep a pull waiting at the server."""
        if not self._lost and self._asked > 0 and time.monotonic() > self._asked_until + 1.0:
            self._lost = True  # not even the end of the pull was announced
        if self._lost:
            try:
                await self._open()
            except (BusError, TimeoutError) as error:
                log.debug("stream not readable yet", stream=self._stream, error=str(error))
                await asyncio.sleep(_REOPEN_WAIT_S)
                return
        if self._poll_s is None:
            if self._asked <= self._pull_max // 4 and len(self._queue) < self._pull_max:
                self._pull({"expires": int(PULL_EXPIRES_S * 1e9)})
        elif not self._asked and time.monotonic() >= self._next_poll:
            self._next_poll = time.monotonic() + self._poll_s
            self._pull({"no_wait": True})

    async def _open(self) -> None:
        if self._subscription:
            await self._bus.unsubscribe(self._subscription)
            self._subscription = 0
        self._inbox = self._bus.new_inbox()
        if self._queue:
            self._next_start = self._queue[-1].seq + 1
        config: dict[str, object] = {
            "ack_policy": "none",
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": INACTIVE_S * 1_000_000_000,
            "max_waiting": 16,
        }
        if self._deliver == "by_start_sequence" or self._next_start > 1:
            config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": max(1, self._next_start)}
        else:
            config["deliver_policy"] = self._deliver
        if self._subject:
            config["filter_subject"] = self._subject
        self._lost = False
        self._expected = 1
        self._asked = 0
        self._subscription = await self._bus.subscribe(self._inbox, self._on_message)
        try:
            created = await self._bus.api(
                f"CONSUMER.CREATE.{self._stream}", {"stream_name": self._stream, "config": config}
            )
        except (BusError, TimeoutError):
            self._lost = True
            raise
        self._consumer = created["name"]
        self._pending = created.get("num_pending", 0)

    def _pull(self, how: dict[str, object]) -> None:
        body = msgspec.json.encode({"batch": self._pull_max, **how})
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}"
        try:
            self._bus.publish(subject, body, self._inbox)
        except BusError:
            self._lost = True
            return
        self._asked += self._pull_max
        self._asked_until = time.monotonic() + PULL_EXPIRES_S

    def _on_message(self, message: Message) -> None:
        if not message.reply.startswith("$JS.ACK."):
            # 404 and 408 end a pull; 409 and 503 say that the consumer or its leader went away.
            status = message.headers[9:12]
            self._asked = 0
            if status not in (b"404", b"408"):
                self._lost = True
            self._wake.set()
            return
        if self._lost:
            return
        fields = message.reply.split(".")
        # $JS.ACK.<stream>.<consumer>.<deliveries>.<seq>.<consumer seq>.<time>.<pending>, or with domain and account
        seq, number, time_ns, pending = fields[-4:] if len(fields) == 9 else fields[7:11]
        if int(number) != self._expected:
            log.warning("a gap in a stream consumer: reading again", stream=self._stream, at=seq)
            self._lost = True
            self._wake.set()
            return
        self._expected += 1
        self._asked -= 1
        if self._asked == 0:
            self._next_poll = 0.0  # there was as much as was asked for: there may be more
        self._pending = int(pending)
        self._queue.append(Stored(int(seq), message.subject, message.data, message.headers, int(time_ns)))
        if self._poll_s is None or not self._asked:
            self._wake.set()

    def _mark_lost(self) -> None:
        self._lost = True
        self._wake.set()
