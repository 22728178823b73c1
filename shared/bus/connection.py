"""One connection to NATS: publish, request, serve, and store with an acknowledgement."""

import asyncio
import itertools
import os
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
import nats.errors
import structlog

from shared import subjects
from shared.bus.acknowledgement import Acknowledgements, Outcome, Then
from shared.bus.client import FastClient
from shared.bus.failures import BusError, MessageTooBig, NoResponders, NotConnected, NotStored
from shared.bus.headers import header_block
from shared.bus.message import Handler, Message

log = structlog.get_logger()

UNSENT_BYTES_MAX = 256 * 1024 * 1024
RECONNECT_WAIT_S = 0.1


class Bus:
    """A process's connection. Reconnects for ever; while it is down every call fails at once with NotConnected."""

    def __init__(self, client: FastClient, name: str) -> None:
        self._client = client
        self.process = f"{name}-{os.urandom(4).hex()}"
        self._numbers = itertools.count(1)
        self._acks = Acknowledgements()
        self._replies: dict[str, asyncio.Future[bytes]] = {}
        self._reconnect_callbacks: list[Callable[[], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self._message_max = client.max_payload  # in bytes, as the server says when it is connected
        self._ack_prefix = subjects.acks(self.process)
        self._reply_prefix = f"_reply.{self.process}"

    @classmethod
    async def connect(cls, url: str, *, name: str, timeout_s: float = 30.0) -> "Bus":
        """Connect to the servers of `url` (comma-separated), waiting for one until `timeout_s`.

        Raises:
            NotConnected: none answered in time.
        """
        client = FastClient()
        bus = cls(client, name)
        options: dict[str, Any] = {
            "servers": [part.strip() for part in url.split(",")],
            "name": name,
            "allow_reconnect": True,
            "max_reconnect_attempts": -1,
            "reconnect_time_wait": RECONNECT_WAIT_S,
            "connect_timeout": 2,
            "ping_interval": 10,
            "max_outstanding_pings": 2,
            "pending_size": -1,  # the bound is UNSENT_BYTES_MAX, in publish
            "error_cb": bus._on_error,
            "disconnected_cb": bus._on_disconnect,
            "reconnected_cb": bus._on_reconnect,
        }
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    try:
                        await client.connect(**options)
                        break
                    except (TimeoutError, OSError) as error:
                        log.debug("nats not there yet", url=_shown(url), error=str(error))
                        await asyncio.sleep(RECONNECT_WAIT_S)
        except TimeoutError:
            raise NotConnected(f"no NATS server answers at {_shown(url)}") from None
        bus._message_max = client.max_payload
        await bus.subscribe(f"{bus._ack_prefix}.*", bus._on_ack)
        await bus.subscribe(f"{bus._reply_prefix}.*", bus._on_reply)
        bus._spawn(bus._fail_overdue_stores())
        return bus

    @property
    def connected(self) -> bool:
        return self._client.is_connected

    def on_reconnect(self, callback: Callable[[], None]) -> None:
        """Call `callback` each time the connection is back: readers re-open, watchers re-read."""
        self._reconnect_callbacks.append(callback)

    def forget_reconnect(self, callback: Callable[[], None]) -> None:
        """Do not call `callback` any more."""
        if callback in self._reconnect_callbacks:
            self._reconnect_callbacks.remove(callback)

    def publish(self, subject: str, payload: bytes, reply: str = "", headers: bytes = b"") -> None:
        """Send one message, not stored and not acknowledged. `headers` is a complete NATS header block.

        Raises:
            NotConnected: no connection, or more unsent bytes than UNSENT_BYTES_MAX.
            MessageTooBig: the server would close the connection.
        """
        client = self._client
        if not client.is_connected:
            raise NotConnected("not connected to NATS")
        if client.unsent_bytes > UNSENT_BYTES_MAX:
            raise NotConnected("too much waits to be sent to NATS")
        total = len(headers) + len(payload)
        if total > self._message_max:
            raise MessageTooBig(f"{total} bytes for {subject}: the NATS server takes {self._message_max}")
        if headers:
            head = f"HPUB {subject} {reply} {len(headers)} {total}\r\n".encode()
            client.send(b"".join((head, headers, payload, b"\r\n")))
        else:
            client.send(b"".join((f"PUB {subject} {reply} {total}\r\n".encode(), payload, b"\r\n")))

    @property
    def is_backed_up(self) -> bool:
        """Whether much waits to be sent: who can, lets it leave first."""
        return self._client.unsent_bytes > UNSENT_BYTES_MAX // 4

    def new_inbox(self) -> str:
        """Return a subject of this process alone; subscribe to it before it is used."""
        return f"_in.{self.process}.{next(self._numbers)}"

    async def subscribe(self, subject: str, handler: Handler, queue: str = "") -> int:
        """Call `handler` for each message, in order, in the reading task; it must return at once.

        Returns the subscription's number, for `unsubscribe`.
        """
        client = self._client
        subscription = await client.subscribe(subject, queue=queue)
        number: int = subscription._id

        def deliver(subject: str, reply: str, data: bytes, headers: bytes) -> None:
            try:
                handler(Message(subject, reply, data, headers))
            except Exception:
                log.exception("a message handler failed", subject=subject)

        client.direct[number] = deliver
        return number

    async def unsubscribe(self, number: int, *, flush_s: int = 0) -> None:
        """Get no more of it; with `flush_s`, wait so long at most for what the server has sent already."""
        subscription = self._client._subs.get(number)
        if subscription is not None:
            try:
                await subscription.unsubscribe()  # while the server is away: it does not come back with it
                if flush_s and self.connected:
                    await self._client.flush(flush_s)
            except (nats.errors.Error, TimeoutError) as error:  # the connection is being closed, its subscriptions too
                log.debug("not unsubscribed", error=str(error))
        self._client.direct.pop(number, None)

    async def flush(self, timeout_s: int) -> None:
        """Wait until the server has read all that was sent, subscriptions too.

        Raises:
            NotConnected: it did not say so in time.
        """
        try:
            await self._client.flush(timeout_s)
        except (nats.errors.Error, TimeoutError) as error:
            raise NotConnected(f"the NATS server does not answer: {error!r}") from error

    async def serve(
        self,
        subject: str,
        handler: Callable[[Message], Awaitable[bytes | None]],
        *,
        queue: str = "",
        at_once_max: int = 256,
    ) -> int:
        """Answer requests on `subject`, each in its own task, at most `at_once_max` at a time; None: not at all."""
        free = asyncio.Semaphore(at_once_max)

        async def answer(message: Message) -> None:
            async with free:
                reply = await handler(message)
                if message.reply and reply is not None:
                    try:
                        self.publish(message.reply, reply)
                    except NotConnected:
                        log.warning("an answer was lost: no connection", subject=message.subject)

        return await self.subscribe(subject, lambda message: self._spawn(answer(message)), queue)

    async def request(self, subject: str, payload: bytes, *, timeout_s: float) -> bytes:
        """Ask and wait for one answer.

        Raises:
            NotConnected, MessageTooBig, NoResponders, TimeoutError
        """
        reply = f"{self._reply_prefix}.{next(self._numbers)}"
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._replies[reply] = future
        try:
            self.publish(subject, payload, reply)
            async with asyncio.timeout(timeout_s):
                return await future
        finally:
            self._replies.pop(reply, None)

    def store(
        self,
        subject: str,
        payload: bytes,
        *,
        msg_id: str = "",
        expected_last: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> asyncio.Future[int]:
        """Publish into the stream that captures `subject`; the future gives the stream sequence once it is stored.

        `msg_id` makes a repetition within the stream's dedup window harmless. `expected_last` is the last stream
        sequence on this subject, 0 for none: anything else there is a Conflict.

        The future raises:
            Conflict, NotStored, NotConnected, MessageTooBig
        """
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        then = partial(_resolve, future)
        self.store_then(subject, payload, then, msg_id=msg_id, expected_last=expected_last, headers=headers)
        return future

    def store_then(
        self,
        subject: str,
        payload: bytes,
        then: Then,
        *,
        msg_id: str = "",
        expected_last: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """The same, with what comes of it told to `then`, at once where it cannot be sent: a future and a turn of the
        loop less for what each request stores.
        """
        reply = f"{self._ack_prefix}.{next(self._numbers)}"
        block = header_block(msg_id=msg_id, expected_last=expected_last, others=headers)
        try:
            self.publish(subject, payload, reply, block)
        except BusError as error:
            then(error)
            return
        self._acks.expect(reply, then)

    def before_write(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, when all messages that came together are handled and what they led to is to be sent."""
        self._client.before_write(callback)

    async def api(self, subject: str, body: object, *, timeout_s: float = 5.0) -> dict[str, Any]:
        """Ask JetStream's API `$JS.API.<subject>`.

        Raises:
            NotStored: it answered with an error; BusError's others as in `request`.
        """
        payload = msgspec.json.encode(body) if body is not None else b""
        answer = await self.request(f"$JS.API.{subject}", payload, timeout_s=timeout_s)
        decoded: dict[str, Any] = msgspec.json.decode(answer)
        error = decoded.get("error")
        if error:
            raise NotStored(f"JetStream {subject}: {error.get('description')} ({error.get('err_code')})")
        return decoded

    async def close(self) -> None:
        """Send what is queued, then leave."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        try:
            await self._client.drain()
        except (TimeoutError, nats.errors.Error, OSError) as error:
            log.debug("nats did not drain", error=str(error))
        try:
            if not self._client.is_closed:
                await self._client.close()
        except (nats.errors.Error, OSError) as error:
            log.debug("nats was gone before it was left", error=str(error))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a task of the bus failed", exc_info=task.exception())

    def _on_ack(self, message: Message) -> None:
        self._acks.answered(message.subject, message.data, no_stream=message.is_no_responders)

    def _on_reply(self, message: Message) -> None:
        future = self._replies.get(message.subject)
        if future is None or future.done():
            return
        if message.is_no_responders:
            future.set_exception(NoResponders("nobody serves that subject"))
        else:
            future.set_result(message.data)

    async def _fail_overdue_stores(self) -> None:
        while True:
            await asyncio.sleep(0.25)
            self._acks.fail_overdue()

    async def _on_error(self, error: Exception) -> None:
        if self.connected:
            log.warning("nats", error=repr(error))
        else:
            log.debug("nats is not back yet", error=repr(error))  # ten times a second

    async def _on_disconnect(self) -> None:
        if not self._closing:
            log.warning("nats connection lost", process=self.process)
        self._acks.fail_all("the connection was lost before JetStream confirmed")
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(NotConnected("the connection was lost before an answer came"))

    async def _on_reconnect(self) -> None:
        log.info("nats connection is back", process=self.process)
        self._message_max = self._client.max_payload
        for callback in list(self._reconnect_callbacks):
            callback()


def _shown(url: str) -> str:
    """Return the addresses of `url` without the passwords in them."""
    return re.sub(r"//[^@/,]*@", "//", url)


def _resolve(future: asyncio.Future[int], outcome: Outcome) -> None:
    if future.done():
        return
    if isinstance(outcome, int):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)
