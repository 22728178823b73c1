"""Counting tokens ourselves, where a provider reports none: an estimate, and always marked as one."""

import asyncio
from typing import Any

import orjson

from shared import tokens
from shared.usage import Usage

MESSAGE_TOKENS = 4  # what a chat template adds around each message
ANSWER_TOKENS = 3
AT_ONCE_BYTES = 32 * 1024
"""A longer text is counted in a thread, so that other requests need not wait for it."""


async def counted_usage(request_body: bytes, answer_text: str) -> Usage:
    """Return the usage of a call by its texts, as OpenAI's newest tokenizer counts them; images count nothing here."""
    if len(request_body) + len(answer_text) <= AT_ONCE_BYTES and tokens.is_loaded():
        return _usage(request_body, answer_text)
    return await asyncio.to_thread(_usage, request_body, answer_text)


def _usage(request_body: bytes, answer_text: str) -> Usage:
    try:
        body = orjson.loads(request_body)
    except orjson.JSONDecodeError:  # a form
        body = None
    prompt = ANSWER_TOKENS
    if isinstance(body, dict):
        messages = body.get("messages")
        for message in messages if isinstance(messages, list) else ():
            if isinstance(message, dict):
                prompt += MESSAGE_TOKENS + sum(tokens.count(text) for text in _texts(message))
        for name in ("prompt", "input", "query", "documents"):
            prompt += _count_all(body.get(name))
        for name in ("tools", "functions", "response_format"):
            if body.get(name):
                prompt += tokens.count(orjson.dumps(body[name]).decode())
    return Usage(input=prompt, output=tokens.count(answer_text))


def _count_all(value: Any) -> int:
    """Count a text, or a list of them or of objects with texts; numbers in a list are tokens already."""
    if isinstance(value, list):
        return sum(1 if isinstance(each, int) else _count_all(each) for each in value)
    if isinstance(value, dict):
        return sum(tokens.count(text) for text in value.values() if isinstance(text, str))
    return tokens.count(value) if isinstance(value, str) else 0


def _texts(message: dict[str, Any]) -> list[str]:
    content = message.get("content")
    texts = [content] if isinstance(content, str) else []
    if isinstance(content, list):
        texts += [part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)]
    if message.get("tool_calls"):
        texts.append(orjson.dumps(message["tool_calls"]).decode())
    return texts
