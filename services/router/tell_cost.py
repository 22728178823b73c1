"""The end of an answer whose client wants to know what it cost."""

from services.router.job import Ending, Job
from services.router.streaming.shown_cost import (
    TELL_ALWAYS,
    CostTap,
    cost_event,
    cost_text,
    events_with_cost,
    with_cost,
)
from shared.calls import Admit
from shared.prices.price_call import Priced


def cost_tap(request: Admit, *, in_streams: bool) -> CostTap | None:
    """Return what holds back a stream's end until its cost is known, where that is to be told.

    `in_streams`: it is, wherever the stream tells its client the usage.
    """
    if not request.stream:
        return None
    if request.tells_cost or (in_streams and (request.include_usage or request.call_type in TELL_ALWAYS)):
        return CostTap(request.call_type)
    return None


def body_with_cost(job: Job, ending: Ending, priced: Priced | None) -> bytes:
    """Return the body of an answer that is not streamed."""
    return with_cost(ending.body, _cost(priced), call_type=job.call.request.call_type, usage=ending.usage)


def closing_with_cost(job: Job, ending: Ending, priced: Priced | None, closing: bytes) -> bytes:
    """Return a stream's last events: what was held back for the cost, and `closing`, whichever tells the usage."""
    cost, tap = _cost(priced), job.tap
    if tap is not None and tap.held:
        return events_with_cost(tap.held, cost) + closing
    told = events_with_cost(closing, cost)
    if told != closing:
        return told
    request, reader = job.call.request, ending.reader
    answer_id = (reader.response_id if reader is not None else "") or request.request_id
    created = ending.started_ms // 1000
    return (
        cost_event(
            answer_id, request.model, call_type=request.call_type, created=created, usage=ending.usage, cost=cost
        )
        + closing
    )


def _cost(priced: Priced | None) -> bytes:
    return cost_text(None if priced is None or priced.source == "none" else priced.pico)
