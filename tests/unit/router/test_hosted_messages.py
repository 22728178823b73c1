"""Anthropic's clients in front of clouds that host Claude: what goes through, and what the cloud wants else."""

import base64
from typing import Any

import orjson
import pytest

from services.router.prepare import prepared
from services.router.providers.answers.broken_answer import BrokenAnswer, ProviderStreamError, UnreadableAnswer
from services.router.providers.answers.rejection import InvalidField
from services.router.providers.anthropic.native.hosted import bedrock_message, vertex_count, vertex_message, with_betas
from services.router.providers.anthropic.native.message_answer import MessageAnswer
from services.router.providers.bedrock.invoke.chunks import InvokedMessages
from services.router.providers.gemini.native import vertex_body
from services.router.providers.registry import load_providers
from tests.provider_servers import aws_event_stream
from tests.router_calls import deployment, provider_call

RAW = (
    b'{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"\\u0061 1.50"}],"new":{"a":1.0},"stream":true}'
)
BETAS = (("anthropic-beta", "interleaved-thinking-2025-05-14, claude-code-20250219"), ("anthropic-version", "x"))


def asked(raw: bytes = RAW, **fields: Any) -> Any:
    return provider_call(raw, call_type="anthropic_messages", dialect="anthropic", **fields)


def test_vertex_gets_the_clients_bytes_with_a_version_and_without_the_model() -> None:
    sent = vertex_message(asked(), deployment(), version="vertex-2023-10-16")
    assert sent == RAW.replace(b'"model":"m",', b"").replace(b"true}", b'true,"anthropic_version":"vertex-2023-10-16"}')


def test_bedrock_hears_by_its_path_whether_it_streams() -> None:
    sent = orjson.loads(bedrock_message(asked(), deployment(), version="bedrock-2023-05-31"))
    assert "stream" not in sent
    assert (sent["new"], sent["anthropic_version"]) == ({"a": 1.0}, "bedrock-2023-05-31")


def test_a_version_that_the_client_brings_stays() -> None:
    raw = RAW.replace(b'"stream"', b'"anthropic_version":"mine","stream"')
    assert orjson.loads(bedrock_message(asked(raw), deployment(), version="ours"))["anthropic_version"] == "mine"


def test_betas_go_into_bedrocks_body_each_once() -> None:
    raw = RAW.replace(b'"stream"', b'"anthropic_beta":["interleaved-thinking-2025-05-14","x-1"],"stream"')
    sent = orjson.loads(bedrock_message(asked(raw, client_headers=BETAS), deployment(), version="v"))
    assert sent["anthropic_beta"] == ["interleaved-thinking-2025-05-14", "x-1", "claude-code-20250219"]


def test_betas_that_bedrock_refuses_are_left_out_with_drop_params() -> None:
    call = asked(client_headers=BETAS, drop_params=True)
    sent = orjson.loads(bedrock_message(call, deployment(), version="v"))
    assert sent["anthropic_beta"] == ["interleaved-thinking-2025-05-14"]
    call = asked(client_headers=(("anthropic-beta", "claude-code-20250219"),), drop_params=True)
    assert "anthropic_beta" not in orjson.loads(bedrock_message(call, deployment(), version="v"))


MARK = {"type": "ephemeral", "ttl": "1h", "scope": "global"}
CLAUDE_CODES: dict[str, Any] = {
    "model": "m",
    "max_tokens": 5,
    "cache_control": MARK,
    "system": [{"type": "text", "text": "a", "cache_control": MARK}],
    "tools": [{"name": "t", "eager_input_streaming": True, "input_schema": {"properties": {"scope": {}}}}],
    "messages": [
        {"role": "user", "content": "scope"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "t", "input": {"scope": "x"}}]},
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "1",
                    "content": [{"type": "text", "text": "b", "cache_control": MARK}],
                    "cache_control": MARK,
                }
            ],
        },
    ],
}


def test_clouds_get_no_field_of_newer_clients_that_they_refuse_with_drop_params() -> None:
    raw = orjson.dumps(CLAUDE_CODES)
    call, kept = asked(raw, drop_params=True), asked(raw)
    known = orjson.loads(raw.replace(b',"scope":"global"', b"").replace(b'"eager_input_streaming":true,', b""))
    assert known != CLAUDE_CODES
    del known["model"]
    for body in (bedrock_message(call, deployment(), version="v"), vertex_message(call, deployment(), version="v")):
        assert orjson.loads(body) == {**known, "anthropic_version": "v"}
    assert orjson.loads(vertex_count(call, deployment(), model="m", version="v"))["tools"] == known["tools"]
    assert orjson.loads(bedrock_message(kept, deployment(), version="v"))["tools"] == CLAUDE_CODES["tools"]


