"""LiteLLM's names for prices: a price, and in its name the prompt size above which it holds and the service tier."""

import re
from typing import NamedTuple

VARIED = (
    "input_cost_per_token",
    "output_cost_per_token",
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost_above_1hr",
    "cache_creation_input_token_cost",
    "input_cost_per_audio_token",
    "output_cost_per_audio_token",
    "cache_read_input_audio_token_cost",
    "input_cost_per_image_token",
    "output_cost_per_image_token",
    "cache_read_input_image_token_cost",
    "output_cost_per_reasoning_token",
    "input_cost_per_character",
    "output_cost_per_character",
    "input_cost_per_image",
    "output_cost_per_image",
    "input_cost_per_second",
    "output_cost_per_second",
)
"""Prices that can differ by the size of the prompt or the service tier, the longer of two names first."""

_TIER = r"(?:_(flex|priority|batches|fast|provisioned))?"
_NAME = re.compile(rf"({'|'.join(VARIED)}){_TIER}(?:_above_(\d+)(k?)_tokens)?{_TIER}")


class PriceName(NamedTuple):
    """`above` is in tokens of the prompt, 0 for all sizes; `tier` is "" for the usual one."""

    setting: str
    above: int
    tier: str


def price_name(name: str) -> PriceName | None:
    """Return what a name such as `input_cost_per_token_above_200k_tokens_priority` means, None for any other."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    setting, first, above, thousands, last = found.groups()
    if first and last:
        return None
    tier = "batch" if "batches" in (first, last) else first or last or ""
    return PriceName(setting, int(above or 0) * (1_000 if thousands else 1), tier)
