"""Embeddings, rankings, speech and transcripts of providers with their own forms, each at a server that speaks it."""

import base64
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from shared.errors import GatewayError
from shared.payloads.forms import Field, write_form
from shared.serving.deployments import Deployment
from shared.usage import Usage
from tests.adapter_calls import called
from tests.provider_servers import Behaviour, HttpServer
from tests.provider_servers.audio import SOUND, DeepgramServer, ElevenLabsServer
from tests.provider_servers.ollama import OllamaServer
from tests.provider_servers.vectors import CohereVectorServer, FeatureServer, JinaServer, VoyageServer
from tests.router_calls import deployment

EMBEDDING: dict[str, tuple[type[Any], str, str, Usage | None]] = {
    "voyage": (VoyageServer, "voyage-3.5", "/v1", Usage(input=20)),
    "jina_ai": (JinaServer, "jina-embeddings-v3", "/v1", Usage(input=20)),
    "cohere": (CohereVectorServer, "embed-v4.0", "", Usage(input=20)),
    "ollama": (OllamaServer, "nomic-embed-text", "", Usage(input=8)),
}
RANKING: dict[str, tuple[type[Any], str, str, Usage | None]] = {
    "voyage": (VoyageServer, "rerank-2.5", "/v1", Usage(input=20)),
    "jina_ai": (JinaServer, "jina-reranker-v2", "/v1", Usage(input=20)),
    "cohere": (CohereVectorServer, "rerank-v3.5", "", Usage(search_units=1)),
}


def at(server: HttpServer, provider: str, model: str, path: str, **fields: Any) -> Deployment:
    key = getattr(server, "key", "")
    known = {"api_key": key or None, "api_base": server.origin + path}
    return deployment(provider=provider, model=model, **{**known, **fields})


@pytest.fixture(params=EMBEDDING)
async def embedding(request: pytest.FixtureRequest) -> AsyncIterator[tuple[HttpServer, Deployment, Usage | None]]:
    make, model, path, usage = EMBEDDING[request.param]
    async with make() as server:
        yield server, at(server, request.param, model, path), usage


@pytest.fixture(params=RANKING)
async def ranking(request: pytest.FixtureRequest) -> AsyncIterator[tuple[HttpServer, Deployment, Usage | None]]:
    make, model, path, usage = RANKING[request.param]
    async with make() as server:
        yield server, at(server, request.param, model, path), usage


Server = tuple[HttpServer, Deployment, Usage | None]


async def test_embeddings_come_in_openais_form(embedding: Server) -> None:
    server, of, usage = embedding
    body = {"model": "m", "input": ["one", "two"], "dimensions": 256, "user": "u"}
    answer = await called(of, body, call_type="aembedding")
    vectors = [(item["index"], item["embedding"], item["object"]) for item in answer.json["data"]]
    assert vectors == [(0, [0.5, 0.0], "embedding"), (1, [0.5, 1.0], "embedding")]
    assert (answer.json["object"], answer.json["model"]) == ("list", "m")
    assert answer.usage == usage
    assert usage is not None
    assert answer.json["usage"] == {"prompt_tokens": usage.input, "total_tokens": usage.input}
    assert server.received[0].body["model"] == of.model
    assert 256 in server.received[0].body.values()


async def test_embeddings_in_base64_are_little_endian_floats(embedding: Server) -> None:
    _, of, _ = embedding
    answer = await called(of, {"input": "one", "encoding_format": "base64"}, call_type="aembedding")
    encoded = answer.json["data"][0]["embedding"]
    assert struct.unpack("<2f", base64.b64decode(encoded)) == (0.5, 0.0)


async def test_tokens_and_unknown_parameters_are_refused_by_name(embedding: Server) -> None:
    _, of, _ = embedding
    with pytest.raises(InvalidField) as caught:
        await called(of, {"input": [[1, 2]]}, call_type="aembedding")
    assert caught.value.param == "input"
    with pytest.raises(UnsupportedParameter) as other:
        await called(of, {"input": "x", "colour": 1}, call_type="aembedding")
    assert other.value.names == ("colour",)
    assert (await called(of, {"input": "x", "colour": 1}, call_type="aembedding", drop_params=True)).json["data"]
    with pytest.raises(InvalidField):
        await called(of, {"input": "x", "api_key": "k"}, call_type="aembedding")


@pytest.mark.parametrize(("model", "asked"), [("embed-v4.0", "inputs"), ("embed-english-v3.0", "images")])
async def test_pictures_are_embedded(model: str, asked: str) -> None:
    picture = "data:image/png;base64,iVBORw0KGgo="
    async with CohereVectorServer() as server:
        of = at(server, "cohere", model, "")
        answer = await called(of, {"input": [picture, picture]}, call_type="aembedding")
        assert (len(answer.json["data"]), asked in server.received[0].body) == (2, True)
        if asked == "images":
            with pytest.raises(InvalidField, match="no call with both"):
                await called(of, {"input": [picture, "a text"]}, call_type="aembedding")
        with pytest.raises(InvalidField, match="base64"):
            await called(of, {"input": ["data:image/png,x"]}, call_type="aembedding")


