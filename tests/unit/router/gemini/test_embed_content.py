"""Google's requests for vectors, in front of those who embed in OpenAI's form."""

import base64
import struct
from typing import Any

import orjson
import pytest

from services.router.dialects.gemini.embed import translate_embed
from services.router.prepare import Unserved, prepared
from services.router.providers.answers.broken_answer import BrokenAnswer
from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.gemini.native import EmbedAnswer
from services.router.providers.registry import load_providers
from shared.usage import Usage
from tests.router_calls import deployment, provider_call


def content(*texts: str) -> dict[str, Any]:
    return {"content": {"role": "user", "parts": [{"text": text} for text in texts]}}


def translated(body: dict[str, Any], **fields: Any) -> Any:
    return translate_embed(provider_call(orjson.dumps(body), call_type="aembed_content", dialect="gemini", **fields))


def vectors(*embeddings: Any) -> dict[str, Any]:
    return {"data": [{"index": index, "embedding": one} for index, one in enumerate(embeddings)]}


def test_a_batch_is_a_list_of_texts_and_comes_back_as_one() -> None:
    each = {"model": "models/x", "outputDimensionality": 3}
    request, outlet = translated({"requests": [{**each, **content("a")}, {**each, **content("b", "c")}], "user": "u"})
    assert request["input"] == ["a", "b\nc"]
    assert (request["dimensions"], request["user"], "requests" in request) == (3, "u", False)
    packed = base64.b64encode(struct.pack("<2f", 0.5, -1)).decode()
    assert orjson.loads(outlet.whole(vectors([1, 2], packed), Usage(input=7))) == {
        "embeddings": [{"values": [1.0, 2.0]}, {"values": [0.5, -1.0]}],
        "usageMetadata": {"promptTokenCount": 7},
    }


def test_one_content_comes_back_as_one_vector() -> None:
    request, outlet = translated({**content("a"), "output_dimensionality": 2})
    assert (request["input"], request["dimensions"]) == (["a"], 2)
    assert orjson.loads(outlet.whole(vectors([1]), Usage()))["embedding"] == {"values": [1.0]}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({**content("a"), "task_type": "RETRIEVAL_QUERY"}, "taskType"),
        ({"requests": [content("a"), {**content("b"), "title": "t"}]}, r"requests\[1\].title"),
    ],
)
def test_what_others_have_no_words_for_is_named_or_left_out(body: dict[str, Any], named: str) -> None:
    with pytest.raises(UnsupportedParameter, match=named):
        translated(body)
    assert translated(body, drop_params=True)[0].keys() == {"model", "input"}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"requests": 5}, "requests"),
        ({"requests": [content("a"), {"content": 5}]}, "requests[1].content"),
        ({"content": {"parts": [{"inlineData": {}}]}}, "content.parts"),
        ({"content": {}}, "content.parts"),
        ({"requests": [content("a"), {**content("b"), "outputDimensionality": 3}]}, "requests"),
    ],
)
def test_what_is_malformed_is_named_by_its_path(body: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidField) as caught:
        translated(body)
    assert caught.value.param == path


def sent(body: dict[str, Any], provider: str = "gemini") -> Any:
    call = provider_call(orjson.dumps(body), call_type="aembed_content", dialect="gemini")
    return prepared(load_providers({})[provider], call, deployment(provider=provider, model="m", api_key="k"))


def test_google_gets_its_own_with_the_name_that_its_model_has_there() -> None:
    request = sent({"requests": [{"model": "models/alias", **content("a"), "taskType": "T"}], "tags": ["x"]}).request
    assert request.url.endswith("/v1beta/models/m:batchEmbedContents")
    assert orjson.loads(request.body) == {"requests": [{"model": "models/m", **content("a"), "taskType": "T"}]}
    one = sent({"model": "models/alias", **content("a")}).request
    assert (one.url.endswith("/v1beta/models/m:embedContent"), orjson.loads(one.body)) == (True, content("a"))
    with pytest.raises(InvalidField, match="requests"):
        sent({"requests": [5]})


def test_others_get_openais_and_who_embeds_nothing_says_so() -> None:
    request = sent(content("a"), "openai").request
    assert request.url.endswith("/v1/embeddings")
    assert orjson.loads(request.body) == {"model": "m", "input": ["a"]}
    with pytest.raises(Unserved, match="aembed_content"):
        sent(content("a"), "anthropic")


def test_googles_answer_passes_and_tells_its_usage() -> None:
    reader = EmbedAnswer()
    raw = b'{"embeddings":[{"values":[1.0]}],"usageMetadata":{"promptTokenCount":5}}'
    assert (reader.whole(raw).body, reader.usage) == (raw, Usage(input=5))
    for body in (b"{}", b'{"error":{"code":500,"message":"no","status":"INTERNAL"}}'):
        with pytest.raises(BrokenAnswer):
            EmbedAnswer().whole(body)
