"""What a call costs: whose word counts, and what the operator makes of it."""

from decimal import Decimal
from typing import Any

import pytest

from shared.prices import PriceBook, Terms
from shared.prices.price_call import NOT_PRICED, price_call
from shared.usage import Usage
from tests.router_calls import deployment

NOW = 1_795_000_000.0  # 2026-11-18
OWN = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
USED = Usage(input=1_000, output=100)


def price(usage: Usage = USED, *, duration_ms: int = 2_000, **fields: Any) -> Any:
    return price_call(PriceBook(), deployment(**fields), usage, duration_ms=duration_ms, now=NOW)[0]


def test_a_reported_cost_is_taken_and_the_computed_one_kept() -> None:
    priced = price(Usage(input=1_000, output=100, reported_cost_pico=123), provider="openrouter", model="openai/gpt-4o")
    assert (priced.pico, priced.source) == (123, "reported")
    assert priced.computed.pico == 1_000 * 2_500_000 + 100 * 10_000_000


def test_a_reported_cost_is_taken_where_nobody_has_a_price() -> None:
    priced = price(Usage(input=1, reported_cost_pico=5), provider="openrouter", model="nobody/nothing")
    assert (priced.pico, priced.source, priced.row) == (5, "reported", None)


def test_the_operators_prices_go_before_what_a_provider_reports() -> None:
    priced = price(Usage(input=1_000, reported_cost_pico=5), provider="openrouter", model="x", prices=OWN)
    assert (priced.pico, priced.source) == (10**9, "computed")


@pytest.mark.parametrize("provider", ["openai", "vllm", "openai_like"])
def test_what_any_other_server_says_is_no_cost(provider: str) -> None:
    priced = price(Usage(input=1_000, reported_cost_pico=5), provider=provider, model="gpt-4o")
    assert priced.pico != 5


def test_a_model_without_a_price_has_an_unknown_cost() -> None:
    assert price(provider="vllm", model="own") == NOT_PRICED
    assert price_call(PriceBook(), None, USED, duration_ms=1, now=NOW) == (NOT_PRICED, USED)


def test_discount_and_margin_are_on_the_cost_whoever_told_it() -> None:
    terms = Terms(Decimal("0.1"), Decimal("0.5"), 3)
    priced = price(prices=OWN, terms=terms)
    assert (priced.computed.pico, priced.discount_pico, priced.margin_pico) == (1_200_000_000, 120_000_000, 540_000_003)
    assert priced.pico == 1_620_000_003
    reported = price(Usage(input=1, reported_cost_pico=1_000), provider="xai", model="grok-4", terms=terms)
    assert (reported.pico, reported.discount_pico, reported.margin_pico) == (1_353, 100, 453)


def test_the_row_is_that_of_the_tier_and_of_the_region() -> None:
    assert price(Usage(input=1, tier="priority"), model="gpt-4o").pico == 4_250_000
    geo = price(Usage(input=1, geo="us"), provider="anthropic", model="claude-opus-4-6")
    assert geo.pico == 5_500_000
    bound = price(Usage(input=1), model="gpt-5.4", geo="eu")
    assert bound.pico == price(Usage(input=1), model="gpt-5.4").pico * 11 // 10


@pytest.mark.parametrize(
    ("provider", "model"),
    [("vertex_ai", "gemini-2.5-flash"), ("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0"), ("openai", "gpt-4o")],
)
def test_tokens_of_capacity_that_is_paid_for_in_advance_cost_nothing(provider: str, model: str) -> None:
    used = Usage(input=1_000, cached_input=10, output=100, tier="provisioned")
    priced = price(used, provider=provider, model=model)
    assert (priced.pico, priced.source, priced.computed.unpriced) == (0, "computed", ())
    assert priced.row.id.endswith("#provisioned*0")


def test_what_is_no_token_is_billed_beside_provisioned_capacity() -> None:
    grounded = Usage(input=1_000, web_searches=1, tier="provisioned")
    assert price(grounded, provider="vertex_ai", model="gemini-2.5-flash").pico == 35 * 10**9


def test_the_operator_says_what_provisioned_capacity_costs_by_the_token() -> None:
    own = {**OWN, "input_cost_per_token_provisioned": 5e-7}
    provisioned = Usage(input=1_000, output=100, tier="provisioned")
    assert price(provisioned, provider="vertex_ai", model="gemini-2.5-flash", prices=own).pico == 700_000_000
    assert price(provisioned, provider="vertex_ai", model="gemini-2.5-flash", prices=OWN).pico == 1_200_000_000


def test_a_call_that_is_billed_by_time_is_counted_by_its_duration() -> None:
    rented = deployment(prices={"input_cost_per_second": 0.001})
    priced, usage = price_call(PriceBook(), rented, USED, duration_ms=2_500, now=NOW)
    assert (priced.pico, usage.compute_ms) == (2_500 * 10**6, 2_500)
    heard = Usage(audio_input_ms=9_000)
    assert price_call(PriceBook(), rented, heard, duration_ms=2_500, now=NOW)[0].pico == 9_000 * 10**6
    told = Usage(compute_ms=4_000)
    assert price_call(PriceBook(), rented, told, duration_ms=2_500, now=NOW)[0].pico == 4_000 * 10**6


