"""Anthropic's clients in front of Anthropic: what goes through untouched, and what does not."""

from typing import Any

import orjson
import pytest

from services.router.prepare import prepared
from services.router.providers.answers.broken_answer import BrokenAnswer, ProviderStreamError, UnreadableAnswer
from services.router.providers.answers.rejection import InvalidField
from services.router.providers.anthropic.native.message_answer import MessageAnswer
from services.router.providers.base import HttpCall
from services.router.providers.registry import load_providers
from tests.dialect_files import events_in
from tests.router_calls import deployment, provider_call

CLAUDE: dict[str, Any] = {"provider": "anthropic", "model": "claude-sonnet-4-5", "api_key": "sk-ant"}


def sent(
    body: bytes, call_type: str = "anthropic_messages", *, of: dict[str, Any] | None = None, **call: Any
) -> HttpCall:
    providers = load_providers({})
    asked = provider_call(body, call_type=call_type, dialect="anthropic", **call)
    return prepared(providers["anthropic"], asked, deployment(**CLAUDE, **(of or {}))).request


def test_the_clients_bytes_go_through_but_for_the_model() -> None:
    raw = b'{"model":"m","max_tokens": 5,"messages":[{"role":"user","content":"\\u0061 1.50"}],"new":{"a":1.0}}'
    request = sent(raw)
    assert request.body == raw.replace(b'"m"', b'"claude-sonnet-4-5"').replace(b": 5", b":5")
    assert request.url == "https://api.anthropic.com/v1/messages"
    assert request.headers["x-api-key"] == "sk-ant"


def test_what_speaks_to_the_gateway_stays_there_and_defaults_fill_in() -> None:
    body = {
        **{"model": "m", "max_tokens": 50, "messages": [], "tags": ["a"], "timeout": 3, "top_k": 4},
        "metadata": {"user_id": "ann", "tags": ["x"]},
    }
    of = {"defaults": {"temperature": 0.5, "top_k": 9}, "extra_body": {"speed": "fast"}}
    assert orjson.loads(sent(orjson.dumps(body), of=of, max_tokens=20).body) == {
        **{"model": "claude-sonnet-4-5", "max_tokens": 20, "messages": [], "top_k": 4, "temperature": 0.5},
        **{"speed": "fast", "metadata": {"user_id": "ann"}},
    }
    assert orjson.loads(sent(orjson.dumps(body), max_tokens=90).body)["max_tokens"] == 50


def test_the_clients_version_and_betas_are_passed_on() -> None:
    asked = (("anthropic-version", "2026-10-21"), ("anthropic-beta", "a-1,b-2"))
    headers = sent(b"{}", client_headers=asked, of={"extra_headers": {"anthropic-beta": "c-3"}}).headers
    assert (headers["anthropic-version"], headers["anthropic-beta"]) == ("2026-10-21", "c-3,a-1,b-2")
    assert sent(b"{}").headers["anthropic-version"] == "2023-06-01"


def test_tokens_are_counted_by_anthropic_itself_and_elsewhere_by_us() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    request = sent(orjson.dumps(body), "acount_tokens")
    assert request.url == "https://api.anthropic.com/v1/messages/count_tokens"
    assert orjson.loads(request.body) == {**body, "model": "claude-sonnet-4-5"}
    call = provider_call(body, call_type="acount_tokens", dialect="anthropic")
    other = prepared(load_providers({})["openai"], call, deployment())
    assert other.request.url == "counting://here/input_tokens"
    assert other.reader.whole(b'{"input_tokens":4}').usage is not None
    with pytest.raises(UnreadableAnswer):
        other.reader.whole(b"{}")
    with pytest.raises(ProviderStreamError, match="no"):
        other.reader.whole(b'{"type":"error","error":{"type":"api_error","message":"no"}}')


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\n".encode() + b"data: " + orjson.dumps({"type": kind, **fields}) + b"\n\n"


START = event("message_start", message={"id": "msg_1", "model": "claude-x", "usage": {"input_tokens": 7}})
DELTA = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hello"})
END = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 5})
STOP = event("message_stop")


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_stream_passes_and_its_last_event_is_kept_back(size: int) -> None:
    stream = START + event("ping") + DELTA + END + STOP
    reader = MessageAnswer("m")
    out = b"".join(reader.feed(stream[at : at + size]) for at in range(0, len(stream), size)) + reader.end()
    assert out == START.replace(b"claude-x", b"m") + event("ping") + DELTA + END
    assert (reader.closing, reader.done, reader.response_id, reader.finish_reason) == (STOP, True, "msg_1", "end_turn")
    assert reader.usage is not None
    assert (reader.usage.input, reader.usage.output, reader.text_so_far()) == (7, 5, "Hello")
    assert events_in(out)


def test_a_stream_that_breaks_off_or_tells_an_error_is_broken() -> None:
    reader = MessageAnswer("m")
    reader.feed(START + DELTA)
    with pytest.raises(BrokenAnswer):
        reader.end()
    reader = MessageAnswer("m")
    with pytest.raises(ProviderStreamError, match="Overloaded") as caught:
        reader.feed(START + DELTA + event("error", error={"type": "overloaded_error", "message": "Overloaded"}))
    assert caught.value.before.endswith(DELTA)


def test_a_whole_answer_passes_with_the_model_that_was_asked_for() -> None:
    body = b'{"id":"msg_1","model":"claude-x","content":[{"type":"text","text":"a"}],"usage":{"input_tokens":3}}'
    reader = MessageAnswer("m")
    whole = reader.whole(body)
    assert whole.body == body.replace(b"claude-x", b"m")
    assert (whole.response_id, reader.text_so_far()) == ("msg_1", "a")
    assert MessageAnswer("claude-x").whole(body).body == body


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"type":"error","error":{"type":"api_error","message":"x"}}'])
def test_what_is_no_message_is_broken(body: bytes) -> None:
    with pytest.raises(BrokenAnswer):
        MessageAnswer("m").whole(body)


def test_credentials_of_the_client_are_refused() -> None:
    for call_type in ("anthropic_messages", "acount_tokens"):
        with pytest.raises(InvalidField, match="api_key"):
            sent(b'{"api_key":"sk-own"}', call_type)


def test_signatures_in_ids_of_calls_stay_here() -> None:
    calls = b'{"id":"call_1__thought__c2ln","type":"tool_use"},{"tool_use_id":"a__thought__b+="}'
    raw = b'{"messages":[{"content":[' + calls + b"]}]}"
    assert orjson.loads(sent(raw).body)["messages"] == [
        {"content": [{"id": "call_1", "type": "tool_use"}, {"tool_use_id": "a"}]}
    ]
