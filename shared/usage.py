"""What one call used, in disjoint classes: no token is counted in two of them, so that a cost is a plain sum."""

from typing import Literal

import msgspec

UsageSource = Literal["provider", "counted", "assumed", "none"]
"""Who says so: the provider's own figures, our tokenizer, the worst case of an expired hold, or nobody."""


class Usage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Counts of units. Each token is in exactly one field; the OpenAI totals are derived, never stored.

    OpenAI reports cached, audio and reasoning tokens as parts of its totals: a translator takes them out.
    Anthropic reports cache reads and writes beside its input tokens: a translator leaves them so.
    """

    input: int = 0  # text tokens read afresh
    cached_input: int = 0  # tokens read from the provider's prompt cache
    cache_write: int = 0  # tokens written to the cache (5 minutes where there is a choice)
    cache_write_1h: int = 0  # tokens written to the cache for an hour
    audio_input: int = 0
    image_input: int = 0
    output: int = 0  # text tokens the caller sees
    reasoning: int = 0  # thinking tokens, billed as output
    audio_output: int = 0
    image_output: int = 0
    requests: int = 1  # calls billed per request
    web_searches: int = 0

    @property
    def prompt_tokens(self) -> int:
        """OpenAI's prompt_tokens: all that went in, cached or not."""
        return (
            self.input
            + self.cached_input
            + self.cache_write
            + self.cache_write_1h
            + self.audio_input
            + self.image_input
        )

    @property
    def completion_tokens(self) -> int:
        """OpenAI's completion_tokens: all that came out, reasoning included."""
        return self.output + self.reasoning + self.audio_output + self.image_output

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


NOTHING = Usage(requests=0)


def usage_from_openai(usage: object) -> Usage | None:
    """Return the disjoint form of an OpenAI `usage` object (chat, completions or embeddings), or None if it is none.

    OpenAI counts details inside its totals. A detail larger than its total is kept and the total follows, so that
    a provider's slip is never priced below what it reported.
    Source: https://platform.openai.com/docs/api-reference/chat/object
    """
    if not isinstance(usage, dict):
        return None
    prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    if prompt is None and completion is None:
        return None
    read = _details(usage, "prompt_tokens_details")
    wrote = _details(usage, "completion_tokens_details")
    cached = read.get("cached_tokens", 0)
    if not cached:
        cached = _count(usage, "prompt_cache_hit_tokens") or 0  # DeepSeek names it so
    cache_write = read.get("cache_write_tokens", 0) or read.get("cache_creation_tokens", 0)
    audio_in, image_in = read.get("audio_tokens", 0), read.get("image_tokens", 0)
    reasoning = wrote.get("reasoning_tokens", 0)
    audio_out, image_out = wrote.get("audio_tokens", 0), wrote.get("image_tokens", 0)
    return Usage(
        input=max(0, (prompt or 0) - cached - cache_write - audio_in - image_in),
        cached_input=cached,
        cache_write=cache_write,
        audio_input=audio_in,
        image_input=image_in,
        output=max(0, (completion or 0) - reasoning - audio_out - image_out),
        reasoning=reasoning,
        audio_output=audio_out,
        image_output=image_out,
    )


def _count(fields: dict[str, object], name: str) -> int | None:
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _details(usage: dict[str, object], name: str) -> dict[str, int]:
    details = usage.get(name)
    if not isinstance(details, dict):
        return {}
    return {key: count for key in details if (count := _count(details, key)) is not None}
