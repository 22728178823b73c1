"""Mistral's `usage` of conversations, and the tools that Mistral ran in them.

Sources: https://docs.mistral.ai/api/endpoint/beta/conversations, https://docs.mistral.ai/studio-api/agents/agents-api
(what tools put before the model stands beside prompt_tokens, and in the total), https://mistral.ai/pricing (each run of
a tool is billed)
"""

from collections.abc import Iterable
from typing import Any

from shared.usage.classes import Usage, usage_of
from shared.usage.reading import count, count_or_0, unread

_TOOLS = {
    "web_search": "web_searches",
    "web_search_premium": "news_searches",
    "code_interpreter": "code_sessions",
    "image_generation": "tool_images",
    "document_library": "file_searches",
}
"""Those that have a price; other connectors are paid by their tokens alone."""


def usage_in_conversation(answer: dict[str, Any]) -> Usage | None:
    """Return what a `conversation.response` tells of what it used."""
    outputs = answer.get("outputs")
    entries = [entry for entry in outputs if isinstance(entry, dict)] if isinstance(outputs, list) else []
    ran = [str(entry.get("name")) for entry in entries if entry.get("type") == "tool.execution"]
    return usage_from_conversation(answer.get("usage"), ran=ran)


def usage_from_conversation(usage: object, *, ran: Iterable[str] = ()) -> Usage | None:
    """Return the disjoint form, None if `usage` is none. `ran` are the tools whose runs the answer shows, by name.

    `connectors` counts the runs; an answer that has none of it is taken at its word for what it shows.
    """
    if not isinstance(usage, dict):
        return None
    went, came = count(usage, "prompt_tokens"), count(usage, "completion_tokens")
    if went is None and came is None:
        return None
    went, came, found = went or 0, came or 0, count_or_0(usage, "connector_tokens")
    total, problem = count(usage, "total_tokens"), ""
    more = 0 if total is None else total - went - came - found
    if more and more == -found:
        found = 0  # it is in the prompt already
    elif more:
        problem = f"total_tokens is {total}, its parts are {went + came + found}"
    told = usage.get("connectors")
    counts = {"input": went + found, "output": came + max(0, more)}
    for name, usage_class in _TOOLS.items():
        runs = count_or_0(told, name) if isinstance(told, dict) else sum(one == name for one in ran)
        if runs:
            counts[usage_class] = runs
    return usage_of(counts, mismatch=problem or unread(usage, "prompt_tokens", "completion_tokens", "total_tokens"))
