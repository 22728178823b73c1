"""Calls that go to a provider as they are, through a whole gateway, by its own SDK."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import anthropic
import botocore.session
import cohere
import httpx
import ollama
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from tests.journey.endpoint_samples import message_in
from tests.journey.recording_provider import RecordingProvider
from tests.journey.strict_providers import StrictProviders
from tests.running_gateway import RunningGateway

Eventually = Callable[..., Any]
HELLO = [{"role": "user", "content": "hello"}]
ASKED: dict[str, Any] = {"model": "claude-haiku-4-5", "max_tokens": 50}


def row_of(master: httpx.Client, eventually: Eventually, request_id: str) -> dict[str, Any]:
    (row,) = eventually(lambda: master.get("/spend/logs", params={"request_id": request_id}).json(), 5.0)
    found: dict[str, Any] = row
    return found


@pytest.fixture
def claude(gateway: RunningGateway, new_key: Callable[..., str]) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=f"{gateway.url}/anthropic", api_key=new_key(max_budget=1), max_retries=0)


def test_a_provider_is_asked_by_its_own_sdk_under_our_key(
    claude: anthropic.Anthropic, provider: RecordingProvider, master: httpx.Client, eventually: Eventually
) -> None:
    messages: list[Any] = [{"role": "user", "content": "passed as it is"}]
    with claude:
        answer = claude.messages.with_raw_response.create(messages=messages, **ASKED)
    message = answer.parse()
    assert message.usage.output_tokens > 0
    (request,) = provider.asked_with("passed as it is")
    assert request == {"messages": messages, **ASKED}
    headers = provider.headers[provider.requests.index(request)]
    assert (headers["x-api-key"], "authorization" in headers) == ("sk-ant-x", False)
    row = row_of(master, eventually, answer.headers["x-litellm-call-id"])
    assert (row["call_type"], row["status"], row["custom_llm_provider"]) == (
        "pass_through_endpoint",
        "success",
        "anthropic",
    )
    usage = message.usage
    assert row["spend"] >= (usage.input_tokens + 5 * usage.output_tokens) / 1e6


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/anthropic/v1/messages", {"max_tokens": 50, "messages": HELLO, "model": "claude-haiku-4-5"}),
        ("/openai/chat/completions", {"messages": HELLO, "model": "gpt-4o-mini"}),
        ("/openai/responses", {"input": "hello", "model": "gpt-4o-mini"}),
        ("/openai/embeddings", {"input": "hello", "model": "text-embedding-3-small"}),
        (
            "/gemini/v1beta/models/gemini-2.5-flash:generateContent",
            {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]},
        ),
    ],
)
def test_an_answer_that_passes_tells_its_cost_in_its_headers(
    master: httpx.Client, eventually: Eventually, path: str, body: dict[str, Any]
) -> None:
    answer = master.post(path, json=body)
    assert answer.status_code == 200, answer.text
    assert len(answer.content) == int(answer.headers["content-length"]) > 0
    told = Decimal(answer.headers["x-litellm-response-cost"])
    row = row_of(master, eventually, answer.headers["x-litellm-call-id"])
    assert told == Decimal(str(row["spend"])) > 0
    sides = [Decimal(answer.headers[f"x-litellm-response-cost-{side}"]) for side in ("input", "output")]
    assert sum(sides) == told


def test_a_stream_that_passes_and_what_costs_nothing_have_no_such_header(master: httpx.Client) -> None:
    asked = {"model": "gpt-4o-mini", "messages": HELLO, "stream": True}
    stream = master.post("/openai/chat/completions", json=asked)
    looked_up = master.get("/openai/v1/unheard-of")
    for answer in (stream, looked_up):
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("x-litellm-response-cost")]


def test_a_stream_is_passed_on_and_counted(
    claude: anthropic.Anthropic, master: httpx.Client, eventually: Eventually
) -> None:
    with claude, claude.messages.stream(messages=[{"role": "user", "content": "hello"}], **ASKED) as stream:
        assert stream.get_final_text()
        request_id = stream.response.headers["x-litellm-call-id"]
    assert row_of(master, eventually, request_id)["spend"] > 0


def test_what_is_only_looked_up_costs_nothing_and_keeps_its_path(
    master: httpx.Client, new_key: Callable[..., str], provider: RecordingProvider
) -> None:
    key = {"authorization": f"Bearer {new_key(max_budget=0.000001)}", "cookie": "a=b"}
    answer = master.get("/openai/v1/unheard-of/f%2F1?limit=2", headers=key)
    assert answer.json() == {"method": "GET", "path": "/v1/unheard-of/f%2F1?limit=2", "refused": False}
    assert "set-cookie" not in answer.headers
    seen = provider.looked_up[-1]
    assert (seen["authorization"], "cookie" in seen) == ("Bearer sk-provider", False)
    assert master.delete("/openai/v1/unheard-of/f1", headers=key).status_code == 404  # nobody knows whose it is
    assert master.delete("/openai/v1/unheard-of/f1").json()["method"] == "DELETE"


def test_a_providers_refusal_is_passed_on_as_it_is(master: httpx.Client, eventually: Eventually) -> None:
    answer = master.get("/openai/v1/refused")
    assert (answer.status_code, answer.json()["refused"], answer.headers["retry-after"]) == (429, True, "7")


def test_budget_and_guardrails_hold_there_too(
    master: httpx.Client, new_key: Callable[..., str], provider: RecordingProvider, gateway: RunningGateway
) -> None:
    before = len(provider.requests)
    asked = {**ASKED, "messages": [{"role": "user", "content": "say Project-Zebra"}]}
    blocked = master.post("/anthropic/v1/messages", json=asked)
    assert (blocked.status_code, blocked.json()["type"]) == (400, "error")
    asked["messages"] = [{"role": "user", "content": "hello"}]
    poor = {"authorization": f"Bearer {new_key(max_budget=0.0001)}"}
    refused = master.post("/anthropic/v1/messages", json=asked, headers=poor)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "budget_exceeded")
    assert (
        "that this request may cost at most: ask for less, or set a lower maximum" in refused.json()["error"]["message"]
    )
    elsewhere = {"authorization": f"Bearer {new_key(models=['demo'])}"}
    assert master.post("/anthropic/v1/messages", json=asked, headers=elsewhere).status_code == 403
    assert httpx.post(f"{gateway.url}/anthropic/v1/messages", json=asked).status_code == 401
    assert len(provider.requests) == before


def test_a_key_for_the_models_of_a_provider_may_pass(master: httpx.Client, new_key: Callable[..., str]) -> None:
    asked = {**ASKED, "messages": [{"role": "user", "content": "hello"}]}
    key = {"authorization": f"Bearer {new_key(models=['anthropic/*'])}"}
    assert master.post("/anthropic/v1/messages", json=asked, headers=key).status_code == 200


def test_a_model_without_a_price_is_refused_where_money_is_counted(
    master: httpx.Client, new_key: Callable[..., str]
) -> None:
    key = {"authorization": f"Bearer {new_key(max_budget=1)}"}
    answer = master.post("/openai/chat/completions", json={"model": "nobody-knows-it", "messages": []}, headers=key)
    assert (answer.status_code, "price" in answer.json()["error"]["message"]) == (400, True)


def test_an_unknown_provider_is_not_found(master: httpx.Client) -> None:
    assert master.get("/no-provider/v1/models").status_code == 404


@pytest.mark.parametrize(
    ("provider_path", "collection", "dialect"),
    [
        ("/openai/v1", "threads", "openai"),
        ("/openai/v1", "assistants", "openai"),
        ("/anthropic/v1", "messages/batches", "anthropic"),
    ],
)
def test_what_a_provider_keeps_is_its_makers_alone(
    master: httpx.Client, new_key: Callable[..., str], provider_path: str, collection: str, dialect: str
) -> None:
    url = f"{provider_path}/{collection}"
    maker, other = ({"authorization": f"Bearer {new_key()}"} for _ in range(2))
    made = master.post(url, json={"metadata": {"id": "thread_of_another"}}, headers=maker).json()["id"]
    assert master.get(f"{url}/{made}", headers=maker).status_code == 200
    assert master.get(f"{url}/{made}/messages", headers=maker).status_code == 200
    assert master.get(f"{url}/{made}").status_code == 200  # the master key
    for asked in (
        ("GET", f"{url}/{made}"),
        ("DELETE", f"{url}/{made}"),
        ("POST", f"{url}/{made}/messages"),
        ("GET", f"{url}/{made}".replace("t", "%74")),
        ("GET", f"{provider_path}/x/..//{collection}/{made}"),
    ):
        refused = master.request(*asked, headers=other, json={} if asked[0] == "POST" else None)
        assert message_in(dialect, 404, refused.json()).startswith(f"'{made}' not found"), asked
    listed = master.get(url, headers=maker)
    assert (listed.status_code, "only the master key" in listed.text) == (403, True)
    assert master.get(url).status_code == 200
    assert master.get(f"{url}/thread_of_another", headers=maker).status_code == 404
    assert master.delete(f"{url}/{made}", headers=maker).status_code == 200
    assert master.get(f"{url}/{made}", headers=maker).status_code == 404


def test_work_whose_cost_no_answer_tells_is_refused_on_a_budget(
    master: httpx.Client, new_key: Callable[..., str], provider: RecordingProvider
) -> None:
    before = len(provider.requests)
    key = {"authorization": f"Bearer {new_key(max_budget=1)}"}
    for path in ("/anthropic/v1/messages/batches", "/openai/v1/fine_tuning/jobs", "/openai/v1/videos"):
        refused = master.post(path, json={}, headers=key)
        assert (refused.status_code, "no answer tells" in refused.text) == (400, True), refused.text
    assert len(provider.requests) == before


@pytest.fixture
def boto(gateway: RunningGateway, new_key: Callable[..., str]) -> Any:
    """AWS's own library, which has a key of ours and none of AWS: it sends no bearer token over plain HTTP."""
    client = botocore.session.Session().create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=f"{gateway.url}/bedrock",
        config=Config(signature_version=UNSIGNED),
    )
    key = new_key(max_budget=1)
    client.meta.events.register("before-call", lambda params, **_: params["headers"].update({"x-api-key": key}))
    return client


