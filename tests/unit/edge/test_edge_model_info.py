"""What the gateway tells of its models: sizes, prices and settings, and no credential."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest
import yaml
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from services.edge.http.error_response import openai_error
from services.edge.model_details.model_facts import ModelFacts
from services.edge.model_details.model_info import model_info_routes
from services.edge.model_details.model_list import model_routes
from services.edge.model_details.model_names import ModelNames
from services.edge.model_details.token_counter import token_counter_routes
from shared.config import parse_config
from shared.errors import GatewayError
from shared.identity.holder_access import HolderAccess
from shared.identity.keys import Key
from shared.serving.deployments import deployments_of
from shared.serving.model_groups import ModelGroups

CONFIG = """
model_list:
  - model_name: fast
    litellm_params: {model: openai/gpt-4o-mini, api_key: sk-very-secret, rpm: 10, extra_headers: {x-team: hidden}}
    model_info: {id: first, region: eu}
  - model_name: fast
    litellm_params: {model: azure/gpt-4o-mini, api_base: os.environ/NOT_SET, rpm: 5}
    model_info: {id: second}
  - model_name: own
    litellm_params: {model: openai/in-house, input_cost_per_token: 0.001, output_cost_per_token: 0.002}
    model_info: {id: third, mode: embedding, max_input_tokens: 8000, max_output_tokens: 900}
