"""Commands: what edge asks of policy, and policy of router. A msgpack header, then the request's body as it came.

A body larger than BODY_INLINE_MAX stays with whoever holds it; `body_ref` says where it can be read in parts.
"""

import struct

import msgspec

from shared.interrupted import Interrupted
from shared.kept.object_calls import UNBILLED, ObjectCall

REALTIME_SESSION = "realtime_session"
REALTIME_RESPONSE = "_arealtime"
"""A session as such, and each response in it; the second is LiteLLM's name for what is paid for."""

WRITING = frozenset(
    (
        "acompletion",
        "atext_completion",
        "aresponses",
        "anthropic_messages",
        "agenerate_content",
        "pass_through_endpoint",
        REALTIME_RESPONSE,
    )
)
"""Types of calls whose answers are text, as long as the model writes: their most is a maximum of tokens.

All other calls are bound by what is sent, and by the units that `Admit.units` counts.
"""

FREE = frozenset(("acount_tokens", "agemini_count_tokens", "aresponses_input_tokens")) | UNBILLED
"""Types of calls that no provider bills."""

BODY_INLINE_MAX = 256 * 1024
BODY_PART_BYTES = 512 * 1024  # under NATS' default limit of 1 MB a message

_LENGTH = struct.Struct("!I")


class Caller(msgspec.Struct, array_like=True, frozen=True):
    """Who asks, and to whom it is to be counted: copied into every fact of the request."""

    key: str  # the token (SHA-256), or MASTER_KEY_ID
    key_alias: str
    tenant: str
    user_id: str
    team_id: str
    organization_id: str
    end_user: str
    tags: tuple[str, ...]
    ip: str
    user_agent: str
    session_id: str
    metadata: bytes  # JSON: the client's spend_logs_metadata, or b""


class Admit(msgspec.Struct, array_like=True, frozen=True):
    """May this request go ahead? Sizes in bytes, times in milliseconds since 1970."""

    request_id: str
    edge: str  # whose inbox gets the answer
    caller: Caller
    route: str  # the path the client called
    call_type: str  # LiteLLM's name for it: acompletion, ...
    model: str  # as the client asked for it
    group: str  # the model name of the configuration, aliases resolved
    stream: bool
    include_usage: bool  # whether the client wants the usage chunk
    max_tokens: int | None  # what the client set, whichever field it used
    max_tokens_field: str  # the field it used, or ""
    n: int
    input_bytes: int  # an upper bound of the text's tokens: its bytes
    images: int
    has_tools: bool
    received_ms: int
    deadline_ms: int
    body_bytes: int
    body_ref: str
    guardrails: tuple[str, ...]
    num_retries: int | None
    timeout_s: float | None
    disable_fallbacks: bool
    dialect: str = "openai"  # whose API the client speaks: openai, anthropic, gemini
    content_type: str = ""  # of a body that is a form; a JSON body has none
    units: tuple[tuple[str, int], ...] = ()  # at most so many of a usage class that is not tokens
    client_headers: tuple[tuple[str, str], ...] = ()  # what the client tells a provider of its dialect
    pinned: str = ""  # the deployment that alone can serve it, because it holds what came before
    tier: str = ""  # the service tier it asks for: batch, flex, priority or fast
    priority: int = 0  # among the requests of its tenant that wait for a limit: the lower goes first
    interrupted: Interrupted | None = None  # what the key says of a stream whose client leaves; None: as configured
    passed: tuple[str, str] = ("", "")  # method and target of a call that goes to the provider as it is
    object: ObjectCall | None = None  # of a call that concerns what a provider keeps
    tells_cost: bool = False  # the client wants the cost in the answer's usage
    session: tuple[str, str] = ("", "")  # of a response in a realtime session: the router that has it, its request id
    holding: tuple[str, ...] = ()  # the deployments that alone can serve it, because they have what its body names
    drop_params: bool | None = None  # what the client says of parameters that the provider lacks; None: as configured


class Bound(msgspec.Struct, array_like=True, frozen=True):
    """What a hold was computed for: the tokens of the input, and of each of `n` answers, at most."""

    input_tokens: int
    output_tokens: int
    n: int


class Complete(msgspec.Struct, array_like=True, frozen=True):
    """Get it done. `hold_pico` is what the answer may cost at most, None without a budget.

    `bound` says what for: the router keeps every try within it. None where there is nothing to keep.
    """

    request: Admit
    partition: int
    admitted_ms: int
    hold_pico: int | None
    max_tokens: int | None  # the admitted maximum, to be sent to the provider; None leaves the client's
    applied_guardrails: tuple[str, ...]
    body_ref: str
    body_changed: bool
    bound: Bound | None = None
    excluded_providers: tuple[str, ...] = ()  # their budgets have no room for it
    reserved: bool = False  # it takes part of limits: their owner must hear that somebody works on it
    homes: tuple[int, ...] = ()  # further partitions whose limits it takes part of
    answer_lines: str = ""  # headers that the client gets beside its answer, each a line


class Cancel(msgspec.Struct, array_like=True, frozen=True):
    """The client of `request_id` left."""

    request_id: str


class BodyPart(msgspec.Struct, array_like=True, frozen=True):
    """Asks for BODY_PART_BYTES of a body from `offset` on; the answer is the bytes alone."""

    offset: int


encode_header = msgspec.msgpack.Encoder().encode
decode_cancel = msgspec.msgpack.Decoder(Cancel).decode
decode_body_part = msgspec.msgpack.Decoder(BodyPart).decode
_decode_admit = msgspec.msgpack.Decoder(Admit).decode
_decode_complete = msgspec.msgpack.Decoder(Complete).decode


def pack(header: Admit | Complete, body: bytes) -> bytes:
    head = encode_header(header)
    return b"".join((_LENGTH.pack(len(head)), head, body))


def unpack_admit(data: bytes) -> tuple[Admit, bytes]:
    start = 4 + _LENGTH.unpack_from(data)[0]
    return _decode_admit(data[4:start]), data[start:]


def unpack_complete(data: bytes) -> tuple[Complete, bytes]:
    start = 4 + _LENGTH.unpack_from(data)[0]
    return _decode_complete(data[4:start]), data[start:]
