"""Variables that LiteLLM's users have set, beside those that a provider's own documentation names."""

from typing import Any

import orjson
import pytest

from services.router.providers.registry import load_providers
from tests.router_calls import deployment, provider_call

KEYS = [
    ("openrouter", "OR_API_KEY"),
    ("aiml", "AIMLAPI_KEY"),
    ("voyage", "VOYAGE_AI_API_KEY"),
    ("voyage", "VOYAGE_AI_TOKEN"),
    ("jina_ai", "JINA_AI_TOKEN"),
]
ADDRESSES = [("cometapi", "COMETAPI_BASE_URL"), ("volcengine", "ARK_API_BASE")]
CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(("provider", "variable"), KEYS)
def test_a_key_is_found_under_every_name(provider: str, variable: str) -> None:
    of = deployment(provider=provider, model="m", api_key=None)
    fields = {"call_type": "aembedding"} if provider in ("voyage", "jina_ai") else {}
    body = {"input": "hi"} if fields else CHAT
    call = load_providers({variable: "k"})[provider].prepare(provider_call(body, **fields), of)[0]
    assert call.headers["authorization"] == "Bearer k"


@pytest.mark.parametrize(("provider", "variable"), ADDRESSES)
def test_an_address_is_found_under_every_name(provider: str, variable: str) -> None:
    environ = {variable: "https://own.example/v1"}
    of = deployment(provider=provider, model="m")
    call = load_providers(environ)[provider].prepare(provider_call(CHAT), of)[0]
    assert call.url == "https://own.example/v1/chat/completions"


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"WX_PROJECT_ID": "p"}, {"project_id": "p"}),
        ({"WATSONX_SPACE_ID": "s"}, {"space_id": "s"}),
        ({"WX_SPACE_ID": "s"}, {"space_id": "s"}),
        ({"WATSONX_PROJECT_ID": "p", "WX_PROJECT_ID": "other", "WX_SPACE_ID": "s"}, {"project_id": "p"}),
    ],
)
def test_watsonxs_project_is_found_under_every_name(environ: dict[str, str], place: dict[str, str]) -> None:
    own = {"WML_URL": "https://us-south.ml.cloud.ibm.com", "WATSONX_TOKEN": "t"}
    of = deployment(provider="watsonx", model="ibm/granite", api_key=None)
    call = load_providers({**own, **environ})["watsonx"].prepare(provider_call(CHAT), of)[0]
    body = orjson.loads(call.body)
    assert {name: body[name] for name in ("project_id", "space_id") if name in body} == place
    assert call.url.startswith("https://us-south.ml.cloud.ibm.com/ml/v1/text/chat?")


def test_foundrys_version_may_stand_in_its_variable() -> None:
    of = deployment(provider="azure_ai", model="Phi-4", api_base="https://r.services.ai.azure.com")
    call = load_providers({"AZURE_AI_API_VERSION": "2025-04-01"})["azure_ai"].prepare(provider_call(CHAT), of)[0]
    assert call.url.endswith("/models/chat/completions?api-version=2025-04-01")