def test_awss_own_library_passes_with_our_key_and_the_call_is_signed_here(
    boto: Any, strict: StrictProviders, master: httpx.Client, eventually: Eventually
) -> None:
    asked: dict[str, Any] = {
        "modelId": "us.amazon.nova-lite-v1:0",
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "inferenceConfig": {"maxTokens": 50},
    }
    answer = boto.converse(**asked)
    assert answer["output"]["message"]["content"][0]["text"] == "Hello there!"
    signed = strict.bedrock.received[-1].headers["authorization"]
    assert signed.startswith(f"AWS4-HMAC-SHA256 Credential={strict.bedrock.key}/")
    row = row_of(master, eventually, answer["ResponseMetadata"]["HTTPHeaders"]["x-litellm-call-id"])
    assert (row["custom_llm_provider"], row["completion_tokens"]) == ("bedrock", 10)
    assert row["spend"] > 0
    events = list(boto.converse_stream(**asked)["stream"])
    texts = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    assert "".join(texts) == "Hello there!"
    assert events[-1]["metadata"]["usage"]["outputTokens"] == 10


def test_cohere_is_asked_by_its_own_sdk(
    gateway: RunningGateway, new_key: Callable[..., str], master: httpx.Client, eventually: Eventually
) -> None:
    key = new_key(max_budget=1)
    asked: Any = {"model": "command-a-03-2025", "messages": HELLO, "max_tokens": 50}
    with httpx.Client() as http:
        client = cohere.ClientV2(api_key=key, base_url=f"{gateway.url}/cohere", httpx_client=http)
        answer = client.chat(**asked)
        assert answer.usage is not None
        assert answer.finish_reason == "COMPLETE"
        events = list(client.chat_stream(**asked))
    assert [event.type for event in events][-1] == "message-end"
    rows = eventually(lambda: _two(master.get("/spend/logs", params={"api_key": key}).json()), 5.0)
    assert [row["completion_tokens"] for row in rows] == [10, 10]
    assert [row["metadata"]["meterhouse"]["usage_source"] for row in rows] == ["provider", "provider"]
    assert all(row["spend"] > 0 for row in rows)


