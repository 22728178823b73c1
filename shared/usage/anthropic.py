"""Anthropic's `usage` of the Messages API.

Sources: https://platform.claude.com/docs/en/build-with-claude/prompt-caching (input_tokens excludes the cache),
https://platform.claude.com/docs/en/build-with-claude/compaction (compactions are not in the totals),
https://platform.claude.com/docs/en/agents-and-tools/tool-use/advisor-tool (nor is an advisor, another model),
https://platform.claude.com/docs/en/about-claude/pricing (tools, fast mode, data residency)
"""

from typing import Any

import msgspec

from shared.usage.classes import Usage, added
from shared.usage.reading import count, count_or_0, unread
from shared.usage.tier import tier_of


def usage_from_anthropic(usage: object) -> Usage | None:
    """Return the counts of a `usage` object, None if it is none. Input and cache counts are disjoint there as here.

    output_tokens includes thinking; the thinking is split off where Anthropic tells how much it was. There is no total:
    what is checked is that the split of cache writes adds up, and the tokens it leaves out are read as the dearer ones.
    """
    if not isinstance(usage, dict) or not _tells_something(usage):
        return None
    for_minutes, for_an_hour, problem = _cache_writes(usage)
    output = count_or_0(usage, "output_tokens")
    thought = count_or_0(usage.get("output_tokens_details"), "thinking_tokens")
    if thought > output:
        problem = problem or f"{thought} tokens of thinking in an answer of {output}"
        output += thought
    tools = usage.get("server_tool_use")
    geo = usage.get("inference_geo")
    counts = Usage(
        input=count_or_0(usage, "input_tokens"),
        cached_input=count_or_0(usage, "cache_read_input_tokens"),
        cache_write=for_minutes,
        cache_write_1h=for_an_hour,
        output=output - thought,
        reasoning=thought,
        web_searches=count_or_0(tools, "web_search_requests"),
        code_sessions=int(count_or_0(tools, "code_execution_requests") > 0),
        tier=tier_of(usage.get("speed")) or tier_of(usage.get("service_tier")),
        geo=geo if isinstance(geo, str) and geo not in ("global", "not_available") else "",
        mismatch=problem or unread(usage, *_COUNTS),
    )
    iterations = usage.get("iterations")
    for iteration in iterations if isinstance(iterations, list) else ():
        kind = iteration.get("type") if isinstance(iteration, dict) else None
        if kind not in _BESIDE:
            continue
        beside = usage_from_anthropic({**iteration, "iterations": None})
        counts = counts if beside is None else added(counts, beside)
        if kind == "advisor_message" and not counts.mismatch:
            advised = f"the advisor {iteration.get('model')} is counted at the price of the model that it advised"
            counts = msgspec.structs.replace(counts, mismatch=advised)
    return counts


_BESIDE = ("compaction", "advisor_message")
"""Iterations that the totals leave out."""


def _tells_something(usage: dict[str, Any]) -> bool:
    return any(count(usage, name) is not None or isinstance(usage.get(name), dict) for name in _FIGURES)


_FIGURES = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation",
    "server_tool_use",
    "output_tokens_details",
)


_COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def _cache_writes(usage: dict[str, Any]) -> tuple[int, int, str]:
    """Return the tokens written for five minutes and for an hour; without a split, the shorter is the rule.

    A stream tells the split at its start and a total that has grown at its end: what is over was written for as long
    as the longest of the split.
    """
    total, split = count(usage, "cache_creation_input_tokens"), usage.get("cache_creation")
    for_minutes = count(split, "ephemeral_5m_input_tokens")
    for_an_hour = count(split, "ephemeral_1h_input_tokens")
    if for_minutes is None and for_an_hour is None:
        return total or 0, 0, ""
    for_minutes, for_an_hour = for_minutes or 0, for_an_hour or 0
    if total is None or total == for_minutes + for_an_hour:
        return for_minutes, for_an_hour, ""
    if not for_an_hour:
        return max(for_minutes, total), 0, ""
    problem = f"{total} tokens were written to the cache, their split has {for_minutes + for_an_hour}"
    return for_minutes, for_an_hour + max(0, total - for_minutes - for_an_hour), problem
