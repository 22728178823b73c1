"""Completions and embeddings through a whole gateway, by the official SDK."""

from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

from tests.journey.recording_provider import WORDS, RecordingProvider

MODELS = ["demo", "recorded"]


def test_a_text_is_continued(sdk: openai.OpenAI) -> None:
    answer = sdk.completions.create(model="recorded", prompt="Once upon a time", max_tokens=7, temperature=0)
    assert (answer.object, answer.model, answer.choices[0].text) == ("text_completion", "recorded", "".join(WORDS))
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (11, 7)


def test_a_text_comes_piece_by_piece_and_its_usage_only_where_it_is_asked_for(sdk: openai.OpenAI) -> None:
    chunks = list(sdk.completions.create(model="recorded", prompt="Once", stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == "".join(WORDS)
    assert {(chunk.model, chunk.usage) for chunk in chunks} == {("recorded", None)}
    more = list(sdk.completions.create(model="demo", prompt="a b", stream=True, stream_options={"include_usage": True}))
    assert more[-1].usage is not None
    assert (more[-1].usage.completion_tokens, more[-1].choices) == (2, [])


def test_texts_are_continued_by_a_model_that_only_chats(sdk: openai.OpenAI, provider: RecordingProvider) -> None:
    answer = sdk.completions.create(model="claude", prompt="A text for a chat", max_tokens=7)
    assert (answer.object, answer.choices[0].text, answer.choices[0].finish_reason) == (
        "text_completion",
        "".join(WORDS),
        "stop",
    )
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 7
    (request,) = provider.asked_with("A text for a chat")
    assert request["messages"][0]["role"] == "user"
    assert request["max_tokens"] == 7
    options: Any = {"include_usage": True}
    chunks = list(sdk.completions.create(model="claude", prompt="Once", stream=True, stream_options=options))
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == "".join(WORDS)
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 7
    with pytest.raises(openai.BadRequestError, match="must be one text"):
        sdk.completions.create(model="claude", prompt=["a", "b"])
    with pytest.raises(openai.BadRequestError, match="suffix"):
        sdk.completions.create(model="claude", prompt="a", suffix="b")


def test_the_provider_gets_what_the_client_sent_but_for_the_model(
    sdk: openai.OpenAI, provider: RecordingProvider
) -> None:
    sdk.completions.create(model="recorded", prompt="a text of its own", logprobs=2, echo=True, user="ann")
    (request,) = provider.asked_with("a text of its own")
    assert request == {"model": "recorder-1", "prompt": "a text of its own", "logprobs": 2, "echo": True, "user": "ann"}
    sdk.embeddings.create(model="recorded", input=["another one of its own"], dimensions=2, encoding_format="float")
    (request,) = provider.asked_with("another one of its own")
    assert request == {
        "model": "recorder-1",
        "input": ["another one of its own"],
        "dimensions": 2,
        "encoding_format": "float",
    }


@pytest.mark.parametrize("model", MODELS)
def test_texts_become_vectors(sdk: openai.OpenAI, model: str) -> None:
    answer = sdk.embeddings.create(model=model, input="hello there", encoding_format="float")
    assert (answer.model, answer.data[0].index, len(answer.data[0].embedding) > 1) == (model, 0, True)
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 0


def test_an_embedding_costs_its_input_alone(master: httpx.Client, eventually: Callable[..., Any]) -> None:
    answer = master.post("/v1/embeddings", json={"model": "recorded", "input": "hello"})
    assert float(answer.headers["x-litellm-response-cost"]) == pytest.approx(5e-6)
    request_id = answer.headers["x-litellm-call-id"]
    (row,) = eventually(lambda: master.get("/spend/logs", params={"request_id": request_id}).json(), 5.0)
    assert (row["call_type"], row["prompt_tokens"], row["completion_tokens"]) == ("aembedding", 5, 0)


def test_a_budget_that_one_embedding_fits_is_enough_for_it(
    new_key: Callable[..., str], sdk_with: Callable[[str], openai.OpenAI]
) -> None:
    client = sdk_with(new_key(max_budget=0.0002))  # 60 bytes and the template: 0.0001 at most, and no output at all
    client.embeddings.create(model="recorded", input="hello")
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        client.embeddings.create(model="recorded", input="x" * 500)
    assert caught.value.response.json()["error"]["type"] == "budget_exceeded"


def test_token_ids_are_refused_where_a_guardrail_must_read_the_text(sdk: openai.OpenAI) -> None:
    for tokens in ([1, 2, 3], [[1, 2], [3]]):
        with pytest.raises(openai.BadRequestError, match="token ids"):
            sdk.embeddings.create(model="recorded", input=tokens)


def test_a_provider_that_has_no_such_endpoint_says_so(master: httpx.Client) -> None:
    answer = master.post("/v1/embeddings", json={"model": "claude", "input": "hello"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "model")
    assert "aembedding" in answer.json()["error"]["message"]
