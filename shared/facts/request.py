"""Facts about a request before a provider is called."""

from typing import Any, ClassVar, Literal

from shared.facts.header import OfCaller

DenialStage = Literal["key", "model", "budget", "rate_limit", "guardrail", "request"]


class RequestReceived(OfCaller):
    """Edge accepted a well-formed request of a key that may call at all. Bodies are told by size and hash only."""

    KIND: ClassVar[str] = "request.received"

    kind: Literal["request.received"] = "request.received"
    v: Literal[1] = 1
    edge: str
    route: str
    model: str
    stream: bool
    body_bytes: int
    body_sha256: str
    ip: str = ""
    user_agent: str = ""


class RequestAdmitted(OfCaller):
    """Policy let it go ahead; where there is a budget, `hold_pico` is journalled before this is said."""

    KIND: ClassVar[str] = "request.admitted"

    kind: Literal["request.admitted"] = "request.admitted"
    v: Literal[1] = 1
    partition: int
    model: str
    hold_pico: int | None = None
    max_tokens: int | None = None
    guardrails: tuple[str, ...] = ()


class RequestDenied(OfCaller):
    """Somebody said no, and no provider was called. `stage` is where."""

    KIND: ClassVar[str] = "request.denied"

    kind: Literal["request.denied"] = "request.denied"
    v: Literal[1] = 1
    stage: DenialStage
    route: str
    call_type: str = "acompletion"
    model: str
    status: int
    error_type: str
    message: str
    received_ms: int
    guardrail: str = ""
    details: dict[str, Any] = {}
    ip: str = ""
    user_agent: str = ""
    session_id: str = ""
