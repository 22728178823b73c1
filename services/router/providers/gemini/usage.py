"""Gemini's usage as OpenAI shows it; its reading stands in shared/usage/gemini.py."""

from typing import Any

from shared.usage import Usage, usage_from_gemini


def usage_of(metadata: dict[str, Any], *, searches: int = 0) -> Usage:
    """Return the counts of a usageMetadata object; `searches` is how many the answer's grounding is billed for."""
    return usage_from_gemini(metadata, searches=searches) or Usage(web_searches=searches)


def openai_usage(usage: Usage) -> dict[str, Any]:
    """Return `usage` as OpenAI's `usage` object."""
    read: dict[str, int] = {"cached_tokens": usage.cached_input}
    if usage.audio_input:
        read["audio_tokens"] = usage.audio_input
    if usage.image_input:
        read["image_tokens"] = usage.image_input
    wrote = {
        name: count
        for name, count in (
            ("reasoning_tokens", usage.reasoning),
            ("audio_tokens", usage.audio_output),
            ("image_tokens", usage.image_output),
        )
        if count
    }
    shown: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": read,
    }
    if wrote:
        shown["completion_tokens_details"] = wrote
    if usage.web_searches:
        shown["server_tool_use"] = {"web_search_requests": usage.web_searches}
    return shown
