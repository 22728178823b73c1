"""How many tokens a request's text has, as OpenAI's newest tokenizer counts them: an estimate for everybody else."""

from collections.abc import Iterator
from typing import Any

import orjson

from shared.tokens.tokenizer import count

MESSAGE_TOKENS = 4  # what a chat template adds around each message
ANSWER_TOKENS = 3
TEXTS = (
    *("prompt", "input", "inputs", "query", "documents", "contents", "content", "requests"),
    *("system", "instructions"),
)
"""Fields of other calls than chats that hold text, or lists of it."""
AS_JSON = ("tools", "functions", "response_format")


def request_tokens(body: dict[str, Any]) -> int:
    """Return the tokens of a request's JSON; pictures and sound count nothing here."""
    total = ANSWER_TOKENS
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict):
            total += MESSAGE_TOKENS + sum(count(text) for text in _texts_of(message))
    total += sum(count_all(body.get(name)) for name in TEXTS)
    return total + sum(count(orjson.dumps(body[name]).decode()) for name in AS_JSON if body.get(name))


def count_all(value: Any) -> int:
    """Count a text, or a list of them or of objects with texts; numbers in a list are tokens already."""
    if isinstance(value, list):
        return sum(1 if isinstance(each, int) else count_all(each) for each in value)
    if isinstance(value, dict):
        return sum(count_all(each) for each in value.values() if isinstance(each, str | list))
    return count(value) if isinstance(value, str) else 0


def _texts_of(message: dict[str, Any]) -> Iterator[str]:
    content = message.get("content")
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            yield part["text"]
    if message.get("tool_calls"):
        yield orjson.dumps(message["tool_calls"]).decode()
