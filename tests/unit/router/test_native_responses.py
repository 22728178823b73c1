"""The Responses API in front of OpenAI: what goes through untouched, and what does not."""

from typing import Any

import orjson
import pytest

from services.router.dialects.responses.stream import ResponseOutlet
from services.router.prepare import prepared
from services.router.providers.answers.broken_answer import BrokenAnswer, ProviderStreamError
from services.router.providers.openai.responses import ResponsesAnswer
from services.router.providers.registry import load_providers
from tests.router_calls import deployment, provider_call


def sent(body: dict[str, Any], **call: Any) -> tuple[str, dict[str, Any]]:
    asked = provider_call(body, call_type="aresponses", **call)
    request = prepared(load_providers({})["openai"], asked, deployment()).request
    return request.url, orjson.loads(request.body)


def test_the_body_goes_through_but_for_the_model_and_the_maximum() -> None:
    body = {"model": "m", "input": "hi", "new": {"a": 1.0}, "tags": ["x"]}
    url, out = sent(body, max_tokens=9)
    assert url == "https://api.openai.com/v1/responses"
    assert out == {"model": "gpt-4o", "input": "hi", "new": {"a": 1.0}, "max_output_tokens": 9}


def test_an_id_of_a_conversation_goes_to_who_holds_it_alone() -> None:
    body = {"model": "m", "input": "hi", "previous_response_id": "resp_1"}
    assert sent(body, pinned=True)[1]["previous_response_id"] == "resp_1"
    assert "previous_response_id" not in sent(body)[1]


def test_a_server_of_ones_own_is_asked_as_a_chat() -> None:
    of = deployment(api_base="http://vllm:8000/v1")
    found = prepared(load_providers({})["openai"], provider_call({"input": "hi"}, call_type="aresponses"), of)
    assert found.request.url == "http://vllm:8000/v1/chat/completions"
    assert isinstance(found.outlet, ResponseOutlet)


def test_azure_is_asked_for_responses_by_its_v1_api_alone() -> None:
    azure: dict[str, Any] = {
        "provider": "azure",
        "model": "g",
        "api_key": "az",
        "api_base": "https://a.openai.azure.com",
    }
    call = provider_call({"input": "hi"}, call_type="aresponses")
    newer = prepared(load_providers({})["azure"], call, deployment(**azure, api_version="v1"))
    assert newer.request.url == "https://a.openai.azure.com/openai/v1/responses"
    assert prepared(load_providers({})["azure"], call, deployment(**azure)).outlet is not None


RESPONSE = {
    "id": "resp_1", "object": "response", "status": "completed", "model": "gpt-4o-2024",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}],
    "usage": {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7},
}  # fmt: skip


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\n".encode() + b"data: " + orjson.dumps({"type": kind, **fields}) + b"\n\n"


BEGUN = event("response.created", response={**RESPONSE, "status": "in_progress", "usage": None})
PIECE = event("response.output_text.delta", delta="Hi")
END = event("response.completed", response=RESPONSE)


@pytest.mark.parametrize("size", [1, 9, 10_000])
def test_a_stream_passes_and_its_last_event_is_kept_back(size: int) -> None:
    stream = BEGUN + PIECE + END
    reader = ResponsesAnswer("m")
    out = b"".join(reader.feed(stream[at : at + size]) for at in range(0, len(stream), size)) + reader.end()
    assert out == BEGUN.replace(b"gpt-4o-2024", b"m") + PIECE
    assert reader.closing == END.replace(b"gpt-4o-2024", b"m")
    assert (reader.response_id, reader.finish_reason, reader.text_so_far()) == ("resp_1", "completed", "Hi")
    assert reader.usage is not None
    assert (reader.usage.input, reader.usage.output) == (5, 2)


def test_a_stream_that_fails_or_breaks_off_is_broken() -> None:
    reader = ResponsesAnswer("m")
    reader.feed(BEGUN)
    with pytest.raises(BrokenAnswer):
        reader.end()
    failed = event("response.failed", response={"error": {"code": "server_error", "message": "it fell over"}})
    with pytest.raises(ProviderStreamError, match="it fell over"):
        ResponsesAnswer("m").feed(BEGUN + failed)
    with pytest.raises(ProviderStreamError, match="too fast"):
        ResponsesAnswer("m").feed(event("error", code="rate_limit", message="too fast"))


def test_a_whole_answer_passes_with_the_model_that_was_asked_for() -> None:
    whole = ResponsesAnswer("m").whole(orjson.dumps(RESPONSE))
    assert orjson.loads(whole.body) == {**RESPONSE, "model": "m"}
    raw = orjson.dumps({**RESPONSE, "model": "m"})
    assert ResponsesAnswer("m").whole(raw).body == raw


def test_what_a_whole_answer_says_can_be_counted_where_it_tells_no_usage() -> None:
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm "}]},
        {"type": "message", "content": [{"type": "output_text", "text": "Hi "}, {"type": "refusal", "refusal": "no "}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    ]
    reader = ResponsesAnswer("m")
    reader.whole(orjson.dumps({**RESPONSE, "output": output, "usage": None}))
    assert (reader.usage, reader.text_so_far()) == (None, "hm Hi no {}")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"error":{"message":"no","code":"x"}}'])
def test_what_is_no_response_is_broken(body: bytes) -> None:
    with pytest.raises(BrokenAnswer):
        ResponsesAnswer("m").whole(body)
