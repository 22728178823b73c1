"""Thoughts of Claude's models as Databricks wants them back: parts of the message's content, with their signatures.

Source: https://docs.databricks.com/aws/en/machine-learning/model-serving/query-reason-models#manage-reasoning-across-multiple-turns
"""

from typing import Any

import msgspec
import orjson

from services.router.providers.base import ProviderCall

_SIGN = b'"thinking_blocks"'


def with_thoughts(call: ProviderCall) -> ProviderCall:
    """Return the call with the thoughts of earlier answers in their contents; as it is where there are none."""
    if _SIGN not in call.body:
        return call
    try:
        body = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        return call  # the body's own reader says what is wrong
    messages = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(messages, list):
        return call
    body["messages"] = [_message(message) for message in messages]
    return msgspec.structs.replace(call, body=orjson.dumps(body))


def _message(message: Any) -> Any:
    blocks = message.get("thinking_blocks") if isinstance(message, dict) else None
    if not isinstance(blocks, list):
        return message
    kept = {name: value for name, value in message.items() if name not in ("thinking_blocks", "reasoning_content")}
    parts = [part for block in blocks if isinstance(block, dict) and (part := _part(block)) is not None]
    if not parts:
        return kept
    content = kept.get("content")
    texts = content if isinstance(content, list) else [{"type": "text", "text": content}] if content else []
    return {**kept, "content": [*parts, *texts]}


def _part(block: dict[str, Any]) -> dict[str, Any] | None:
    """One that nobody signed is somebody else's, and would be refused."""
    if block.get("type") == "redacted_thinking" and block.get("data"):
        return {"type": "reasoning", "summary": [{"type": "summary_encrypted_text", "data": block["data"]}]}
    if not block.get("signature"):
        return None
    text = {"type": "summary_text", "text": block.get("thinking") or "", "signature": block["signature"]}
    return {"type": "reasoning", "summary": [text]}
