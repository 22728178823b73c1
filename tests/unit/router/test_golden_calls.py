"""Embeddings and rankings kept under tests/contract/providers: what a client asks, what is sent, and the way back."""

import copy
from pathlib import Path

import orjson
import pytest

from services.router.providers.registry import load_providers
from tests.golden_files import golden
from tests.router_calls import deployment, provider_call

FILES = Path(__file__).parents[2] / "contract" / "providers"
CALLS = sorted((path.parent.name, path.stem) for path in FILES.glob("*/call_*.json"))


@pytest.mark.parametrize(("provider", "file"), CALLS)
def test_a_documented_call_is_translated_there_and_back(provider: str, file: str) -> None:
    sample = golden(provider, file)
    of = deployment(provider=provider, model=sample["model"], api_base=None)
    call = provider_call(copy.deepcopy(sample["client"]), call_type=sample["call_type"])
    request, reader = load_providers({})[provider].prepare(call, of)
    assert request.url == sample["url"]
    assert orjson.loads(request.body) == sample["sent"]
    shown = orjson.loads(reader.whole(orjson.dumps(sample["answer"])).body)
    if shown.get("id", "").startswith("rerank_"):  # made here, where the provider gives none
        shown["id"] = sample["shown"]["id"]
    assert shown == sample["shown"]
    assert sample["source"].startswith("https://")


def test_there_are_samples_of_every_provider_of_vectors() -> None:
    assert {provider for provider, _ in CALLS} >= {"voyage", "jina_ai", "cohere", "ollama", "huggingface"}
