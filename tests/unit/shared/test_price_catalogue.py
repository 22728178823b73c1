from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices.data_snapshot import get_snapshot

from services.router.providers.registry import load_providers
from shared.prices.catalogue import catalogue_ids, catalogue_row

DAY = datetime(2026, 11, 20, tzinfo=UTC)


def test_every_list_that_is_named_exists() -> None:
    assert set(catalogue_ids().values()) <= {provider.id for provider in get_snapshot().providers}


def test_every_adapter_whose_own_name_has_a_list_is_priced_by_it() -> None:
    lists = {provider.id for provider in get_snapshot().providers}
    assert {name for name in load_providers({}) if name in lists} <= set(catalogue_ids())


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o"),
        ("azure", "gpt-4o"),
        ("anthropic", "claude-3-5-sonnet-20241022"),
        ("groq", "llama-3.1-8b-instant"),
        ("xai", "grok-3"),
        ("gemini", "gemini-2.5-flash"),
    ],
)
def test_a_well_known_model_has_a_price(provider: str, model: str) -> None:
    row = catalogue_row(provider, model, DAY)
    assert row is not None
    assert row.rates["input"].base > 0
    assert row.rates["output"].base > 0
    assert row.id.startswith(f"{catalogue_ids()[provider]}/")
    assert row.id.endswith("@2026-11-20")


def test_a_price_a_million_tokens_is_pico_dollars_a_token() -> None:
    row = catalogue_row("groq", "llama-3.1-8b-instant", DAY)
    assert row is not None
    info = next(p for p in get_snapshot().providers if p.id == "groq").find_model("llama-3.1-8b-instant")
    assert info is not None
    assert row.rates["input"].base == Decimal(str(info.get_prices(DAY).input_mtok)) * 10**6


@pytest.mark.parametrize(
    ("provider", "model"), [("openai", "no-such-model"), ("simulated", "echo"), ("vllm", "gpt-4o")]
)
def test_what_the_catalogue_does_not_know_has_no_price(provider: str, model: str) -> None:
    assert catalogue_row(provider, model, DAY) is None
