"""A client that leaves, in every dialect and on every way: its key says what becomes of the stream."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import orjson
import pytest

from shared.interrupted import Interrupted
from tests.integration.router.conftest import Start, at
from tests.integration.router.rig import Caller, until
from tests.provider_servers import AnthropicServer, Behaviour, OpenAIServer
from tests.provider_servers.gemini import GeminiServer
from tests.provider_servers.http_server import HttpServer, Received

WORDS = " ".join(f"word{number}" for number in range(60))
PRICES = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
HI: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
CONTENTS = [{"role": "user", "parts": [{"text": "hi"}]}]


class ResponsesServer(OpenAIServer):
    """OpenAI's other API, streamed."""

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        return None if request.path == "/v1/responses" else (404, {"error": {"message": request.path}})

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        response: dict[str, Any] = {"id": "resp_1", "object": "response", "model": self.model, "output": []}
        words = [f" {word}" for word in behaviour.text.split(" ")]
        usage = {"input_tokens": 11, "output_tokens": 70, "total_tokens": 81}
        return [
            _event("response.created", response={**response, "status": "in_progress"}),
            *[_event("response.output_text.delta", item_id="msg_1", delta=word) for word in words],
            _event("response.completed", response={**response, "status": "completed", "usage": usage}),
        ]


def _event(kind: str, **fields: Any) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps({"type": kind, **fields}) + b"\n\n"


class Way(NamedTuple):
    """Which model is asked, by what body and what further fields of the command."""

    model: str
    body: dict[str, Any]
    fields: dict[str, Any] = {}


MESSAGES: dict[str, Any] = {"call_type": "anthropic_messages", "dialect": "anthropic"}
GOOGLE: dict[str, Any] = {"call_type": "agenerate_content", "dialect": "gemini", "stream": True}
STREAM: dict[str, Any] = {"messages": HI, "max_tokens": 500, "stream": True}


WITH_USAGE = {"stream_options": {"include_usage": True}}


def passed(path: str) -> dict[str, Any]:
    return {"call_type": "pass_through_endpoint", "passed": ("POST", path), "stream": True}


WAYS = {
    "chat": Way("gpt", STREAM),
    "chat, by Gemini": Way("gemini", STREAM),
    "messages": Way("claude", STREAM, MESSAGES),
    "messages, by OpenAI": Way("gpt", STREAM, MESSAGES),
    "responses": Way("responses", {"input": "hi", "stream": True}, {"call_type": "aresponses"}),
    "responses, by Claude": Way("claude", {"input": "hi", "stream": True}, {"call_type": "aresponses"}),
    "generateContent": Way("gemini", {"contents": CONTENTS}, GOOGLE),
    "generateContent, by OpenAI": Way("gpt", {"contents": CONTENTS}, GOOGLE),
    "passed to OpenAI": Way(
        "gpt", {**STREAM, "stream_options": {"include_usage": True}}, passed("/v1/chat/completions")
    ),
    "passed to OpenAI's responses": Way("responses", {"input": "hi", "stream": True}, passed("/v1/responses")),
    "passed to Claude": Way("claude", STREAM, passed("/v1/messages")),
    "passed to Gemini": Way(
        "gemini", {"contents": CONTENTS}, passed("/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse")
    ),
}


@pytest.fixture
async def servers(
    openai_server: OpenAIServer, anthropic_server: AnthropicServer
) -> AsyncIterator[dict[str, HttpServer]]:
    async with ResponsesServer() as responses, GeminiServer() as gemini:
        yield {"gpt": openai_server, "claude": anthropic_server, "responses": responses, "gemini": gemini}


@pytest.fixture
async def begin(start: Start, servers: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for server in servers.values():
        server.always = Behaviour(text=WORDS, chunk_delay_s=0.015)
    monkeypatch.setenv("OPENAI_API_BASE", servers["responses"].url)
    gemini = {"model": "gemini/gemini-2.5-flash", "api_base": servers["gemini"].origin, "api_key": "AIza-provider"}
    await start(
        [
            ("gpt", at(servers["gpt"], **PRICES)),
            ("claude", at(servers["claude"], "anthropic/claude-3-5-sonnet-20241022", **PRICES)),
            ("responses", {"model": "openai/gpt-4.1", "api_key": "sk-provider", **PRICES}),
            ("gemini", {**gemini, **PRICES}),
        ]
    )


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize(
    ("how", "interrupted"),
    [
        (Interrupted("cancel"), "cancelled"),
        (Interrupted("drain"), "drained"),
        (Interrupted("drain_capped", 0.1), "capped"),
        (Interrupted("drain_capped", 30.0, 10), "capped"),
    ],
    ids=["cancel", "drain", "capped by time", "capped by tokens"],
)
@pytest.mark.usefixtures("begin")
async def test_the_key_says_what_becomes_of_the_stream(
    caller: Caller, servers: dict[str, HttpServer], name: str, how: Interrupted, interrupted: str
) -> None:
    way = WAYS[name]
    names = {"model": way.model, "group": way.model}
    named = {} if "contents" in way.body else {"model": way.model}  # Google's body has no model
    answer = caller.send({**named, **way.body}, interrupted=how, **names, **way.fields)
    await until(lambda: answer.frames > 5)
    caller.leave(answer)
    fact = await caller.fact_to_come(answer)
    server = servers[way.model]
    assert (fact.client_left, fact.interrupted) == (True, interrupted)
    assert fact.cost_pico > 0
    if interrupted == "drained":
        assert (fact.outcome, fact.usage_source, server.broken_off) == ("success", "provider", 0)
    else:
        await until(lambda: server.broken_off == 1)
        assert fact.usage_source in ("counted", "provider")
        assert 2 <= fact.completion_tokens < 150, "what was read is charged, and not what was still to come"
