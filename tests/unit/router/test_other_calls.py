"""Calls that are no chats: where they go, what goes there, and who does not take them."""

from typing import Any

import orjson
import pytest

from services.router.prepare import Unserved, prepared
from services.router.providers.answers.broken_answer import BrokenAnswer, ProviderStreamError
from services.router.providers.answers.rejection import InvalidField
from services.router.providers.openai.json_answer import JsonAnswer
from services.router.providers.openai.plain_body import plain_form
from services.router.providers.registry import load_providers
from shared.payloads.forms import Field, read_form, write_form
from shared.serving.deployments import Deployment
from tests.router_calls import deployment, provider_call

AZURE: dict[str, Any] = {"provider": "azure", "model": "ada", "api_key": "az", "api_base": "https://a.openai.azure.com"}


def sent(call_type: str, body: dict[str, Any], of: Deployment | None = None, **call: Any) -> tuple[str, dict[str, Any]]:
    of = of or deployment()
    request = prepared(load_providers({})[of.provider], provider_call(body, call_type=call_type, **call), of).request
    return request.url, orjson.loads(request.body)


def test_each_type_of_call_has_its_path() -> None:
    assert sent("aembedding", {"input": "a"})[0] == "https://api.openai.com/v1/embeddings"
    assert sent("atext_completion", {"prompt": "a"})[0] == "https://api.openai.com/v1/completions"
    url, _ = sent("aembedding", {"input": "a"}, deployment(**AZURE))
    assert url == "https://a.openai.azure.com/openai/deployments/ada/embeddings?api-version=2024-10-21"
    url, _ = sent("aembedding", {"input": "a"}, deployment(**AZURE, api_version="v1"))
    assert url == "https://a.openai.azure.com/openai/v1/embeddings"


def test_an_embedding_gets_the_deployments_defaults_that_it_knows() -> None:
    of = deployment(
        defaults={"dimensions": 9, "temperature": 0.5}, extra_body={"truncate": True}, drop_always=("encoding_format",)
    )
    body = {"model": "m", "input": ["a"], "encoding_format": "base64", "metadata": {"tags": ["x"]}, "timeout": 3}
    assert sent("aembedding", body, of)[1] == {"model": "gpt-4o", "input": ["a"], "dimensions": 9, "truncate": True}
    assert sent("aembedding", {**body, "dimensions": 3}, of)[1]["dimensions"] == 3


def test_a_completion_gets_the_admitted_maximum_and_no_field_of_a_chat() -> None:
    of = deployment(defaults={"temperature": 0.5, "tools": [1], "max_completion_tokens": 5})
    _, body = sent("atext_completion", {"prompt": "a", "stream": True}, of, max_tokens=7, stream=True)
    assert body == {
        **{"prompt": "a", "stream": True, "temperature": 0.5, "max_tokens": 7, "model": "gpt-4o"},
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize("call_type", ["aembedding", "amoderation", "arerank"])
def test_who_has_no_such_endpoint_is_told_by_name(call_type: str) -> None:
    claude = deployment(provider="anthropic", model="claude-3")
    with pytest.raises(Unserved, match=rf"anthropic/claude-3.*{call_type}") as caught:
        sent(call_type, {}, claude)
    assert caught.value.param == "model"


@pytest.mark.parametrize(
    "call_type",
    ["aspeech", "atranscription", "atranslation", "aimage_generation", "aimage_edit", "amoderation", "arerank"],
)
def test_the_simulated_provider_refuses_what_it_does_not_answer(call_type: str) -> None:
    with pytest.raises(Unserved, match=rf"simulated/echo.*{call_type}"):
        sent(call_type, {"input": "a"}, deployment(provider="simulated", model="echo", api_key=None))


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidField):
        prepared(load_providers({})["openai"], provider_call(b"[]", call_type="aembedding"), deployment())


def test_a_form_goes_out_with_the_providers_model_and_nothing_of_ours() -> None:
    sound = Field("file", b"\xff\x00", "a.mp3", "audio/mpeg")
    fields = [Field("model", b"m"), sound, Field("language", b"de"), Field("timeout", b"3"), Field("n", b"1")]
    body, content_type = write_form(fields)
    call = provider_call(body, content_type=content_type)
    form = read_form(*plain_form(call, model="whisper-1", extra={"temperature": 0, "prompt": "x"}, drop=("n",)))
    assert form == (
        *(sound, Field("language", b"de"), Field("model", b"whisper-1")),
        *(Field("temperature", b"0"), Field("prompt", b"x")),
    )
    with pytest.raises(InvalidField, match="form"):
        plain_form(provider_call(b"{}", content_type=content_type), model="whisper-1")


ANSWER = {"object": "list", "model": "ada-002", "data": [{"embedding": [0.1]}], "usage": {"prompt_tokens": 4}}


def test_an_answer_shows_the_model_that_was_asked_for_and_tells_its_usage() -> None:
    reader = JsonAnswer("m", "data")
    whole = reader.whole(orjson.dumps(ANSWER))
    assert orjson.loads(whole.body) == {**ANSWER, "model": "m"}
    assert reader.usage is not None
    assert (reader.usage.input, reader.usage.output) == (4, 0)


def test_an_answer_with_the_right_model_keeps_its_bytes() -> None:
    raw = b'{ "data": [ ], "model" : "m" }'
    assert JsonAnswer("m", "data").whole(raw).body == raw


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data"', b'{"other":1}'])
def test_what_is_no_answer_is_broken(body: bytes) -> None:
    with pytest.raises(BrokenAnswer):
        JsonAnswer("m", "data").whole(body)


def test_an_error_in_an_answers_place_is_one() -> None:
    with pytest.raises(ProviderStreamError, match="too many"):
        JsonAnswer("m", "data").whole(b'{"error":{"message":"too many","code":429}}')
