"""Every adapter of an own protocol through a running router, at a server that speaks that protocol over HTTP."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.integration.router.conftest import Start
from tests.integration.router.rig import Caller
from tests.provider_servers import Behaviour, HttpServer
from tests.provider_servers.cloudflare import CloudflareServer
from tests.provider_servers.cohere import CohereServer
from tests.provider_servers.databricks import DatabricksServer
from tests.provider_servers.huggingface import HuggingFaceServer
from tests.provider_servers.mistral import MistralServer
from tests.provider_servers.ollama import OllamaServer
from tests.provider_servers.replicate import ReplicateServer
from tests.provider_servers.watsonx import PROJECT, WatsonxServer

TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
OPENAI_USED = {"input": 12, "cached_input": 8, "output": 6, "reasoning": 4, "requests": 1}


@dataclass(frozen=True)
class Case:
    model: str
    server: Callable[[], Any]
    base: Callable[[Any], str] = lambda server: str(server.origin)
    used: dict[str, int] = field(default_factory=lambda: {"input": 20, "output": 10, "requests": 1})
    wrong_key: int | None = 401
    params: Callable[[Any], dict[str, Any]] = lambda _: {}
    environ: Callable[[Any], dict[str, str]] = lambda _: {}
    tools: bool = True
    signs_in: bool = False  # a token is got first


CASES = {
    "cloudflare": Case(
        "cloudflare/@cf/meta/llama-3.1-8b-instruct", CloudflareServer, lambda server: f"{server.base}/v1", OPENAI_USED
    ),
    "cloudflare run": Case(
        "cloudflare/@cf/meta/llama-3.1-8b-instruct", CloudflareServer, lambda server: f"{server.base}/run/"
    ),
    "cohere": Case("cohere/command-a-03-2025", CohereServer),
    "databricks": Case(
        "databricks/databricks-meta-llama-3-3-70b-instruct",
        DatabricksServer,
        lambda server: str(server.base),
        OPENAI_USED,
    ),
    "databricks that thinks": Case(
        "databricks/databricks-claude-sonnet-4-5", DatabricksServer, lambda server: str(server.base), OPENAI_USED
    ),
    "databricks principal": Case(
        "databricks/databricks-meta-llama-3-3-70b-instruct",
        DatabricksServer,
        lambda server: str(server.base),
        OPENAI_USED,
        signs_in=True,
        params=lambda server: {"api_key": None, "client_id": server.client[0], "client_secret": server.client[1]},
    ),
    "huggingface": Case(
        "huggingface/meta-llama/Llama-3.1-8B-Instruct",
        HuggingFaceServer,
        lambda server: str(server.origin),
        OPENAI_USED,
    ),
    "mistral": Case("mistral/mistral-small-latest", MistralServer, lambda server: str(server.url)),
    "mistral that thinks": Case("mistral/magistral-medium-2509", MistralServer, lambda server: str(server.url)),
    "ollama": Case("ollama_chat/llama3.2", lambda: OllamaServer(key="ol-provider")),
    "replicate": Case(
        "replicate/meta/meta-llama-3-8b-instruct",
        lambda: ReplicateServer(polls=1),
        lambda server: f"{server.origin}/v1",
        {"input": 20, "output": 10, "requests": 1, "compute_ms": 1_500},
        tools=False,
    ),
    "watsonx": Case(
        "watsonx/ibm/granite-3-8b-instruct",
        WatsonxServer,
        signs_in=True,
        params=lambda _: {"project_id": PROJECT},
        environ=lambda server: {"WATSONX_IAM_URL": f"{server.origin}/identity/token"},
    ),
}


@dataclass
class Rig:
    case: Case
    server: HttpServer
    caller: Caller


@pytest.fixture(params=CASES)
async def rig(
    request: pytest.FixtureRequest, start: Start, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Rig]:
    case = CASES[request.param]
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(case.server())
        params = {"model": case.model, "api_base": case.base(server), "api_key": server.key, **case.params(server)}
        for name, value in case.environ(server).items():
            monkeypatch.setenv(name, value)
        retries = {"num_retries": 0}
        await start([("m", params), ("wrong", {**params, "api_key": "wrong"})], router_settings=retries)
        if case.signs_in:
            assert (await caller.ask("m")).text == "Hello there!"
        yield Rig(case, server, caller)


async def test_an_answer_its_usage_and_its_cost(rig: Rig) -> None:
    answer = await rig.caller.ask("m", more={"max_tokens": 50, "temperature": 0.5})
    assert answer.text == "Hello there!"
    body = answer.body
    assert (body["object"], body["model"]) == ("chat.completion", "m")
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"]
    fact = await rig.caller.fact(answer)
    assert (fact.outcome, fact.usage, fact.usage_source) == ("success", rig.case.used, "provider")
    assert fact.response_id == body["id"] != ""


async def test_a_stream_with_its_usage(rig: Rig) -> None:
    answer = await rig.caller.stream("m", more={"stream_options": {"include_usage": True}}, include_usage=True)
    assert answer.text == "Hello there!"
    assert answer.data.endswith(b"data: [DONE]\n\n")
    chunks = answer.chunks
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks if chunk["choices"]][-1] == "stop"
    assert chunks[-1]["usage"]["total_tokens"] == 30
    assert {chunk["id"] for chunk in chunks} == {chunks[0]["id"]}
    assert (await rig.caller.fact(answer)).usage == rig.case.used


async def test_calls_of_tools_whole_and_streamed(rig: Rig) -> None:
    if not rig.case.tools:
        refused = await rig.caller.ask("m", more={"tools": TOOLS})
        assert refused.failure is not None
        assert (refused.failure["status"], refused.failure["param"]) == (400, "tools")
        return
    rig.server.always = Behaviour(tool_calls=True)
    whole = await rig.caller.ask("m", more={"tools": TOOLS})
    choice = whole.body["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    function = choice["message"]["tool_calls"][0]["function"]
    assert (function["name"], function["arguments"]) == ("weather", '{"city":"Oslo"}')
    assert choice["message"]["tool_calls"][0]["id"]
    streamed = await rig.caller.stream("m", more={"tools": TOOLS})
    deltas = [chunk["choices"][0]["delta"] for chunk in streamed.chunks]
    calls = [call for delta in deltas for call in delta.get("tool_calls") or ()]
    assert "".join(call["function"].get("arguments") or "" for call in calls) == '{"city":"Oslo"}'
    assert calls[0]["function"]["name"] == "weather"
    assert {call["index"] for call in calls} == {0}


@pytest.mark.parametrize(("status", "kind"), [(400, "invalid_request_error"), (429, "throttling_error"), (500, None)])
async def test_an_error_is_told_by_its_status_with_the_providers_words(rig: Rig, status: int, kind: str | None) -> None:
    rig.server.next(Behaviour(status=status))
    answer = await rig.caller.ask("m")
    assert answer.failure is not None
    assert answer.failure["status"] == status
    assert f"The server says {status}." in answer.failure["message"]
    assert kind is None or answer.failure["type"] == kind


async def test_a_wrong_key_is_told(rig: Rig) -> None:
    answer = await rig.caller.ask("wrong")
    assert answer.failure is not None
    assert answer.failure["status"] == rig.case.wrong_key


async def test_an_error_in_mid_stream_ends_the_stream_with_it(rig: Rig) -> None:
    rig.server.next(Behaviour(error_after=3, text="one two three four"))
    answer = await rig.caller.stream("m")
    assert answer.failure is not None
    assert b"[DONE]" not in answer.data
    assert (await rig.caller.fact(answer)).outcome == "failure"


async def test_a_stream_that_breaks_off_is_no_whole_answer(rig: Rig) -> None:
    rig.server.next(Behaviour(end_after=3, text="one two three four"))
    answer = await rig.caller.stream("m")
    assert answer.failure is not None
    assert answer.failure["status"] == 502


async def test_bytes_come_in_any_pieces(rig: Rig) -> None:
    rig.server.next(Behaviour(text="Grüße, 世界! ok", compressed=True))
    assert (await rig.caller.stream("m")).text == "Grüße, 世界! ok"


@pytest.mark.parametrize("name", ["mistral that thinks", "databricks that thinks"])
async def test_thoughts_in_parts_stand_beside_the_text(name: str, start: Start, caller: Caller) -> None:
    case = CASES[name]
    async with case.server() as server:
        await start([("m", {"model": case.model, "api_base": case.base(server), "api_key": server.key})])
        whole = (await caller.ask("m")).body["choices"][0]["message"]
        assert (whole["content"], whole["reasoning_content"]) == ("Hello there!", "Let me think.")
        streamed = await caller.stream("m")
        deltas = [chunk["choices"][0]["delta"] for chunk in streamed.chunks]
        assert "".join(delta.get("reasoning_content") or "" for delta in deltas) == "Let me think."
        assert streamed.text == "Hello there!"
