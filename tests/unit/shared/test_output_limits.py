"""How much a model writes at most: never too little, and only where the model itself is known."""

import pytest

from shared.prices import max_output_tokens, own_output_limit


@pytest.mark.parametrize(
    ("model", "limit"),
    [
        ("gpt-4", 8_192),
        ("gpt-4-0613", 8_192),
        ("gpt-4-turbo-2024-04-09", 4_096),
        ("gpt-4-turbo-preview", 4_096),
        ("gpt-4-1106-preview", 4_096),
        ("gpt-3.5-turbo-0125", 4_096),
        ("gpt-4o-2024-08-06", 16_384),
        ("gpt-4o-2024-05-13", 4_096),
        ("gpt-4o-mini-2024-07-18", 16_384),
        ("chatgpt-4o-latest", 16_384),
        ("gpt-5-pro-2025-10-06", 272_000),
        ("o1-2024-12-17", 100_000),
        ("claude-3-5-sonnet-latest", 8_192),
        ("claude-opus-4-20250514", 32_000),
        ("claude-opus-4-1-20250805", 32_000),
        ("claude-opus-4-5-20251101", 64_000),
        ("claude-sonnet-4-5@20250929", 64_000),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", 8_192),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 64_000),
        ("gemini-1.5-pro-002", 8_192),
        ("gemini-2.5-pro-preview-06-05", 65_536),
        ("openrouter/openai/gpt-4o", 16_384),
    ],
)
def test_a_release_of_a_model_writes_as_much_as_the_model(model: str, limit: int) -> None:
    assert own_output_limit(model) == limit


@pytest.mark.parametrize(
    "model",
    [
        "gpt-4-32k",
        "gpt-4-32k-0613",
        "gpt-3.5-turbo-16k",
        "gpt-4o:extended",
        "gpt-4o-64k-output-alpha",
        "gpt-5.9-large",
        "claude-opus-4-6",
        "claude-opus-4-10",
        "gemini-2.0-flash-thinking-exp-01-21",
        "my-gpt-4",
        "gpt-4-mine",
        "",
    ],
)
def test_a_model_that_only_looks_like_one_of_the_table_is_not_in_it(model: str) -> None:
    assert own_output_limit(model) is None


def test_what_is_not_in_the_table_writes_up_to_its_context_window() -> None:
    assert max_output_tokens("openai", "gpt-4-32k") == 32_000
    assert max_output_tokens("simulated", "echo") is None