"""
KEY = Key(token="t", version=1, tenant="t", key_name="sk-...", created_at=0.0, updated_at=0.0, models=("own",))


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    config = parse_config(yaml.safe_load(CONFIG), {})
    facts = ModelFacts(config)
    names = ModelNames(ModelGroups(deployments_of(config)), {"quick": "fast"}, set(), HolderAccess({}, {}))
    app = FastAPI()

    def key_of(headers: Mapping[bytes, bytes], _: str) -> Key | None:
        return KEY if headers.get(b"x-key") == b"limited" else None

    @app.exception_handler(GatewayError)
    async def failed(_: Request, failure: Exception) -> JSONResponse:
        assert isinstance(failure, GatewayError)
        return JSONResponse(openai_error(failure), failure.status)

    app.include_router(model_routes(names, facts, key_of))
    app.include_router(model_info_routes(facts, names, key_of))
    app.include_router(token_counter_routes(facts, names, key_of))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://edge") as client:
        yield client


async def got(client: httpx.AsyncClient, path: str, **headers: str) -> Any:
    answer = await client.get(path, headers=headers)
    assert answer.status_code == 200
    return answer.json()


async def test_each_deployment_is_told_with_its_prices_and_sizes(client: httpx.AsyncClient) -> None:
    rows = (await got(client, "/model/info"))["data"]
    assert [(row["model_name"], row["model_info"]["id"]) for row in rows] == [
        ("fast", "first"),
        ("fast", "second"),
        ("own", "third"),
    ]
    first, _, own = rows
    assert first["model_info"]["input_cost_per_token"] == pytest.approx(1.5e-7)
    assert first["model_info"]["max_output_tokens"] == 16_384
    assert first["model_info"]["region"] == "eu"
    assert first["litellm_params"] == {"model": "openai/gpt-4o-mini", "rpm": 10}
    assert own["model_info"]["output_cost_per_token"] == 0.002
    assert own["model_info"]["pricing_overrides"] == ["input_cost_per_token", "output_cost_per_token"]
    assert own["model_info"]["key"] == "openai/in-house"


async def test_no_credential_and_no_header_is_told(client: httpx.AsyncClient) -> None:
    for path in ("/model/info", "/v2/model/info", "/model_group/info", "/v1/models/fast"):
        text = (await client.get(path)).text
        assert "very-secret" not in text
        assert "hidden" not in text


async def test_a_key_is_told_of_the_models_it_may_use(client: httpx.AsyncClient) -> None:
    rows = (await got(client, "/model/info", **{"x-key": "limited"}))["data"]
    assert [row["model_name"] for row in rows] == ["own"]
    groups = (await got(client, "/model_group/info", **{"x-key": "limited"}))["data"]
    assert [group["model_group"] for group in groups] == ["own"]
    asked = await got(client, "/model_group/info?model_group=fast", **{"x-key": "limited"})
    assert asked == {"data": []}


async def test_one_deployment_can_be_asked_for_by_its_id(client: httpx.AsyncClient) -> None:
    one = (await got(client, "/v1/model/info?litellm_model_id=second"))["data"]
    assert [row["model_info"]["id"] for row in one] == ["second"]
    missing = await client.get("/model/info?litellm_model_id=none")
    assert missing.status_code == 400
    assert missing.json()["error"]["param"] == "litellm_model_id"


async def test_deployments_come_a_page_at_a_time(client: httpx.AsyncClient) -> None:
    page = await got(client, "/v2/model/info?page=2&size=2")
    assert [row["model_info"]["id"] for row in page["data"]] == ["third"]
    assert (page["total_count"], page["current_page"], page["total_pages"], page["size"]) == (3, 2, 2, 2)
    assert (await client.get("/v2/model/info?page=0")).status_code == 422
    assert [row["model_name"] for row in (await got(client, "/v2/model/info?model=own"))["data"]] == ["own"]


async def test_a_model_name_is_told_over_all_its_deployments(client: httpx.AsyncClient) -> None:
    fast, own, quick = (await got(client, "/model_group/info"))["data"]
    assert (fast["providers"], fast["rpm"], fast["tpm"]) == (["openai", "azure"], 15, None)
    assert (own["mode"], own["max_input_tokens"], own["input_cost_per_token"]) == ("embedding", 8000, 0.001)
    assert (quick["model_group"], quick["providers"]) == ("quick", ["openai", "azure"])


async def test_one_model_is_told_with_its_mode_and_sizes(client: httpx.AsyncClient) -> None:
    told = await got(client, "/v1/models/own")
    assert (told["mode"], told["max_input_tokens"], told["max_output_tokens"]) == ("embedding", 8000, 900)
    assert (await got(client, "/v1/models/fast"))["mode"] == "chat"


async def test_a_wildcard_is_told_as_it_is_configured_and_its_models_with_their_prices() -> None:
    raw = {"model_list": [{"model_name": "openai/*", "litellm_params": {"model": "openai/*"}}]}
    config = parse_config(raw, {})
    names = ModelNames(ModelGroups(deployments_of(config)), {}, set(), HolderAccess({}, {}))
    app = FastAPI()
    for routes in (model_routes, model_info_routes):
        arguments = (names, ModelFacts(config)) if routes is model_routes else (ModelFacts(config), names)
        app.include_router(routes(*arguments, lambda headers, route: None))  # type: ignore[operator]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://edge") as client:
        assert [row["model_name"] for row in (await got(client, "/model/info"))["data"]] == ["openai/*"]
        rows = (await got(client, "/model_group/info?model_group=openai/gpt-4o"))["data"]
        assert rows[0]["model_group"] == "openai/gpt-4o"
        assert rows[0]["input_cost_per_token"] > 0
        assert (await got(client, "/v1/models/openai/gpt-4o"))["id"] == "openai/gpt-4o"
        listed = [row["id"] for row in (await got(client, "/v1/models?return_wildcard_routes=true"))["data"]]
        assert {"openai/*", "openai/gpt-4o"} <= set(listed)
        assert "openai/*" not in [row["id"] for row in (await got(client, "/v1/models"))["data"]]


@pytest.mark.parametrize(
    ("asked", "total"),
    [
        ({"prompt": "hello world"}, 5),
        ({"prompt": ["hello world", "hello"]}, 6),
        ({"messages": [{"role": "user", "content": "hello world"}]}, 9),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}, {"type": "image_url"}]}]}, 8),
        ({"contents": [{"parts": [{"text": "hello world"}]}]}, 5),
    ],
)
async def test_the_tokens_of_a_request_are_counted(
    client: httpx.AsyncClient, asked: dict[str, Any], total: int
) -> None:
    answer = await client.post("/utils/token_counter", json={"model": "fast", **asked})
    assert answer.json() == {
        "total_tokens": total,
        "request_model": "fast",
        "model_used": "gpt-4o-mini",
        "tokenizer_type": "openai_tokenizer",
    }


async def test_tools_count_too_and_an_unknown_model_counts_as_itself(client: httpx.AsyncClient) -> None:
    tools = [{"type": "function", "function": {"name": "weather"}}]
    plain = await client.post("/utils/token_counter", json={"model": "none", "prompt": "a"})
    more = await client.post("/utils/token_counter", json={"model": "none", "prompt": "a", "tools": tools})
    assert more.json()["total_tokens"] > plain.json()["total_tokens"]
    assert more.json()["model_used"] == "none"


@pytest.mark.parametrize("asked", [{}, {"prompt": "a"}, {"model": "fast"}, {"model": "fast", "messages": "a"}])
async def test_tokens_of_nothing_are_not_counted(client: httpx.AsyncClient, asked: dict[str, Any]) -> None:
    assert (await client.post("/utils/token_counter", json=asked)).status_code == 422


ANTHROPICS = {"anthropic-version": "2023-06-01"}


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ("", ["fast", "own", "quick"], False),
        ("?limit=2", ["fast", "own"], True),
        ("?limit=1&after_id=fast", ["own"], True),
        ("?limit=2&after_id=own", ["quick"], False),
        ("?after_id=quick", [], False),
        ("?limit=1&before_id=quick", ["own"], True),
        ("?limit=2&before_id=quick", ["fast", "own"], False),
    ],
)
async def test_anthropics_clients_page_both_ways(
    client: httpx.AsyncClient, query: str, ids: list[str], more: bool
) -> None:
    page = await got(client, f"/v1/models{query}", **ANTHROPICS)
    assert ([one["id"] for one in page["data"]], page["has_more"]) == (ids, more)
    assert (page["first_id"], page["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))


async def test_a_model_is_told_as_anthropic_tells_it(client: httpx.AsyncClient) -> None:
    own = await got(client, "/v1/models/own", **ANTHROPICS)
    assert own == {
        **{"type": "model", "id": "own", "display_name": "own", "created_at": "1970-01-01T00:00:00Z"},
        **{"lifecycle": "active", "max_input_tokens": 8000, "max_tokens": 900},
    }
    assert (await got(client, "/v1/models", **ANTHROPICS, **{"x-key": "limited"}))["data"] == [own]


@pytest.mark.parametrize("limit", ["0", "1001", "x", "-1", "", "1" * 5000])
async def test_a_page_of_anthropics_that_cannot_be_is_refused(client: httpx.AsyncClient, limit: str) -> None:
    refused = await client.get(f"/v1/models?limit={limit}", headers=ANTHROPICS)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "limit")
    for field in ("after_id", "before_id"):
        refused = await client.get(f"/v1/models?{field}=nobody", headers=ANTHROPICS)
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, field)
