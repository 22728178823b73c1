"""The Responses API by the official SDK through a whole gateway, whatever provider is behind it."""

from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

from tests.journey.recording_provider import WORDS, RecordingProvider
from tests.running_gateway import RunningGateway

SdkWith = Callable[[str], openai.OpenAI]
EVERYWHERE = pytest.mark.parametrize("model", ["recorded", "gpt", "claude"], ids=["chat", "responses", "anthropic"])
TOOL: Any = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}


@EVERYWHERE
def test_a_response_is_made(sdk: openai.OpenAI, model: str) -> None:
    response = sdk.responses.create(model=model, input="hello there", instructions="be nice", max_output_tokens=100)
    assert (response.output_text, response.model, response.status) == ("".join(WORDS), model, "completed")
    assert response.usage is not None
    assert response.usage.output_tokens == 7
    assert response.id.startswith("resp_")


@EVERYWHERE
def test_a_response_is_streamed(sdk: openai.OpenAI, model: str) -> None:
    with sdk.responses.stream(model=model, input="hello there") as stream:
        kinds = [event.type for event in stream]
        response = stream.get_final_response()
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert (response.output_text, response.model) == ("".join(WORDS), model)


@pytest.mark.parametrize(("model", "least", "most"), [("gpt", 14, 14), ("recorded", 20, 90), ("claude", 20, 90)])
def test_tokens_are_counted(sdk: openai.OpenAI, model: str, least: int, most: int) -> None:
    counted = sdk.responses.input_tokens.count(model=model, input="how many?", instructions="be nice", tools=[TOOL])
    assert counted.object == "response.input_tokens"
    assert least <= counted.input_tokens <= most


def test_what_is_no_response_is_no_id_of_one(master: httpx.Client, sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="/v1/responses/compact: Not Found"):
        sdk.responses.compact(model="recorded", input="hi")
    asked = master.get("/v1/responses/input_tokens")
    assert (asked.status_code, asked.headers["allow"]) == (405, "POST")
    with pytest.raises(openai.BadRequestError, match="/responses/input_tokens: Missing required parameter: 'input'"):
        sdk.responses.input_tokens.count(model="recorded")


def test_tools_are_called_and_their_results_go_back(sdk: openai.OpenAI, provider: RecordingProvider) -> None:
    asked: Any = [{"role": "user", "content": "the weather of the responses journey"}]
    with sdk.responses.stream(model="recorded", input=asked, tools=[TOOL]) as stream:
        response = stream.get_final_response()
    (call,) = response.output
    assert call.type == "function_call"
    assert (call.name, call.arguments) == ("get_weather", '{"city":"Paris"}')
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "20 degrees"}
    asked += [item.model_dump(exclude_none=True) for item in response.output] + [result]
    sdk.responses.create(model="recorded", input=asked)
    *_, request = provider.asked_with("responses journey")
    assert [message["role"] for message in request["messages"]] == ["user", "assistant", "tool"]
    assert request["messages"][1]["tool_calls"][0]["function"] == {
        **{"name": "get_weather", "arguments": '{"city":"Paris"}'}
    }


def test_a_conversation_goes_on_from_what_is_kept_here(sdk: openai.OpenAI, provider: RecordingProvider) -> None:
    first = sdk.responses.create(model="recorded", input="the first of a conversation", store=True)
    second = sdk.responses.create(
        model="recorded", input="and the second", previous_response_id=first.id, store=True, instructions="new ones"
    )
    third = sdk.responses.create(model="claude", input="and the third", previous_response_id=second.id)
    *_, request = provider.asked_with("and the second")
    said = [message["content"] for message in request["messages"]]
    text = "".join(WORDS)
    assert [part if isinstance(part, str) else part[0]["text"] for part in said] == [
        *("the first of a conversation", text, "and the second", text, "and the third")
    ]
    assert second.previous_response_id == first.id
    assert third.output_text == text
    again = sdk.responses.retrieve(second.id)
    assert (again.output_text, again.store if hasattr(again, "store") else True) == (text, True)
    items = list(sdk.responses.input_items.list(second.id, order="asc"))
    assert [item.type for item in items] == ["message"] * 3
    sdk.responses.delete(second.id)
    with pytest.raises(openai.NotFoundError):
        sdk.responses.retrieve(second.id)


@pytest.mark.parametrize("store", [False, None])
def test_what_nobody_asked_to_keep_is_not_kept(sdk: openai.OpenAI, store: bool | None) -> None:
    response = sdk.responses.create(model="recorded", input="forget me", **({} if store is None else {"store": store}))
    with pytest.raises(openai.NotFoundError, match="store: true"):
        sdk.responses.create(model="recorded", input="go on", previous_response_id=response.id)
    with pytest.raises(openai.NotFoundError):
        sdk.responses.retrieve(response.id)


@pytest.mark.parametrize("model", ["recorded", "gpt"])
def test_a_response_belongs_to_the_key_that_made_it(
    sdk_with: SdkWith, new_key: Callable[..., str], model: str, sdk: openai.OpenAI
) -> None:
    owner, stranger = sdk_with(new_key()), sdk_with(new_key())
    response = owner.responses.create(model=model, input="mine", store=True)
    assert owner.responses.retrieve(response.id).id == response.id
    assert sdk.responses.retrieve(response.id).id == response.id  # whoever administers the gateway
    for ask in (stranger.responses.retrieve, stranger.responses.delete, stranger.responses.cancel):
        with pytest.raises(openai.NotFoundError):
            ask(response.id)
    with pytest.raises(openai.NotFoundError):
        stranger.responses.input_items.list(response.id)
    with pytest.raises(openai.NotFoundError):
        stranger.responses.create(model=model, input="go on", previous_response_id=response.id)


