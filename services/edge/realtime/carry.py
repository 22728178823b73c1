"""An open session's messages: the client's to its router, within a window; the router's to the client."""

import asyncio
import contextlib

from services.edge.exchange import Exchange
from services.edge.http.asgi import Receive, Send
from shared import frames, subjects
from shared.bus import Bus, BusError
from shared.errors import GatewayError, InvalidRequest, Unavailable
from shared.frames import Close
from shared.realtime import KEEP_ALIVE_S, WINDOW_BYTES, error_event

INTERNAL_ERROR = 1011
_GONE = Close(1001, "the client is gone")


class Carrier:
    """One session's."""

    def __init__(self, bus: Bus, exchange: Exchange, session: str, receive: Receive, send: Send) -> None:
        self._bus = bus
        self._exchange = exchange
        self._subject = subjects.session(exchange.router, session)
        self._receive = receive
        self._send = send
        self._number = 0
        self._said_bytes = 0
        self._taken_bytes = 0
        self._may_say = asyncio.Event()
        exchange.on_credit = self._on_credit

    async def carry(self, begins_with: bytes) -> None:
        """Until the client leaves, or the session is over. `begins_with` is said before all that the client says."""
        loop = asyncio.get_running_loop()
        if begins_with:
            self._pass_on(begins_with)
        listening = loop.create_task(self._listen())
        telling = loop.create_task(self._tell())
        alive = loop.create_task(self._say_alive())
        try:
            await asyncio.wait({listening, telling}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (listening, telling, alive):
                task.cancel()
            with contextlib.suppress(BusError):
                self._bus.publish(self._subject, frames.close_frame(self._number, _GONE))
        for task in (telling, listening):
            if task.done() and not task.cancelled():
                with contextlib.suppress(OSError):  # the client is gone
                    task.result()

    async def _listen(self) -> None:
        """Pass on what the client says; return when it has left."""
        while True:
            event = await self._receive()
            if event["type"] == "websocket.disconnect":
                return
            text = event.get("text")
            if text is None:
                await self._tell_failure(InvalidRequest("Events are JSON in text messages, not in binary ones."))
                continue
            self._pass_on(text.encode())
            while self._said_bytes - self._taken_bytes > WINDOW_BYTES:
                self._may_say.clear()
                await self._may_say.wait()

    def _pass_on(self, message: bytes) -> None:
        for frame in frames.message_frames(self._number, message):
            try:
                self._bus.publish(self._subject, frame)
            except BusError as error:
                self._exchange.fail(Unavailable(f"the message bus is away: {error}", retry_after_s=1))
            self._number += 1
        self._said_bytes += len(message)

    async def _tell(self) -> None:
        """Pass on what the provider says; return when the client was told that it is over."""
        parts: list[bytes] = []
        while True:
            frame = await self._exchange.next()
            if frame is None or frame.flags & frames.FAILURE:
                failure = self._exchange.failure or Unavailable("no answer")
                if frame is not None:
                    failure = GatewayError.from_dict(frames.decode_failure(frame.header))
                await self._tell_failure(failure)
                await self._close(Close(INTERNAL_ERROR, failure.message))
                return
            if frame.flags & frames.LAST:
                await self._close(frames.decode_close(frame.header))
                return
            parts.append(frame.data)
            if not frame.flags & frames.PART:
                message = parts[0] if len(parts) == 1 else b"".join(parts)
                parts = []
                await self._send({"type": "websocket.send", "text": message.decode()})

    async def _say_alive(self) -> None:
        """Tell the router that the client is there, and how many frames it must have had by now."""
        while True:
            await asyncio.sleep(KEEP_ALIVE_S)
            with contextlib.suppress(BusError):  # it ends the session where it hears nothing for long
                self._bus.publish(self._subject, frames.data_frame(self._number, b"", frames.PROGRESS))

    def _on_credit(self, taken_bytes: int) -> None:
        self._taken_bytes = taken_bytes
        self._may_say.set()

    async def _tell_failure(self, failure: GatewayError) -> None:
        await self._send({"type": "websocket.send", "text": error_event(failure).decode()})

    async def _close(self, close: Close) -> None:
        reason = close.reason.encode()[:120].decode(errors="ignore")  # a control frame has no room for more
        await self._send({"type": "websocket.close", "code": close.code, "reason": reason})
