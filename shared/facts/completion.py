"""How a request ended: with the provider's figures, or with an assumption."""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from shared.facts.header import OfCaller


class PriceUsed(BaseModel):
    """The price row a cost was computed with: enough to compute it again. Rates in pico-dollars a unit."""

    model_config = ConfigDict(frozen=True)

    row: str  # its id
    source: str
    rates: dict[str, str]  # by usage class, decimal text


class Attempt(BaseModel):
    """One try at one deployment. `error` is empty when it answered.

    `cost_pico`: of a try that failed, what the provider reported to have used; it is in the request's cost as well.
    """

    model_config = ConfigDict(frozen=True)

    deployment: str
    provider: str
    model: str
    started_ms: int
    duration_ms: int
    status: int
    error: str = ""
    usage: dict[str, int] = {}
    cost_pico: int = 0


class CompletionFinished(OfCaller):
    """The provider was called, and this is what it came to. Exactly one for each request a router accepted."""

    KIND: ClassVar[str] = "completion.finished"

    kind: Literal["completion.finished"] = "completion.finished"
    v: Literal[1] = 1
    partition: int
    held: bool  # whether a hold waits for this
    hold_pico: int = 0
    homes: tuple[int, ...] = ()  # further partitions whose limits it took part of
    route: str
    call_type: str
    model: str  # as the client asked for it
    group: str
    deployment: str
    provider: str
    provider_model: str
    api_base: str
    stream: bool
    outcome: Literal["success", "failure"]
    client_left: bool = False
    # What became of a stream whose client left: read to its end, cut off at once, or cut off at a cap.
    interrupted: Literal["", "drained", "cancelled", "capped"] = ""
    status: int
    error_type: str = ""
    error_message: str = ""
    response_id: str = ""
    finish_reason: str = ""
    usage: dict[str, int]  # disjoint classes, shared.usage.Usage; absent means 0
    usage_source: Literal["provider", "counted", "assumed", "none"]
    usage_check: str = ""  # what did not add up in the provider's figures; they are then read in the dearer way
    prompt_tokens: int
    completion_tokens: int
    service_tier: str = ""  # batch, flex, priority or fast
    geo: str = ""  # the region that the processing was bound to
    # What the request is charged: the computed or reported cost less discount plus margin, and what failed tries cost.
    cost_pico: int
    cost_source: Literal["computed", "reported", "none"] = "computed"
    cost_parts_pico: dict[str, int] = {}  # of the computed cost
    computed_pico: int | None = None  # what the price row makes of the usage
    reported_pico: int | None = None  # what the provider says it cost
    discount_pico: int = 0  # taken off by the operator's terms
    margin_pico: int = 0  # added by them
    overrun_pico: int = 0  # by how much the cost is above what was held for the request
    price: PriceUsed | None = None  # None: the model has no price, the cost is unknown and counted as 0
    attempts: tuple[Attempt, ...] = ()
    retries: int = 0
    fallbacks: int = 0
    guardrails: tuple[str, ...] = ()
    received_ms: int
    admitted_ms: int
    started_ms: int  # the provider was called
    first_token_ms: int  # the first byte of its answer; equals finished_ms when there was none
    finished_ms: int
    ip: str = ""
    user_agent: str = ""
    session_id: str = ""
    metadata: dict[str, Any] = {}  # the client's spend_logs_metadata


class CompletionLost(OfCaller):
    """No end of the request was heard of before its hold expired: the hold is counted as spent.

    A completion.finished that comes later corrects it, in the budget and in the ledger.
    """

    KIND: ClassVar[str] = "completion.lost"

    kind: Literal["completion.lost"] = "completion.lost"
    v: Literal[1] = 1
    partition: int
    route: str = ""
    call_type: str = "acompletion"
    model: str = ""
    cost_pico: int
    admitted_ms: int
