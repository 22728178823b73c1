"""Hugging Face's text generation server behind an endpoint: a prompt in, a text out.

Source: https://huggingface.co/docs/text-generation-inference/reference/api_reference
"""

from typing import Any

from services.router.providers.answers.broken_answer import ProviderStreamError, UnreadableAnswer
from services.router.providers.answers.rejection import UnsupportedParameter
from services.router.providers.bedrock.invoke.prompt import spoken
from services.router.providers.chat.body import max_tokens_of, number_in, texts_in
from services.router.providers.chat.neutral import NEUTRAL, asked_for
from shared.usage import Usage

_NUMBERS = {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "seed": "seed"}
_WITHOUT_COUNTERPART = {
    name: NEUTRAL[name]
    for name in ("n", "logprobs", "frequency_penalty", "presence_penalty", "logit_bias", "tools", "tool_choice")
} | {
    "response_format": NEUTRAL["response_format"],
    "reasoning_effort": ("none",),
    "thinking": ({"type": "disabled"},),
}


def to_text_generation(body: dict[str, Any], *, stream: bool, drop_params: bool) -> dict[str, Any]:
    """Return the body of /generate; the container's template is not known here, so the texts stand one below another.

    Raises:
        UnsupportedParameter, InvalidField
    """
    unsupported = asked_for(body, _WITHOUT_COUNTERPART)
    if unsupported and not drop_params:
        raise UnsupportedParameter(unsupported, provider="SageMaker (text generation)")
    parameters: dict[str, Any] = {
        theirs: value for ours, theirs in _NUMBERS.items() if (value := number_in(body, ours)) is not None
    }
    if (limit := max_tokens_of(body)) is not None:
        parameters["max_new_tokens"] = limit
    if stops := texts_in(body, "stop"):
        parameters["stop"] = stops
    request: dict[str, Any] = {"inputs": "\n".join(text for _, text in spoken(body.get("messages")))}
    return {**request, "parameters": parameters, **({"stream": True} if stream else {})}


class TextGenerationTranslator:
    """A `ChunkTranslator`."""

    def __init__(self, model: str, created: int, include_usage: bool, *, answer_id: str) -> None:
        """`model` is the name to show. The server does not count what it reads, so there is never a usage."""
        self.usage: Usage | None = None
        self.finished = False
        self._head = {"id": answer_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._opened = False

    def whole(self, answer: dict[str, Any]) -> dict[str, Any]:
        _raise_reported(answer)
        if not isinstance(answer.get("generated_text"), str):
            raise UnreadableAnswer("an answer without generated_text")
        message = {"role": "assistant", "content": answer["generated_text"]}
        choice = {"index": 0, "message": message, "finish_reason": _finish(answer)}
        return {**self._head, "object": "chat.completion", "choices": [choice]}

    def feed(self, event: dict[str, Any], name: str) -> list[dict[str, Any]]:
        _raise_reported(event)
        token = event["token"]
        chunks = []
        if token.get("text") and not token.get("special"):
            chunks.append(self._chunk({"content": token["text"]}, None))
        if event.get("generated_text") is not None:
            self.finished = True
            chunks.append(self._chunk({}, _finish(event)))
        return chunks

    def end(self) -> list[dict[str, Any]]:
        if not self.finished:
            raise UnreadableAnswer("the stream ended before its generated_text")
        return []

    def _chunk(self, delta: dict[str, Any], reason: str | None) -> dict[str, Any]:
        if not self._opened:
            self._opened = True
            delta = {"role": "assistant", "content": "", **delta}
        return {**self._head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


def _finish(answer: dict[str, Any]) -> str:
    details = answer.get("details")
    return "length" if isinstance(details, dict) and details.get("finish_reason") == "length" else "stop"


def _raise_reported(answer: dict[str, Any]) -> None:
    if isinstance(answer.get("error"), str):
        raise ProviderStreamError(str(answer.get("error_type") or "error"), answer["error"])
