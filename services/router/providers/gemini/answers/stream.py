"""An answer of generateContent or streamGenerateContent, as an OpenAI chat completion or its chunks.

Each event is a GenerateContentResponse with the next parts; the last one of a candidate has a finishReason, and the
usage counts all until then. There is no event that says the stream is over: its end is the end of the body.
Source: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
"""

from collections.abc import Iterable
from typing import Any

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.gemini.answers.grounding import annotations_of
from services.router.providers.gemini.answers.response import (
    blocked_choice,
    end_fields,
    finish_reason_of,
    image_of,
    logprobs_of,
    to_completion,
)
from services.router.providers.gemini.answers.usage import openai_usage
from services.router.providers.gemini.failures import reported
from services.router.providers.gemini.requests.function_calls import tool_call
from services.router.providers.gemini.requests.sound import sound_of, with_wav_header
from shared.usage import Usage
from shared.usage.gemini import newest
from shared.usage.gemini_searches import Searches


class GeminiTranslator:
    """A `ChunkTranslator`. Feed it every event in order; what it returns is to be sent in that order."""

    def __init__(
        self,
        model: str,
        created: int,
        include_usage: bool,
        *,
        answer_id: str,
        bills_queries: bool = True,
        candidates: int = 1,
        wav: bool = False,
    ) -> None:
        """`model` is the name to show; `include_usage` asks for OpenAI's last chunk, without choices.

        `answer_id` is shown where Gemini gives no id; `bills_queries`: searches are billed by their queries;
        `candidates`: how many were asked for; `wav`: sound in a whole answer is to be a WAV file.
        """
        self._candidates = candidates
        self._wav = wav
        self._head = {"id": answer_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._include_usage = include_usage
        self._searches = Searches(bills_queries=bills_queries)
        self._metadata: Any = None
        self._opened = False
        self._choices: dict[int, _Choice] = {}
        self.usage: Usage | None = None
        self.finished = False

    def whole(self, answer: dict[str, Any]) -> dict[str, Any]:
        if isinstance(answer.get("error"), dict):
            raise reported(answer["error"])
        if "candidates" not in answer and "promptFeedback" not in answer:
            raise UnreadableAnswer("an answer without candidates")
        candidates = answer.get("candidates") or []
        self.usage = self._usage_in(answer, candidates)
        completion = to_completion(answer, self._head, self.usage)
        return with_wav_header(completion) if self._wav else completion

    def feed(self, event: dict[str, Any], name: str = "") -> list[dict[str, Any]]:
        if isinstance(event.get("error"), dict):
            raise reported(event["error"])
        if not self._opened:
            self._opened = True
            self._head["id"] = str(event.get("responseId") or self._head["id"])
        candidates = event.get("candidates") or []
        chunks: list[dict[str, Any]] = []
        for place, candidate in enumerate(candidates):
            chunks += self._candidate(candidate, candidate.get("index", place))
        if not candidates and event.get("promptFeedback"):
            self.finished = True
            chunks.append({**self._head, "choices": [blocked_choice(event, "delta")]})
        self.usage = self._usage_in(event, candidates)
        if sum(choice.ended for choice in self._choices.values()) >= self._candidates:
            self.finished = True
        return chunks

    def end(self) -> list[dict[str, Any]]:
        if not self.finished and not any(choice.ended for choice in self._choices.values()):
            raise UnreadableAnswer("the stream ended before a finishReason")
        if not self._include_usage or self.usage is None:
            return []
        return [{**self._head, "choices": [], "usage": openai_usage(self.usage)}]

    def _usage_in(self, answer: dict[str, Any], candidates: list[dict[str, Any]]) -> Usage | None:
        self._searches.note(candidates)
        self._metadata = newest(self._metadata, answer.get("usageMetadata"))
        return self._searches.usage(self._metadata)

    def _candidate(self, candidate: dict[str, Any], index: int) -> list[dict[str, Any]]:
        choice = self._choices.setdefault(index, _Choice(index))
        deltas = choice.deltas((candidate.get("content") or {}).get("parts") or (), str(self._head["id"]))
        logprobs = logprobs_of(candidate)
        reason = candidate.get("finishReason")
        if logprobs is not None and not deltas:
            deltas = [{}]
        chunks = [self._chunk(index, delta) for delta in deltas]
        if logprobs is not None:
            chunks[0]["choices"][0]["logprobs"] = logprobs
        if reason is not None and not choice.ended:
            choice.ended = True
            delta: dict[str, Any] = {}
            if annotations := annotations_of(candidate, "".join(choice.texts)):
                delta["annotations"] = annotations
            if own := end_fields(candidate):
                delta["provider_specific_fields"] = own
            if not choice.opened:
                delta = {"role": "assistant", **delta}
            chunk = self._chunk(index, delta)
            chunk["choices"][0]["finish_reason"] = finish_reason_of(reason, calls_tools=choice.calls > 0)
            chunks.append(chunk)
        return chunks

    def _chunk(self, index: int, delta: dict[str, Any]) -> dict[str, Any]:
        return {**self._head, "choices": [{"index": index, "delta": delta, "finish_reason": None}]}


class _Choice:
    """One candidate being streamed."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.opened = False
        self.ended = False
        self.calls = 0
        self.images = 0
        self.sounds = 0
        self.code = 0
        self.texts: list[str] = []

    def deltas(self, parts: Iterable[dict[str, Any]], answer_id: str) -> list[dict[str, Any]]:
        deltas: list[dict[str, Any]] = []
        for part in parts:
            delta = self._delta(part, answer_id)
            if delta and not self.opened:
                self.opened = True
                delta = {"role": "assistant", **delta}
            if delta:
                deltas.append(delta)
        return deltas

    def _delta(self, part: dict[str, Any], answer_id: str) -> dict[str, Any]:
        if "functionCall" in part:
            call = {"index": self.calls, **tool_call(part, f"{answer_id}_{self.index}_{self.calls}")}
            self.calls += 1
            return {"tool_calls": [call]}
        delta: dict[str, Any] = {}
        if part.get("thought"):
            if part.get("text"):
                delta["reasoning_content"] = part["text"]
        elif part.get("text"):
            self.texts.append(part["text"])
            delta["content"] = part["text"]
        elif (image := image_of(part)) is not None:
            delta["images"] = [{"index": self.images, **image}]
            self.images += 1
        elif (sound := sound_of(part)) is not None:
            # OpenAI's SDK joins the fields of all chunks: the id comes once.
            delta["audio"] = {"data": sound} if self.sounds else {"id": answer_id, "data": sound}
            self.sounds += 1
        elif "executableCode" in part or "codeExecutionResult" in part:
            delta["provider_specific_fields"] = {"code_execution": [{"index": self.code, **part}]}
            self.code += 1
        if part.get("thoughtSignature"):
            own = delta.setdefault("provider_specific_fields", {})
            own["thought_signatures"] = [part["thoughtSignature"]]
        return delta
