"""Gemini's usage as OpenAI shows it; its reading stands in shared/usage/gemini.py."""

from typing import Any

from shared.usage import Usage


def openai_usage(usage: Usage) -> dict[str, Any]:
    """Return `usage` as OpenAI's `usage` object, with a count of each medium that was read or written."""
    cached = usage.cached_input + usage.cached_audio_input + usage.cached_image_input
    read = {
        "audio_tokens": usage.audio_input + usage.cached_audio_input,
        "image_tokens": usage.image_input + usage.cached_image_input,
        "video_tokens": usage.video_input,
    }
    by_medium = _counted({"audio_tokens": usage.cached_audio_input, "image_tokens": usage.cached_image_input})
    of_cached = {"cached_tokens_details": by_medium} if by_medium else {}
    wrote = {
        "reasoning_tokens": usage.reasoning,
        "audio_tokens": usage.audio_output,
        "image_tokens": usage.image_output,
        "video_tokens": usage.video_output,
    }
    shown: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": cached, **of_cached, **_counted(read)},
    }
    if details := _counted(wrote):
        shown["completion_tokens_details"] = details
    if searches := _counted({"web_search_requests": usage.web_searches, "map_search_requests": usage.map_searches}):
        shown["server_tool_use"] = searches
    return shown


def _counted(counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}
