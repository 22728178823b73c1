"""What JetStream answers to messages that are to be stored, and who waits for it."""

import asyncio
import time

import msgspec

from shared.bus.failures import Conflict, NotStored

_WRONG_SEQUENCE = {10071, 10164}  # wrong last sequence, alone and in an atomic batch


class _Error(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _Ack(msgspec.Struct):
    seq: int = 0
    error: _Error | None = None


STORE_TIMEOUT_S = 5.0

_decode = msgspec.json.Decoder(_Ack).decode


def stored_sequence(answer: bytes) -> int:
    """Return the stream sequence of a message that is stored.

    Raises:
        Conflict: somebody else wrote first.
        NotStored: it was refused.
    """
    try:
        ack = _decode(answer)
    except msgspec.DecodeError as error:
        raise NotStored(f"JetStream's answer cannot be read: {error}") from error
    if ack.error is None:
        return ack.seq
    if ack.error.err_code in _WRONG_SEQUENCE:
        raise Conflict(ack.error.description)
    raise NotStored(ack.error.description)


class Acknowledgements:
    """The messages JetStream has not answered yet, each by the subject its answer comes to."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[asyncio.Future[int], float]] = {}  # in the order of their deadlines

    def expect(self, reply: str, future: asyncio.Future[int]) -> None:
        self._waiting[reply] = (future, time.monotonic() + STORE_TIMEOUT_S)

    def answered(self, reply: str, answer: bytes, *, no_stream: bool) -> None:
        """`no_stream`: the server itself says that nothing captures the subject."""
        waiting = self._waiting.pop(reply, None)
        if waiting is None or waiting[0].done():
            return
        try:
            if no_stream:
                raise NotStored("no stream captures that subject")
            waiting[0].set_result(stored_sequence(answer))
        except NotStored as error:
            waiting[0].set_exception(error)

    def fail_overdue(self) -> None:
        now = time.monotonic()
        while self._waiting:
            reply, (future, deadline) = next(iter(self._waiting.items()))
            if deadline > now:
                return
            del self._waiting[reply]
            _fail(future, "JetStream did not confirm in time")

    def fail_all(self, why: str) -> None:
        waiting, self._waiting = self._waiting, {}
        for future, _ in waiting.values():
            _fail(future, why)


def _fail(future: asyncio.Future[int], why: str) -> None:
    if not future.done():
        future.set_exception(NotStored(why))
