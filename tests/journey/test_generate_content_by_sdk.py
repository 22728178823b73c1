"""Google's official SDK in front of a whole gateway, whatever provider is behind it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types

from tests.journey.recording_provider import WORDS, RecordingProvider
from tests.running_gateway import RunningGateway

EVERYWHERE = pytest.mark.parametrize("model", ["recorded", "claude"], ids=["openai", "anthropic"])
HELLO: Any = {"contents": [{"role": "user", "parts": [{"text": "hello there"}]}]}


@pytest.fixture(scope="module")
def google_sdk(gateway: RunningGateway) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=gateway.url)
    with genai.Client(api_key=gateway.master_key, http_options=options) as client:
        yield client


@EVERYWHERE
def test_contents_are_generated(google_sdk: genai.Client, model: str) -> None:
    config = types.GenerateContentConfig(system_instruction="be nice", max_output_tokens=50)
    answer = google_sdk.models.generate_content(model=model, contents="hello there", config=config)
    assert (answer.text, answer.model_version) == ("".join(WORDS), model)
    assert answer.usage_metadata is not None
    assert answer.usage_metadata.candidates_token_count == 7


@EVERYWHERE
def test_contents_are_streamed(google_sdk: genai.Client, model: str) -> None:
    events = list(google_sdk.models.generate_content_stream(model=model, contents="hello there"))
    assert "".join(event.text or "" for event in events) == "".join(WORDS)
    assert len(events) > 3
    assert events[-1].candidates is not None
    assert events[-1].candidates[0].finish_reason == types.FinishReason.STOP


def test_functions_are_called_and_their_results_go_back(google_sdk: genai.Client, provider: RecordingProvider) -> None:
    declared = types.FunctionDeclaration(name="get_weather", parameters_json_schema={"type": "object"})
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declared])])
    asked = types.Content(role="user", parts=[types.Part(text="the weather of the google journey")])
    answer = google_sdk.models.generate_content(model="recorded", contents=[asked], config=config)
    (call,) = answer.function_calls or []
    assert (call.name, call.args) == ("get_weather", {"city": "Paris"})
    assert answer.candidates is not None
    said = answer.candidates[0].content
    assert said is not None
    result = types.FunctionResponse(id=call.id, name="get_weather", response={"degrees": 20})
    back = types.Content(role="user", parts=[types.Part(function_response=result)])
    google_sdk.models.generate_content(model="recorded", contents=[asked, said, back])
    *_, request = provider.asked_with("google journey")
    assert [message["role"] for message in request["messages"]] == ["user", "assistant", "tool"]
    assert request["messages"][2]["tool_call_id"] == request["messages"][1]["tool_calls"][0]["id"] == call.id


def test_tokens_are_counted(google_sdk: genai.Client) -> None:
    counted = google_sdk.models.count_tokens(model="recorded", contents="hello there")
    assert counted.total_tokens is not None
    assert counted.total_tokens > 1


def test_errors_are_in_googles_words(google_sdk: genai.Client) -> None:
    with pytest.raises(errors.ClientError, match="unheard-of") as caught:
        google_sdk.models.generate_content(model="unheard-of", contents="hello")
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")


def test_the_key_may_stand_in_the_address(
    gateway: RunningGateway, new_key: Callable[..., str], master: httpx.Client, eventually: Callable[..., Any]
) -> None:
    url = f"{gateway.url}/v1beta/models/recorded:generateContent"
    answer = httpx.post(url, params={"key": new_key()}, json=HELLO)
    assert answer.status_code == 200
    request_id = answer.headers["x-litellm-call-id"]
    (row,) = eventually(lambda: master.get("/spend/logs", params={"request_id": request_id}).json(), 5.0)
    assert (row["call_type"], row["completion_tokens"]) == ("agenerate_content", 7)
    refused = httpx.post(url, params={"key": "sk-wrong"}, json=HELLO)
    assert (refused.status_code, refused.json()["error"]["status"]) == (401, "UNAUTHENTICATED")


def test_a_stream_without_alt_sse_is_one_array(master: httpx.Client) -> None:
    answer = master.post("/v1beta/models/recorded:streamGenerateContent", json=HELLO)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json; charset=UTF-8")
    events = master.post("/v1beta/models/recorded:streamGenerateContent?alt=sse", json=HELLO).text
    told = [json.loads(line[6:]) for line in events.split("\n") if line.startswith("data: ")]
    assert [without_id(each) for each in answer.json()] == [without_id(each) for each in told]
    assert told[-1]["candidates"][0]["finishReason"] == "STOP"


def test_an_error_of_such_a_call_is_no_array(master: httpx.Client) -> None:
    answer = master.post("/v1beta/models/nobody-knows-it:streamGenerateContent", json=HELLO)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def without_id(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "responseId"}
