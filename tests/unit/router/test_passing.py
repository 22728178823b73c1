"""A call that goes to a provider as it is: its address, its headers, and what is heard of its usage."""

import json
from typing import Any

import orjson
import pytest

from services.router.prepare import prepared
from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.gemini.interactions import InteractionsListener
from services.router.providers.mistral.conversations import ConversationListener
from services.router.providers.passing import CannotPass, PassedAnswer, joined
from services.router.providers.registry import load_providers
from services.router.providers.sagemaker.listener import ContainerListener
from shared.usage import Usage
from tests.provider_servers import aws_event_stream
from tests.router_calls import deployment, provider_call


@pytest.mark.parametrize(
    ("base", "target", "url"),
    [
        ("https://api.openai.com/v1", "/v1/models", "https://api.openai.com/v1/models"),
        ("https://api.openai.com/v1", "/models?limit=2", "https://api.openai.com/v1/models?limit=2"),
        ("https://api.groq.com/openai/v1", "/openai/v1/models", "https://api.groq.com/openai/v1/models"),
        ("https://api.groq.com/openai/v1", "/v1/models", "https://api.groq.com/openai/v1/models"),
        ("https://api.anthropic.com", "/v1/messages", "https://api.anthropic.com/v1/messages"),
        ("http://host:8000/a/", "/b%2Fc", "http://host:8000/a/b%2Fc"),
    ],
)
def test_what_address_and_path_have_in_common_stands_there_once(base: str, target: str, url: str) -> None:
    assert joined(base, target) == url


def sent(provider: str, target: str, method: str = "POST", **headers: str) -> Any:
    of = deployment(provider=provider, model="m", api_key="sk-theirs", api_base="http://host/v1")
    call = provider_call(
        b"{}",
        call_type="pass_through_endpoint",
        passed=(method, target),
        client_headers=tuple((name.replace("_", "-"), value) for name, value in headers.items()),
    )
    return prepared(load_providers({})[provider], call, of)


def test_the_clients_headers_go_on_and_the_credential_is_the_deployments() -> None:
    request, *_ = sent("anthropic", "/v1/messages", anthropic_beta="b", anthropic_version="v", content_type="x/y")
    assert (request.url, request.method, request.body) == ("http://host/v1/messages", "POST", b"{}")
    assert request.headers == {
        "x-api-key": "sk-theirs",
        "anthropic-version": "v",
        "anthropic-beta": "b",
        "content-type": "x/y",
    }
    request, *_ = sent("openai", "/v1/files/1", "DELETE")
    assert (request.method, request.headers) == ("DELETE", {"authorization": "Bearer sk-theirs"})


def test_a_provider_whose_calls_take_several_says_that_it_cannot() -> None:
    with pytest.raises(CannotPass, match="replicate"):
        sent("replicate", "/v1/predictions")


def event(name: str, **data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()


def heard(target: str, body: bytes, content_type: str = "application/json", status: int = 200) -> PassedAnswer:
    reader = sent("openai", target)[1]
    assert isinstance(reader, PassedAnswer)
    reader.begin(status, {"content-type": content_type, "retry-after": "3"}.get)
    assert b"".join(reader.feed(body[at : at + 7]) for at in range(0, len(body), 7)) == body
    assert reader.end() == b""
    return reader


USAGE = {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}
CHUNK = {"id": "c1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "hi"}}]}
GEMINI_USAGE = {"promptTokenCount": 4, "candidatesTokenCount": 2, "totalTokenCount": 6}


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("/v1/chat/completions", {"id": "c1", "choices": [], "usage": USAGE}),
        ("/v1/messages", {"id": "c1", "content": [], "usage": {"input_tokens": 4, "output_tokens": 2}}),
        ("/v1/responses", {"id": "c1", "usage": {"input_tokens": 4, "output_tokens": 2, "total_tokens": 6}}),
        ("/v1beta/interactions", {"usage": {"total_input_tokens": 4, "total_output_tokens": 2, "total_tokens": 6}}),
        (
            "/v1beta/models/gemini-2.5-flash:generateContent",
            {"candidates": [{"content": {"parts": [{"text": "hi"}]}}], "usageMetadata": GEMINI_USAGE},
        ),
    ],
)
def test_the_usage_of_a_whole_answer_is_heard(target: str, answer: dict[str, Any]) -> None:
    assert heard(target, orjson.dumps(answer)).usage == Usage(input=4, output=2)


