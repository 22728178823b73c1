"""POST /completions, OpenAI's older endpoint: a text to be continued."""

from typing import Any

import msgspec

from services.edge.peeks.chat import StreamOptions
from services.edge.peeks.json_body import decoded
from services.edge.peeks.peek import Ours, Peek, peek_of, within
from shared.errors import InvalidRequest

ROUTE = "/completions"


class _Completion(Ours, kw_only=True):
    prompt: str | list[Any]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    n: int | None = None
    best_of: int | None = None


_decode = msgspec.json.Decoder(_Completion).decode


def peek_completion(body: bytes) -> Peek:
    """Return what the request asks for; `n` counts every text that is written and billed.

    A list of prompts is continued each for itself, `n` times, or as often as `best_of` says to choose from.

    Raises:
        InvalidRequest
    """
    asked = decoded(_decode, body, ROUTE)
    if not asked.prompt and isinstance(asked.prompt, list):
        raise InvalidRequest(f"{ROUTE}: 'prompt' must hold a text.", param="prompt")
    for field, count in (("n", asked.n), ("best_of", asked.best_of)):
        if count is not None:
            within(1, count, field, ROUTE)
    return peek_of(
        asked,
        ROUTE,
        len(body),
        stream=bool(asked.stream),
        include_usage=bool(asked.stream_options and asked.stream_options.include_usage),
        max_tokens=asked.max_tokens,
        max_tokens_field="" if asked.max_tokens is None else "max_tokens",
        n=_prompts(asked.prompt) * max(asked.n or 1, asked.best_of or 1),
    )


def _prompts(prompt: str | list[Any]) -> int:
    """A list of numbers is one prompt: its tokens."""
    return len(prompt) if isinstance(prompt, list) and not isinstance(prompt[0], int) else 1