def test_ollama_is_asked_by_its_own_sdk_at_the_operators_prices_and_its_models_are_the_operators(
    gateway: RunningGateway, new_key: Callable[..., str], master: httpx.Client, eventually: Eventually
) -> None:
    key = new_key(max_budget=1)
    headers = {"authorization": f"Bearer {key}"}
    with ollama.Client(host=f"{gateway.url}/ollama", headers=headers) as client:
        answer = client.chat("llama3.3", HELLO, options={"num_predict": 50})
        lines = list(client.generate("llama3.3", "hello", stream=True, options={"num_predict": 50}))
    assert "".join(line.response for line in lines) == answer.message.content == "Hello there!"
    assert lines[-1].done_reason == "stop"
    rows = eventually(lambda: _two(master.get("/spend/logs", params={"api_key": key}).json()), 5.0)
    assert [row["spend"] for row in rows] == [pytest.approx(20e-6 + 10 * 2e-6)] * 2
    for method, path in (("POST", "pull"), ("POST", "create"), ("DELETE", "delete")):
        refused = httpx.request(method, f"{gateway.url}/ollama/api/{path}", json={"model": "x"}, headers=headers)
        assert refused.status_code == 404
        assert "who made it" in refused.json()["error"]["message"]


def _two(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return rows if len(rows) == 2 else []
