"""Anthropic's usage figures, in our disjoint classes, and those as OpenAI shows them.

Sources: https://platform.claude.com/docs/en/build-with-claude/prompt-caching (input_tokens excludes the cache),
https://platform.claude.com/docs/en/build-with-claude/compaction (compactions are not in the totals).
"""

from typing import Any

from shared.usage import Usage


def usage_of(usage: dict[str, Any]) -> Usage:
    """Return the counts of a Messages `usage` object. Input and cache counts are disjoint there as here.

    output_tokens includes thinking; the thinking is split off where Anthropic tells how much it was.
    """
    written, for_an_hour = _cache_writes(usage)
    output = _count(usage, "output_tokens")
    thought = min(_count(usage.get("output_tokens_details"), "thinking_tokens"), output)
    counts = Usage(
        input=_count(usage, "input_tokens"),
        cached_input=_count(usage, "cache_read_input_tokens"),
        cache_write=written,
        cache_write_1h=for_an_hour,
        output=output - thought,
        reasoning=thought,
        web_searches=_count(usage.get("server_tool_use"), "web_search_requests"),
    )
    for iteration in usage.get("iterations") or ():
        if isinstance(iteration, dict) and iteration.get("type") == "compaction":
            counts = _sum(counts, usage_of({**iteration, "iterations": None}))
    return counts


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


def _cache_writes(usage: dict[str, Any]) -> tuple[int, int]:
    """Return the tokens written for five minutes and for an hour; what the split does not tell, cost the shorter."""
    total = _count(usage, "cache_creation_input_tokens")
    split = usage.get("cache_creation")
    for_an_hour = _count(split, "ephemeral_1h_input_tokens")
    return max(total - for_an_hour, _count(split, "ephemeral_5m_input_tokens")), for_an_hour


def _count(holder: object, name: str) -> int:
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        input=one.input + other.input,
        cached_input=one.cached_input + other.cached_input,
        cache_write=one.cache_write + other.cache_write,
        cache_write_1h=one.cache_write_1h + other.cache_write_1h,
        output=one.output + other.output,
        reasoning=one.reasoning + other.reasoning,
        web_searches=one.web_searches + other.web_searches,
    )
