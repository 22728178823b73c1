"""What the list says a provider can be asked for is what its adapter serves."""

import pytest

from services.router.providers.registry import load_providers
from services.router.providers.supported import Supported, supported_providers
from tests.router_calls import deployment

PROVIDERS = load_providers({})
TYPES = {
    "chat": "acompletion",
    "completions": "atext_completion",
    "embeddings": "aembedding",
    "images": "aimage_generation",
    "moderations": "amoderation",
    "rerank": "arerank",
    "speech": "aspeech",
    "transcriptions": "atranscription",
}
MODELS = {
    "bedrock": {
        "embeddings": "amazon.titan-embed-text-v2:0",
        "images": "amazon.nova-canvas-v1:0",
        "rerank": "amazon.rerank-v1:0",
    },
    "gemini": {"images": "gemini-2.5-flash-image"},
    "vertex_ai": {"embeddings": "text-embedding-005", "images": "gemini-2.5-flash-image"},
}
EACH = [(each, call) for each in supported_providers() for call in each.calls]
OWN = [
    each for each in supported_providers() if each.protocol != "OpenAI chat completions" and each.name != "simulated"
]


def serves(each: Supported, call: str) -> bool:
    model = MODELS.get(each.name, {}).get(call, "m")
    of = deployment(provider=each.name, model=model, api_key="k", api_base="https://own.example")
    return PROVIDERS[each.name].serves(TYPES[call], of)


@pytest.mark.parametrize(("each", "call"), EACH, ids=lambda value: getattr(value, "name", value))
def test_what_a_provider_is_listed_with_it_serves(each: Supported, call: str) -> None:
    assert serves(each, call)


@pytest.mark.parametrize("each", OWN, ids=lambda each: each.name)
def test_an_own_protocol_serves_nothing_that_its_row_does_not_say(each: Supported) -> None:
    assert {call for call in TYPES if serves(each, call)} == set(each.calls)
