"""The operator's own prices, LiteLLM's settings, as a row."""

from collections.abc import Mapping
from decimal import Decimal

from shared.config.sections.price_names import PriceName, price_name
from shared.money import PICO_PER_USD
from shared.prices.row import OPERATORS, PriceRow, Rate, exact, multiplied

OPERATOR_PRICES: dict[str, tuple[tuple[str, ...], int]] = {
    "input_cost_per_token": (("input",), 1),
    "output_cost_per_token": (("output",), 1),
    "input_cost_per_token_cache_hit": (("cached_input",), 1),
    "cache_read_input_token_cost": (("cached_input",), 1),
    "cache_creation_input_token_cost": (("cache_write",), 1),
    "cache_creation_input_token_cost_above_1hr": (("cache_write_1h",), 1),
    "input_cost_per_audio_token": (("audio_input",), 1),
    "output_cost_per_audio_token": (("audio_output",), 1),
    "cache_read_input_audio_token_cost": (("cached_audio_input",), 1),
    "input_cost_per_image_token": (("image_input",), 1),
    "output_cost_per_image_token": (("image_output",), 1),
    "cache_read_input_image_token_cost": (("cached_image_input",), 1),
    "input_cost_per_video_token": (("video_input",), 1),
    "output_cost_per_video_token": (("video_output",), 1),
    "output_cost_per_reasoning_token": (("reasoning",), 1),
    "citation_cost_per_token": (("citations",), 1),
    "input_cost_per_request": (("requests",), 1),
    "input_cost_per_query": (("search_units",), 1),
    "search_context_cost_per_query.low": (("web_searches_low",), 1),
    "search_context_cost_per_query.medium": (("web_searches",), 1),
    "search_context_cost_per_query.high": (("web_searches_high",), 1),
    "file_search_cost_per_1k_calls": (("file_searches",), 1_000),
    "code_interpreter_cost_per_session": (("code_sessions",), 1),
    "input_cost_per_character": (("input_characters",), 1),
    "output_cost_per_character": (("output_characters",), 1),
    "input_cost_per_second": (("audio_input_ms", "compute_ms"), 1_000),
    "output_cost_per_second": (("audio_output_ms", "compute_ms"), 1_000),
    "input_cost_per_audio_per_second": (("audio_input_ms",), 1_000),
    "output_cost_per_video_per_second": (("video_output_ms",), 1_000),
    "input_cost_per_image": (("input_images",), 1),
    "output_cost_per_image": (("images",), 1),
    "input_cost_per_pixel": (("pixels",), 1),
    "output_cost_per_pixel": (("pixels",), 1),
    "ocr_cost_per_page": (("pages",), 1),
    "annotation_cost_per_page": (("annotated_pages",), 1),
}
"""A setting -> the usage classes it prices, and how many units it is for. Of two for a class the later wins."""


def operator_row(deployment: str, own: Mapping[str, float], *, tier: str = "", geo: str = "") -> PriceRow | None:
    """Return the row made of the operator's settings for a service tier and a region, if any price is among them.

    A price of the tier replaces the usual one, and all that the usual one costs above some prompt size.
    """
    named = {setting: price_name(setting) or PriceName(setting, 0, "") for setting in own}
    rates: dict[str, Rate] = {}
    for setting, (classes, units) in OPERATOR_PRICES.items():
        variants = {(name.above, name.tier): own[text] for text, name in named.items() if name.setting == setting}
        rate = _rate(variants, tier, units)
        if rate is not None:
            rates.update(dict.fromkeys(classes, rate))
    if not rates:
        return None
    of_time = [rates[name] for name in ("audio_input_ms", "audio_output_ms") if name in rates]
    if "compute_ms" in rates and len(of_time) == 2:  # LiteLLM takes both for each second
        rates["compute_ms"] = Rate(of_time[0].base + of_time[1].base)
    if "web_searches" not in rates:
        other = rates.get("web_searches_high") or rates.get("web_searches_low")
        if other is not None:
            rates["web_searches"] = other
    row = PriceRow(f"config/{deployment}{f'#{tier}' if tier else ''}", OPERATORS, rates)
    factor = own.get("regional_endpoint_uplift_multiplier") if geo and geo != "global" else None
    if geo in ("eu", "us"):
        factor = own.get(f"regional_processing_uplift_multiplier_{geo}", factor)
    return row if factor is None else multiplied(row, Decimal(repr(factor)), geo)


def _rate(variants: Mapping[tuple[int, str], float], tier: str, units: int) -> Rate | None:
    """Return the rate of one setting out of its prices by (prompt size above which, tier)."""
    of_tier = tier if (0, tier) in variants else ""
    prices = {above: _pico(usd, units) for (above, name), usd in variants.items() if name == of_tier}
    if not prices:
        return None
    base = prices.pop(0, None)
    steps = tuple(sorted(prices.items()))
    return Rate(steps[0][1] if base is None else base, steps)


def _pico(usd: float, units: int) -> int | Decimal:
    return exact(Decimal(repr(usd)) * PICO_PER_USD / units)
