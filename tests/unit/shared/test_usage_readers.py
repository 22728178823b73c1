"""Each provider's form of usage, read into classes that do not overlap."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import shared.usage as readers
from shared.usage import (
    INPUT_CLASSES,
    OUTPUT_CLASSES,
    UNIT_CLASSES,
    Usage,
    added,
    tier_of,
    usage_from_anthropic,
    usage_from_bedrock,
    usage_from_bedrock_metrics,
    usage_from_cohere,
    usage_from_deepgram,
    usage_from_gemini,
    usage_from_images,
    usage_from_ollama,
    usage_from_openai,
    usage_from_pages,
    usage_from_realtime,
    usage_from_replicate,
    usage_from_responses,
    usage_from_total,
    usage_from_transcription,
    usage_from_watsonx,
    usage_in_response,
    usage_of,
    usage_of_speech,
)
from shared.usage.openai_chat import _with_details

COUNTS = st.integers(0, 10**9)
OPTIONAL_READERS = [
    reader
    for name, reader in vars(readers).items()
    if name.startswith("usage_from_") and callable(reader) and reader is not usage_from_images
]
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=True) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = [
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "prompt_tokens_details",
    "completion_tokens_details",
    "input_tokens",
    "output_tokens",
    "input_tokens_details",
    "output_tokens_details",
    "cache_creation",
    "cache_creation_input_tokens",
    "iterations",
    "promptTokenCount",
    "candidatesTokenCount",
    "totalTokenCount",
    "promptTokensDetails",
    "cacheTokensDetails",
    "inputTokens",
    "outputTokens",
    "totalTokens",
    "cacheDetails",
    "billed_units",
    "tokens",
    "usage",
    "metrics",
    "metadata",
    "results",
    "usage_info",
    "cost",
    "cost_details",
    "seconds",
    "duration",
    "type",
    "input_token_details",
    "server_side_tool_usage_details",
    "tool_calls_details",
]


def total_of(usage: Usage) -> int:
    return sum(usage.counts().get(name, 0) for name in INPUT_CLASSES + OUTPUT_CLASSES)


@pytest.mark.parametrize("reader", OPTIONAL_READERS, ids=lambda reader: reader.__name__)
@given(usage=JUNK | st.dictionaries(st.sampled_from(NAMES), JUNK, max_size=6))
def test_whatever_a_provider_sends_is_read_or_is_none(reader: Callable[[object], Usage | None], usage: object) -> None:
    found = reader(usage)
    assert found is None or all(type(count) is int and count > 0 for count in found.counts().values())


@pytest.mark.parametrize("reader", OPTIONAL_READERS, ids=lambda reader: reader.__name__)
@pytest.mark.parametrize("usage", [None, {}, [], "7", 7, {"x": 1}])
def test_what_has_no_figures_is_none(reader: Callable[[object], Usage | None], usage: object) -> None:
    assert reader(usage) is None


def test_the_counts_are_those_that_are_not_zero() -> None:
    assert Usage().counts() == {"requests": 1}
    assert Usage(requests=0, tier="flex", geo="us", mismatch="x", reported_cost_pico=5).counts() == {}
    every = {name: number for number, name in enumerate(INPUT_CLASSES + OUTPUT_CLASSES + UNIT_CLASSES, start=1)}
    assert usage_of(every).counts() == every
    assert total_of(usage_of(every)) == usage_of(every).total_tokens


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_the_short_way_through_openais_form_gives_what_the_long_way_gives(
    prompt: int, completion: int, cached: int, reasoning: int
) -> None:
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reasoning, "accepted_prediction_tokens": 5},
    }
    assert usage_from_openai(usage) == _with_details(usage, prompt, completion, prompt + completion, "")


def chat(prompt: int, completion: int, total: int | None = None, **fields: Any) -> Usage:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, **fields}
    if total is not None:
        usage["total_tokens"] = total
    found = usage_from_openai(usage)
    assert found is not None
    return found


def test_reasoning_that_the_total_counts_beside_the_answer_is_not_lost() -> None:
    # https://github.com/Wei-Shaw/sub2api/issues/5771 (xAI)
    usage = chat(
        10120, 1499, 14428,
        prompt_tokens_details={"cached_tokens": 128}, completion_tokens_details={"reasoning_tokens": 2809},
        cost_in_usd_ticks=232856000,
    )  # fmt: skip
    assert usage == Usage(input=9992, cached_input=128, output=1499, reasoning=2809, reported_cost_pico=23_285_600_000)


def test_a_cache_that_the_total_counts_beside_the_prompt_is_not_lost() -> None:
    assert chat(10, 5, 115, prompt_tokens_details={"cached_tokens": 100}) == Usage(input=10, cached_input=100, output=5)


def test_what_the_total_has_more_counts_as_output_and_is_marked() -> None:
    # https://discuss.ai.google.dev/t/question-with-usage-in-openai-compatibility/98760
    assert chat(758, 102, 1725) == Usage(
        input=758, output=102, reasoning=865, mismatch="total_tokens is 1725, its parts are 860"
    )


def test_a_total_that_is_too_small_takes_nothing_away_and_is_marked() -> None:
    assert chat(10, 5, 12) == Usage(input=10, output=5, mismatch="total_tokens is 12, its parts are 15")


def test_cached_tokens_that_must_be_images_are_taken_out_of_the_images() -> None:
    # https://github.com/BerriAI/litellm/pull/37407 (xAI)
    usage = chat(1008, 10, 1018, prompt_tokens_details={"text_tokens": 8, "image_tokens": 1000, "cached_tokens": 1002})
    assert usage == Usage(cached_image_input=994, cached_input=8, image_input=6, output=10)


def test_moonshots_and_anthropics_names_for_the_cache_are_known() -> None:
    assert chat(10, 1, 11, cached_tokens=4) == Usage(input=6, cached_input=4, output=1)
    assert chat(10, 1, 11, cache_read_input_tokens=4, cache_creation_input_tokens=5) == Usage(
        input=1, cached_input=4, cache_write=5, output=1
    )


def test_mistrals_three_names_for_the_cache_are_known() -> None:
    # https://docs.mistral.ai/api, https://github.com/vercel/ai/issues/14382
    read = Usage(input=6, cached_input=4, output=1)
    assert chat(10, 1, 11, num_cached_tokens=4) == read
    assert chat(10, 1, 11, prompt_token_details={"cached_tokens": 4}) == read
    assert chat(10, 1, 11, num_cached_tokens=4, prompt_tokens_details={"cached_tokens": 4}) == read


def test_what_is_written_to_the_cache_and_read_at_once_is_no_more_of_the_prompt() -> None:
    # https://github.com/pydantic/pydantic-ai: OpenRouter, with a cache of Gemini's
    both = chat(2168, 100, 2268, prompt_tokens_details={"cached_tokens": 2161, "cache_write_tokens": 2161})
    assert both == Usage(input=7, cached_input=2161, cache_write=2161, output=100)
    other = chat(2168, 100, 2268, prompt_tokens_details={"cached_tokens": 2161, "cache_write_tokens": 2160})
    assert (other.input, other.mismatch) == (2168, "4321 cached tokens in a prompt of 2168")


def test_deepseeks_misses_are_checked_against_its_prompt() -> None:
    assert chat(100, 1, 101, prompt_cache_hit_tokens=64, prompt_cache_miss_tokens=36).mismatch == ""
    more = chat(100, 1, 101, prompt_cache_hit_tokens=64, prompt_cache_miss_tokens=40)
    assert (more.input, more.cached_input) == (40, 64)
    assert more.mismatch == "4 tokens more missed the cache than prompt_tokens says"


def test_seconds_of_audio_explain_the_tokens_that_mistral_counts_beside_the_prompt() -> None:
    # https://docs.mistral.ai/capabilities/audio/
    assert chat(4, 635, 3264, prompt_audio_seconds=203) == Usage(input=4, output=635, audio_input_ms=203_000)


def test_perplexitys_tokens_outside_all_totals_are_counted() -> None:
    usage = chat(
        33, 7163, 7196,
        citation_tokens=20016, num_search_queries=18, reasoning_tokens=73997, cost={"total_cost": 0.409},
    )  # fmt: skip
    assert usage == Usage(
        input=33,
        output=7163,
        reasoning=73997,
        citations=20016,
        web_searches=18,
        reported_cost_pico=409_000_000_000,
    )


@pytest.mark.parametrize(
    ("fields", "reported"),
    [
        ({"cost": 0.00492}, 4_920_000_000),
        ({"cost": 0}, 0),
        ({"cost": 0.001, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.02}}, 21_000_000_000),
        ({"cost": 0.001, "is_byok": True}, None),
        ({"estimated_cost": 2.3e-05}, 23_000_000),
        ({"cost": "free"}, None),
        ({"cost": -1}, None),
        ({"cost": float("nan")}, None),
        ({}, None),
    ],
)
def test_the_cost_that_a_provider_reports_is_read_in_its_form(fields: dict[str, Any], reported: int | None) -> None:
    assert chat(1, 1, 2, **fields).reported_cost_pico == reported


@pytest.mark.parametrize(
    ("said", "tier"),
    [
        ("flex", "flex"),
        ("priority", "priority"),
        ("ON_DEMAND_PRIORITY", "priority"),
        ("default", ""),
        (None, ""),
        (3, ""),
    ],
)
def test_a_service_tier_has_one_name(said: object, tier: str) -> None:
    assert tier_of(said) == tier
    assert usage_from_openai({"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}, tier=said) == Usage(
        input=1, output=1, tier=tier
    )


def test_a_whole_response_tells_of_pictures_and_of_the_older_search() -> None:
    response = {
        "usage": {"input_tokens": 20, "output_tokens": 10, "total_tokens": 30},
        "output": [
            {"type": "web_search_call"},
            {"type": "shell_call", "environment": {"type": "container_reference", "container_id": "c1"}},
            {"type": "shell_call", "environment": {"type": "local"}},
        ],
        "tools": [{"type": "web_search_preview"}],
        "tool_usage": {"image_gen": {"input_tokens": 5, "output_tokens": 7_024}},
        "service_tier": "default",
    }
    assert usage_in_response(response) == Usage(
        input=20,
        output=10,
        web_searches=1,
        code_sessions=1,
        tool_image_input=5,
        tool_image_output=7_024,
        search_size="preview",
    )


def test_a_responses_usage_has_its_tools_by_what_was_run() -> None:
    usage = {
        "input_tokens": 328, "input_tokens_details": {"cached_tokens": 128}, "output_tokens": 52,
        "output_tokens_details": {"reasoning_tokens": 32}, "total_tokens": 380,
    }  # fmt: skip
    output = [
        {"type": "web_search_call", "action": {"type": "search", "query": "x"}},
        {"type": "web_search_call", "action": {"type": "open_page"}},
        {"type": "file_search_call"},
        {"type": "code_interpreter_call", "container_id": "c1"},
        {"type": "code_interpreter_call", "container_id": "c1"},
        {"type": "message"},
    ]
    assert usage_from_responses(usage, output=output, tier="flex") == Usage(
        input=200,
        cached_input=128,
        output=20,
        reasoning=32,
        web_searches=1,
        file_searches=1,
        code_sessions=1,
        tier="flex",
    )


def test_searches_of_attached_files_are_counted_apart_from_those_of_collections() -> None:
    # https://docs.x.ai/developers/pricing: 10 USD and 2.50 USD for a thousand
    details = {"web_search_calls": 0, "x_search_calls": 0, "file_search_calls": 1, "document_search_calls": 3}
    usage = {"input_tokens": 8, "output_tokens": 2, "total_tokens": 10, "server_side_tool_usage_details": details}
    assert usage_from_responses(usage) == Usage(input=8, output=2, file_searches=1, document_searches=3)


def test_searches_of_x_count_and_code_in_no_named_container_counts_by_the_call() -> None:
    # https://docs.x.ai/developers/pricing: where the usage has no counts of them
    usage = {"input_tokens": 8, "output_tokens": 2, "total_tokens": 10, "num_server_side_tools_used": 4}
    output = [
        {"type": "x_search_call", "name": "x_semantic_search"},
        {"type": "web_search_call", "name": "web_search"},
        {"type": "code_interpreter_call", "name": "code_execution"},
        {"type": "code_interpreter_call", "name": "code_execution"},
    ]
    assert usage_from_responses(usage, output=output) == Usage(input=8, output=2, web_searches=2, code_sessions=2)


def test_pictures_count_by_token_and_by_piece() -> None:
    usage = {
        "total_tokens": 100, "input_tokens": 50, "output_tokens": 50,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    }  # fmt: skip
    assert usage_from_images(usage, images=2) == Usage(input=10, image_input=40, image_output=50, images=2)
    assert usage_from_images(None, images=3) == Usage(images=3)


def test_a_transcription_counts_tokens_or_seconds() -> None:
    tokens = {
        "type": "tokens", "input_tokens": 14, "input_token_details": {"text_tokens": 4, "audio_tokens": 10},
        "output_tokens": 101, "total_tokens": 115,
    }  # fmt: skip
    assert usage_from_transcription({"usage": tokens}) == Usage(input=4, audio_input=10, output=101)
    assert usage_from_transcription({"usage": {"type": "duration", "seconds": 9}}) == Usage(audio_input_ms=9_000)
    assert usage_from_transcription({"duration": 8.470000267}) == Usage(audio_input_ms=8_470)


def test_a_realtime_answer_tells_which_of_its_cached_tokens_were_sound() -> None:
    usage = {
        "total_tokens": 253, "input_tokens": 132, "output_tokens": 121,
        "input_token_details": {
            "text_tokens": 119, "audio_tokens": 13, "image_tokens": 0, "cached_tokens": 64,
            "cached_tokens_details": {"text_tokens": 54, "audio_tokens": 10, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
    }  # fmt: skip
    assert usage_from_realtime(usage) == Usage(
        input=65, cached_input=54, audio_input=3, cached_audio_input=10, output=30, audio_output=91
    )


def test_sound_from_the_cache_that_did_not_go_in_stands_beside_what_did() -> None:
    usage = {
        "total_tokens": 275, "input_tokens": 127, "output_tokens": 148,
        "input_token_details": {
            "cached_tokens": 384, "text_tokens": 119, "audio_tokens": 8,
            "cached_tokens_details": {"text_tokens": 128, "audio_tokens": 256},
        },
        "output_token_details": {"text_tokens": 36, "audio_tokens": 112},
    }  # fmt: skip
    read = usage_from_realtime(usage)
    assert read is not None
    assert (read.input, read.audio_input, read.cached_input, read.cached_audio_input) == (119, 8, 128, 256)
    assert read.mismatch == "384 cached tokens in a prompt of 127"


def test_speech_counts_its_characters_and_the_sound_that_came_out() -> None:
    assert usage_of_speech("héllo") == Usage(input_characters=5)
    spoken = {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}
    assert usage_of_speech("hello", usage=spoken) == Usage(input=14, audio_output=101, input_characters=5)


def test_geminis_thoughts_and_tool_results_stand_beside_its_prompt_and_answer() -> None:
    usage = {
        "promptTokenCount": 1_000, "cachedContentTokenCount": 600, "candidatesTokenCount": 50, "thoughtsTokenCount": 30,
        "toolUsePromptTokenCount": 20, "totalTokenCount": 1_100, "trafficType": "ON_DEMAND",
    }  # fmt: skip
    assert usage_from_gemini(usage, searches=1) == Usage(
        input=420, cached_input=600, output=50, reasoning=30, web_searches=1
    )


def test_geminis_media_are_told_apart_and_documents_are_pictures() -> None:
    usage = {
        "promptTokenCount": 300, "candidatesTokenCount": 1_290, "totalTokenCount": 1_590,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 10}, {"modality": "AUDIO", "tokenCount": 32},
            {"modality": "DOCUMENT", "tokenCount": 258},
        ],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1_290}],
    }  # fmt: skip
    assert usage_from_gemini(usage) == Usage(input=10, audio_input=32, image_input=258, image_output=1_290)


def test_geminis_total_says_whether_the_thoughts_are_in_the_answer() -> None:
    inside = {"promptTokenCount": 10, "candidatesTokenCount": 50, "thoughtsTokenCount": 30, "totalTokenCount": 60}
    assert usage_from_gemini(inside) == Usage(input=10, output=20, reasoning=30)
    more = {"promptTokenCount": 10, "totalTokenCount": 60}
    assert usage_from_gemini(more) == Usage(input=10, reasoning=50, mismatch="totalTokenCount is 60, its parts are 10")


def test_bedrocks_cache_stands_beside_its_input() -> None:
    usage = {
        "inputTokens": 100, "outputTokens": 50, "totalTokens": 1_650, "cacheReadInputTokens": 1_000,
        "cacheWriteInputTokens": 500, 
        "cacheDetails": [{"ttl": "1h", "inputTokens": 200}, {"ttl": "5m", "inputTokens": 300}],
    }  # fmt: skip
    expected = Usage(input=100, cached_input=1_000, cache_write=300, cache_write_1h=200, output=50, tier="flex")
    assert usage_from_bedrock(usage, tier="flex") == expected
    assert usage_from_bedrock({**usage, "totalTokens": 150}, tier="flex") == expected
    wrong = usage_from_bedrock({**usage, "totalTokens": 1_700})
    assert wrong is not None
    assert (wrong.output, wrong.mismatch) == (100, "totalTokens is 1700, its parts are 1650")
    metrics = {"inputTokenCount": 10, "outputTokenCount": 5, "cacheReadInputTokenCount": 3}
    assert usage_from_bedrock_metrics(metrics) == Usage(input=10, cached_input=3, output=5)


def test_cohere_bills_its_billed_units() -> None:
    usage = {
        "billed_units": {"input_tokens": 17, "output_tokens": 12},
        "tokens": {"input_tokens": 215, "output_tokens": 12},
    }
    assert usage_from_cohere(usage) == Usage(input=17, output=12)
    assert usage_from_cohere({"tokens": {"input_tokens": 215, "output_tokens": 12}}) == Usage(input=215, output=12)
    assert usage_from_cohere({"billed_units": {"search_units": 1}}) == Usage(search_units=1)
    assert usage_from_cohere({"billed_units": {"image_tokens": 1610}}) == Usage(image_input=1610)


def test_providers_with_one_figure_or_two() -> None:
    assert usage_from_ollama({"prompt_eval_count": 26, "eval_count": 298}) == Usage(input=26, output=298)
    assert usage_from_ollama({"eval_count": 3}) == Usage(output=3)
    cached = {"prompt_eval_count": 11, "prompt_eval_cached_count": 8, "eval_count": 18}
    assert usage_from_ollama(cached) == Usage(input=3, cached_input=8, output=18)
    assert usage_from_total({"total_tokens": 12}) == Usage(input=12)
    assert usage_from_pages({"usage_info": {"pages_processed": 29}}) == Usage(pages=29)
    assert usage_from_pages({"usage_info": {"pages_processed": 2}, "document_annotation": "{}"}) == Usage(
        annotated_pages=2
    )
    drawn = {"usage_info": {"pages_processed": 2}, "pages": [{"images": []}, {"images": [{"image_annotation": "{}"}]}]}
    assert usage_from_pages(drawn) == Usage(annotated_pages=2)
    plain = {"usage_info": {"pages_processed": 2}, "pages": [{"images": [{"image_annotation": None}]}, None]}
    assert usage_from_pages(plain) == Usage(pages=2)
    assert usage_from_replicate({"metrics": {"predict_time": 4.484, "input_token_count": 7}}) == Usage(
        input=7, compute_ms=4_484
    )
    assert usage_from_deepgram({"metadata": {"duration": 25.5, "channels": 2}}) == Usage(audio_input_ms=51_000)
    assert usage_from_watsonx({"results": [{"input_token_count": 4, "generated_token_count": 20}]}) == Usage(
        input=4, output=20
    )


def test_anthropics_usage_says_how_fast_and_where() -> None:
    usage = {"input_tokens": 1, "output_tokens": 2, "speed": "fast", "service_tier": "standard", "inference_geo": "us"}
    assert usage_from_anthropic(usage) == Usage(input=1, output=2, tier="fast", geo="us")
    assert usage_from_anthropic({**usage, "speed": "standard", "inference_geo": "global"}) == Usage(input=1, output=2)
    assert usage_from_anthropic({"input_tokens": 1, "service_tier": "batch"}) == Usage(input=1, tier="batch")


def test_an_advisor_is_counted_beside_the_answer_and_marked_for_its_price_is_another() -> None:
    """The figures of https://github.com/pydantic/pydantic-ai, tests/models/cassettes/test_anthropic."""
    iterations = [
        {"type": "message", "input_tokens": 1128, "output_tokens": 110},
        {"type": "advisor_message", "model": "claude-opus-4-8", "input_tokens": 2518, "output_tokens": 22},
        {"type": "message", "input_tokens": 1262, "output_tokens": 11},
    ]
    usage = usage_from_anthropic({"input_tokens": 2390, "output_tokens": 121, "iterations": iterations})
    assert usage is not None
    assert usage.counts() == {"input": 2390 + 2518, "output": 121 + 22, "requests": 1}
    assert usage.mismatch == "the advisor claude-opus-4-8 is counted at the price of the model that it advised"
    assert Usage(input=2390, output=121) == usage_from_anthropic(
        {"input_tokens": 2390, "output_tokens": 121, "iterations": [iterations[0], iterations[2], "unread"]}
    )


def test_parts_of_one_call_add_up_to_one_request() -> None:
    assert added(Usage(input=1, tier="flex"), Usage(input=2, output=3)) == Usage(input=3, output=3, tier="flex")
