"""OpenAI chat completions to and from Workers AI's own endpoint, /ai/run/MODEL.

Source: https://developers.cloudflare.com/workers-ai/models/llama-3.3-70b-instruct-fp8-fast/ (the schemas at the end)
"""

from typing import Any

import orjson

from services.router.providers.answers.broken_answer import ProviderStreamError, UnreadableAnswer
from services.router.providers.answers.completions import Completions
from services.router.providers.answers.rejection import UnsupportedParameter
from services.router.providers.chat.body import max_tokens_of, number_in
from services.router.providers.chat.messages import messages_given
from services.router.providers.chat.neutral import HINTS
from shared.ids import new_id
from shared.usage import Usage, usage_from_openai

_SAME = ("temperature", "top_p", "top_k", "seed", "repetition_penalty", "frequency_penalty", "presence_penalty")
_OWN = ("lora", "raw", "prompt", "functions")
_KNOWN = HINTS | {"model", "messages", "stream", "tools", "response_format", "max_tokens", "max_completion_tokens"}
_NEUTRAL: dict[str, tuple[object, ...]] = {"n": (1,), "tool_choice": ("auto",), "logprobs": (False,)}


def to_run(body: dict[str, Any], *, model: str, drop_params: bool) -> dict[str, Any]:
    """Return the body for /ai/run.

    Raises:
        UnsupportedParameter, InvalidField
    """
    known = {*_KNOWN, *_SAME, *_OWN}
    unsupported = [
        name
        for name, value in body.items()
        if name not in known and value is not None and value not in _NEUTRAL.get(name, ())
    ]
    if unsupported and not drop_params:
        raise UnsupportedParameter(unsupported, provider=f"Cloudflare ({model})")
    request: dict[str, Any] = {"messages": [_message(one) for _, one in messages_given(body.get("messages"))]}
    request |= {name: body[name] for name in ("tools", "response_format", *_OWN) if body.get(name) is not None}
    for name, value in (("max_tokens", max_tokens_of(body)), *((name, number_in(body, name)) for name in _SAME)):
        if value is not None:
            request[name] = value
    return request | ({"stream": True} if body.get("stream") else {})


def _message(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "role": "system"} if message.get("role") == "developer" else message


class RunTranslator:
    """A `ChunkTranslator`. Whole answers stand in an envelope, the events of a stream do not.

    Its framing has {"done": true} in place of [DONE].
    """

    def __init__(self, out: Completions, *, include_usage: bool) -> None:
        self.usage: Usage | None = None
        self.finished = False
        self._out = out
        self._include_usage = include_usage
        self._calls = 0

    def whole(self, answer: dict[str, Any]) -> dict[str, Any]:
        result = answer.get("result")
        if answer.get("success") is False or not isinstance(result, dict):
            raise _reported(answer)
        if "response" not in result and "tool_calls" not in result:
            raise UnreadableAnswer("a result without a response")
        self.usage = usage_from_openai(result.get("usage"))
        response = result.get("response")
        text = response if isinstance(response, str) or response is None else orjson.dumps(response).decode()
        shown: dict[str, Any] = {"content": text or None}
        calls = [_call(call) for call in result.get("tool_calls") or ()]
        if calls:
            shown["tool_calls"] = calls
        return self._out.whole(shown, finish="tool_calls" if calls else "stop", usage=self.usage)

    def feed(self, event: dict[str, Any], name: str) -> list[dict[str, Any]]:
        if event.get("errors") or event.get("error"):
            raise _reported(event)
        if event.get("done"):
            return self._end()
        chunks = []
        response = event.get("response")
        if response is not None and response != "":
            text = response if isinstance(response, str) else orjson.dumps(response).decode()
            chunks.append(self._out.chunk({"content": text}))
        for call in event.get("tool_calls") or ():
            made = _call(call)
            chunks.append(self._out.tool_chunk(self._calls, id=made["id"], **made["function"]))
            self._calls += 1
        self.usage = usage_from_openai(event.get("usage")) or self.usage
        return chunks

    def end(self) -> list[dict[str, Any]]:
        if not self.finished:
            raise UnreadableAnswer("the stream ended before [DONE]")
        return []

    def _end(self) -> list[dict[str, Any]]:
        self.finished = True
        chunks = [self._out.chunk({}, finish="tool_calls" if self._calls else "stop")]
        if self._include_usage and self.usage is not None:
            chunks.append(self._out.usage_chunk(self.usage))
        return chunks


def _call(call: dict[str, Any]) -> dict[str, Any]:
    """Workers AI gives names and arguments, in newer models in OpenAI's form."""
    function = call.get("function") or call
    arguments = function.get("arguments")
    text = arguments if isinstance(arguments, str) else orjson.dumps(arguments or {}).decode()
    made = {"name": function["name"], "arguments": text}
    return {"id": str(call.get("id") or new_id("call")), "type": "function", "function": made}


def _reported(answer: dict[str, Any]) -> ProviderStreamError:
    errors = answer.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    message = first.get("message") or answer.get("error") or "no result"
    return ProviderStreamError(str(first.get("code") or "error"), str(message))
