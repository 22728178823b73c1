"""Anthropic's usage as OpenAI shows it; its reading stands in shared/usage/anthropic.py."""

from typing import Any

from shared.usage import Usage, usage_from_anthropic


def usage_of(usage: Any) -> Usage:
    """Return the counts of a Messages `usage` object; what has no figures is one request of which none are known.

    Raises:
        TypeError: it is no object.
    """
    if not isinstance(usage, dict):
        raise TypeError("usage is not an object")
    return usage_from_anthropic(usage) or Usage()


def openai_usage(usage: Usage) -> dict[str, Any]:
    """Return `usage` as OpenAI's `usage` object, with the cache fields that LiteLLM adds to it."""
    written = usage.cache_write + usage.cache_write_1h
    shown: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_input, "cache_creation_tokens": written},
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cached_input,
    }
    if written:
        shown["prompt_tokens_details"]["cache_creation_token_details"] = {
            "ephemeral_5m_input_tokens": usage.cache_write,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        }
    if usage.reasoning:
        shown["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    if usage.web_searches:
        shown["server_tool_use"] = {"web_search_requests": usage.web_searches}
    return shown
