"""A batch between its making, which is a request, and that request's end a day later: completion.finished."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from shared.facts.header import OfCaller


class CompletionDeferred(OfCaller):
    """A provider took the batch that the request made. Its hold stays until completion.finished or completion.lost.

    What the request takes of limits, it gives back now.
    """

    KIND: ClassVar[str] = "completion.deferred"

    kind: Literal["completion.deferred"] = "completion.deferred"
    v: Literal[1] = 1
    partition: int
    homes: tuple[int, ...] = ()  # further partitions whose limits it took part of
    held: bool
    hold_pico: int = 0
    route: str
    call_type: str
    model: str
    group: str
    deployment: str
    provider: str
    provider_model: str
    batch_id: str
    input_file_id: str = ""
    lines: int
    received_ms: int
    admitted_ms: int


class PricedLine(BaseModel):
    """One line of a batch's output: what it used, and what that cost by the price row `row`."""

    model_config = ConfigDict(frozen=True)

    custom_id: str
    response_id: str = ""
    status: int
    usage: dict[str, int] = {}
    cost_pico: int
    row: str = ""


class BatchPriced(OfCaller):
    """Some of the lines that a batch's cost is the sum of, in the order of its output file; `part` counts from 0."""

    KIND: ClassVar[str] = "batch.priced"

    kind: Literal["batch.priced"] = "batch.priced"
    v: Literal[1] = 1
    batch_id: str
    file_id: str
    part: int
    lines: tuple[PricedLine, ...]