def test_what_openai_keeps_is_asked_for_there(sdk: openai.OpenAI, provider: RecordingProvider) -> None:
    response = sdk.responses.create(model="gpt", input="a native response", extra_body={"unheard_of": {"a": 1.5}})
    assert response.id == "resp_recorded"
    (request,) = provider.asked_with("a native response")
    assert request == {"model": "gpt-4o", "input": "a native response", "unheard_of": {"a": 1.5}}
    sdk.responses.create(model="gpt", input="native again", previous_response_id=response.id)
    (request,) = provider.asked_with("native again")
    assert request["previous_response_id"] == "resp_recorded"
    assert sdk.responses.retrieve(response.id).id == "resp_recorded"
    assert [item.id for item in sdk.responses.input_items.list(response.id)] == ["item_1"]
    assert "GET /v1/responses/resp_recorded" in provider.paths
    with pytest.raises(openai.NotFoundError, match="ask the model that made it"):
        sdk.responses.create(model="recorded", input="elsewhere", previous_response_id=response.id)
    sdk.responses.delete(response.id)
    assert "DELETE /v1/responses/resp_recorded" in provider.paths


def test_what_is_asked_of_a_stored_response_is_told_of_and_costs_nothing(
    sdk_with: SdkWith, new_key: Callable[..., str], master: httpx.Client, eventually: Callable[..., Any]
) -> None:
    client = sdk_with(new_key(max_budget=1))
    made = client.responses.create(model="gpt", input="told of").id
    for ask, call_type in (
        (client.responses.with_raw_response.retrieve, "aget_responses"),
        (client.responses.input_items.with_raw_response.list, "alist_input_items"),
        (client.responses.with_raw_response.cancel, "acancel_responses"),
        (client.responses.with_raw_response.delete, "adelete_responses"),
    ):
        answer = ask(made)
        assert answer.headers["x-litellm-model-group"] == "gpt"
        asked = {"request_id": answer.headers["x-litellm-call-id"]}
        (row,) = eventually(lambda asked=asked: master.get("/spend/logs", params=asked).json(), 5.0)
        assert (row["call_type"], row["status"], row["spend"]) == (call_type, "success", 0)
        assert (row["model_group"], row["custom_llm_provider"]) == ("gpt", "openai")


def test_the_stream_of_a_response_that_openai_keeps_goes_on_where_it_broke_off(
    sdk: openai.OpenAI, provider: RecordingProvider
) -> None:
    response = sdk.responses.create(model="gpt", input="a stream to go on with")
    (event,) = sdk.responses.retrieve(response.id, stream=True, starting_after=7)
    assert (event.type, event.sequence_number) == ("response.completed", 8)
    (path,) = [path for path in provider.paths if "stream=true" in path]
    assert path.startswith("GET /v1/responses/resp_recorded?")
    assert "starting_after=7" in path


def test_a_response_that_is_kept_here_is_read_as_a_whole(sdk: openai.OpenAI) -> None:
    response = sdk.responses.create(model="recorded", input="keep it whole", store=True)
    with pytest.raises(openai.BadRequestError, match="without 'stream'") as refused:
        list(sdk.responses.retrieve(response.id, stream=True))
    assert refused.value.param == "stream"


@pytest.mark.parametrize("path", ["/openai/v1/responses/", "/openai/responses/", "/v1/responses/", "/responses/"])
def test_no_path_leads_around_who_owns_a_response(
    sdk: openai.OpenAI, new_key: Callable[..., str], gateway: RunningGateway, path: str, provider: RecordingProvider
) -> None:
    response = sdk.responses.create(model="gpt", input="mine")
    asked = len(provider.paths)
    headers = {"authorization": f"Bearer {new_key()}"}
    for method, behind in (("GET", ""), ("GET", "/input_items"), ("DELETE", ""), ("POST", "/cancel")):
        answer = httpx.request(method, f"{gateway.url}{path}{response.id}{behind}", headers=headers)
        assert answer.status_code == 404
    assert len(provider.paths) == asked


def test_a_response_that_is_done_cannot_be_cancelled(sdk: openai.OpenAI) -> None:
    response = sdk.responses.create(model="recorded", input="hi", store=True)
    with pytest.raises(openai.BadRequestError, match="background"):
        sdk.responses.cancel(response.id)


def test_history_is_paid_for_and_examined(
    sdk: openai.OpenAI, sdk_with: SdkWith, new_key: Callable[..., str], master: httpx.Client
) -> None:
    client = sdk_with(new_key(max_budget=0.01))
    first = client.responses.create(model="recorded", input="x " * 3_000, store=True, max_output_tokens=10)

    def go_on(response_id: str) -> None:
        for _ in range(8):
            response_id = client.responses.create(
                model="recorded", input="y " * 200, previous_response_id=response_id, store=True, max_output_tokens=10
            ).id

    with pytest.raises(openai.UnprocessableEntityError):
        go_on(first.id)
    with pytest.raises(openai.BadRequestError, match=r"(?i)project-zebra"):
        sdk.responses.create(model="recorded", input=[{"role": "user", "content": "Project-Zebra"}])


def test_errors_in_a_stream_reach_the_sdk(sdk: openai.OpenAI) -> None:
    script = {"simulated": {"text": "one two three four", "fail_after_chunks": 2, "message": "the provider fell over"}}
    with pytest.raises(openai.APIError, match="the provider fell over"):
        list(sdk.responses.create(model="demo", input="hi", stream=True, extra_body=script))
    with pytest.raises(openai.BadRequestError, match="input"):
        sdk.responses.create(model="demo")
