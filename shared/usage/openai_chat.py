"""OpenAI's `usage` of chat, completions and embeddings, and what others who use that form have made of it.

Source: https://platform.openai.com/docs/api-reference/chat/object
"""

from typing import Any

from shared.usage.classes import Usage, usage_of
from shared.usage.reading import count, count_or_0, first_count, milliseconds, unread
from shared.usage.reported_cost import reported_cost
from shared.usage.shares import Answer, Prompt, answer_classes, prompt_classes
from shared.usage.tier import tier_of


def usage_from_openai(usage: object, *, tier: object = None) -> Usage | None:
    """Return the disjoint form of a `usage` object, or None if it is none. `tier` is the answer's `service_tier`.

    OpenAI counts details inside its totals. xAI counts reasoning beside completion_tokens, some gateways count the
    cache beside prompt_tokens: total_tokens tells. What total_tokens has more than all parts is read as output that
    nobody saw, which is what it is at Gemini's endpoint in this form; it is marked all the same.
    """
    if not isinstance(usage, dict):
        return None
    prompt, completion = count(usage, "prompt_tokens"), count(usage, "completion_tokens")
    if prompt is None and completion is None:
        return None
    prompt, completion = prompt or 0, completion or 0
    total = count(usage, "total_tokens")
    served = tier_of(tier) if tier else ""
    if total == prompt + completion and usage.keys() <= _PLAIN:
        read, wrote = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
        plain = _plain(prompt, completion, read, wrote, served)
        if plain is not None:
            return plain
    return _with_details(usage, prompt, completion, total, served or tier_of(usage.get("service_tier")))


