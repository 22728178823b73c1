"""The text that an answer carries, for counting its tokens where the provider did not."""

from collections.abc import Iterator
from typing import Any

import orjson

from services.router.providers.answers.sse import data_of_each

_TEXTS = ("content", "reasoning_content", "reasoning", "refusal")


def text_of_whole(body: bytes) -> str:
    """Return all text of an answer that was not streamed: content, reasoning, names and arguments of tool calls."""
    return "".join(_texts(_decoded(body), "message"))


def text_of_events(events: bytes) -> str:
    """Return all text of a stream's chunks; what cannot be read has none."""
    return "".join([text for data in data_of_each(events) for text in _texts(_decoded(data), "delta")])


def texts_by_choice(chunk: dict[str, Any]) -> list[tuple[int, str]]:
    """Return the texts of a stream's chunk, each with the index of its choice."""
    found: list[tuple[int, str]] = []
    for choice in _objects(chunk.get("choices")):
        index = choice.get("index")
        found += [(index if isinstance(index, int) else 0, text) for text in _texts({"choices": [choice]}, "delta")]
    return found


def _decoded(document: bytes) -> Any:
    try:
        return orjson.loads(document)
    except orjson.JSONDecodeError:  # [DONE], or an event that was cut
        return None


def _texts(answer: Any, part_name: str) -> Iterator[str]:
    for choice in _objects(answer.get("choices") if isinstance(answer, dict) else None):
        if isinstance(choice.get("text"), str):
            yield choice["text"]  # of a completion that is no chat
        part = choice.get(part_name)
        if not isinstance(part, dict):
            continue
        yield from (part[name] for name in _TEXTS if isinstance(part.get(name), str))
        yield from _texts_of_parts(part.get("content"))
        for tool in _objects(part.get("tool_calls")):
            function = tool.get("function")
            if isinstance(function, dict):
                yield from (function[name] for name in ("name", "arguments") if isinstance(function.get(name), str))


def _texts_of_parts(content: Any) -> Iterator[str]:
    """Yield the texts of a content that has parts: Mistral's and Databricks', whose thoughts have parts themselves."""
    for part in _objects(content):
        yield from (part[name] for name in ("text", "thinking") if isinstance(part.get(name), str))
        for name in ("thinking", "summary"):
            yield from _texts_of_parts(part.get(name))


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))
