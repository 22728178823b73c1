"""Bedrock's usage: of Converse, and the metrics it adds to the models' own forms (InvokeModel).

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
"""

from typing import Any

from shared.usage.classes import Usage
from shared.usage.reading import count, count_or_0, first_count, unread
from shared.usage.tier import tier_of


def usage_from_bedrock(usage: object, *, tier: object = None, cache_in_input: bool = False) -> Usage | None:
    """Return the counts of Converse's `usage`, None if it is none. `tier` is `serviceTier.type` of the answer.

    inputTokens excludes the cache. totalTokens has counted it for some models and not for others: both add up. With
    `cache_in_input` it is taken out where it can be: the streams of OpenAI's models count it in inputTokens
    (https://github.com/maximhq/bifrost/pull/6942).
    """
    if not isinstance(usage, dict):
        return None
    went, came = count(usage, "inputTokens"), count(usage, "outputTokens")
    if went is None and came is None:
        return None
    went, came = went or 0, came or 0
    cached = first_count((usage, "cacheReadInputTokens"), (usage, "cacheReadInputTokenCount"))
    written = first_count((usage, "cacheWriteInputTokens"), (usage, "cacheWriteInputTokenCount"))
    details = usage.get("cacheDetails")
    entries: list[Any] = details if isinstance(details, list) else []
    for_an_hour = sum(
        count_or_0(entry, "inputTokens") for entry in entries if isinstance(entry, dict) and entry.get("ttl") == "1h"
    )
    total, problem = count(usage, "totalTokens"), ""
    if for_an_hour > written:
        problem = f"{for_an_hour} tokens were written for an hour, {written} in all"
    for_minutes = max(0, written - for_an_hour)
    parts = went + came
    with_cache = parts + cached + max(written, for_an_hour)
    if cache_in_input and went >= cached + written:
        went -= cached + written
    if total is not None and total not in (parts, with_cache):
        problem = f"totalTokens is {total}, its parts are {with_cache}"
        came += max(0, total - with_cache)
    return Usage(
        input=went,
        cached_input=cached,
        cache_write=for_minutes,
        cache_write_1h=for_an_hour,
        output=came,
        tier=tier_of(tier),
        mismatch=problem or unread(usage, "inputTokens", "outputTokens", "totalTokens"),
    )


def usage_from_bedrock_metrics(metrics: object) -> Usage | None:
    """Return the counts of `amazon-bedrock-invocationMetrics`; the headers with token counts can be named so too."""
    if not isinstance(metrics, dict):
        return None
    went, came = count(metrics, "inputTokenCount"), count(metrics, "outputTokenCount")
    if went is None and came is None:
        return None
    return Usage(
        input=went or 0,
        cached_input=count_or_0(metrics, "cacheReadInputTokenCount"),
        cache_write=count_or_0(metrics, "cacheWriteInputTokenCount"),
        output=came or 0,
    )
