"""An answer of Converse, as an OpenAI chat completion.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html; the fields that OpenAI lacks
(reasoning_content, thinking_blocks, provider_specific_fields) are LiteLLM's.
"""

from typing import Any

import orjson

from services.router.providers.anthropic.answers.usage import openai_usage
from services.router.providers.anthropic.requests.output_format import ANSWER_TOOL
from services.router.providers.bedrock.converse.citations import annotations_of
from shared.usage import Usage

_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}


def to_completion(answer: dict[str, Any], head: dict[str, Any], usage: Usage | None) -> dict[str, Any]:
    """Return `answer` as a chat completion; `head` has its id, time and model."""
    texts: list[str] = []
    thoughts: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    own: dict[str, Any] = {}
    for block in answer["output"]["message"].get("content") or ():
        if "text" in block:
            texts.append(block["text"])
        elif "reasoningContent" in block:
            thoughts.append(thought_of(block["reasoningContent"]))
        elif "toolUse" in block:
            _tool_use(block["toolUse"], texts, calls, own)
        elif "citationsContent" in block:
            text = "".join(part.get("text", "") for part in block["citationsContent"].get("content") or ())
            length = sum(len(text) for text in texts)
            annotations += annotations_of(block["citationsContent"].get("citations"), length, length + len(text))
            texts.append(text)
            cited = [
                {**citation, "supported_text": text} for citation in block["citationsContent"].get("citations") or ()
            ]
            own.setdefault("citations", []).append(cited)
        elif "image" in block:
            images.append({"index": len(images), **image_of(block["image"])})
        else:
            own.setdefault("content_blocks", []).append(block)
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or None}
    if calls:
        message["tool_calls"] = calls
    if thoughts:
        message["reasoning_content"] = "".join(thought.get("thinking", "") for thought in thoughts)
        message["thinking_blocks"] = thoughts
    if images:
        message["images"] = images
    if annotations:
        message["annotations"] = annotations
    own |= end_fields(answer)
    if own:
        message["provider_specific_fields"] = own
    reason = finish_reason_of(answer.get("stopReason"), calls_tools=bool(calls))
    completion = {
        **head,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
    }
    if usage is not None:
        completion["usage"] = openai_usage(usage)
    return completion


def finish_reason_of(stop_reason: object, *, calls_tools: bool) -> str:
    """Return OpenAI's word. A tool_use that was only a JSON answer in disguise is a plain stop, as is a new reason."""
    reason = _FINISH_REASONS.get(str(stop_reason), "stop")
    return "stop" if reason == "tool_calls" and not calls_tools else reason


def end_fields(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what an answer tells beyond OpenAI's words: a guardrail's trace, the model's own fields."""
    names = (("trace", "trace"), ("additional_model_response_fields", "additionalModelResponseFields"))
    own = {ours: answer[theirs] for ours, theirs in names if answer.get(theirs)}
    if answer.get("stopReason") in ("malformed_model_output", "malformed_tool_use"):
        own["finish_reason"] = answer["stopReason"]
    return own


def thought_of(content: dict[str, Any]) -> dict[str, Any]:
    """Return a reasoningContent block in Anthropic's form, in which it can be sent back."""
    if "redactedContent" in content:
        return {"type": "redacted_thinking", "data": content["redactedContent"]}
    told = content.get("reasoningText") or {}
    thought = {"type": "thinking", "thinking": told.get("text", "")}
    return {**thought, "signature": told["signature"]} if told.get("signature") else thought


def image_of(image: dict[str, Any]) -> dict[str, Any]:
    source = image.get("source") or {}
    url = (source.get("s3Location") or {}).get(
        "uri"
    ) or f"data:image/{image.get('format')};base64,{source.get('bytes')}"
    return {"type": "image_url", "image_url": {"url": url}}


def _tool_use(use: dict[str, Any], texts: list[str], calls: list[dict[str, Any]], own: dict[str, Any]) -> None:
    arguments = orjson.dumps(use.get("input") or {}).decode()
    if use.get("type") == "server_tool_use":  # Bedrock has run it: nothing that a client should answer
        own.setdefault("server_tool_use", []).append(use)
    elif use.get("name") == ANSWER_TOOL:
        texts.append(arguments)
    else:
        function = {"name": use.get("name", ""), "arguments": arguments}
        calls.append({"id": use.get("toolUseId", ""), "type": "function", "function": function})
