"""What a request, an answer or a month of them costs, asked before and after."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Any

import httpx
import pytest
import yaml
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from services.edge.http.error_dialects import openai_error
from services.edge.model_details.cost_routes import cost_routes
from services.edge.model_details.model_facts import ModelFacts
from services.edge.model_details.model_names import ModelNames
from shared.config import parse_config
from shared.errors import GatewayError
from shared.identity.holder_access import HolderAccess
from shared.identity.keys import Key
from shared.serving.deployments import deployments_of
from shared.serving.model_groups import ModelGroups

CONFIG = """
model_list:
  - model_name: gpt-4
    litellm_params: {model: openai/fake, input_cost_per_token: 0.0000004, output_cost_per_token: 0.0000016}
  - model_name: tiered
    litellm_params:
      model: azure/t
      input_cost_per_token: 0.000001
      input_cost_per_token_above_200k_tokens: 0.000002
      cache_read_input_token_cost: 0.0000001
      cache_creation_input_token_cost: 0.00000125
      output_cost_per_token: 0.000005
      output_cost_per_reasoning_token: 0.000006
  - model_name: unpriced
    litellm_params: {model: openai/in-house}
litellm_settings:
  cost_discount_config: {azure: 0.5}
  cost_margin_config: {azure: {percentage: 0.1, fixed_amount: 0.001}}
