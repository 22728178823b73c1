"""Every provider's form: what does not add up is marked, and never read as less than what does."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import shared.usage as readers
from shared.prices import PriceRow, Rate, cost_of
from shared.usage import INPUT_CLASSES, OUTPUT_CLASSES, UNIT_CLASSES, Usage

Reader = Callable[..., Usage | None]
ROW = PriceRow(
    "dear",
    "test",
    {
        **{name: Rate(2) for name in INPUT_CLASSES},
        **{name: Rate(5) for name in OUTPUT_CLASSES},
        **{name: Rate(1) for name in UNIT_CLASSES},
        "cached_input": Rate(1),
        "cache_write": Rate(3),
        "cache_write_1h": Rate(4),
    },
)


class Form(NamedTuple):
    """A usage that adds up, and changes to it that do not."""

    reader: str
    sound: Any
    odd: tuple[dict[str, Any], ...]
    args: dict[str, Any] = {}


FORMS = (
    Form(
        "usage_from_openai",
        {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150},
        (
            {"total_tokens": 175},
            {"total_tokens": 120},
            {"prompt_tokens_details": {"cached_tokens": 130}},
            {"prompt_tokens_details": {"audio_tokens": 130}},
            {"completion_tokens_details": {"reasoning_tokens": 80}},
            {"prompt_cache_hit_tokens": 60, "prompt_cache_miss_tokens": 70},
        ),
    ),
    Form(
        "usage_from_responses",
        {"input_tokens": 100, "output_tokens": 50, "total_tokens": 150},
        (
            {"total_tokens": 175},
            {"total_tokens": 120},
            {"input_tokens_details": {"cached_tokens": 130}},
            {"output_tokens_details": {"reasoning_tokens": 80}},
        ),
    ),
    Form(
        "usage_from_anthropic",
        {
            "input_tokens": 100,
            "output_tokens": 50,
            "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
        },
        (
            {"cache_creation_input_tokens": 40},
            {"cache_creation_input_tokens": 20},
            {"output_tokens_details": {"thinking_tokens": 60}},
        ),
    ),
    Form(
        "usage_from_gemini",
        {"promptTokenCount": 100, "candidatesTokenCount": 50, "thoughtsTokenCount": 7, "totalTokenCount": 157},
        (
            {"totalTokenCount": 200},
            {"totalTokenCount": 120},
            {"cachedContentTokenCount": 130},
            {"promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 130}]},
            {"candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 80}]},
        ),
    ),
    Form(
        "usage_from_bedrock",
        {"inputTokens": 100, "outputTokens": 50, "totalTokens": 150},
        (
            {"totalTokens": 175},
            {"totalTokens": 120},
            {"cacheDetails": [{"ttl": "1h", "inputTokens": 20}], "cacheWriteInputTokens": 10, "totalTokens": 160},
        ),
    ),
    Form(
        "usage_from_images",
        {"input_tokens": 50, "output_tokens": 50, "total_tokens": 100},
        ({"total_tokens": 120}, {"input_tokens_details": {"image_tokens": 60}}),
        {"images": 1},
    ),
    Form(
        "usage_from_realtime",
        {"input_tokens": 100, "output_tokens": 50, "total_tokens": 150},
        (
            {"total_tokens": 175},
            {"input_token_details": {"cached_tokens": 130}},
            {"output_token_details": {"audio_tokens": 80}},
        ),
    ),
    Form(
        "usage_from_conversation",
        {"prompt_tokens": 100, "completion_tokens": 50, "connector_tokens": 20, "total_tokens": 170},
        ({"total_tokens": 195}, {"total_tokens": 140}),
    ),
    Form(
        "usage_from_interactions",
        {"total_input_tokens": 100, "total_output_tokens": 50, "total_thought_tokens": 7, "total_tokens": 157},
        (
            {"total_tokens": 200},
            {"total_tokens": 120},
            {"total_cached_tokens": 130},
            {"input_tokens_by_modality": [{"modality": "audio", "tokens": 130}]},
        ),
    ),
    Form(
        "usage_from_total", {"prompt_tokens": 100, "total_tokens": 100}, ({"total_tokens": 130}, {"total_tokens": 80})
    ),
)
NESTED = (  # the same reading of tokens, inside of what else they are given
    Form(
        "usage_from_transcription",
        {"usage": {"type": "tokens", "input_tokens": 100, "output_tokens": 50, "total_tokens": 150}},
        ({"usage": {"type": "tokens", "input_tokens": 100, "output_tokens": 50, "total_tokens": 175}},),
    ),
)
WITHOUT_A_SUM = {
    "usage_from_bedrock_metrics": "two counts and two of the cache, which stand beside them",
    "usage_from_cohere": "billed units are what is billed; the tokens beside them count the template, too",
    "usage_from_deepgram": "a duration",
    "usage_from_ollama": "two counts",
    "usage_from_pages": "pages",
    "usage_from_replicate": "counts and a time",
    "usage_from_watsonx": "two counts of each result",
    "usage_of_speech": "characters; the tokens are read as those of a realtime answer",
}
TOTALS = ("total_tokens", "totalTokenCount", "totalTokens")
WITH_A_TOTAL = [form for form in FORMS if any(name in form.sound for name in TOTALS)]
CASES = [
    pytest.param(form, changes, id=f"{form.reader} {changes}") for form in (*FORMS, *NESTED) for changes in form.odd
]


@pytest.mark.parametrize(("form", "changes"), CASES)
def test_what_does_not_add_up_is_marked_and_priced_no_lower(form: Form, changes: dict[str, Any]) -> None:
    reader: Reader = getattr(readers, form.reader)
    sound, odd = reader(form.sound, **form.args), reader({**form.sound, **changes}, **form.args)
    assert sound is not None
    assert odd is not None
    assert (sound.mismatch, bool(odd.mismatch)) == ("", True)
    cheapest = min(rate.base for name, rate in ROW.rates.items() if name in INPUT_CLASSES)
    if not any("ached" in name for name in _names(changes)):
        assert cost_of(odd, ROW).pico >= cost_of(sound, ROW).pico
    else:  # that part of the prompt was cached is believed: but no token of it is free
        assert odd.prompt_tokens >= sound.prompt_tokens
        assert cost_of(odd, ROW).pico >= sound.prompt_tokens * cheapest + sound.completion_tokens * 5


@pytest.mark.parametrize("form", WITH_A_TOTAL, ids=lambda form: form.reader)
def test_a_total_that_is_larger_is_paid_to_its_last_token(form: Form) -> None:
    total = next(name for name in TOTALS if name in form.sound)
    more = getattr(readers, form.reader)({**form.sound, total: form.sound[total] + 40}, **form.args)
    assert more.total_tokens == form.sound[total] + 40


@pytest.mark.parametrize("odd", [-1, 1.5, "12", 2**60, True])
@pytest.mark.parametrize("form", FORMS[:5], ids=lambda form: form.reader)
def test_a_figure_that_cannot_be_read_is_marked(form: Form, odd: Any) -> None:
    first = next(iter(form.sound))
    rest = {name: value for name, value in form.sound.items() if name not in TOTALS}
    read = getattr(readers, form.reader)({**rest, first: odd}, **form.args)
    assert read.mismatch == f"{first} cannot be read"


def test_every_reader_is_in_this_table_or_has_no_sum() -> None:
    known = {form.reader for form in (*FORMS, *NESTED)} | WITHOUT_A_SUM.keys()
    assert known == {name for name in vars(readers) if name.startswith(("usage_from_", "usage_of_"))}


def _names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(_names, value.values()), set())
    return set().union(*map(_names, value), set()) if isinstance(value, list) else set()
