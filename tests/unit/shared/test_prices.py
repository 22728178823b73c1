"""Prices and costs: which row holds, what a call costs by it, and what it can cost at most."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config.sections.operator_prices import OperatorPrices
from shared.config.sections.price_names import VARIED, price_name
from shared.prices import PriceBook, PriceRow, Rate, ceiling_pico, cost_of, max_output_tokens
from shared.prices.cost import input_rate_ceiling, output_rate_ceiling
from shared.prices.operator import OPERATOR_PRICES, operator_row
from shared.prices.row import FALLBACKS, FREE_WHEN_UNLISTED, exact, of_search_size
from shared.prices.terms import Terms, charged, charged_row
from shared.usage import INPUT_CLASSES, OUTPUT_CLASSES, UNIT_CLASSES, Usage

DAY = 86_400.0
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()


def row(**rates: Any) -> PriceRow:
    return PriceRow(
        "test", "test", {name: rate if isinstance(rate, Rate) else Rate(rate) for name, rate in rates.items()}
    )


# Costs


def test_a_cost_is_the_sum_over_the_classes() -> None:
    cost = cost_of(Usage(input=100, cached_input=50, output=10), row(input=2_500, cached_input=1_250, output=10_000))
    assert cost == (250_000 + 62_500 + 100_000, {"input": 250_000, "cached_input": 62_500, "output": 100_000}, ())


def test_a_class_without_a_rate_costs_what_it_is_a_kind_of() -> None:
    prices = row(input=10, output=20)
    assert (
        cost_of(Usage(cached_input=1, cache_write=1, cache_write_1h=1, audio_input=1, image_input=1), prices).pico == 50
    )
    assert cost_of(Usage(reasoning=1, audio_output=1, image_output=1), prices).pico == 60
    assert cost_of(Usage(cache_write_1h=1), row(input=10, cache_write=12)).pico == 12


def test_a_price_of_nothing_is_a_price() -> None:
    assert cost_of(Usage(input=5, cached_input=5), row(input=10, cached_input=0)) == (50, {"input": 50}, ())


def test_what_a_row_cannot_price_is_named() -> None:
    assert cost_of(Usage(input=1, output=7, reasoning=3), row(input=10)) == (10, {"input": 10}, ("output", "reasoning"))
    assert cost_of(Usage(web_searches=2), row(input=10)) == (0, {}, ())


def test_calls_and_searches_are_billed_where_they_have_a_price() -> None:
    assert cost_of(Usage(web_searches=2), row(requests=5, web_searches=100)).pico == 205


def test_a_fraction_of_a_pico_dollar_is_rounded_once_to_the_even_one() -> None:
    half = row(input=Decimal("0.5"), output=Decimal("0.5"))
    assert cost_of(Usage(input=1), half).pico == 0
    assert cost_of(Usage(input=3), half).pico == 2
    assert cost_of(Usage(input=1, output=1), half).pico == 1


def test_a_tier_applies_to_the_whole_call_above_its_start() -> None:
    tiered = row(input=Rate(10, ((1_000, 20), (2_000, 30))), output=Rate(5, ((1_000, 7),)))
    assert cost_of(Usage(input=1_000, output=10), tiered).pico == 10_050
    assert cost_of(Usage(input=1_001, output=10), tiered).pico == 20_090
    assert cost_of(Usage(input=900, cached_input=200), tiered).pico == 22_000
    assert cost_of(Usage(input=2_001), tiered).pico == 60_030


RATES = st.one_of(st.integers(0, 10**9), st.decimals("0.001", "1000", places=3))
COUNTS = st.integers(0, 10**7)


@given(RATES, RATES, COUNTS, COUNTS, COUNTS, COUNTS)
def test_no_call_costs_more_than_its_ceiling(
    input_rate: int | Decimal, output_rate: int | Decimal, fresh: int, cached: int, written: int, reasoned: int
) -> None:
    prices = row(
        input=Rate(input_rate, ((1_000, input_rate * 2),)), cache_write=input_rate, output=output_rate, requests=7
    )
    usage = Usage(input=fresh, cached_input=cached, output=written, reasoning=reasoned)
    most = ceiling_pico(prices, input_tokens=usage.prompt_tokens, output_tokens=usage.completion_tokens)
    assert cost_of(usage, prices).pico <= most


@given(RATES, COUNTS)
def test_a_cost_is_the_exact_product_rounded(rate: int | Decimal, count: int) -> None:
    cost = cost_of(Usage(input=count, requests=0), row(input=rate))
    assert abs(Decimal(cost.pico) - count * Decimal(rate)) <= Decimal("0.5")


def test_the_ceilings_are_the_dearest_rates_of_their_side() -> None:
    prices = row(input=10, cached_input=1, audio_input=40, output=Rate(20, ((100, 90),)), reasoning=30)
    assert (input_rate_ceiling(prices), output_rate_ceiling(prices)) == (40, 90)
    assert (input_rate_ceiling(row(output=1)), output_rate_ceiling(row(input=1))) == (0, 0)


def test_every_class_of_usage_has_a_rate_falls_back_or_is_free() -> None:
    classes = {*INPUT_CLASSES, *OUTPUT_CLASSES, *UNIT_CLASSES}
    assert classes == set(Usage.__struct_fields__) - {"tier", "search_size", "geo", "reported_cost_pico", "mismatch"}
    assert FALLBACKS.keys() | FALLBACKS.values() <= classes
    assert classes == FALLBACKS.keys() | {"input", "output"} | FREE_WHEN_UNLISTED


def test_a_whole_rate_is_an_integer() -> None:
    assert (exact(Decimal("2500")), type(exact(Decimal("2500.0")))) == (2_500, int)
    assert exact(Decimal("0.5")) == Decimal("0.5")


# Rows


def test_the_operators_prices_become_a_row_in_pico_dollars() -> None:
    found = operator_row("d1", {"input_cost_per_token": 0.0000025, "output_cost_per_token": 1e-5, "weight": 1})
    assert found == PriceRow("config/d1", "config.yaml", {"input": Rate(2_500_000), "output": Rate(10_000_000)})


def test_a_price_of_nothing_by_the_operator_counts_and_none_does_not() -> None:
    assert operator_row("d1", {"input_cost_per_token": 0.0}) == PriceRow("config/d1", "config.yaml", {"input": Rate(0)})
    assert operator_row("d1", {}) is None


@pytest.mark.parametrize(("setting", "meaning"), OPERATOR_PRICES.items())
def test_every_price_setting_prices_its_classes(setting: str, meaning: tuple[tuple[str, ...], int]) -> None:
    classes, units = meaning
    found = operator_row("d1", {setting: 0.001})
    assert found is not None
    assert {name: found.rates[name] for name in classes} == dict.fromkeys(classes, Rate(10**9 // units))
    assert set(classes) <= {*INPUT_CLASSES, *OUTPUT_CLASSES, *UNIT_CLASSES, "web_searches_low", "web_searches_high"}


def test_every_price_that_can_be_configured_is_used() -> None:
    names = set(OperatorPrices.model_fields) - {"search_context_cost_per_query", "tiered_pricing", "price_variants"}
    used = {setting.split(".")[0] for setting in OPERATOR_PRICES} - {"search_context_cost_per_query"}
    assert {name for name in names if not name.endswith(("_multiplier", "_multiplier_eu", "_multiplier_us"))} == used
    assert set(VARIED) <= used


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("input_cost_per_token_above_200k_tokens", ("input_cost_per_token", 200_000, "")),
        ("output_cost_per_token_above_272k_tokens_priority", ("output_cost_per_token", 272_000, "priority")),
        ("input_cost_per_token_flex_above_272k_tokens", ("input_cost_per_token", 272_000, "flex")),
        ("input_cost_per_token_batches", ("input_cost_per_token", 0, "batch")),
        ("cache_creation_input_token_cost_above_1hr", ("cache_creation_input_token_cost_above_1hr", 0, "")),
        (
            "cache_creation_input_token_cost_above_1hr_above_200k_tokens",
            ("cache_creation_input_token_cost_above_1hr", 200_000, ""),
        ),
        ("input_cost_per_token_above_32000_tokens", ("input_cost_per_token", 32_000, "")),
        ("input_cost_per_token_flex_above_1k_tokens_flex", None),
        ("input_cost_per_token_cheap", None),
        ("max_tokens", None),
    ],
)
def test_a_prices_name_says_above_which_size_and_on_which_tier_it_holds(name: str, meaning: object) -> None:
    assert price_name(name) == meaning


TIERED = {
    "input_cost_per_token": 2e-6,
    "input_cost_per_token_above_200k_tokens": 4e-6,
    "output_cost_per_token": 6e-6,
    "output_cost_per_token_above_200k_tokens": 9e-6,
    "input_cost_per_token_priority": 3e-6,
    "input_cost_per_token_batches": 1e-6,
    "input_cost_per_token_above_200k_tokens_batches": 2e-6,
}


@pytest.mark.parametrize(
    ("tier", "read", "wrote"),
    [
        ("", Rate(2_000_000, ((200_000, 4_000_000),)), Rate(6_000_000, ((200_000, 9_000_000),))),
        ("priority", Rate(3_000_000), Rate(6_000_000, ((200_000, 9_000_000),))),
        ("batch", Rate(1_000_000, ((200_000, 2_000_000),)), Rate(6_000_000, ((200_000, 9_000_000),))),
        ("flex", Rate(2_000_000, ((200_000, 4_000_000),)), Rate(6_000_000, ((200_000, 9_000_000),))),
    ],
)
def test_the_operators_prices_go_by_prompt_size_and_service_tier(tier: str, read: Rate, wrote: Rate) -> None:
    found = operator_row("d1", TIERED, tier=tier)
    assert found is not None
    assert found.rates == {"input": read, "output": wrote}
    assert found.id == ("config/d1" if not tier else f"config/d1#{tier}")


def test_a_price_only_above_a_size_holds_below_it_too() -> None:
    found = operator_row("d1", {"input_cost_per_token_above_128k_tokens": 4e-6})
    assert found is not None
    assert found.rates["input"].at(1) == found.rates["input"].at(200_000) == 4_000_000


def test_a_search_costs_by_the_size_of_what_it_reads() -> None:
    sizes = {"low": 0.03, "medium": 0.035, "high": 0.05}
    found = operator_row("d1", {f"search_context_cost_per_query.{size}": usd for size, usd in sizes.items()})
    assert found is not None
    costs = {
        size: cost_of(Usage(web_searches=2), of_search_size(found, size)).pico for size in ("", "low", "high", "other")
    }
    assert costs == {"": 70_000_000_000, "low": 60_000_000_000, "high": 100_000_000_000, "other": 70_000_000_000}


def test_an_uplift_raises_every_price_of_a_token_and_no_other() -> None:
    own = {
        "input_cost_per_token": 2e-6, "input_cost_per_request": 0.01,
        "regional_processing_uplift_multiplier_eu": 1.1, "regional_endpoint_uplift_multiplier": 1.2,
    }  # fmt: skip
    rates = {geo: operator_row("d1", own, geo=geo) for geo in ("", "global", "eu", "us-east5")}
    assert {geo: row.rates["input"].base for geo, row in rates.items() if row} == {
        "": 2_000_000, "global": 2_000_000, "eu": 2_200_000, "us-east5": 2_400_000,
    }  # fmt: skip
    assert all(row is not None and row.rates["requests"].base == 10**10 for row in rates.values())


@pytest.mark.parametrize(
    ("provider", "model", "geo", "raised"),
    [
        ("anthropic", "claude-opus-4-6", "us", True),
        ("anthropic", "claude-sonnet-4-5", "us", False),
        ("anthropic", "claude-opus-4-6", "global", False),
        ("vertex_ai", "claude-sonnet-4-5@20250929", "europe-west1", True),
        ("vertex_ai", "claude-sonnet-4@20250514", "europe-west1", False),
        ("vertex_ai", "gemini-2.5-pro", "europe-west1", False),
        ("openai", "gpt-5.4", "eu", True),
        ("openai", "gpt-4o", "eu", False),
        ("azure", "gpt-4o", "zone-us", True),
    ],
)
def test_the_published_uplifts_are_in_the_row(provider: str, model: str, geo: str, raised: bool) -> None:
    book = PriceBook()
    usual = book.row_for("d", provider, model, own={}, now=NOW)
    bound = book.row_for("d", provider, model, own={}, now=NOW, geo=geo)
    assert usual is not None
    assert bound is not None
    assert bound.rates["input"].base == usual.rates["input"].base * (Decimal("1.1") if raised else 1)
    assert bound.id == (f"{usual.id}*{geo}" if raised else usual.id)


@pytest.mark.parametrize(
    ("provider", "model", "tier", "input_usd_per_mtok"),
    [
        ("openai", "gpt-4o", "", "2.5"),
        ("openai", "gpt-4o", "priority", "4.25"),
        ("openai", "gpt-4o", "batch", "1.25"),
        ("openai", "gpt-5.5", "flex", "2.5"),
        ("anthropic", "claude-opus-5", "fast", "10"),
        ("groq", "llama-3.1-8b-instant", "priority", "0.05"),
    ],
)
def test_the_catalogues_row_is_that_of_the_service_tier(
    provider: str, model: str, tier: str, input_usd_per_mtok: str
) -> None:
    found = PriceBook().row_for("d", provider, model, own={}, now=NOW, tier=tier)
    assert found is not None
    assert found.rates["input"].base == Decimal(input_usd_per_mtok) * 1_000_000
    assert found.id.endswith(f"#{tier}" if tier else "@2026-11-23")


# Discounts and margins


def test_a_margin_is_on_what_a_discount_leaves() -> None:
    terms = Terms(Decimal("0.05"), Decimal("0.1"), 7)
    assert charged(1_000, terms) == (1_000 - 50 + 95 + 7, 50, 102)
    assert charged(1_000, Terms()) == (1_000, 0, 0)


@given(st.integers(0, 10**15), st.decimals(0, 1, places=3), st.decimals(0, 3, places=3), st.integers(0, 10**9))
def test_no_charge_is_above_its_ceiling(pico: int, discount: Decimal, margin: Decimal, fixed: int) -> None:
    terms = Terms(discount, margin, fixed)
    bound = charged_row(row(input=pico), terms)
    assert charged(pico, terms).pico <= ceiling_pico(bound, input_tokens=1, output_tokens=0)


def test_the_operators_row_goes_before_the_catalogues() -> None:
    book = PriceBook()
    own = book.row_for("d1", "openai", "gpt-4o", own={"input_cost_per_token": 1e-6}, now=NOW)
    listed = book.row_for("d2", "openai", "gpt-4o", own={}, now=NOW)
    assert own is not None
    assert listed is not None
    assert own.source == "config.yaml"
    assert listed.source.startswith("genai-prices ")
    assert listed.id.endswith("@2026-11-23")


def test_a_model_nobody_has_a_price_for_has_no_row() -> None:
    assert PriceBook().row_for("d1", "simulated", "echo", own={}, now=NOW) is None


def test_a_row_is_looked_up_once_a_day() -> None:
    book = PriceBook()
    first = book.row_for("d1", "openai", "gpt-4o", own={}, now=NOW)
    assert book.row_for("d1", "openai", "gpt-4o", own={}, now=NOW + 3_600) is first
    later = book.row_for("d1", "openai", "gpt-4o", own={}, now=NOW + DAY)
    assert first is not None
    assert later is not None
    assert later.id == first.id.replace("2026-11-23", "2026-11-24")


# Limits


@pytest.mark.parametrize(
    ("provider", "model", "limit"),
    [
        ("openai", "gpt-4o", 16_384),
        ("openai", "gpt-4o-2024-05-13", 4_096),
        ("openai", "gpt-4o-mini-2024-07-18", 16_384),
        ("openai", "GPT-4-Turbo", 4_096),
        ("openai", "gpt-4", 8_192),
        ("openrouter", "openai/gpt-4o", 16_384),
        ("anthropic", "claude-3-haiku-20240307", 4_096),
        ("anthropic", "claude-3-5-sonnet-20241022", 8_192),
        ("simulated", "echo", None),
        ("nobody", "nothing", None),
    ],
)
def test_what_a_model_writes_at_most(provider: str, model: str, limit: int | None) -> None:
    assert max_output_tokens(provider, model) == limit