def test_seconds_of_an_answer_are_machine_time_as_well_and_both_prices_add_up() -> None:
    rented = deployment(prices={"input_cost_per_second": 0.001, "output_cost_per_second": 0.002})
    assert price_call(PriceBook(), rented, USED, duration_ms=1_000, now=NOW)[0].pico == 3 * 10**9
    later = deployment(prices={"output_cost_per_second": 0.002})
    assert price_call(PriceBook(), later, USED, duration_ms=1_000, now=NOW)[0].pico == 2 * 10**9


def test_pictures_cost_by_the_pixel_where_the_operator_says_so() -> None:
    assert price(Usage(images=1, pixels=1024 * 1024), prices={"output_cost_per_pixel": 1.9e-8}).pico == 19_922_944_000


def test_a_search_costs_by_its_size() -> None:
    sizes = {"search_context_cost_per_query.medium": 0.02, "search_context_cost_per_query.low": 0.01}
    assert price(Usage(web_searches=1, search_size="low"), prices=sizes).pico == 10**10
    assert price(Usage(web_searches=1), prices=sizes).pico == 2 * 10**10


def test_a_short_recording_is_billed_as_ten_seconds_where_the_provider_does_so() -> None:
    heard = Usage(audio_input_ms=3_000)
    whisper = deployment(provider="groq", model="whisper-large-v3")
    priced, usage = price_call(PriceBook(), whisper, heard, duration_ms=1, now=NOW)
    assert (usage.audio_input_ms, priced.pico) == (10_000, 308_333_333)  # 0.111 USD an hour
    assert price(heard, model="whisper-1").pico == 300_000_000  # OpenAI: 0.006 USD a minute


@pytest.mark.parametrize(
    ("provider", "model", "usage", "usd_pico"),
    [
        ("openai", "gpt-5", Usage(web_searches=1), 10**10),
        ("openai", "gpt-4o", Usage(web_searches=1, search_size="preview"), 25 * 10**9),
        ("openai", "gpt-5", Usage(web_searches=1, search_size="preview"), 10**10),
        ("openai", "gpt-5", Usage(code_sessions=1), 3 * 10**10),
        ("openai", "gpt-5", Usage(tool_image_output=1_000), 4 * 10**10),
        ("openai", "gpt-4o-search-preview", Usage(), 25 * 10**9),
        ("openai", "gpt-5-search-api", Usage(), 10**10),
        ("openai", "omni-moderation-latest", Usage(input=900), 0),
        ("xai", "grok-4", Usage(web_searches=2, code_sessions=1, file_searches=1), 175 * 10**8),
        ("xai", "grok-4", Usage(document_searches=2), 10**10),
        ("perplexity", "sonar", Usage(web_searches=1), 12 * 10**9),
        ("perplexity", "sonar", Usage(web_searches=1, search_size="low"), 5 * 10**9),
        ("perplexity", "sonar-pro", Usage(web_searches=1, search_size="low"), 6 * 10**9),
        ("gemini", "gemini-2.5-flash", Usage(map_searches=1), 25 * 10**9),
        ("gemini", "gemini-3-flash-preview", Usage(map_searches=1), 14 * 10**9),
        ("xai", "grok-4.3", Usage(input=12, cached_input=192, output=83, tier="batch"), 208_720_000),
        ("xai", "grok-4", Usage(search_sources=1), 25 * 10**9),
        ("openai", "gpt-4o-audio-preview", Usage(audio_input=10, audio_output=10, input=10), 1_225_000_000),
        ("cohere", "rerank-v3.5", Usage(search_units=1), 2 * 10**9),
        ("cohere", "rerank-v4.0-fast", Usage(search_units=1), 2 * 10**9),
        ("cohere", "rerank-v4.0-pro", Usage(search_units=1), 25 * 10**8),
        ("anthropic", "claude-sonnet-4-5", Usage(input=10, output=10, tier="batch"), 90_000_000),
        ("bedrock", "amazon.nova-pro-v1:0", Usage(input=1_000, output=100, tier="priority"), 1_960_000_000),
        ("vertex_ai", "gemini-2.5-pro", Usage(input=32, output=18, tier="priority"), 396_000_000),
        ("openai", "gpt-5", Usage(input=1_000, output=200, tier="flex"), 1_625_000_000),
        ("anthropic", "claude-sonnet-4-5", Usage(web_searches=1), 10**10),
        ("gemini", "gemini-2.5-flash", Usage(web_searches=1), 35 * 10**9),
    ],
)
def test_a_providers_own_tools_cost_what_it_says(provider: str, model: str, usage: Usage, usd_pico: int) -> None:
    priced = price(usage, provider=provider, model=model)
    assert (priced.pico, priced.source, priced.computed.unpriced) == (usd_pico, "computed", ())


def test_a_fee_alone_prices_no_model() -> None:
    assert price(Usage(code_sessions=1), provider="openai", model="no-such-model") == NOT_PRICED
    before = price_call(PriceBook(), deployment(provider="xai", model="grok-4"), Usage(web_searches=1), duration_ms=1,
                        now=1_760_000_000.0)[0]  # 2025-10-09  # fmt: skip
    assert before.pico == 0