@pytest.mark.parametrize(
    ("target", "answer", "usage"),
    [
        ("/v1/ocr", {"pages": [], "usage_info": {"pages_processed": 29}}, Usage(pages=29)),
        ("/v1/listen?model=nova-3", {"metadata": {"duration": 25.5, "channels": 2}}, Usage(audio_input_ms=51_000)),
        ("/v2/chat", {"usage": {"billed_units": {"input_tokens": 4, "output_tokens": 2}}}, Usage(input=4, output=2)),
        ("/v2/embed", {"meta": {"billed_units": {"input_tokens": 4}}}, Usage(input=4)),
        ("/api/chat", {"done": True, "prompt_eval_count": 4, "eval_count": 2}, Usage(input=4, output=2)),
        ("/v1/predictions", {"metrics": {"predict_time": 1.5}}, Usage(compute_ms=1_500)),
    ],
)
def test_the_figures_of_other_apis_are_heard(target: str, answer: dict[str, Any], usage: Usage) -> None:
    assert heard(target, orjson.dumps(answer)).usage == usage


def test_the_usage_of_a_stream_is_heard() -> None:
    start = {"id": "c1", "usage": {"input_tokens": 4, "output_tokens": 1}}
    messages = (
        event("message_start", message=start)
        + event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2})
        + event("message_stop")
    )
    chunks = b"".join(b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in (CHUNK, {**CHUNK, "usage": USAGE}))
    response = {"id": "r", "status": "completed", "usage": {"input_tokens": 4, "output_tokens": 2}}
    for target, stream in (
        ("/v1/messages", messages),
        ("/v1/chat/completions", chunks + b"data: [DONE]\n\n"),
        ("/v1/responses", event("response.created") + event("response.completed", response=response)),
        ("/v1beta/interactions", interaction_events(INTERACTION)),
    ):
        assert heard(target, stream, "text/event-stream").usage == Usage(input=4, output=2), target


def interaction_events(*completed: dict[str, Any], **steps: Any) -> bytes:
    """Return a stream of Gemini's interactions."""
    events = [
        {"event_type": "interaction.created", "metadata": {"usage": {"total_input_tokens": 4}}, "interaction": {}},
        {"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": "hi"}, **steps},
        *[{"event_type": "interaction.completed", "interaction": interaction} for interaction in completed],
    ]
    return b"".join(b"data: " + orjson.dumps(each) + b"\n\n" for each in events) + b"event: done\ndata: [DONE]\n\n"


INTERACTION = {"id": "v1", "status": "completed", "usage": {"total_input_tokens": 4, "total_output_tokens": 2}}
SEARCHING = {"type": "google_search_call", "arguments": {"queries": ["a", "b"]}}


@pytest.mark.parametrize(("model", "searches"), [("gemini-3-pro", 2), ("gemini-2.5-flash", 1)])
def test_the_searches_of_an_interaction_are_heard_as_its_model_bills_them(model: str, searches: int) -> None:
    whole, streamed = InteractionsListener(model), InteractionsListener(model)
    assert whole.whole(orjson.dumps({**INTERACTION, "steps": [SEARCHING]})).usage == streamed_usage(
        streamed, interaction_events(INTERACTION, delta=SEARCHING)
    )
    assert whole.usage == Usage(input=4, output=2, web_searches=searches)
    older = InteractionsListener(model).whole(orjson.dumps({**INTERACTION, "outputs": [SEARCHING]}))
    assert older.usage == whole.usage
    assert (whole.response_id, whole.finish_reason, streamed.done) == ("v1", "completed", True)


def test_a_usage_that_counts_its_searches_itself_is_believed() -> None:
    counted = [
        {"type": "google_search", "count": 3},
        {"type": "google_maps", "count": 1},
        {"type": "retrieval", "count": 9},
    ]
    usage = {**INTERACTION["usage"], "grounding_tool_count": counted}
    listener = InteractionsListener("gemini-3-pro")
    assert listener.whole(orjson.dumps({**INTERACTION, "usage": usage, "steps": [SEARCHING]})).usage == Usage(
        input=4, output=2, web_searches=3, map_searches=1
    )
    places = {"type": "google_maps_call", "arguments": {"queries": ["a"]}}
    assert InteractionsListener("gemini-2.5-pro").whole(
        orjson.dumps({**INTERACTION, "steps": [places]})
    ).usage == Usage(input=4, output=2, map_searches=1)


def test_a_conversation_at_mistral_is_heard_with_its_tools() -> None:
    used = {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}
    tool = {"name": "web_search_premium"}
    whole = {"object": "conversation.response", "conversation_id": "c", "outputs": [{"type": "tool.execution", **tool}]}
    listener = ConversationListener()
    expected = Usage(input=4, output=2, news_searches=1)
    assert listener.whole(orjson.dumps({**whole, "usage": used})).usage == expected
    assert listener.response_id == "c"
    thought = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm "}]}, {"type": "text", "text": "hi"}]
    events = [
        {"type": "conversation.response.started", "conversation_id": "c"},
        {"type": "tool.execution.done", **tool},
        {"type": "message.output.delta", "content": thought},
        {"type": "function.call.delta", "arguments": "{}"},
    ]
    streamed = ConversationListener()
    for event in events:
        streamed.feed(b"data: " + orjson.dumps(event) + b"\n\n")
    assert (streamed.response_id, streamed.text_so_far(), streamed.usage) == ("c", "hm hi{}", None)
    with pytest.raises(UnreadableAnswer, match="before its response was done"):
        streamed.end()
    done = {"type": "conversation.response.done", "usage": used}
    assert streamed.feed(b"event: conversation.response.done\ndata: " + orjson.dumps(done) + b"\n\n") == b""
    assert (streamed.usage, streamed.end()) == (expected, b"")


