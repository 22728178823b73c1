"""What partitions say to each other about limits: one asks for a request's part of what is at home at the other.

JSON, as about loans: a limit may be set to any number.
"""

import msgspec

from services.policy.limits.counters import TokenType
from services.policy.limits.need import Need
from services.policy.limits.room import Limit, Over


class TakeAsk(msgspec.Struct, array_like=True, frozen=True):
    """As `decision.Part` has it. `wait_ms`: how long it may wait for room; nothing is heard after `expires_ms`."""

    request: str
    key: str
    tenant: str
    limits: tuple[Limit, ...]
    need: Need
    counts: TokenType
    wait_ms: int
    level: int
    rank: int
    expires_ms: int


class TakeAnswer(msgspec.Struct, array_like=True, frozen=True):
    """`taken`: it is stored, with answers of `max_tokens` where that is not None. Else `over` says which limit refuses
    it; neither: it could not be decided. `lines` are headers that say how its limits stand there.
    """

    taken: bool
    over: Over | None
    lines: str
    max_tokens: int | None = None


encode = msgspec.json.Encoder().encode
decode_ask = msgspec.json.Decoder(TakeAsk).decode
decode_answer = msgspec.json.Decoder(TakeAnswer).decode
