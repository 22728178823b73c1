"""The `usage` of OpenAI's Responses API, and the tools that its output shows were run.

Sources: https://platform.openai.com/docs/api-reference/responses/object,
https://platform.openai.com/docs/pricing#built-in-tools (searches per call, code interpreter per container)
"""

from typing import Any

from shared.usage.classes import Usage, usage_of
from shared.usage.reading import count, count_or_0, first_count, unread
from shared.usage.reported_cost import reported_cost
from shared.usage.shares import Answer, Prompt, answer_classes, prompt_classes
from shared.usage.tier import tier_of


def usage_in_response(response: dict[str, Any]) -> Usage | None:
    """Return what a whole response tells of what it used."""
    return usage_from_responses(
        response.get("usage"),
        output=response.get("output") or (),
        tier=response.get("service_tier"),
        tools=response.get("tools") or (),
        tool_usage=response.get("tool_usage"),
    )


def usage_from_responses(
    usage: object, *, output: object = (), tier: object = None, tools: object = (), tool_usage: object = None
) -> Usage | None:
    """Return the disjoint form, or None if `usage` is none. `output` are the response's items, `tier` its service_tier,
    `tools` those it was given, `tool_usage` what stands beside the usage: the pictures that a tool made.

    The reading of totals is that of chat: reasoning beside output_tokens, where total_tokens says so.
    """
    if not isinstance(usage, dict):
        return None
    went, came = count(usage, "input_tokens"), count(usage, "output_tokens")
    if went is None and came is None:
        return None
    went, came = went or 0, came or 0
    read, wrote = usage.get("input_tokens_details"), usage.get("output_tokens_details")
    written = first_count((read, "cache_write_tokens"), (read, "cache_creation_tokens"))
    cached = first_count((read, "cached_tokens"), (read, "cache_read_input_tokens"))
    reasoning = count_or_0(wrote, "reasoning_tokens")
    total = count(usage, "total_tokens")
    more, problem = 0 if total is None else total - went - came, ""
    if more and more == reasoning:
        came += reasoning
    elif more:
        problem = f"total_tokens is {total}, its parts are {went + came}"
        came, reasoning = came + max(0, more), reasoning + max(0, more)
    read_classes, read_problem = prompt_classes(
        Prompt(went, cached, written, 0, count_or_0(read, "audio_tokens"), count_or_0(read, "image_tokens"))
    )
    written_classes, written_problem = answer_classes(
        Answer(came, reasoning, count_or_0(wrote, "audio_tokens"), count_or_0(wrote, "image_tokens"))
    )
    counts = {**read_classes, **written_classes, **_tools(usage, output)}
    for name, number in _pictures(tool_usage).items():
        counts[name] = counts.get(name, 0) + number
    return usage_of(
        counts,
        tier=tier_of(tier),
        search_size="preview" if _has_older_search(tools) else "",
        reported_cost_pico=reported_cost(usage),
        mismatch=problem
        or read_problem
        or written_problem
        or unread(usage, "input_tokens", "output_tokens", "total_tokens"),
    )


def _tools(usage: dict[str, Any], output: object) -> dict[str, int]:
    """Return what was run by the provider: as xAI and Perplexity count it, else as the items show."""
    counted = usage.get("server_side_tool_usage_details")
    if isinstance(counted, dict):
        return {
            "web_searches": count_or_0(counted, "web_search_calls") + count_or_0(counted, "x_search_calls"),
            "file_searches": count_or_0(counted, "file_search_calls"),
            "document_searches": count_or_0(counted, "document_search_calls"),
            "code_sessions": count_or_0(counted, "code_interpreter_calls"),
        }
    details = usage.get("tool_calls_details")
    if isinstance(details, dict):
        return {"web_searches": count_or_0(details.get("search_web"), "invocation")}
    items = [item for item in output if isinstance(item, dict)] if isinstance(output, list | tuple) else []
    kinds = [str(item.get("type")) for item in items]
    ran = [item.get("container_id") for item in items if item.get("type") == "code_interpreter_call"]
    containers = {where for where in ran if where is not None}
    containers |= {where for item in items if item.get("type") == "shell_call" and (where := _container(item))}
    return {
        "web_searches": kinds.count("x_search_call")
        + sum(kind == "web_search_call" and _searched(item) for kind, item in zip(kinds, items, strict=True)),
        "file_searches": kinds.count("file_search_call"),
        "code_sessions": len(containers) + ran.count(None),  # xAI names no container, and bills each call
    }


def _container(item: dict[str, Any]) -> object:
    """A shell that the client runs itself has none."""
    where = item.get("environment")
    return where.get("container_id") if isinstance(where, dict) else None


def _searched(item: dict[str, Any]) -> bool:
    """Opening a page, or finding a text in it, is no search."""
    action = item.get("action")
    return not isinstance(action, dict) or action.get("type") in (None, "search")


def _pictures(tool_usage: object) -> dict[str, int]:
    """Return the tokens of pictures made by a tool: by a model of its own, in no total of the response.

    https://github.com/Wei-Shaw/sub2api/issues/1999
    """
    made = tool_usage.get("image_gen") if isinstance(tool_usage, dict) else None
    read, wrote = count_or_0(made, "input_tokens"), count_or_0(made, "output_tokens")
    return {"tool_image_input": read, "tool_image_output": wrote} if read or wrote else {}


def _has_older_search(tools: object) -> bool:
    """The tool web_search_preview has another price than web_search."""
    entries = tools if isinstance(tools, list | tuple) else ()
    return any(isinstance(tool, dict) and str(tool.get("type")).startswith("web_search_preview") for tool in entries)
