"""Stored facts as rows of the table `facts`, in ClickHouse's RowBinary format. The payload is not touched.

The payload is looked into once, for the columns of the header and to see that the database will read from it what a
fact says: a count that is text would silently become 0 there. A payload that fails is kept with kind 'unreadable'.
"""

import struct
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import msgspec

from shared.bus import Stored

UNREADABLE = "unreadable"
COLUMNS = (
    "epoch",
    "seq",
    "batch",
    "stored_at",
    "ts",
    "at",
    "kind",
    "v",
    "id",
    "request_id",
    "tenant",
    "key",
    "cost",
    "payload",
)
ENDS_OF_REQUESTS = {"completion.finished", "completion.lost", "request.denied"}

_LATEST_MS = 7_258_118_400_000  # the year 2200; DateTime64(3) ends a century later
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=_LATEST_MS)]


class _Fact(msgspec.Struct, gc=False):
    """What is checked. Fields that only some facts have may be missing."""

    kind: str
    v: Annotated[int, msgspec.Meta(ge=0, lt=2**16)]
    id: str
    ts_ms: _Milliseconds
    tenant: str
    request_id: str = ""
    key: str = ""
    cost_pico: _Count | None = None
    hold_pico: _Count | None = None
    prompt_tokens: _Count = 0
    completion_tokens: _Count = 0
    usage: dict[str, _Count] | None = None
    computed_pico: _Count | None = None
    reported_pico: _Count | None = None
    discount_pico: _Count = 0
    margin_pico: _Count = 0
    admitted_ms: _Milliseconds | None = None
    received_ms: _Milliseconds | None = None
    started_ms: _Milliseconds = 0
    first_token_ms: _Milliseconds = 0
    finished_ms: _Milliseconds = 0


class Unreadable(NamedTuple):
    """A stored message that is no fact, and why not."""

    seq: int
    subject: str
    why: str


_decode = msgspec.json.Decoder(_Fact).decode
_numbers = struct.Struct("<IQQqqq")
_version = struct.Struct("<H")
_CROCKFORD_TO_INT32 = str.maketrans("0123456789abcdefghjkmnpqrstvwxyz", "0123456789abcdefghijklmnopqrstuv", "ilou")
_ID_TAIL = 26  # characters: 48 bits of milliseconds, then 82 random ones, five a character


def rows(epoch: int, batch: int, messages: Sequence[Stored]) -> tuple[bytes, list[Unreadable]]:
    """Return the rows of one batch, and which of its messages are no facts."""
    parts: list[bytes] = []
    unreadable: list[Unreadable] = []
    for message in messages:
        stored_ms = message.time_ns // 1_000_000
        try:
            fact = _checked(message.data)
        except (msgspec.DecodeError, ValueError) as error:
            unreadable.append(Unreadable(message.seq, message.subject, str(error)))
            fact = _Fact(kind=UNREADABLE, v=0, id="", ts_ms=stored_ms, tenant="")
        kind, fact_id, request_id = fact.kind.encode(), fact.id.encode(), fact.request_id.encode()
        tenant, key = fact.tenant.encode(), fact.key.encode()
        made = made_ms(fact.request_id, admitted_ms=fact.admitted_ms, received_ms=fact.received_ms, ts_ms=fact.ts_ms)
        # fmt: off
        parts += (
            _numbers.pack(epoch, message.seq, batch, stored_ms, fact.ts_ms, made),
            _length(kind), kind,
            _version.pack(fact.v),
            _length(fact_id), fact_id,
            _length(request_id), request_id,
            _length(tenant), tenant,
            _length(key), key,
            (fact.cost_pico or 0).to_bytes(16, "little"),  # Decimal(38, 12) is an Int128 of 1e-12
            _length(message.data), message.data,
        )
        # fmt: on
    return b"".join(parts), unreadable


def made_ms(request_id: str, *, admitted_ms: int | None, received_ms: int | None, ts_ms: int) -> int:
    """Return when a fact's request was made: the time inside its id, in milliseconds since 1970.

    Every fact of a request must give the same, or a correction would not meet what it corrects; so nothing that one
    fact knows and another does not may be used. An id that is not ours has the time of admission instead.
    """
    prefix, _, tail = request_id.rpartition("_")
    if prefix and len(tail) == _ID_TAIL:
        try:
            made = int(tail[:10].translate(_CROCKFORD_TO_INT32), 32) >> 2
        except ValueError:
            made = -1
        if 0 < made <= _LATEST_MS:
            return made
    if admitted_ms is not None:
        return admitted_ms
    return ts_ms if received_ms is None else received_ms


def cost_of(payload: bytes) -> int:
    """Return what a readable fact says it cost, in pico-dollars."""
    return _decode(payload).cost_pico or 0


def known_of(payload: bytes) -> dict[str, Any]:
    """Return the fields that are columns of the tables or are checked, of a payload that was readable when stored."""
    known: dict[str, Any] = msgspec.to_builtins(_decode(payload))
    return {name: value for name, value in known.items() if value is not None}


def _checked(payload: bytes) -> _Fact:
    fact = _decode(payload)
    if fact.v == 1 and fact.kind in ENDS_OF_REQUESTS:
        if not fact.request_id:
            raise ValueError("request_id is missing")
        if fact.kind != "request.denied" and fact.cost_pico is None:
            raise ValueError("cost_pico is missing")
    return fact


def _length(text: bytes) -> bytes:
    try:
        return _LENGTHS[len(text)]
    except IndexError:
        return _varint(len(text))


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


_LENGTHS = [_varint(length) for length in range(4096)]