def test_betas_that_are_no_names_are_refused() -> None:
    raw = RAW.replace(b'"stream"', b'"anthropic_beta":[1],"stream"')
    with pytest.raises(InvalidField, match="must be a list of names"):
        bedrock_message(asked(raw), deployment(), version="v")


def test_vertex_gets_both_sides_betas_in_the_header() -> None:
    assert with_betas({"anthropic-beta": "ours-1", "x": "y"}, asked(client_headers=BETAS)) == {
        "anthropic-beta": "ours-1,interleaved-thinking-2025-05-14, claude-code-20250219",
        "x": "y",
    }
    assert with_betas({"x": "y"}, asked()) == {"x": "y"}


def test_tokens_are_counted_by_the_model_for_it() -> None:
    raw = b'{"model":"m","messages":[],"tools":[]}'
    sent = orjson.loads(vertex_count(asked(raw), deployment(), model="claude-x", version="v"))
    assert sent == {"anthropic_version": "v", "model": "claude-x", "messages": [], "tools": []}


def test_vertex_counts_the_fields_of_a_request_not_the_request() -> None:
    raw = b'{"generateContentRequest":{"model":"models/x","contents":[{"parts":[]}],"tools":[]}}'
    call = provider_call(raw, call_type="agemini_count_tokens", dialect="gemini")
    assert orjson.loads(vertex_body(call, deployment())) == {"contents": [{"parts": []}], "tools": []}


@pytest.mark.parametrize(
    ("call_type", "path"), [("anthropic_messages", "/v1/messages"), ("acount_tokens", "/v1/messages/count_tokens")]
)
def test_foundry_is_asked_as_anthropic_itself(call_type: str, path: str) -> None:
    of = deployment(provider="azure_ai", model="claude-x", api_base="https://r.services.ai.azure.com", api_key="k")
    call = provider_call(RAW, call_type=call_type, dialect="anthropic", client_headers=BETAS[:1])
    request = prepared(load_providers({})["azure_ai"], call, of).request
    assert request.url == f"https://r.services.ai.azure.com/anthropic{path}"
    assert request.headers["anthropic-beta"] == BETAS[0][1]
    assert request.body == RAW.replace(b'"m"', b'"claude-x"')


def chunk(data: dict[str, Any]) -> bytes:
    payload = {"bytes": base64.b64encode(orjson.dumps(data)).decode()}
    return aws_event_stream.event("chunk", orjson.dumps(payload))


START = {"type": "message_start", "message": {"id": "msg_1", "model": "claude-x", "usage": {"input_tokens": 12}}}
DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}
END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}}
STOP = {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 12}}


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_bedrocks_chunks_become_the_events_of_their_maker(size: int) -> None:
    stream = b"".join(chunk(event) for event in (START, DELTA, END, STOP))
    reader = MessageAnswer("shown", InvokedMessages())
    out = b"".join([reader.feed(stream[at : at + size]) for at in range(0, len(stream), size)]) + reader.end()
    events = [line for line in (out + reader.closing).split(b"\n") if line]
    kinds = ("message_start", "content_block_delta", "message_delta", "message_stop")
    assert events[0::2] == [f"event: {kind}".encode() for kind in kinds]
    assert [orjson.loads(line[6:]) for line in events[1::2]] == [
        {**START, "message": {**START["message"], "model": "shown"}},  # type: ignore[dict-item]
        DELTA,
        END,
        STOP,
    ]
    assert (reader.usage is not None, reader.finish_reason, reader.response_id) == (True, "end_turn", "msg_1")


def test_what_came_before_an_exception_is_still_handed_on() -> None:
    broken = aws_event_stream.exception("throttlingException", b'{"message":"Too many requests."}')
    reader = MessageAnswer("shown", InvokedMessages())
    assert reader.feed(chunk(DELTA) + broken).startswith(b"event: content_block_delta")
    with pytest.raises(ProviderStreamError, match="Too many requests"):
        reader.end()
    with pytest.raises(ProviderStreamError, match="Too many requests"):
        MessageAnswer("shown", InvokedMessages()).feed(broken)


def test_a_chunk_that_is_no_event_and_a_stream_that_ends_within_one_are_told() -> None:
    with pytest.raises(UnreadableAnswer, match="not an event of a message"):
        InvokedMessages().feed(chunk({"no": "type"}))
    reader = MessageAnswer("shown", InvokedMessages())
    reader.feed(chunk(START)[:-5])
    with pytest.raises(BrokenAnswer, match="ended within a message"):
        reader.end()