async def test_errors_of_embeddings_are_told_by_status(embedding: Server) -> None:
    server, of, _ = embedding
    for status in (400, 429, 500):
        server.next(Behaviour(status=status))
        with pytest.raises(GatewayError) as caught:
            await called(of, {"input": "x"}, call_type="aembedding")
        assert caught.value.status == status
        assert f"The server says {status}." in caught.value.message


async def test_rankings_come_in_coheres_form(ranking: Server) -> None:
    server, of, usage = ranking
    body = {"model": "m", "query": "q", "documents": ["one", {"text": "two"}], "top_n": 1, "return_documents": True}
    answer = await called(of, body, call_type="arerank")
    assert answer.json["results"] == [{"index": 1, "relevance_score": 0.4375, "document": {"text": "two"}}]
    assert answer.json["id"]
    assert answer.usage == usage
    assert server.received[0].body["documents"] == ["one", "two"]
    plain = await called(of, {"query": "q", "documents": ["one", "two"]}, call_type="arerank")
    assert plain.json["results"] == [{"index": 1, "relevance_score": 0.4375}, {"index": 0, "relevance_score": 0.25}]


async def test_a_document_that_is_none_is_named(ranking: Server) -> None:
    _, of, _ = ranking
    with pytest.raises(InvalidField) as caught:
        await called(of, {"query": "q", "documents": ["one", 2]}, call_type="arerank")
    assert caught.value.param == "documents[1]"


async def test_a_wrong_key_is_told() -> None:
    async with VoyageServer() as server:
        of = at(server, "voyage", "voyage-3.5", "/v1", api_key="wrong")
        with pytest.raises(GatewayError) as caught:
            await called(of, {"input": "x"}, call_type="aembedding")
    assert caught.value.status == 401


EMBED: dict[str, Any] = {"call_type": "aembedding"}


async def test_hugging_faces_features_are_embeddings_whose_tokens_are_counted() -> None:
    async with FeatureServer() as server:
        of = at(server, "huggingface", "BAAI/bge-small", "/hf-inference")
        answer = await called(of, {"input": ["one", "two"], "normalize": True}, call_type="aembedding")
    assert [item["embedding"] for item in answer.json["data"]] == [[0.5, 0.0], [0.5, 1.0]]
    assert answer.usage is None
    async with FeatureServer() as server:
        server.next(Behaviour(headers={"x-compute-tokens": "9"}))
        told = await called(at(server, "huggingface", "BAAI/bge-small", "/hf-inference"), {"input": "one"}, **EMBED)
    assert (told.usage, told.json["usage"]) == (Usage(input=9), {"prompt_tokens": 9, "total_tokens": 9})


# sound


def form(**fields: str) -> tuple[bytes, dict[str, Any]]:
    parts = [
        Field("file", SOUND, "a.mp3", "audio/mpeg"),
        *(Field(name, text.encode()) for name, text in fields.items()),
    ]
    body, content_type = write_form(parts)
    return body, {"call_type": "atranscription", "content_type": content_type}


@pytest.fixture
async def deepgram() -> AsyncIterator[tuple[HttpServer, Deployment]]:
    async with DeepgramServer() as server:
        yield server, at(server, "deepgram", "nova-3", "/v1")


@pytest.fixture
async def eleven() -> AsyncIterator[tuple[HttpServer, Deployment]]:
    async with ElevenLabsServer() as server:
        yield server, at(server, "elevenlabs", "scribe_v1", "")


async def test_deepgram_writes_a_recording_down_and_tells_its_length(deepgram: tuple[HttpServer, Deployment]) -> None:
    server, of = deepgram
    body, call = form(model="m", language="en", response_format="verbose_json", smart_format="true")
    answer = await called(of, body, **call)
    assert answer.json["text"] == "Hello there."
    assert answer.json["words"][1] == {"word": "there.", "start": 1.0, "end": 1.4}
    assert (answer.json["duration"], answer.json["language"]) == (25.933313, "en")
    assert answer.usage == Usage(audio_input_ms=25_933)
    received = server.received[0]
    assert received.headers["content-type"] == "audio/mpeg"
    assert set(received.query.split("&")) == {"model=nova-3", "language=en", "smart_format=true", "punctuate=true"}


async def test_elevenlabs_writes_a_recording_down(eleven: tuple[HttpServer, Deployment]) -> None:
    _, of = eleven
    body, call = form(model="m", language="en", diarize="true")
    answer = await called(of, body, **call)
    assert answer.json == {"text": "Hello there."}
    assert answer.usage is None
    assert answer.reader.counted().audio_input_ms > 0
    plain, call = form(response_format="text")
    text = await called(of, plain, **call)
    assert (text.body, text.content_type) == (b"Hello there.\n", "text/plain; charset=utf-8")


@pytest.fixture(params=["deepgram", "elevenlabs"])
async def writing(request: pytest.FixtureRequest) -> AsyncIterator[tuple[HttpServer, Deployment]]:
    async with DeepgramServer() if request.param == "deepgram" else ElevenLabsServer() as server:
        model, path = ("nova-3", "/v1") if request.param == "deepgram" else ("scribe_v1", "")
        yield server, at(server, request.param, model, path)


