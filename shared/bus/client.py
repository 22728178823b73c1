"""nats-py's client with a shorter way for messages: bytes are parsed and handed on where they arrive, without tasks.

nats-py connects, authenticates, negotiates TLS and reconnects. Between that it would read through a StreamReader, a
parser of coroutines and a queue and a task for each subscription, and write through a flusher task; that is a third of
a request's CPU here. This client takes over the connected transport instead. It touches these internals of the pinned
version: `_read_loop`, `_send_command`, `_transport._io_reader/_io_writer`, `_process_op_err`, `_process_pong`,
`_process_err`, `_process_info`. tests/integration/test_bus.py fails when an upgrade moves them.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from nats.aio.client import DEFAULT_FLUSH_TIMEOUT, Client
from nats.errors import UnexpectedEOF

log = structlog.get_logger()

Deliver = Callable[[str, str, bytes, bytes], None]
"""(subject, reply, payload, raw headers or b"") -> None; must not block and must not raise."""


class FastClient(Client):
    """Only subscriptions in `direct`, by number, get their messages."""

    def __init__(self) -> None:
        super().__init__()
        self.direct: dict[int, Deliver] = {}
        self._outgoing: list[bytes] = []
        self._outgoing_bytes = 0
        self._write_scheduled = False
        self._before_write: list[Callable[[], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, command: bytes) -> None:
        """Queue one protocol command; everything queued in a loop tick leaves in one write."""
        self._outgoing.append(command)
        self._outgoing_bytes += len(command)
        if not self._write_scheduled:
            self._write_scheduled = True
            asyncio.get_running_loop().call_soon(self.write_now)

    def before_write(self, callback: Callable[[], None]) -> None:
        """Call `callback` before what is queued is written: once, and at the end of this tick where nothing is."""
        self._before_write.append(callback)
        if not self._write_scheduled:
            self._write_scheduled = True
            asyncio.get_running_loop().call_soon(self.write_now)

    @property
    def unsent_bytes(self) -> int:
        transport = self._stream_transport()
        return self._outgoing_bytes + (transport.get_write_buffer_size() if transport is not None else 0)

    def hold_writes(self) -> None:
        """What is sent from now on waits for `write_now`, which the caller promises."""
        self._write_scheduled = True

    def write_now(self) -> None:
        """Write what is queued: called once a tick, and when a batch of messages has been handled."""
        self._write_scheduled = True  # what the callbacks send leaves here
        while self._before_write:
            callbacks, self._before_write = self._before_write, []
            for callback in callbacks:
                self._call(callback)
        self._write_scheduled = False
        if not self._outgoing:
            return
        commands, self._outgoing, self._outgoing_bytes = self._outgoing, [], 0
        transport = self._stream_transport()
        if transport is not None and not transport.is_closing():
            # What was queued for a connection that is gone is dropped: whoever needs an answer has a deadline.
            transport.write(commands[0] if len(commands) == 1 else b"".join(commands))

    @staticmethod
    def _call(callback: Callable[[], None]) -> None:
        """What one does wrong must not keep the others from being called, nor what is queued from being written."""
        try:
            callback()
        except Exception:
            log.exception("a callback before a write failed")

    async def flush(self, timeout: int = DEFAULT_FLUSH_TIMEOUT) -> None:
        """Wait for a sign that the server has read all: asked for behind what is queued, not before it."""
        self.write_now()
        await super().flush(timeout)

    async def _send_command(self, cmd: bytes, priority: bool = False) -> None:
        self.send(cmd)

    async def _read_loop(self) -> None:
        transport = self._stream_transport()
        if transport is None:
            return
        lost: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        receiver = _Receiver(self, transport.get_protocol(), lost)
        reader: Any = getattr(self._transport, "_io_reader")  # noqa: B009  the type does not have it
        transport.set_protocol(receiver)
        receiver.data_received(bytes(reader._buffer))
        reader._buffer.clear()
        try:
            error = await lost
        except asyncio.CancelledError:
            return
        await self._error_cb(error)
        await self._process_op_err(error)

    def _stream_transport(self) -> Any:
        writer = getattr(self._transport, "_io_writer", None)
        return writer.transport if writer is not None else None

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Receiver(asyncio.Protocol):
    """Parses NATS' protocol. What it does not use itself goes on to the protocol it replaced, for its bookkeeping.

    Source: https://docs.nats.io/reference/reference-protocols/nats-protocol
    """

    def __init__(self, client: FastClient, replaced: Any, lost: asyncio.Future[Exception]) -> None:
        self._client = client
        self._replaced = replaced
        self._lost = lost
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        client = self._client
        client.hold_writes()
        direct = client.direct
        position, size = 0, len(data)
        while position < size:
            line_end = data.find(b"\r\n", position)
            if line_end < 0:
                break
            kind = data[position]
            if kind == 77 or kind == 72:  # M, H
                fields = data[position:line_end].split()
                start = line_end + 2
                end = start + int(fields[-1])
                if size < end + 2:
                    break
                if kind == 77:
                    header_end, has_reply = start, len(fields) == 5
                else:
                    header_end, has_reply = start + int(fields[-2]), len(fields) == 6
                deliver = direct.get(int(fields[2]))
                if deliver is not None:
                    deliver(
                        fields[1].decode(),
                        fields[3].decode() if has_reply else "",
                        data[header_end:end],
                        data[start:header_end],
                    )
                position = end + 2
            else:
                self._control(data[position:line_end])
                position = line_end + 2
        self._rest = data[position:]
        client.write_now()  # what the handlers answered, without another turn of the loop

    def connection_lost(self, error: Exception | None) -> None:
        self._replaced.connection_lost(error)
        if not self._lost.done():
            self._lost.set_result(error or UnexpectedEOF())

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._replaced.pause_writing()

    def resume_writing(self) -> None:
        self._replaced.resume_writing()

    def _control(self, line: bytes) -> None:
        client = self._client
        if line == b"PING":
            client.send(b"PONG\r\n")
        elif line == b"PONG":
            client._spawn(client._process_pong())
        elif line.startswith(b"-ERR"):
            client._spawn(client._process_err(line[4:].strip(b" '").decode().lower()))
        elif line.startswith(b"INFO "):
            client._spawn(client._process_info(json.loads(line[5:])))
