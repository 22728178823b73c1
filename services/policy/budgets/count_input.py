"""How many tokens a request's text has: counted only where its bytes would be too careful a bound. Pure."""

from typing import Any, NamedTuple

import orjson

from shared import tokens

_NOT_TEXT = frozenset(("image_url", "input_audio"))
_GROWS_BY_ITS_BYTES = frozenset(("file", "video_url"))
"""Media whose tokens nobody can count from outside: edge counts their bytes, and so they stay bound."""

_NEVER_READ = frozenset(
    (
        "model", "user", "metadata", "tags", "guardrails", "stream_options", "service_tier", "tool_choice", "stop",
        "reasoning_effort", "verbosity", "prompt_cache_key", "safety_identifier", "logit_bias", "modalities", "audio",
        "simulated",
    )
)  # fmt: skip
"""Fields of a request of which the model reads nothing."""

_SETTING_TOKENS = 100
"""What a provider may write around the tools or the format of the answer that a request gives."""


class TextTokens(NamedTuple):
    """`counted` by OpenAI's tokenizer, `most` by any; `messages` is how many there are."""

    counted: int
    most: int
    messages: int


NO_TEXT = TextTokens(0, 0, 0)

PLAIN = frozenset(("aembedding", "aembed_content", "atext_completion"))
"""Types of calls whose text stands in fields of its own: one, or a list of texts or of tokens."""


def text_tokens(body: bytes, call_type: str = "acompletion") -> TextTokens | None:
    """Return what is text in `body`, a chat request or one of PLAIN; None where that cannot be told.

    Text is what the messages say, and every other field as the JSON it came as: tools, formats, names, plain texts.
    """
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:  # stricter than edge: no lone surrogates, no infinite numbers
        return None
    if not isinstance(request, dict):
        return None
    messages = request.pop("messages", [] if call_type in PLAIN else None)
    if not isinstance(messages, list):
        return None
    texts: list[str] = []
    for message in messages:
        if not isinstance(message, dict) or not _of_message(message, texts):
            return None
    settings = 0
    for name, value in request.items():
        if name in _NEVER_READ:
            continue
        if isinstance(value, list | dict) and value:
            settings += _SETTING_TOKENS
            texts.append(_json({name: value}))
        elif isinstance(value, str):
            texts.append(value)
    counted = sum(map(tokens.count, texts)) + settings
    return TextTokens(counted, sum(map(tokens.most, texts)) + settings, len(messages))


def _of_message(message: dict[str, Any], texts: list[str]) -> bool:
    """Add what a message says; return False where a part of it is not to be counted."""
    content = message.pop("content", None)
    message.pop("role", None)
    if isinstance(content, str):
        texts.append(content)
    elif isinstance(content, list):
        for part in content:
            if not isinstance(part, dict) or part.keys() & _GROWS_BY_ITS_BYTES:
                return False
            if isinstance(part.get("text"), str):
                texts.append(part.pop("text"))
            rest = {name: value for name, value in part.items() if name not in _NOT_TEXT and name != "type"}
            if rest:
                texts.append(_json(rest))
    elif content is not None:
        return False
    if message:
        texts.append(_json(message))
    return True


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
