"""An answer of Converse or ConverseStream, as an OpenAI chat completion or its chunks.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from typing import Any

from services.router.providers.answers.annotations import StreamedCitations
from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.anthropic.answers.usage import openai_usage
from services.router.providers.anthropic.requests.output_format import ANSWER_TOOL
from services.router.providers.aws.event_stream import EXCEPTION
from services.router.providers.bedrock.converse.citations import annotations_of
from services.router.providers.bedrock.converse.response import end_fields, finish_reason_of, image_of, to_completion
from services.router.providers.bedrock.failures import stream_error
from shared.usage import Usage, usage_from_bedrock


class ConverseTranslator:
    """A `ChunkTranslator`. Events of a kind unknown here are passed over."""

    def __init__(
        self, model: str, created: int, include_usage: bool, *, answer_id: str, cache_in_input: bool = False
    ) -> None:
        """`model` is the name to show; `include_usage` asks for OpenAI's last chunk, without choices.

        `cache_in_input`: a stream of this model counts the cache in its input (shared/usage/bedrock.py).
        """
        self._cache_in_input = cache_in_input
        self.usage: Usage | None = None
        self.finished = False
        self._head = {"id": answer_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._include_usage = include_usage
        self._calls: dict[int, int | None] = {}  # by content block: the call's place, None for a JSON answer
        self._argued: set[int] = set()  # content blocks of calls that had arguments
        self._thoughts: dict[int, int] = {}  # by content block: its place among the thoughts
        self._images = 0
        self._citations = StreamedCitations(annotations_of)
        self._opened = False
        self._stopped = False

    def whole(self, answer: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(answer.get("output"), dict):
            raise UnreadableAnswer("an answer without output")
        self.usage = _usage(answer)
        return to_completion(answer, self._head, self.usage)

    def feed(self, event: dict[str, Any], name: str) -> list[dict[str, Any]]:
        if name.startswith(EXCEPTION):
            raise stream_error(name.removeprefix(EXCEPTION), event)
        if name == "contentBlockDelta":
            return self._delta(event["contentBlockIndex"], event["delta"])
        if name == "messageStart":
            return [self._chunk({"content": ""})]
        if name == "contentBlockStart":
            return self._start(event["contentBlockIndex"], event["start"])
        if name == "contentBlockStop":
            return self._block_stop(event["contentBlockIndex"])
        if name == "messageStop":
            return self._stop(event)
        if name == "metadata":
            return self._metadata(event)
        return []

    def end(self) -> list[dict[str, Any]]:
        if not self._stopped:
            raise UnreadableAnswer("the stream ended before messageStop")
        return []

    def _start(self, place: int, start: dict[str, Any]) -> list[dict[str, Any]]:
        use = start.get("toolUse")
        if use is None or use.get("type") == "server_tool_use":
            return []
        if use.get("name") == ANSWER_TOOL:
            self._calls[place] = None
            return []
        index = self._calls[place] = sum(call is not None for call in self._calls.values())
        function = {"name": use.get("name", ""), "arguments": ""}
        call = {"index": index, "id": use.get("toolUseId", ""), "type": "function", "function": function}
        return [self._chunk({"tool_calls": [call]})]

    def _delta(self, place: int, delta: dict[str, Any]) -> list[dict[str, Any]]:
        if delta.get("text"):
            return self._text(delta["text"])
        if "toolUse" in delta:
            return self._arguments(place, delta["toolUse"].get("input"))
        if "reasoningContent" in delta:
            return self._thought(place, delta["reasoningContent"])
        if "citation" in delta:
            self._citations.cite(delta["citation"])
            return [self._chunk({"provider_specific_fields": {"citation": delta["citation"]}})]
        if "image" in delta:
            image = {"index": self._images, **image_of({"format": "png", **delta["image"]})}
            self._images += 1
            return [self._chunk({"images": [image]})]
        return []

    def _arguments(self, place: int, fragment: object) -> list[dict[str, Any]]:
        if not fragment or place not in self._calls:
            return []
        self._argued.add(place)
        index = self._calls[place]
        if index is None:
            return self._text(str(fragment))
        return [self._chunk({"tool_calls": [{"index": index, "function": {"arguments": fragment}}]})]

    def _thought(self, place: int, content: dict[str, Any]) -> list[dict[str, Any]]:
        index = self._thoughts.setdefault(place, len(self._thoughts))
        if "redactedContent" in content:
            block = {"type": "redacted_thinking", "data": content["redactedContent"]}
        elif content.get("signature"):
            block = {"type": "thinking", "thinking": "", "signature": content["signature"]}
        elif content.get("text"):
            block = {"type": "thinking", "thinking": content["text"]}
        else:
            return []
        delta = {"reasoning_content": content.get("text") or "", "thinking_blocks": [{"index": index, **block}]}
        return [self._chunk(delta)]

    def _block_stop(self, place: int) -> list[dict[str, Any]]:
        if self._calls.get(place) is None or place in self._argued:
            annotations = self._citations.block_ends()
            return [self._chunk({"annotations": annotations})] if annotations else []
        return self._arguments(place, "{}")  # a call without arguments

    def _text(self, text: str) -> list[dict[str, Any]]:
        self._citations.text(text)
        return [self._chunk({"content": text})]

    def _stop(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        if self._stopped:
            return []
        self._stopped = True
        own = end_fields(event)
        chunk = self._chunk({"provider_specific_fields": own} if own else {})
        calls = any(index is not None for index in self._calls.values())
        chunk["choices"][0]["finish_reason"] = finish_reason_of(event.get("stopReason"), calls_tools=calls)
        return [chunk]

    def _metadata(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        self.usage = _usage(event, cache_in_input=self._cache_in_input)
        self.finished = self._stopped
        chunks = []
        if event.get("trace"):
            chunks.append(self._chunk({"provider_specific_fields": {"trace": event["trace"]}}))
        if self._include_usage and self.usage is not None:
            chunks.append({**self._head, "choices": [], "usage": openai_usage(self.usage)})
        return chunks

    def _chunk(self, delta: dict[str, Any]) -> dict[str, Any]:
        if not self._opened:
            self._opened = True
            delta = {"role": "assistant", **delta}
        return {**self._head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


def _usage(answer: dict[str, Any], *, cache_in_input: bool = False) -> Usage | None:
    tier = answer.get("serviceTier")
    return usage_from_bedrock(
        answer.get("usage"), tier=tier.get("type") if isinstance(tier, dict) else None, cache_in_input=cache_in_input
    )
