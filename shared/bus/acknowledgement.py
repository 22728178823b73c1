"""What JetStream answers to messages that are to be stored, and who waits for it."""

import time
from collections.abc import Callable

import msgspec
import structlog

from shared.bus.failures import BusError, Conflict, NotStored

log = structlog.get_logger()

Outcome = int | BusError
"""The stream sequence of a message that is stored; or why it is not, or is not known to be."""

Then = Callable[[Outcome], None]
"""Called once, where messages are read: must not block."""

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
        self._waiting: dict[str, tuple[Then, float]] = {}  # in the order of their deadlines

    def expect(self, reply: str, then: Then) -> None:
        self._waiting[reply] = (then, time.monotonic() + STORE_TIMEOUT_S)

    def answered(self, reply: str, answer: bytes, *, no_stream: bool) -> None:
        """`no_stream`: the server itself says that nothing captures the subject."""
        waiting = self._waiting.pop(reply, None)
        if waiting is None:
            return
        outcome: Outcome
        try:
            outcome = NotStored("no stream captures that subject") if no_stream else stored_sequence(answer)
        except NotStored as error:
            outcome = error
        _tell(waiting[0], outcome)

    def fail_overdue(self) -> None:
        now = time.monotonic()
        while self._waiting:
            reply, (then, deadline) = next(iter(self._waiting.items()))
            if deadline > now:
                return
            del self._waiting[reply]
            _tell(then, NotStored("JetStream did not confirm in time"))

    def fail_all(self, why: str) -> None:
        waiting, self._waiting = self._waiting, {}
        for then, _ in waiting.values():
            _tell(then, NotStored(why))


def _tell(then: Then, outcome: Outcome) -> None:
    """What one of them does wrong must not keep the others from hearing."""
    try:
        then(outcome)
    except Exception:
        log.exception("what waited for a message to be stored failed", outcome=repr(outcome))