async def test_what_a_transcript_cannot_be_is_named(writing: tuple[HttpServer, Deployment]) -> None:
    _, of = writing
    body, call = form(response_format="srt")
    with pytest.raises(InvalidField) as caught:
        await called(of, body, **call)
    assert caught.value.param == "response_format"
    body, call = form(colour="red")
    with pytest.raises(UnsupportedParameter) as other:
        await called(of, body, **call)
    assert other.value.names == ("colour",)
    body, content_type = write_form([Field("model", b"m")])
    with pytest.raises(InvalidField) as missing:
        await called(of, body, call_type="atranscription", content_type=content_type)
    assert missing.value.param == "file"


async def test_errors_of_transcripts_are_told_by_status(writing: tuple[HttpServer, Deployment]) -> None:
    server, of = writing
    body, call = form()
    for status in (400, 429, 500):
        server.next(Behaviour(status=status))
        with pytest.raises(GatewayError) as caught:
            await called(of, body, **call)
        assert (caught.value.status, f"The server says {status}." in caught.value.message) == (status, True)


async def test_elevenlabs_speaks_and_is_billed_by_the_character(eleven: tuple[HttpServer, Deployment]) -> None:
    server, of = eleven
    body = {"model": "m", "input": "Grüße!", "voice": "nova", "response_format": "pcm", "speed": 1.1}
    answer = await called(of, body, streamed=True, call_type="aspeech", stream=True)
    assert (answer.body, answer.content_type) == (SOUND, "audio/pcm")
    assert answer.usage is not None
    assert answer.usage.input_characters == 6
    received = server.received[0]
    assert (received.path, received.query) == ("/v1/text-to-speech/EXAVITQu4vr4xnSDxMaL", "output_format=pcm_24000")
    assert received.body == {"text": "Grüße!", "model_id": "scribe_v1", "voice_settings": {"speed": 1.1}}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"voice": "nova"}, "input"),
        ({"input": "x"}, "voice"),
        ({"input": "x", "voice": "nova", "response_format": "flac"}, "response_format"),
    ],
)
async def test_speech_that_cannot_be_made_is_named(
    eleven: tuple[HttpServer, Deployment], body: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        await called(eleven[1], body, call_type="aspeech", stream=True)
    assert caught.value.param == param


async def test_a_voice_that_is_unknown_is_told_in_the_providers_words(eleven: tuple[HttpServer, Deployment]) -> None:
    with pytest.raises(GatewayError, match="nobody was not found") as caught:
        await called(eleven[1], {"input": "x", "voice": "nobody"}, call_type="aspeech", stream=True)
    assert caught.value.status == 404


async def test_deepgram_speaks_and_tells_what_it_bills(deepgram: tuple[HttpServer, Deployment]) -> None:
    server, _ = deepgram
    of = at(server, "deepgram", "aura-2-thalia-en", "/v1")
    body = {"model": "m", "input": "Grüße!", "voice": "alloy", "response_format": "wav", "speed": 1.1}
    answer = await called(of, body, streamed=True, call_type="aspeech", stream=True)
    assert (answer.body, answer.content_type) == (SOUND, "audio/wav")
    assert (answer.usage, answer.reader.response_id) == (Usage(input_characters=6), "req-2")
    received = server.received[0]
    asked = "model=aura-2-thalia-en&encoding=linear16&container=wav&sample_rate=24000&speed=1.1"
    assert (received.path, received.query, received.body) == ("/v1/speak", asked, {"text": "Grüße!"})


@pytest.mark.parametrize(
    ("model", "voice", "speaks"),
    [
        ("aura-2-thalia-en", "orion", "aura-2-orion-en"),
        ("aura-2", "Orion", "aura-2-orion-en"),
        ("aura-2-thalia-en", "aura-2-orion-en", "aura-2-orion-en"),
        ("aura-asteria-en", None, "aura-asteria-en"),
    ],
)
async def test_another_voice_of_the_family_speaks_by_its_name(
    deepgram: tuple[HttpServer, Deployment], model: str, voice: str | None, speaks: str
) -> None:
    server, _ = deepgram
    body = {"input": "hi", **({"voice": voice} if voice else {})}
    await called(at(server, "deepgram", model, "/v1"), body, streamed=True, call_type="aspeech", stream=True)
    assert server.received[0].query == f"model={speaks}&encoding=mp3"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"voice": "alloy"}, "input"),
        ({"input": "x", "voice": "aura-asteria-en"}, "voice"),
        ({"input": "x", "voice": {"id": "v"}}, "voice"),
        ({"input": "x", "response_format": "ogg"}, "response_format"),
    ],
)
async def test_speech_that_deepgram_cannot_make_is_named(
    deepgram: tuple[HttpServer, Deployment], body: dict[str, Any], param: str
) -> None:
    of = at(deepgram[0], "deepgram", "aura-2-thalia-en", "/v1")
    with pytest.raises(InvalidField) as caught:
        await called(of, body, call_type="aspeech", stream=True)
    assert caught.value.param == param
