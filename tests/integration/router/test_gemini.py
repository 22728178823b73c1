"""Gemini through the router: what the client gets, what Google was sent, what the fact says."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.router.conftest import Start
from tests.integration.router.rig import Caller
from tests.provider_servers import Behaviour, GeminiServer
from tests.provider_servers.gemini import PICTURE, SIGNATURE, VECTOR

TOOLS = [
    {
        "type": "function",
        "function": {"name": name, "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
    }
    for name in ("weather", "time")
]
USED = {"input": 12, "cached_input": 8, "output": 6, "requests": 1}


@pytest.fixture
async def gemini(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[GeminiServer]:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    async with GeminiServer() as server:
        yield server


def at(server: GeminiServer, model: str = "gemini-2.5-flash", **params: Any) -> tuple[str, dict[str, Any]]:
    return model, {"model": f"gemini/{model}", "api_base": server.origin, "api_key": server.key, **params}


async def test_gemini_answers_plain_and_streamed(start: Start, caller: Caller, gemini: GeminiServer) -> None:
    await start([at(gemini)])
    whole = await caller.ask("gemini-2.5-flash", more={"max_tokens": 50, "reasoning_effort": "low"})
    assert whole.text == "Hello there!"
    assert whole.body["choices"][0]["message"]["reasoning_content"] == "Let me think."
    fact = await caller.fact(whole)
    assert (fact.usage, fact.usage_source) == ({**USED, "reasoning": 4}, "provider")
    assert (fact.prompt_tokens, fact.completion_tokens) == (20, 10)
    assert (fact.provider, fact.provider_model, fact.response_id) == ("gemini", "gemini-2.5-flash", "resp-1")
    assert fact.cost_pico
    streamed = await caller.stream("gemini-2.5-flash", more={"stream_options": {"include_usage": True}})
    assert streamed.text == "Hello there!"
    assert streamed.chunks[-1]["usage"]["total_tokens"] == 26
    assert streamed.data.endswith(b"data: [DONE]\n\n")
    assert (await caller.fact(streamed)).usage == USED
    assert gemini.received[0].body["generationConfig"]["maxOutputTokens"] == 50
    assert gemini.received[1].query == "alt=sse"


async def test_a_conversation_with_parallel_tools_keeps_its_signatures(
    start: Start, caller: Caller, gemini: GeminiServer
) -> None:
    await start([at(gemini, "gemini-3-pro-preview")])
    gemini.next(Behaviour(tool_calls=True), Behaviour(), Behaviour(tool_calls=True))
    asked = {"role": "user", "content": "Weather and time?"}
    first = await caller.ask("gemini-3-pro-preview", more={"tools": TOOLS})
    calls = first.body["choices"][0]["message"]["tool_calls"]
    kept = [{"id": call["id"], "type": "function", "function": call["function"]} for call in calls]
    history = [
        asked,
        {"role": "assistant", "content": None, "tool_calls": kept},
        *({"role": "tool", "tool_call_id": call["id"], "content": "fine"} for call in calls),
    ]
    second = await caller.ask("gemini-3-pro-preview", more={"messages": history, "tools": TOOLS})
    assert second.text == "Hello there!"
    sent = gemini.received[1].body["contents"]
    assert [part.get("thoughtSignature") for part in sent[1]["parts"]] == [SIGNATURE, None]
    assert [part["functionResponse"]["name"] for part in sent[2]["parts"]] == ["weather", "time"]
    streamed = await caller.stream("gemini-3-pro-preview", more={"tools": TOOLS})
    deltas = [chunk["choices"][0] for chunk in streamed.chunks]
    assert [call["function"]["name"] for delta in deltas for call in delta["delta"].get("tool_calls", ())] == [
        "weather",
        "time",
    ]
    assert deltas[-1]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("behaviour", "status", "code"),
    [
        (Behaviour(status=429), 429, "RESOURCE_EXHAUSTED"),
        (Behaviour(status=500), 500, "INTERNAL"),
        (Behaviour(status=400), 400, "INVALID_ARGUMENT"),
    ],
)
async def test_googles_errors_reach_the_client(
    start: Start, caller: Caller, gemini: GeminiServer, behaviour: Behaviour, status: int, code: str
) -> None:
    await start([at(gemini, num_retries=0)])
    gemini.always = behaviour
    answer = await caller.ask("gemini-2.5-flash")
    assert answer.failure is not None
    assert (answer.failure["status"], answer.failure["fields"]["provider_code"]) == (status, code)
    assert answer.failure["retry_after_s"] == (4 if status == 429 else None)


async def test_a_wrong_key_and_a_missing_one_are_told_apart(start: Start, caller: Caller, gemini: GeminiServer) -> None:
    wrong, missing = at(gemini, api_key="AIza-wrong")[1], at(gemini)[1]
    del missing["api_key"]
    await start([("wrong", wrong), ("missing", missing)])
    refused, unsent = await caller.ask("wrong"), await caller.ask("missing")
    assert refused.failure is not None
    assert unsent.failure is not None
    assert (refused.failure["status"], refused.failure["type"]) == (401, "provider_auth_error")
    assert (unsent.failure["status"], unsent.failure["type"]) == (500, "provider_credentials_missing")
    assert "GEMINI_API_KEY" in unsent.failure["message"]
    assert len(gemini.received) == 1


async def test_an_error_in_mid_stream_and_a_stream_cut_short_are_failures(
    start: Start, caller: Caller, gemini: GeminiServer
) -> None:
    await start([at(gemini, num_retries=0)])
    for behaviour, words in ((Behaviour(error_after=1), "overloaded"), (Behaviour(end_after=1), "finishReason")):
        gemini.next(behaviour)
        answer = await caller.stream("gemini-2.5-flash")
        assert answer.failure is not None
        assert words in answer.failure["message"]
        assert answer.data
        fact = await caller.fact(answer)
        assert (fact.usage_source, fact.cost_pico is not None) == ("provider", True)


async def test_embeddings_of_several_texts_in_one_call(start: Start, caller: Caller, gemini: GeminiServer) -> None:
    await start([at(gemini, "gemini-embedding-001")])
    body = {"model": "gemini-embedding-001", "input": ["a", "b"], "dimensions": 256, "task_type": "CLUSTERING"}
    answer = await caller.send(body, call_type="aembedding").whole()
    assert [each["embedding"] for each in answer.body["data"]] == [VECTOR, VECTOR]
    assert answer.body["usage"] == {"prompt_tokens": 10, "total_tokens": 10}
    asked = gemini.received[0].body["requests"][1]
    assert asked == {
        "model": "models/gemini-embedding-001",
        "content": {"parts": [{"text": "b"}]},
        "taskType": "CLUSTERING",
        "outputDimensionality": 256,
    }
    fact = await caller.fact(answer)
    assert (fact.usage, fact.usage_source) == ({"input": 10, "requests": 1}, "provider")
    tokens = await caller.send({"model": "gemini-embedding-001", "input": [1, 2]}, call_type="aembedding").whole()
    assert tokens.failure is not None
    assert (tokens.failure["status"], tokens.failure["param"]) == (400, "input[0]")


async def test_pictures_are_made(start: Start, caller: Caller, gemini: GeminiServer) -> None:
    safe = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    await start([at(gemini, "gemini-2.5-flash-image", safety_settings=safe, num_retries=0)])
    asked = {"model": "gemini-2.5-flash-image", "prompt": "an otter", "size": "1792x1024"}
    made = await caller.send(asked, call_type="aimage_generation").whole()
    assert [each["b64_json"] for each in made.body["data"]] == [PICTURE]
    sent = gemini.received[0].body
    assert sent["generationConfig"]["imageConfig"] == {"aspectRatio": "16:9"}
    assert sent["safetySettings"] == safe
    fact = await caller.fact(made)
    assert (fact.usage["images"], fact.usage["output"], fact.usage_source) == (1, 6, "provider")
    gemini.next(Behaviour(finish="IMAGE_SAFETY"), Behaviour(finish="NO_IMAGE"))
    for status in (400, 502):
        failed = await caller.send(asked, call_type="aimage_generation").whole()
        assert failed.failure is not None
        assert failed.failure["status"] == status
