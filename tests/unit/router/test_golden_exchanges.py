"""Whole exchanges kept under tests/contract/providers: what a client asks, what is sent where, and the way back.

For providers whose adapters are a matter of addresses and envelopes as much as of bodies: clouds that host others'
models, and sound.
"""

import base64
import copy
import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.router.providers.answers.headers import ReadsHeaders
from services.router.providers.base import AnswerReader, HttpCall
from services.router.providers.openai.speech import SpeechAnswer
from services.router.providers.registry import load_providers
from shared.payloads.forms import Field, read_form, write_form
from tests.golden_files import golden
from tests.provider_servers import aws_event_stream
from tests.router_calls import deployment, provider_call

FILES = Path(__file__).parents[2] / "contract" / "providers"
EXCHANGES = sorted((path.parent.name, path.stem) for path in FILES.glob("*/exchange_*.json"))
PROVIDERS = load_providers({})
SOUND = b"ID3\x04"


def prepared(sample: dict[str, Any]) -> tuple[HttpCall, AnswerReader]:
    of = deployment(**{"api_key": "k", "api_base": None, **copy.deepcopy(sample["deployment"])})
    fields = {"stream": bool(sample.get("streams")), "include_usage": True, **sample.get("call", {})}
    client = copy.deepcopy(sample["client"])
    if sample.get("form"):
        body, content_type = write_form([Field("file", SOUND, "a.mp3", "audio/mpeg"), *as_fields(client)])
        return PROVIDERS[of.provider].prepare(provider_call(body, content_type=content_type, **fields), of)
    return PROVIDERS[of.provider].prepare(provider_call(client, **fields), of)


def as_fields(values: dict[str, str]) -> list[Field]:
    return [Field(name, text.encode()) for name, text in values.items()]


def sent(call: HttpCall) -> Any:
    kind = call.headers.get("content-type", "")
    if kind.startswith("multipart/"):
        return {field.name: "(the recording)" if field.filename else field.value.decode()
                for field in read_form(call.body, kind)}  # fmt: skip
    return "(the recording)" if call.body == SOUND else orjson.loads(call.body)


def as_bytes(stream: list[Any]) -> bytes:
    """Return a stream's text as it is; objects are chunks of Bedrock's event stream."""
    parts = []
    for part in stream:
        if isinstance(part, str):
            parts.append(part.encode())
        else:
            packed = {"bytes": base64.b64encode(json.dumps(part).encode()).decode()}
            parts.append(aws_event_stream.event("chunk", orjson.dumps(packed)))
    return b"".join(parts)


def unmade(value: Any) -> Any:
    """Return what is shown without what is made here anew each time: times, and ids where the provider gives none."""
    if isinstance(value, list):
        return [unmade(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {name: unmade(item) for name, item in value.items()}
    if isinstance(found.get("created"), int):
        found["created"] = 0
    if str(found.get("id", "")).startswith("chatcmpl_") or str(found.get("id", "")).startswith(("call_0", "rerank_")):
        found["id"] = "made"
    return found


def call_type_of(sample: dict[str, Any]) -> str:
    return str(sample.get("call", {}).get("call_type", ""))


def usage_of(reader: AnswerReader) -> dict[str, int] | None:
    return reader.usage.counts() if reader.usage is not None else None


@pytest.mark.parametrize(("provider", "file"), EXCHANGES)
def test_a_documented_exchange_is_translated_there_and_back(provider: str, file: str) -> None:
    sample = golden(provider, file)
    assert sample["source"].startswith("https://")
    call, reader = prepared(sample)
    assert (call.url, sent(call)) == (sample["url"], sample["sent"])
    assert {name: call.headers.get(name) for name in sample["headers"]} == sample["headers"]
    if isinstance(reader, ReadsHeaders):
        reader.read_headers(sample.get("answer_headers", {}).get)
    if call_type_of(sample) == "aspeech":
        assert reader.feed(SOUND) + reader.end() == SOUND
        assert isinstance(reader, SpeechAnswer)
        assert (reader.stream_type, (reader.usage or reader.counted()).counts()) == (sample["shown"], sample["usage"])
        return
    if "streams" not in sample:
        shown = orjson.loads(reader.whole(orjson.dumps(sample["answer"])).body)
        assert (unmade(shown), usage_of(reader)) == (sample["shown"], sample["usage"])
        return
    data = as_bytes(sample["streams"])
    for cut in (len(data), 7, 1):
        reader = prepared(sample)[1]
        out = b"".join(reader.feed(data[at : at + cut]) for at in range(0, len(data), cut)) + reader.end()
        chunks = [orjson.loads(event[6:]) for event in out.split(b"\n\n") if event]
        assert (unmade(chunks), usage_of(reader)) == (sample["shown"], sample["usage"]), cut
        assert reader.finish_reason


def test_every_cloud_and_everybodys_sound_has_exchanges() -> None:
    told = {provider for provider, _ in EXCHANGES}
    assert told >= {"azure", "azure_ai", "bedrock", "databricks", "deepgram", "elevenlabs", "vertex_ai"}
    families = {golden(*each)["deployment"]["model"].split(".")[0] for each in EXCHANGES if each[0] == "bedrock"}
    names = ("anthropic", "amazon", "cohere", "meta", "mistral", "openai")
    assert families >= {f"invoke/{name}" for name in names}
