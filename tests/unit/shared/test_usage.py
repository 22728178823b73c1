"""Usage in disjoint classes: every token counted once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.usage import NOTHING, Usage, usage_from_openai


def test_a_plain_usage_has_what_went_in_and_what_came_out() -> None:
    usage = usage_from_openai({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15})
    assert usage == Usage(input=10, output=5)
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (10, 5, 15)


def test_details_are_taken_out_of_the_totals_they_are_in() -> None:
    usage = usage_from_openai(
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "prompt_tokens_details": {"cached_tokens": 30, "audio_tokens": 5, "cache_write_tokens": 20},
            "completion_tokens_details": {"reasoning_tokens": 32, "audio_tokens": 8, "accepted_prediction_tokens": 3},
        }
    )
    assert usage == Usage(
        input=45, cached_input=30, cache_write=20, audio_input=5, output=10, reasoning=32, audio_output=8
    )


def test_deepseeks_name_for_cached_tokens_is_known() -> None:
    usage = usage_from_openai({"prompt_tokens": 100, "completion_tokens": 1, "prompt_cache_hit_tokens": 64})
    assert usage == Usage(input=36, cached_input=64, output=1)


def test_a_detail_larger_than_its_total_stands_beside_it_and_is_marked() -> None:
    usage = usage_from_openai(
        {"prompt_tokens": 5, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 40}}
    )
    assert usage == Usage(
        input=5, output=3, reasoning=40, mismatch="40 tokens of reasoning and media in an answer of 3"
    )


def test_reasoning_that_the_total_says_is_in_the_answer_is_no_more_than_the_answer() -> None:
    details = {"reasoning_tokens": 112}
    usage = usage_from_openai(
        {"prompt_tokens": 22, "completion_tokens": 105, "total_tokens": 127, "completion_tokens_details": details}
    )
    assert usage == Usage(input=22, reasoning=105, mismatch="112 tokens of reasoning in an answer of 105")


def test_a_reported_zero_is_a_zero_and_not_unknown() -> None:
    assert usage_from_openai({"prompt_tokens": 0, "completion_tokens": 0}) == Usage()
    assert usage_from_openai({"prompt_tokens": 4}) == Usage(input=4)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        "7",
        7,
        {},
        {"prompt_tokens": None},
        {"prompt_tokens": "7"},
        {"prompt_tokens": 1.5},
        {"prompt_tokens": -1},
    ],
)
def test_what_is_no_usage_is_none(usage: Any) -> None:
    assert usage_from_openai(usage) is None


@pytest.mark.parametrize("details", [None, [], "x", 3, {"cached_tokens": None}, {"cached_tokens": True}, {"x": {}}])
def test_details_that_cannot_be_read_are_passed_over(details: Any) -> None:
    usage = usage_from_openai({"prompt_tokens": 9, "completion_tokens": 1, "prompt_tokens_details": details})
    assert usage == Usage(input=9, output=1)


COUNTS = st.integers(0, 10**9)


@given(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
def test_no_token_is_lost_or_counted_twice(
    prompt: int, completion: int, cached: int, audio: int, reasoning: int
) -> None:
    usage = usage_from_openai(
        {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": audio},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        }
    )
    assert usage is not None
    beside = cached if cached > prompt else max(0, audio - prompt)
    assert usage.prompt_tokens >= max(prompt, cached, audio)
    assert (usage.prompt_tokens > prompt) == (beside > 0)
    assert usage.completion_tokens == (completion if reasoning <= completion else completion + reasoning)
    assert bool(usage.mismatch) == (usage.total_tokens > prompt + completion)


def test_nothing_is_not_even_a_call() -> None:
    assert (NOTHING.requests, NOTHING.total_tokens) == (0, 0)
