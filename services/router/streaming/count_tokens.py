"""Counting tokens ourselves, where a provider reports none: an estimate, and always marked as one."""

import asyncio

import orjson

from shared import tokens
from shared.usage import Usage

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
    prompt = tokens.request_tokens(body if isinstance(body, dict) else {})
    return Usage(input=prompt, output=tokens.count(answer_text))