def streamed_usage(listener: InteractionsListener, stream: bytes) -> Usage | None:
    assert listener.feed(stream) == b"" == listener.end()
    return listener.usage


def test_an_interaction_that_breaks_off_tells_what_it_had_used_by_then() -> None:
    listener = InteractionsListener("gemini-3-pro")
    listener.feed(b'data: {"event_type": "interaction.created", "interaction": {"id": "v1"}}\n\n')
    listener.feed(interaction_events(metadata={"usage": {"total_input_tokens": 4, "total_output_tokens": 1}}))
    assert listener.response_id == "v1"
    assert (listener.usage, listener.text_so_far()) == (Usage(input=4, output=1), "hi")
    with pytest.raises(UnreadableAnswer, match="before its interaction was complete"):
        listener.end()


@pytest.mark.parametrize("told", [{"metadata": {"total_usage": INTERACTION["usage"]}}, {"usage": INTERACTION["usage"]}])
def test_what_an_interaction_has_used_so_far_stands_in_any_event_and_outlasts_an_end_without_it(
    told: dict[str, Any],
) -> None:
    listener = InteractionsListener("gemini-3-pro")
    assert streamed_usage(listener, interaction_events({"id": "v1", "status": "completed"}, **told)) == Usage(
        input=4, output=2
    )


def test_thoughts_and_arguments_of_an_interaction_are_heard() -> None:
    listener = InteractionsListener("gemini-3-pro")
    thought = {"type": "thought_summary", "content": {"type": "text", "text": "hm"}}
    for delta in (thought, {"type": "arguments_delta", "arguments": "{}"}):
        listener.feed(interaction_events(delta=delta))
    assert listener.text_so_far() == "hm{}"


@pytest.mark.parametrize(
    ("body", "goes_on"),
    [
        (b'{"background": true}', True),
        (b'{"background": false}', False),
        (b'{"input": "\\"background\\""}', False),
        (b"{}", False),
    ],
)
def test_a_call_in_the_background_is_known_by_its_body(body: bytes, goes_on: bool) -> None:
    of = deployment(provider="gemini", model="gemini-3-pro", api_key="k", api_base="http://host")
    call = provider_call(body, call_type="pass_through_endpoint", passed=("POST", "/v1beta/interactions"))
    _, answer, _ = prepared(load_providers({})["gemini"], call, of)
    assert isinstance(answer, PassedAnswer)
    assert answer.goes_on is goes_on


def test_cohere_and_ollama_get_their_own_calls_at_their_own_address() -> None:
    request, *_ = sent("cohere", "/v2/chat")
    assert (request.url, request.headers) == ("http://host/v2/chat", {"authorization": "Bearer sk-theirs"})
    request, *_ = sent("ollama", "/api/generate")
    assert (request.url, request.headers) == ("http://host/api/generate", {"authorization": "Bearer sk-theirs"})


def test_the_usage_of_a_stream_of_coheres_is_heard_and_its_text() -> None:
    said = {"index": 0, "delta": {"message": {"content": {"text": "hi"}}}}
    used = {"billed_units": {"input_tokens": 4, "output_tokens": 2}}
    stream = (
        event("message-start", id="c1", delta={"message": {"role": "assistant"}})
        + event("content-delta", **said)
        + event("message-end", delta={"finish_reason": "COMPLETE", "usage": used})
        + b"data: [DONE]\n\n"
    )
    reader = heard("/v2/chat", stream, "text/event-stream")
    assert (reader.usage, reader.text_so_far(), reader.finish_reason) == (Usage(input=4, output=2), "hi", "stop")
    assert (reader.response_id, reader.cut_as, reader.is_whole) == ("c1", "cohere", False)


