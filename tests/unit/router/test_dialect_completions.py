"""The older completions in front of models that only chat."""

from typing import Any

import orjson
import pytest

from services.router.dialects.completions.outlet import TextOutlet
from services.router.dialects.completions.translate import to_chat, translate_completions
from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from shared.usage import Usage
from tests.router_calls import provider_call

USED = Usage(input=4, cached_input=2, output=3)
HEAD = {"id": "c1", "object": "text_completion", "created": 7, "model": "m"}
SHOWN = {"prompt_tokens": 6, "completion_tokens": 3, "total_tokens": 9, "prompt_tokens_details": {"cached_tokens": 2}}


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    told = {"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "theirs", "choices": [choice]}
    return b"data: " + orjson.dumps(told) + b"\n\n"


def events(out: bytes) -> list[dict[str, Any]]:
    return [orjson.loads(line[6:]) for line in out.split(b"\n\n") if line.startswith(b"data: {")]


@pytest.mark.parametrize("prompt", ["Say hello", ["Say hello"]])
def test_the_prompt_is_what_the_user_says_and_other_fields_keep_their_names(prompt: Any) -> None:
    same = {"model": "m", "max_tokens": 9, "temperature": 0.5, "stop": ["x"], "n": 2, "seed": 1, "stream": True}
    neutral = {"echo": False, "suffix": None, "best_of": 1, "logprobs": None}
    chat = to_chat({**same, **neutral, "prompt": prompt, "top_k": 5}, drop_params=False)
    assert chat == {**same, "top_k": 5, "messages": [{"role": "user", "content": "Say hello"}]}


def test_what_chat_has_no_words_for_is_named_or_left_out() -> None:
    asked = {"prompt": "a", "echo": True, "suffix": "b", "best_of": 3, "logprobs": 2}
    with pytest.raises(UnsupportedParameter) as refused:
        to_chat(asked, drop_params=False)
    assert refused.value.names == ("echo", "suffix", "best_of", "logprobs")
    assert to_chat(asked, drop_params=True) == {"messages": [{"role": "user", "content": "a"}]}


@pytest.mark.parametrize(
    ("prompt", "told"), [(["a", "b"], "one text"), ([1, 2], "token ids"), ([[1], [2]], "token ids"), (5, "a text")]
)
def test_a_prompt_that_is_not_one_text_is_refused(prompt: Any, told: str) -> None:
    with pytest.raises(InvalidField, match=told) as refused:
        to_chat({"prompt": prompt}, drop_params=True)
    assert refused.value.param == "prompt"


def test_an_answer_comes_as_texts() -> None:
    message = {"role": "assistant", "content": "Hello", "reasoning_content": "Let me think."}
    choices = [
        {"index": 0, "message": message, "finish_reason": "stop"},
        {"index": 1, "message": {"role": "assistant", "content": None}, "finish_reason": "length"},
    ]
    outlet = TextOutlet("m", include_usage=False)
    answer = orjson.loads(outlet.whole({"id": "c1", "created": 7, "model": "theirs", "choices": choices}, USED))
    texts = [
        {"index": 0, "text": "Hello", "logprobs": None, "finish_reason": "stop"},
        {"index": 1, "text": "", "logprobs": None, "finish_reason": "length"},
    ]
    assert answer == {**HEAD, "choices": texts, "usage": SHOWN}


@pytest.mark.parametrize("include_usage", [True, False])
def test_a_stream_comes_as_texts_and_ends_as_openais(include_usage: bool) -> None:
    _, outlet = translate_completions(
        provider_call({"prompt": "a"}, call_type="atext_completion", model="m", include_usage=include_usage)
    )
    out = outlet.feed(chunk({"role": "assistant", "content": ""}) + chunk({"reasoning_content": "Hm."}))
    assert out == b""
    out = outlet.feed(chunk({"content": "Hel"}) + chunk({"content": "lo"})) + outlet.feed(chunk({}, "stop"))
    said = [event["choices"][0] for event in events(out)]
    assert [choice["text"] for choice in said] == ["Hel", "lo", ""]
    assert [choice["finish_reason"] for choice in said] == [None, None, "stop"]
    assert all({**event, "choices": []} == {**HEAD, "choices": []} for event in events(out))
    closing = outlet.closing(USED)
    assert closing.endswith(b"data: [DONE]\n\n")
    assert events(closing) == ([{**HEAD, "choices": [], "usage": SHOWN}] if include_usage else [])
