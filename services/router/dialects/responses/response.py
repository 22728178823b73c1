"""The response object, and the items of its output.

Source: https://platform.openai.com/docs/api-reference/responses/object
"""

from typing import Any

from shared.payloads.sealed_thoughts import sealed
from shared.usage import Usage

_ECHOED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "service_tier": "auto",
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""Fields of a request that its response repeats, with their defaults."""

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def empty_response(body: dict[str, Any], *, response_id: str, model: str, created: int) -> dict[str, Any]:
    """Return the response to `body` as it is before anything was said."""
    reasoning = body.get("reasoning") or {}
    return {
        "id": response_id,
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": [],
        **{name: default if body.get(name) is None else body[name] for name, default in _ECHOED.items()},
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "store": body.get("store") is True,
        "usage": None,
    }


def ended(response: dict[str, Any], output: list[dict[str, Any]], finish: str | None, usage: Usage) -> dict[str, Any]:
    """Return the response with all that was said; `finish` is chat's reason for its end."""
    reason = _INCOMPLETE.get(finish or "")
    return {
        **response,
        "status": "incomplete" if reason else "completed",
        "incomplete_details": {"reason": reason} if reason else None,
        "output": output,
        "usage": usage_shown(usage),
    }


def output_of(answer: dict[str, Any], logprobs: object, ids: str) -> list[dict[str, Any]]:
    """Return the items of a whole chat message; `ids` makes theirs."""
    output: list[dict[str, Any]] = []
    thought = answer.get("reasoning_content") or answer.get("reasoning")
    blocks = answer.get("thinking_blocks")
    if (isinstance(thought, str) and thought) or blocks:
        text = thought if isinstance(thought, str) else ""
        output.append(reasoning_item(f"rs_{ids}_0", text, blocks if isinstance(blocks, list) else []))
    content, refusal = answer.get("content"), answer.get("refusal")
    parts: list[dict[str, Any]] = []
    if isinstance(content, list):
        content = "".join(part["text"] for part in content if isinstance(part.get("text"), str))
    if content:
        told = logprobs.get("content") if isinstance(logprobs, dict) else None
        parts.append(text_part(content, annotations_of(answer), told or []))
    if refusal:
        parts.append({"type": "refusal", "refusal": refusal})
    if parts:
        output.append(message_item(f"msg_{ids}_{len(output)}", parts))
    for call in answer.get("tool_calls") or ():
        output.append(call_item(f"{ids}_{len(output)}", call))
    return output


def reasoning_item(item_id: str, text: str, blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """Blocks that are signed, or hidden, go back sealed: their maker wants them as they were."""
    item: dict[str, Any] = {
        "id": item_id,
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text}] if text else [],
    }
    kept = [{name: value for name, value in block.items() if name != "index"} for block in blocks]
    if any(block.get("signature") or block.get("data") for block in kept):
        item["encrypted_content"] = sealed(kept)
    return item


def message_item(item_id: str, parts: list[dict[str, Any]], status: str = "completed") -> dict[str, Any]:
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": parts}


def text_part(text: str, annotations: list[Any] | None = None, logprobs: list[Any] | None = None) -> dict[str, Any]:
    return {"type": "output_text", "annotations": annotations or [], "logprobs": logprobs or [], "text": text}


def call_item(ids: str, call: dict[str, Any], status: str = "completed") -> dict[str, Any]:
    call_id = call.get("id") or ""
    if call.get("type") == "custom":
        custom = call.get("custom") or {}
        shown = {"id": f"ctc_{ids}", "type": "custom_tool_call", "status": status, "call_id": call_id}
        return {**shown, "name": custom.get("name") or "", "input": custom.get("input") or ""}
    function = call.get("function") or {}
    shown = {"id": f"fc_{ids}", "type": "function_call", "status": status, "call_id": call_id}
    return {**shown, "name": function.get("name") or "", "arguments": function.get("arguments") or ""}


def annotations_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Chat's citations of pages stand one level deeper."""
    found = []
    for annotation in answer.get("annotations") or ():
        cited = annotation.get("url_citation") if isinstance(annotation, dict) else None
        if isinstance(cited, dict):
            found.append({"type": "url_citation", **cited})
    return found


def usage_shown(usage: Usage) -> dict[str, Any]:
    cached = usage.cached_input + usage.cached_audio_input + usage.cached_image_input
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": cached,
            "cache_write_tokens": usage.cache_write + usage.cache_write_1h,
        },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total_tokens,
    }
