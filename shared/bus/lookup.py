"""What a stream holds, asked without a consumer: some messages in order, or the newest one of a subject."""

import asyncio
import base64
from datetime import UTC, datetime

import msgspec

from shared.bus.connection import Bus
from shared.bus.failures import BusError, NoResponders, NotStored
from shared.bus.headers import header_value
from shared.bus.message import Message
from shared.bus.reader import Stored

AT_ONCE_MAX = 500
TIMEOUT_S = 2.0
_NOTHING_FOUND = 10037  # JetStream: no message found
_STATUS = slice(9, 12)  # of a header block that is a status: NATS/1.0 404 ...


class _ApiError(msgspec.Struct):
    err_code: int = 0
    description: str = ""


class _Found(msgspec.Struct):
    subject: str
    seq: int
    time: datetime
    data: str = ""
    hdrs: str = ""


class _FoundAnswer(msgspec.Struct):
    message: _Found | None = None
    error: _ApiError | None = None


_decode_found = msgspec.json.Decoder(_FoundAnswer).decode


async def read(
    bus: Bus, stream: str, *, subject: str = "", start: int = 1, since: datetime | None = None, at_most: int | None
) -> list[Stored]:
    """Return up to `at_most` messages (None: all) from sequence `start`, or the time `since`, on, in stream order.

    `subject` filters, wildcards allowed.

    Any replica may answer, so on a cluster a write of a moment ago can be missing: ask `newest` where that matters.

    Raises:
        NotConnected, NoResponders (no such stream), NotStored (it did not answer in time)
    """
    messages: list[Stored] = []
    while at_most is None or len(messages) < at_most:
        batch = AT_ONCE_MAX if at_most is None else min(AT_ONCE_MAX, at_most - len(messages))
        body: dict[str, object] = {"batch": batch}
        if since is not None and not messages:
            body["start_time"] = since.astimezone(UTC).isoformat()
        else:
            body["seq"] = start
        if subject:
            body["next_by_subj"] = subject
        some, pending = await _read_some(bus, stream, msgspec.json.encode(body))
        messages += some
        if not some or not pending:
            break
        start = some[-1].seq + 1
    return messages


async def newest(bus: Bus, stream: str, subject: str) -> Stored | None:
    """Return the newest message of `subject` (wildcards allowed), or None. The stream's leader answers.

    Raises:
        NotConnected, NoResponders, NotStored
    """
    payload = msgspec.json.encode({"last_by_subj": subject})
    try:
        answer = await bus.request(f"$JS.API.STREAM.MSG.GET.{stream}", payload, timeout_s=TIMEOUT_S)
    except TimeoutError:
        raise NotStored(f"stream {stream} did not answer in time") from None
    found = _decode_found(answer)
    if found.error is not None and found.error.err_code != _NOTHING_FOUND:
        raise NotStored(f"stream {stream}: {found.error.description} ({found.error.err_code})")
    message = found.message
    if message is None:
        return None
    return Stored(
        message.seq,
        message.subject,
        base64.b64decode(message.data),
        base64.b64decode(message.hdrs),
        int(message.time.timestamp() * 1e9),
    )


async def _read_some(bus: Bus, stream: str, request: bytes) -> tuple[list[Stored], int]:
    """Ask once; return what came and how many more there are. The server may end a batch early."""
    messages: list[Stored] = []
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def on_message(message: Message) -> None:
        if ended.done():
            return
        status = message.headers[_STATUS]
        if not message.headers.startswith(b"NATS/1.0 "):
            messages.append(_stored(message))
        elif status == b"204":
            last = int(header_value(message.headers, "Nats-Last-Sequence") or 0)
            if messages and messages[-1].seq != last:
                ended.set_exception(NotStored(f"stream {stream}: the answer did not arrive whole"))
            else:
                ended.set_result(int(header_value(message.headers, "Nats-Num-Pending") or 0))
        elif status == b"404":
            ended.set_result(0)
        elif status == b"503":
            ended.set_exception(NoResponders(f"no stream {stream}"))
        else:
            ended.set_exception(NotStored(f"stream {stream} refused to be read: {message.headers!r}"))

    inbox = bus.new_inbox()
    subscription = await bus.subscribe(inbox, on_message)
    try:
        bus.publish(f"$JS.API.DIRECT.GET.{stream}", request, inbox)
        async with asyncio.timeout(TIMEOUT_S):
            pending = await ended
    except TimeoutError:
        raise NotStored(f"stream {stream} did not answer in time") from None
    finally:
        await bus.unsubscribe(subscription)
    return messages, pending


def _stored(message: Message) -> Stored:
    fields = [header_value(message.headers, name) for name in ("Nats-Sequence", "Nats-Subject", "Nats-Time-Stamp")]
    seq, subject, time = fields
    if seq is None or subject is None or time is None:
        raise BusError(f"not a message of a stream: {message.headers!r}")
    return Stored(int(seq), subject, message.data, message.headers, int(datetime.fromisoformat(time).timestamp() * 1e9))
