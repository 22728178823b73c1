"""The fact of a finished request: what was used, at which price, and how it went."""

from decimal import Decimal
from typing import Any

import orjson

from services.router.job import Ending, Job
from shared.calls import Complete
from shared.facts import CompletionFinished, PriceUsed
from shared.facts.header import caller_fields, unchecked
from shared.prices.price_call import Priced
from shared.serving.deployments import Deployment

_finished = unchecked(CompletionFinished)
_price_used_of = unchecked(PriceUsed)
MESSAGE_MAX = 2_000


def finished_fact(job: Job, ending: Ending, priced: Priced, *, priced_at: int | None = None) -> CompletionFinished:
    """`priced_at`: the size of the prompt that the rates are told for, where it is not that of the whole usage."""
    call = job.call
    request, caller, deployment, failure = call.request, call.request.caller, ending.deployment, ending.failure
    usage = ending.usage
    return _finished(
        id=f"fin_{request.request_id}",
        ts_ms=ending.finished_ms,
        request_id=request.request_id,
        **caller_fields(caller),
        partition=call.partition,
        held=call.hold_pico is not None,
        hold_pico=call.hold_pico or 0,
        homes=call.homes,
        route=request.route,
        call_type=request.call_type,
        model=request.model,
        group=request.group,
        deployment=deployment.id if deployment else "",
        provider=deployment.provider if deployment else "",
        provider_model=deployment.model if deployment else "",
        api_base=_address_of(deployment) if deployment else "",
        stream=request.stream,
        outcome="failure" if failure or ending.status >= 400 else "success",
        client_left=job.client_left,
        interrupted=job.interrupted,
        status=ending.status,
        error_type=failure.type if failure else "",
        error_message=failure.message[:MESSAGE_MAX] if failure else "",
        response_id=ending.reader.response_id if ending.reader else "",
        finish_reason=ending.reader.finish_reason if ending.reader else "",
        usage=usage.counts(),
        usage_source=ending.usage_source,
        usage_check=usage.mismatch,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cost_pico=priced.pico,
        cost_source=priced.source,
        cost_parts_pico=priced.computed.parts,
        computed_pico=priced.computed.pico,
        reported_pico=usage.reported_cost_pico,
        discount_pico=priced.discount_pico,
        margin_pico=priced.margin_pico,
        overrun_pico=overrun_of(call, priced.pico),
        price=_price_used(priced, usage.prompt_tokens if priced_at is None else priced_at),
        service_tier=usage.tier,
        geo=usage.geo or (deployment.geo if deployment else ""),
        attempts=tuple(job.attempts),
        retries=job.retries,
        fallbacks=job.fallbacks,
        guardrails=call.applied_guardrails,
        received_ms=request.received_ms,
        admitted_ms=call.admitted_ms,
        started_ms=ending.started_ms,
        first_token_ms=ending.first_token_ms,
        finished_ms=ending.finished_ms,
        ip=caller.ip,
        user_agent=caller.user_agent,
        session_id=caller.session_id,
        metadata=_metadata(caller.metadata) if caller.metadata else {},
    )


def overrun_of(call: Complete, cost_pico: int) -> int:
    """Return by how much a request cost more than was held for it; 0 where nothing was held."""
    return 0 if call.hold_pico is None else max(0, cost_pico - call.hold_pico)


def _metadata(text: bytes) -> dict[str, Any]:
    """The client's own; what cannot be read must not keep the fact from being stored."""
    try:
        metadata = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return metadata if isinstance(metadata, dict) else {}


def _address_of(deployment: Deployment) -> str:
    """Return the address that the operator has configured; one that a client brought is none of ours to keep."""
    return deployment.api_base if isinstance(deployment.api_base, str) and not deployment.of_client else ""


def shortened(fact: CompletionFinished) -> CompletionFinished:
    """Return the fact without what clients can make long, for one that is too big to be stored."""
    return fact.model_copy(update={"metadata": {}, "tags": (), "user_agent": fact.user_agent[:200]})


def _price_used(priced: Priced, prompt_tokens: int) -> PriceUsed | None:
    """The rates of the classes that were used, at a prompt of that size: enough to compute the cost again."""
    row = priced.row
    if row is None:
        return _price_used_of(row="reported", source="provider", rates={}) if priced.source == "reported" else None
    rates = {
        name: _plain(rate.at(prompt_tokens))
        for name in priced.computed.parts
        if (rate := row.rate_for(name)) is not None
    }
    return _price_used_of(row=row.id, source=row.source, rates=rates)


def _plain(rate: int | Decimal) -> str:
    return str(rate) if isinstance(rate, int) else f"{rate.normalize():f}"
