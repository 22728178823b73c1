"""The classes of usage: each unit is counted in exactly one of them, so that a cost is a plain sum."""

from typing import Literal

import msgspec

UsageSource = Literal["provider", "counted", "assumed", "none"]
"""Who says so: the provider's own figures, our tokenizer, the worst case of an expired hold, or nobody."""


class Usage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Counts of units, and how they were served. Totals are derived, never stored.

    OpenAI reports cached, audio and reasoning tokens as parts of its totals: a reader takes them out.
    Anthropic reports cache reads and writes beside its input tokens: a reader leaves them so.
    """

    # tokens that went in
    input: int = 0  # text read afresh
    cached_input: int = 0  # read from the provider's prompt cache
    cache_write: int = 0  # written to the cache (5 minutes where there is a choice)
    cache_write_1h: int = 0  # written to the cache for an hour
    audio_input: int = 0
    image_input: int = 0
    video_input: int = 0
    cached_audio_input: int = 0
    cached_image_input: int = 0
    # tokens that came out
    output: int = 0  # text the caller sees
    reasoning: int = 0  # thinking, billed as output
    citations: int = 0  # read from sources and billed apart (Perplexity)
    audio_output: int = 0
    image_output: int = 0
    video_output: int = 0
    # other units
    requests: int = 1  # calls billed per request
    web_searches: int = 0
    file_searches: int = 0
    document_searches: int = 0  # of files attached to a message, where they cost something else (xAI)
    news_searches: int = 0  # of the web and of news agencies, where those cost something else (Mistral)
    map_searches: int = 0  # grounded by Google Maps, which has a price of its own
    code_sessions: int = 0  # sandboxes opened for code the model runs
    tool_image_input: int = 0  # tokens that a tool's own model of pictures read
    tool_image_output: int = 0  # and made
    tool_images: int = 0  # pictures that a tool made, where they are billed by the piece
    search_units: int = 0  # of a reranker
    search_sources: int = 0  # sources read, where those are billed and not the searches
    images: int = 0  # pictures made
    input_images: int = 0  # pictures sent, where they are billed by the piece
    pixels: int = 0
    pages: int = 0
    annotated_pages: int = 0
    input_characters: int = 0
    output_characters: int = 0
    audio_input_ms: int = 0
    audio_output_ms: int = 0
    video_output_ms: int = 0
    compute_ms: int = 0  # machine time, where that is billed
    # how it was served, and what was said about it
    tier: str = ""  # batch, flex, priority, fast or provisioned; "" is the usual one
    search_size: str = ""  # low or high; "" is the usual size of what a search reads
    geo: str = ""  # the region that processing was bound to, where the provider says so
    reported_cost_pico: int | None = None  # what the provider says the call cost
    mismatch: str = ""  # what does not add up in the provider's figures; the counts are then the dearer reading

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
            + self.video_input
            + self.cached_audio_input
            + self.cached_image_input
        )

    @property
    def completion_tokens(self) -> int:
        """OpenAI's completion_tokens: all that came out, reasoning included."""
        return self.output + self.reasoning + self.citations + self.audio_output + self.image_output + self.video_output

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def counts(self) -> dict[str, int]:
        """Return the classes that are not 0."""
        counts: dict[str, int] = msgspec.to_builtins(self)  # without what is as by default: zeros, and one request
        for name in _UNCOUNTED:
            counts.pop(name, None)
        counts["requests"] = self.requests
        if not self.requests:
            del counts["requests"]
        return counts


def usage_of(
    counts: dict[str, int],
    *,
    tier: str = "",
    search_size: str = "",
    geo: str = "",
    reported_cost_pico: int | None = None,
    mismatch: str = "",
) -> Usage:
    """Return the usage with these counts by class."""
    return Usage(
        **counts,
        tier=tier,
        search_size=search_size,
        geo=geo,
        reported_cost_pico=reported_cost_pico,
        mismatch=mismatch,
    )


_UNCOUNTED = ("tier", "search_size", "geo", "reported_cost_pico", "mismatch")
_CLASSES = tuple(field.name for field in msgspec.structs.fields(Usage) if field.name not in _UNCOUNTED)

INPUT_CLASSES = _CLASSES[: _CLASSES.index("output")]
OUTPUT_CLASSES = _CLASSES[_CLASSES.index("output") : _CLASSES.index("requests")]
UNIT_CLASSES = _CLASSES[_CLASSES.index("requests") :]

NOTHING = Usage(requests=0)


def added(one: Usage, other: Usage) -> Usage:
    """Return the sum of two parts of one call: it stays one request, served as the first part was."""
    counts = one.counts()
    for name, count in other.counts().items():
        counts[name] = counts.get(name, 0) + count
    return msgspec.structs.replace(one, **{**counts, "requests": max(one.requests, other.requests)})
