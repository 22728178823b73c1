"""POST /spend/calculate and /cost/estimate: what a request, an answer or a month of them costs, as LiteLLM answers."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.edge.admin.validation import PlainFaults
from services.edge.admin.values import as_json, number, usd
from services.edge.model_details.cost_quote import Quote, quote
from services.edge.model_details.model_facts import ModelFacts
from services.edge.model_details.model_names import ModelNames
from services.edge.model_details.needs_key import needs_key
from shared import tokens
from shared.errors import GatewayError, InvalidRequest
from shared.identity.keys import Key
from shared.money import pico_to_usd
from shared.prices import PriceBook
from shared.usage import INPUT_CLASSES, OUTPUT_CLASSES, Usage
from shared.usage.whole_answer import usage_in_answer

Count = Annotated[int, Field(ge=0, le=2**53)]


class CalculateRequest(BaseModel):
    """Either `model` with `messages`, before a call, or `completion_response`, after it."""

    model_config = ConfigDict(extra="allow")

    model: str | None = Field(None, description="The model name, as for a call.")
    messages: list[dict[str, Any]] | None = Field(None, description="As of a chat.")
    completion_response: dict[str, Any] | None = Field(None, description="A whole answer with its usage.")


class EstimateRequest(BaseModel):
    """Sizes of one request, and how many of them there are."""

    model: str = Field(description="The model name, as for a call.")
    input_tokens: Count = Field(description="Tokens that go in.")
    output_tokens: Count = Field(description="Tokens that come out.")
    cache_read_input_tokens: Count = Field(0, description="Of those that go in, read from the cache.")
    cache_creation_input_tokens: Count = Field(0, description="Of those that go in, written to the cache.")
    reasoning_tokens: Count = Field(0, description="Of those that come out, thinking.")
    num_requests_per_day: Count | None = Field(None, description="Requests a day.")
    num_requests_per_month: Count | None = Field(None, description="Requests a month.")

    @model_validator(mode="after")
    def _parts_fit(self) -> "EstimateRequest":
        if self.cache_read_input_tokens + self.cache_creation_input_tokens > self.input_tokens:
            raise ValueError("cache_read_input_tokens and cache_creation_input_tokens are part of input_tokens")
        if self.reasoning_tokens > self.output_tokens:
            raise ValueError("reasoning_tokens are part of output_tokens")
        return self


def cost_routes(
    facts: ModelFacts, names: ModelNames, key_of: Callable[[Mapping[bytes, bytes], str], Key | None]
) -> APIRouter:
    """`key_of(headers, route)` returns the caller's key, None for the master, or raises."""
    router = APIRouter(route_class=PlainFaults, tags=["spend"], dependencies=[needs_key(key_of)])
    prices = PriceBook()

    def priced(request: Request, model: str, used: Callable[[str], Usage]) -> Quote:
        key = key_of(dict(request.scope["headers"]), request.url.path)
        group = names.group_of(model, key.aliases if key else {})
        found = quote(prices, facts.serving(group), model, used, now=time.time())
        if found is None:
            raise GatewayError(
                f"{request.url.path}: no price is known for the model '{model}'. Set input_cost_per_token and "
                "output_cost_per_token in its litellm_params, or name it as provider/model",
                status=404,
                type="not_found_error",
                param="model",
            )
        return found

    @router.post("/spend/calculate", summary="What a request or an answer costs")
    async def calculate(asked: CalculateRequest, request: Request) -> Response:
        """A request counts its input alone, by OpenAI's tokenizer; an answer what its usage says."""
        answer, model = asked.completion_response, asked.model
        if answer is not None:
            named = answer.get("model", answer.get("modelVersion"))  # Google's name for it
            model = model or (named if isinstance(named, str) else None)
            told = usage_in_answer(answer, model or "")
            if told is None or model is None:
                missing = "usage" if told is None else "model"
                raise InvalidRequest(
                    f"/spend/calculate: completion_response has no {missing} that can be read.",
                    param=f"completion_response.{missing}",
                )
            found = priced(request, model, lambda served: usage_in_answer(answer, served) or told)
        elif model is None:
            raise InvalidRequest(
                "/spend/calculate: Either 'model' or 'completion_response' must be provided.", param="model"
            )
        elif asked.messages is None:
            raise InvalidRequest(
                "/spend/calculate: 'messages' must be provided if 'model' is provided.", param="messages"
            )
        else:
            body = asked.model_dump(exclude_none=True, exclude={"model"})
            usage = Usage(input=await asyncio.to_thread(tokens.request_tokens, body))
            found = priced(request, model, lambda _: usage)
        return as_json({"cost": usd(found.priced.pico)})

    @router.post("/cost/estimate", summary="What so many requests of a size cost, a day and a month")
    async def estimate(asked: EstimateRequest, request: Request) -> Response:
        """All amounts in USD; those of a side or a class are before discount and margin."""
        usage = Usage(
            input=asked.input_tokens - asked.cache_read_input_tokens - asked.cache_creation_input_tokens,
            cached_input=asked.cache_read_input_tokens,
            cache_write=asked.cache_creation_input_tokens,
            output=asked.output_tokens - asked.reasoning_tokens,
            reasoning=asked.reasoning_tokens,
        )
        return as_json(estimated(asked, priced(request, asked.model, lambda _: usage)))

    return router


def estimated(asked: EstimateRequest, found: Quote) -> dict[str, Any]:
    """Return LiteLLM's answer: shares of one request, of a day and of a month, and the rates."""
    parts = found.priced.computed.parts
    shares = {
        "cost": found.priced.pico,
        "input_cost": sum(parts.get(name, 0) for name in INPUT_CLASSES),
        "output_cost": sum(parts.get(name, 0) for name in OUTPUT_CLASSES),
        "margin_cost": found.priced.margin_pico,
        "cache_read_cost": parts.get("cached_input", 0),
        "cache_creation_cost": parts.get("cache_write", 0),
        "reasoning_cost": parts.get("reasoning", 0),
    }
    periods = {"daily": asked.num_requests_per_day, "monthly": asked.num_requests_per_month}
    prompt, row = found.usage.prompt_tokens, found.priced.row
    return {
        **asked.model_dump(),
        **{f"{name}_per_request": usd(pico) for name, pico in shares.items()},
        **{
            f"{period}_{name}": None if requests is None else usd(pico * requests)
            for period, requests in periods.items()
            for name, pico in shares.items()
        },
        **{
            name: None
            if row is None or (rate := row.rate_for(usage_class)) is None
            else number(pico_to_usd(1) * rate.at(prompt))
            for name, usage_class in _RATES.items()
        },
        "provider": found.provider,
    }


_RATES = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cached_input",
    "cache_creation_input_token_cost": "cache_write",
    "output_cost_per_reasoning_token": "reasoning",
}