_PLAIN = {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details"}


def _plain(prompt: int, completion: int, read: object, wrote: object, tier: str) -> Usage | None:
    """Return the usage of nearly every answer, at a fifth of the work; None where more is to be looked at."""
    cached = reasoning = 0
    for name, number in read.items() if isinstance(read, dict) else ():
        if number:
            if name != "cached_tokens" or type(number) is not int or not 0 < number <= prompt:
                return None
            cached = number
    for name, number in wrote.items() if isinstance(wrote, dict) else ():
        if number and name in _MEDIA_OR_REASONING:
            if name != "reasoning_tokens" or type(number) is not int or not 0 < number <= completion:
                return None
            reasoning = number
    return Usage(
        input=prompt - cached, cached_input=cached, output=completion - reasoning, reasoning=reasoning, tier=tier
    )


_MEDIA_OR_REASONING = {"reasoning_tokens", "audio_tokens", "image_tokens", "video_tokens"}


def _with_details(usage: dict[str, Any], prompt: int, completion: int, total: int | None, tier: str) -> Usage:
    went_in = _prompt(usage, prompt)
    wrote = usage.get("completion_tokens_details")
    reasoning = count_or_0(wrote, "reasoning_tokens")
    came_out = Answer(
        completion, reasoning, count_or_0(wrote, "audio_tokens"), count_or_0(wrote, "image_tokens"),
        count_or_0(wrote, "video_tokens"),
    )  # fmt: skip
    cache = went_in.cached + went_in.written + went_in.written_1h
    audio_ms = milliseconds(usage, "prompt_audio_seconds")
    if audio_ms:  # Mistral's: its tokens of sound stand beside prompt_tokens, and are paid by the second
        went_in = went_in._replace(audio=0)
    more = 0 if total is None or audio_ms else total - prompt - completion
    problem = ""
    if more and reasoning and more == reasoning:
        came_out = came_out._replace(total=completion + reasoning)
    elif more and cache and more == cache:
        went_in = went_in._replace(total=prompt + cache)
    elif more:
        problem = f"total_tokens is {total}, its parts are {prompt + completion}"
        if more > 0:
            came_out = came_out._replace(total=completion + more, reasoning=reasoning + more)
    elif total is not None and reasoning > completion > 0:  # OpenRouter's, counted by another tokenizer than the answer
        problem = f"{reasoning} tokens of reasoning in an answer of {completion}"
        came_out = came_out._replace(reasoning=max(0, completion - came_out.audio - came_out.image - came_out.video))
    read_classes, read_problem = prompt_classes(went_in)
    written_classes, written_problem = answer_classes(came_out)
    missed = _missed(usage, prompt, went_in.cached)
    if missed:
        read_classes["input"] += missed
        problem = problem or f"{missed} tokens more missed the cache than prompt_tokens says"
    counts = {
        **read_classes,
        **written_classes,
        "web_searches": _searches(usage),
        "map_searches": count_or_0(usage.get("server_tool_use"), "map_search_requests"),  # ours, of Google's answers
        "search_sources": count_or_0(usage, "num_sources_used"),
        "audio_input_ms": audio_ms,
    }
    for name, number in _apart(usage).items():
        counts[name] = counts.get(name, 0) + number
    return usage_of(
        counts,
        tier=tier,
        search_size=_search_size(usage),
        reported_cost_pico=reported_cost(usage),
        mismatch=problem or read_problem or written_problem or unread(usage, *_TOTALS),
    )


_TOTALS = ("prompt_tokens", "completion_tokens", "total_tokens")


def _prompt(usage: dict[str, Any], prompt: int) -> Prompt:
    read = usage.get("prompt_tokens_details")
    lasting = read.get("cache_creation_token_details") if isinstance(read, dict) else None
    by_medium = read.get("cached_tokens_details") if isinstance(read, dict) else None  # as in realtime sessions
    written = first_count(
        (read, "cache_write_tokens"),
        (read, "cache_creation_tokens"),
        (usage, "cache_creation_input_tokens"),  # Anthropic's name, kept by gateways that translate
    )
    written_1h = min(written, count_or_0(lasting, "ephemeral_1h_input_tokens"))
    cached = first_count(
        (read, "cached_tokens"),
        (usage, "prompt_cache_hit_tokens"),  # DeepSeek
        (usage, "cached_tokens"),  # Moonshot, Together
        (usage, "num_cached_tokens"),  # Mistral, under three names
        (usage.get("prompt_token_details"), "cached_tokens"),
        (usage, "cache_read_input_tokens"),
    )
    return Prompt(
        prompt,
        cached,
        written - written_1h,
        written_1h,
        count_or_0(read, "audio_tokens"),
        count_or_0(read, "image_tokens"),
        count_or_0(read, "video_tokens"),
        count_or_0(by_medium, "audio_tokens"),
        count_or_0(by_medium, "image_tokens"),
    )


def _apart(usage: dict[str, Any]) -> dict[str, int]:
    """Perplexity's tokens outside all totals. https://docs.perplexity.ai/getting-started/pricing"""
    if "num_search_queries" not in usage and "citation_tokens" not in usage:
        return {}
    return {"reasoning": count_or_0(usage, "reasoning_tokens"), "citations": count_or_0(usage, "citation_tokens")}


def _searches(usage: dict[str, Any]) -> int:
    """Return the web searches; Perplexity tells the size of one without counting it."""
    searches = first_count(
        (usage.get("server_tool_use"), "web_search_requests"),
        (usage.get("server_tool_use_details"), "web_search_requests"),
        (usage, "num_search_queries"),
    )
    return searches or int("search_context_size" in usage and "num_search_queries" not in usage)


def _search_size(usage: dict[str, Any]) -> str:
    size = usage.get("search_context_size")
    return size if size in ("low", "high") else ""


def _missed(usage: dict[str, Any], prompt: int, cached: int) -> int:
    """Return how many more tokens DeepSeek says it read afresh than its prompt has beside the cached ones."""
    missed = count(usage, "prompt_cache_miss_tokens")
    return max(0, missed - max(0, prompt - cached)) if missed is not None else 0