@pytest.mark.parametrize(
    ("target", "said", "cut_as"),
    [
        ("/api/chat", {"message": {"role": "assistant", "content": "hi"}}, "ollama"),
        ("/api/generate", {"response": "hi"}, "ollama-generate"),
    ],
)
def test_the_usage_of_ollamas_lines_is_heard_and_their_text(target: str, said: dict[str, Any], cut_as: str) -> None:
    lines: list[dict[str, Any]] = [
        {"model": "m", **said, "done": False},
        {"model": "m", "done": True, "done_reason": "stop", "prompt_eval_count": 4, "eval_count": 2},
    ]
    stream = b"".join(orjson.dumps(line) + b"\n" for line in lines)
    reader = heard(target, stream, "application/x-ndjson")
    assert (reader.usage, reader.text_so_far(), reader.finish_reason) == (Usage(input=4, output=2), "hi", "stop")
    assert (reader.cut_as, reader.is_events, reader.is_whole) == (cut_as, False, False)
    cut_short = heard(target, orjson.dumps(lines[0]) + b'\n{"error": "out of memory"}\n', "application/x-ndjson")
    assert (cut_short.usage, cut_short.text_so_far(), cut_short.is_billed) == (None, "hi", True)


def contained(payload: bytes) -> bytes:
    headers = {":event-type": "PayloadPart", ":content-type": "application/octet-stream", ":message-type": "event"}
    return b"".join(aws_event_stream.message(headers, payload[at : at + 9]) for at in range(0, len(payload), 9))


def test_a_container_is_heard_whatever_it_speaks() -> None:
    target, aws = "/endpoints/e/invocations-response-stream", "application/vnd.amazon.eventstream"
    chunks = b"".join(b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in (CHUNK, {**CHUNK, "usage": USAGE}))
    chat = heard(target, contained(chunks + b"data: [DONE]\n\n"), aws)
    assert (chat.usage, chat.cut_as) == (Usage(input=4, output=2), "contained")
    token = {"token": {"id": 1, "text": "hi", "special": False}, "generated_text": None, "details": None}
    last = {"token": {"text": "</s>", "special": True}, "generated_text": "hi", "details": {"finish_reason": "length"}}
    generated = b"".join(b"data:" + orjson.dumps(one) + b"\n\n" for one in (token, last))
    text = heard(target, contained(generated), aws)
    assert (text.usage, text.text_so_far(), text.finish_reason) == (None, "hi", "length")
    whole = heard("/endpoints/e/invocations", b'[{"generated_text": "hi"}]')
    assert (whole.usage, whole.is_billed) == (None, True)


@pytest.mark.parametrize("gap", [b"\n\n", b"\r\n\r\n"])
def test_what_a_container_says_is_told_apart_by_its_first_event_however_its_lines_end(gap: bytes) -> None:
    token = {"index": 1, "token": {"id": 5, "text": "hi", "special": False}, "generated_text": None}
    texts = []
    for event in (token, CHUNK):
        listener = ContainerListener("m")
        listener.feed(part(b": wait" + gap + b"data:" + orjson.dumps(event)[:20]))
        listener.feed(part(orjson.dumps(event)[20:] + gap))
        texts.append(listener.text_so_far())
    assert texts == ["hi", "hi"]


def test_of_a_container_that_sends_no_events_only_so_much_is_kept() -> None:
    listener = ContainerListener("m")
    for _ in range(16):
        listener.feed(part(b"x" * 65_536))
    with pytest.raises(UnreadableAnswer, match="an event without an end"):
        listener.feed(part(b"x"))


def part(payload: bytes) -> bytes:
    return aws_event_stream.event("PayloadPart", payload)


def test_a_stream_without_figures_tells_its_text() -> None:
    reader = heard(
        "/v1/chat/completions", b"data: " + orjson.dumps(CHUNK) + b"\n\ndata: [DONE]\n\n", "text/event-stream"
    )
    assert (reader.usage, reader.text_so_far(), reader.is_billed) == (None, "hi", True)


@pytest.mark.parametrize("body", [b"", b"no json", b'{"error":{"message":"x"}}'])
def test_what_cannot_be_heard_goes_through_all_the_same(body: bytes) -> None:
    reader = heard("/v1/chat/completions", body)
    assert (reader.usage, reader.is_billed) == (None, True)


def test_an_error_is_passed_on_and_not_listened_to() -> None:
    reader = heard("/v1/chat/completions", b'{"usage":{"prompt_tokens":4}}', status=429)
    assert (reader.usage, reader.status, reader.is_billed) == (None, 429, False)
    assert (reader.more_headers, reader.stream_type) == ((("retry-after", "3"),), "application/json")


def test_pages_that_were_read_are_heard() -> None:
    _, reader, *_ = sent("mistral", "/v1/ocr")
    assert isinstance(reader, PassedAnswer)
    reader.begin(200, {"content-type": "application/json"}.get)
    answer = {"pages": [], "model": "mistral-ocr-latest", "usage_info": {"pages_processed": 3, "doc_size_bytes": 9}}
    assert reader.feed(orjson.dumps(answer)) == orjson.dumps(answer)
    reader.end()
    assert reader.usage == Usage(pages=3)
