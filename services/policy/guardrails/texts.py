"""Which strings of a request are text, whatever endpoint it is for. Pictures, sound and files are not."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from services.policy.guardrails.signed_thoughts import break_seal, without_broken
from shared.payloads.sealed_thoughts import sealed, unsealed

TEXT_FIELDS = (
    *("system", "instructions", "messages", "prompt", "suffix", "input", "prediction", "query", "documents"),
    *(
        "contents",
        "inputs",
        "systemInstruction",
        "system_instruction",
        "generateContentRequest",
        "generate_content_request",
    ),
    *("negative_prompt", "texts", "title", "content", "requests"),
)
"""Fields of a body that hold text: chat, completions, responses, embeddings, images, speech, rerank, Gemini's."""

TOKEN_FIELDS = frozenset({"prompt", "input"})
"""Fields that may hold token ids in the place of text."""

_TEXTS = frozenset(
    {
        "content",
        "text",
        "refusal",
        "reasoning_content",
        "reasoning",
        "output",
        "summary",
        "thinking",
        "parts",
        "context",
        "transcript",
    }
    | {
        "contents",
        "title",
        "queries",
        "code",
        "outputs",
        "logs",
        "error",
        "systemInstruction",
        "system_instruction",
        "cited_text",
    }
)
"""Keys under which text stands in a message, an item or a part, or more such parts."""

_AROUND = frozenset(
    {"tool_calls", "function_call", "function", "custom", "source", "thinking_blocks"}
    | {"functionCall", "functionResponse", "function_response", "executableCode", "executable_code"}
    | {"codeExecutionResult", "code_execution_result"}
)
"""Keys under which there is no text, but something that has such keys."""

_DATA = frozenset({"arguments", "input", "variables", "args", "response", "action"})
"""Keys of what goes into a tool or a template: JSON, in a string or as it is, in which every string is text."""


@dataclass(slots=True)
class Text:
    """A text and its place. A `fixed` one, a number or a name inside JSON data, cannot be replaced."""

    value: str
    fixed: bool
    _holder: Any
    _at: str | int
    replaced: bool = False

    def replace(self, value: str) -> None:
        self._holder[self._at] = value
        self.replaced = True
        break_seal(self._holder, self._at)


def texts_of(holder: dict[str, Any], field: str) -> Iterator[Text]:
    """Yield the texts in `holder[field]`, in their order; each may be replaced before the next is asked for.

    It keeps its own stack: a body may be nested more deeply than Python may call.
    """
    places: list[tuple[Any, str | int]] = [(holder, field)]
    while places:
        holder_of, at = places.pop()
        value = holder_of[at]
        if isinstance(value, str):
            if at == "arguments":
                yield from _texts_of_json(holder_of, at)
            elif at == "encrypted_content":
                yield from _texts_of_sealed(holder_of, at)
            elif value:
                yield Text(value, False, holder_of, at)
        elif at in _DATA and holder_of is not holder:
            yield from _texts_of_data(holder_of, at)
        elif isinstance(value, list):
            places += [(value, index) for index in reversed(range(len(value))) if not isinstance(value[index], int)]
        elif isinstance(value, dict):
            places += [(value, key) for key in reversed(value) if _is_text(value, key)]


def has_tokens(value: Any) -> bool:
    """Whether there are token ids in a list of texts, or in a list of such lists."""
    if not isinstance(value, list):
        return False
    return any(isinstance(each, int) or (isinstance(each, list) and _has_number(each)) for each in value)


def _has_number(values: list[Any]) -> bool:
    return any(isinstance(value, int) for value in values)


def _is_text(holder: dict[str, Any], key: str) -> bool:
    if key in _TEXTS or key in _AROUND or key in _DATA or key == "encrypted_content":
        return True
    return key == "data" and holder.get("type") == "text"  # a document's source; those of other types are base64


def _texts_of_sealed(holder: dict[str, Any], at: str) -> Iterator[Text]:
    """Thoughts that were sealed here are text for whoever writes them; another's seal cannot be read."""
    blocks: dict[str, Any] = {"content": unsealed(holder[at])}
    replaced = False
    for text in texts_of(blocks, "content"):
        yield text
        replaced |= text.replaced
    if replaced:
        without_broken(blocks)
        holder[at] = sealed(blocks["content"])


def _texts_of_json(holder: Any, at: str | int) -> Iterator[Text]:
    """A match must not run across quotes and braces, and escapes must not hide one: the JSON is taken apart.

    By the standard library, which keeps numbers of any length.
    """
    try:
        data = json.loads(holder[at])
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict | list):
        yield Text(holder[at], False, holder, at)
        return
    shell = [data]
    replaced = False
    for text in _texts_of_data(shell, 0):
        yield text
        replaced |= text.replaced
    if replaced:
        holder[at] = _dumped(data)


def _dumped(data: Any) -> str:
    dumped = json.dumps(data, ensure_ascii=False)
    try:
        dumped.encode()
    except UnicodeEncodeError:  # half a surrogate pair: legal in JSON as an escape alone
        return json.dumps(data)
    return dumped


def _texts_of_data(holder: Any, at: str | int) -> Iterator[Text]:
    places: list[tuple[Any, str | int]] = [(holder, at)]
    while places:
        holder_of, place = places.pop()
        value = holder_of[place]
        if isinstance(value, str):
            yield Text(value, False, holder_of, place)
        elif isinstance(value, dict):
            for key in value:
                yield Text(key, True, value, key)
            places += [(value, key) for key in reversed(value)]
        elif isinstance(value, list):
            places += [(value, index) for index in reversed(range(len(value)))]
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield Text(str(value), True, holder_of, place)
