"""Gemini's usageMetadata in our disjoint classes, and those as OpenAI shows them.

Sources: https://ai.google.dev/api/generate-content#UsageMetadata (promptTokenCount includes the cached tokens,
candidatesTokenCount excludes the thoughts, tool results are counted beside the prompt),
https://ai.google.dev/gemini-api/docs/caching.
"""

from typing import Any

from shared.usage import Usage


def usage_of(metadata: dict[str, Any], *, searches: int = 0) -> Usage:
    """Return the counts of a usageMetadata object; `searches` is how many the answer's grounding is billed for."""
    read, cached = _by_modality(metadata, "promptTokensDetails"), _by_modality(metadata, "cacheTokensDetails")
    wrote = _by_modality(metadata, "candidatesTokensDetails")
    from_cache = _count(metadata, "cachedContentTokenCount")
    sound = max(0, read.get("AUDIO", 0) - cached.get("AUDIO", 0))
    images = max(0, read.get("IMAGE", 0) - cached.get("IMAGE", 0))
    written = _count(metadata, "candidatesTokenCount")
    sound_out, images_out = wrote.get("AUDIO", 0), wrote.get("IMAGE", 0)
    return Usage(
        input=max(0, _count(metadata, "promptTokenCount") - from_cache - sound - images)
        + _count(metadata, "toolUsePromptTokenCount"),
        cached_input=from_cache,
        audio_input=sound,
        image_input=images,
        output=max(0, written - sound_out - images_out),
        reasoning=_count(metadata, "thoughtsTokenCount"),
        audio_output=sound_out,
        image_output=images_out,
        web_searches=searches,
    )


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


def _by_modality(metadata: dict[str, Any], name: str) -> dict[str, int]:
    """Return tokens by modality (TEXT, IMAGE, AUDIO, VIDEO, DOCUMENT)."""
    details = metadata.get(name)
    counts: dict[str, int] = {}
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and isinstance(detail.get("modality"), str):
            counts[detail["modality"]] = counts.get(detail["modality"], 0) + _count(detail, "tokenCount")
    return counts


def _count(holder: dict[str, Any], name: str) -> int:
    value = holder.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