"""


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    config = parse_config(yaml.safe_load(CONFIG), {})
    names = ModelNames(ModelGroups(deployments_of(config)), {"quick": "gpt-4"}, set(), HolderAccess({}, {}))
    app = FastAPI()

    def key_of(headers: Mapping[bytes, bytes], _: str) -> Key | None:
        return None

    @app.exception_handler(GatewayError)
    async def failed(_: Request, failure: Exception) -> JSONResponse:
        assert isinstance(failure, GatewayError)
        return JSONResponse(openai_error(failure), failure.status)

    app.include_router(cost_routes(ModelFacts(config), names, key_of))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://edge") as client:
        yield client


async def cost(client: httpx.AsyncClient, **body: Any) -> Decimal:
    answer = await client.post("/spend/calculate", json=body)
    assert answer.status_code == 200, answer.text
    found = json.loads(answer.content, parse_float=Decimal)
    assert found.keys() == {"cost"}
    return Decimal(found["cost"])


HI = [{"role": "user", "content": "hi"}]


async def test_the_recorded_questions_get_the_recorded_answers(client: httpx.AsyncClient) -> None:
    # As a real LiteLLM 1.106.2 answered them, the second one exactly and not with a float's last digits.
    assert await cost(client, model="gpt-4", messages=HI) == Decimal("0.0000032")
    usage = {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}
    message = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    answer = {"id": "x", "object": "chat.completion", "created": 1, "model": "gpt-4o", "choices": [message]}
    assert await cost(client, completion_response={**answer, "usage": usage}) == Decimal("0.0001425")


@pytest.mark.parametrize(
    ("answer", "usd"),
    [
        (
            {"object": "response", "model": "gpt-4o", "usage": {"input_tokens": 100, "output_tokens": 10}},
            "0.00035",
        ),
        (
            {
                "type": "message",
                "model": "claude-sonnet-4-5",
                "usage": {"input_tokens": 100, "cache_read_input_tokens": 1_000, "output_tokens": 10},
            },
            "0.00075",
        ),
        (
            {"model": "gemini/gemini-2.5-pro", "usageMetadata": {"promptTokenCount": 100, "totalTokenCount": 100}},
            "0.000125",
        ),
        (
            {
                "modelVersion": "gemini/gemini-2.5-pro",
                "usageMetadata": {"promptTokenCount": 100, "totalTokenCount": 100},
            },
            "0.000125",
        ),
        (
            {
                "model": "gpt-4o",
                "service_tier": "priority",
                "usage": {"prompt_tokens": 100, "completion_tokens": 0, "total_tokens": 100},
            },
            "0.000425",
        ),
    ],
)
async def test_an_answer_of_any_dialect_is_priced(client: httpx.AsyncClient, answer: dict[str, Any], usd: str) -> None:
    assert await cost(client, completion_response=answer) == Decimal(usd)


GROUNDED = {
    "candidates": [{"groundingMetadata": {"webSearchQueries": ["a", "b"]}}],
    "usageMetadata": {"promptTokenCount": 100, "toolUsePromptTokenCount": 900, "totalTokenCount": 1_000},
}


@pytest.mark.parametrize(
    ("model", "usd"), [("gemini/gemini-2.5-flash", "0.03503"), ("gemini/gemini-3-flash-preview", "0.02805")]
)
async def test_googles_searches_are_in_the_cost_as_the_model_bills_them(
    client: httpx.AsyncClient, model: str, usd: str
) -> None:
    # by the prompt up to 2.5, by the query from 3 on; what was found is not charged
    assert await cost(client, model=model, completion_response=GROUNDED) == Decimal(usd)
    assert await cost(client, completion_response={**GROUNDED, "modelVersion": model}) == Decimal(usd)


async def test_the_word_of_a_provider_that_is_believed_is_the_cost(client: httpx.AsyncClient) -> None:
    usage = {"prompt_tokens": 1_000, "completion_tokens": 0, "total_tokens": 1_000, "cost": 0.25}
    assert await cost(client, completion_response={"model": "openrouter/nobody/x", "usage": usage}) == Decimal("0.25")


async def test_the_operators_terms_are_in_the_cost_and_an_alias_is_its_model(client: httpx.AsyncClient) -> None:
    usage = {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100}
    assert await cost(client, completion_response={"model": "quick", "usage": usage}) == Decimal("0.00056")
    of_azure = (Decimal("0.0015") / 2) * Decimal("1.1") + Decimal("0.001")
    assert await cost(client, completion_response={"model": "tiered", "usage": usage}) == of_azure


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({}, 400, "model"),
        ({"model": "gpt-4"}, 400, "messages"),
        ({"completion_response": {"model": "gpt-4"}}, 400, "completion_response.usage"),
        ({"completion_response": {"usage": {"prompt_tokens": 1}}}, 400, "completion_response.model"),
        ({"model": "unpriced", "messages": HI}, 404, "model"),
        ({"model": "nobody/nothing", "messages": HI}, 404, "model"),
        ({"model": "nothing", "messages": HI}, 404, "model"),
    ],
)
async def test_what_cannot_be_priced_is_told_by_field(
    client: httpx.AsyncClient, body: dict[str, Any], status: int, param: str
) -> None:
    answer = await client.post("/spend/calculate", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)


async def test_an_estimate_has_the_shares_of_a_request_a_day_and_a_month(client: httpx.AsyncClient) -> None:
    body = {
        "model": "tiered", "input_tokens": 1_000, "output_tokens": 100, "cache_read_input_tokens": 400,
        "cache_creation_input_tokens": 200, "reasoning_tokens": 50, "num_requests_per_day": 10,
    }  # fmt: skip
    answer = await client.post("/cost/estimate", json=body)
    found = json.loads(answer.content, parse_float=Decimal)
    read, written, reasoned = Decimal("0.00004"), Decimal("0.00025"), Decimal("0.0003")
    went_in, came_out = Decimal("0.0004") + read + written, Decimal("0.00025") + reasoned
    left = (went_in + came_out) / 2
    margin = left / 10 + Decimal("0.001")
    assert found["input_cost_per_request"] == went_in
    assert found["output_cost_per_request"] == came_out
    assert found["margin_cost_per_request"] == margin
    assert found["cost_per_request"] == left + margin
    shares = [found[f"{name}_cost_per_request"] for name in ("cache_read", "cache_creation", "reasoning")]
    assert shares == [read, written, reasoned]
    assert (found["daily_cost"], found["monthly_cost"]) == ((left + margin) * 10, None)
    assert found["daily_reasoning_cost"] == reasoned * 10
    assert (found["input_cost_per_token"], found["provider"]) == (Decimal("0.000001"), "azure")
    assert {name: found[name] for name in body} == body


async def test_amounts_are_plain_numbers_without_an_exponent(client: httpx.AsyncClient) -> None:
    calculated = await client.post("/spend/calculate", json={"model": "gpt-4", "messages": HI})
    assert calculated.content == b'{"cost":0.0000032}'
    asked = {"model": "gpt-4", "input_tokens": 1, "output_tokens": 0, "num_requests_per_day": 3}
    told = (await client.post("/cost/estimate", json=asked)).text
    assert re.search(r"\dE|\de", told) is None
    assert '"daily_cost":0.0000012,' in told
    assert '"output_cost_per_request":0.0,' in told
    assert '"input_cost_per_token":0.0000004,' in told


async def test_an_estimate_of_a_long_prompt_has_its_rates(client: httpx.AsyncClient) -> None:
    body = {"model": "tiered", "input_tokens": 200_001, "output_tokens": 0, "num_requests_per_month": 2}
    found = (await client.post("/cost/estimate", json=body)).json()
    assert found["input_cost_per_token"] == 2e-6
    assert found["monthly_input_cost"] == 0.800004


@pytest.mark.parametrize(
    "parts", [{"cache_read_input_tokens": 11}, {"reasoning_tokens": 6}, {"input_tokens": -1}, {"model": None}]
)
async def test_parts_that_do_not_fit_are_refused(client: httpx.AsyncClient, parts: dict[str, Any]) -> None:
    body = {"model": "tiered", "input_tokens": 10, "output_tokens": 5, **parts}
    assert (await client.post("/cost/estimate", json=body)).status_code == 422
