"""The local AWS servers held to AWS's own SDK: what that signs and reads without a complaint is the real form."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from tests.provider_servers import BedrockServer, Behaviour, StsServer
from tests.provider_servers.sagemaker import SageMakerServer

ONCE = Config(retries={"total_max_attempts": 1})
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ASKED: Any = [{"role": "user", "content": [{"text": "What is the weather in Oslo?"}]}]
TOOLS: Any = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": {"type": "object"}}}}]}


_opened: list[Any] = []


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    yield
    while _opened:
        _opened.pop().close()


@pytest.fixture
async def server() -> AsyncIterator[BedrockServer]:
    async with BedrockServer(token="session//token==") as server:
        yield server


def client(service: str, server: BedrockServer | StsServer, **keys: Any) -> Any:
    opened = boto3.client(service, endpoint_url=server.origin, region_name="us-west-2", config=ONCE, **keys)
    _opened.append(opened)
    return opened


def bedrock(server: BedrockServer, **keys: Any) -> Any:
    own = {
        "aws_access_key_id": server.key,
        "aws_secret_access_key": server.secret,
        "aws_session_token": server.token,
    }
    return client("bedrock-runtime", server, **own | keys)


async def test_awss_sdk_reads_an_answer(server: BedrockServer) -> None:
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    answer = await asyncio.to_thread(
        bedrock(server).converse, modelId=MODEL, messages=ASKED, additionalModelRequestFields=thinking
    )
    content = answer["output"]["message"]["content"]
    assert content[0]["reasoningContent"]["reasoningText"]["text"] == "Let me think."
    assert content[1]["text"] == "Hello there!"
    assert (answer["stopReason"], answer["usage"]["cacheReadInputTokens"]) == ("end_turn", 8)
    assert server.received[0].path == f"/model/{MODEL.replace(':', '%3A')}/converse"


async def test_awss_sdk_reads_a_stream_of_events(server: BedrockServer) -> None:
    def read() -> list[dict[str, Any]]:
        return list(bedrock(server).converse_stream(modelId=MODEL, messages=ASKED, toolConfig=TOOLS)["stream"])

    events = await asyncio.to_thread(read)
    assert [next(iter(event)) for event in events][-2:] == ["messageStop", "metadata"]
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    assert "".join(delta["text"] for delta in deltas) == "Hello there!"
    server.next(Behaviour(tool_calls=True))
    events = await asyncio.to_thread(read)
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    assert "".join(delta["toolUse"]["input"] for delta in deltas) == '{"city":"Oslo"}'


async def test_awss_sdk_knows_the_exceptions(server: BedrockServer) -> None:
    for status, code in ((400, "ValidationException"), (429, "ThrottlingException"), (424, "ModelErrorException")):
        server.next(Behaviour(status=status))
        with pytest.raises(ClientError, match=f"The server says {status}") as caught:
            await asyncio.to_thread(bedrock(server).converse, modelId=MODEL, messages=ASKED)
        assert caught.value.response["Error"]["Code"] == code

    def read() -> list[Any]:
        with closing(bedrock(server).converse_stream(modelId=MODEL, messages=ASKED)["stream"]) as stream:
            return list(stream)

    server.next(Behaviour(error_after=2))
    with pytest.raises(EventStreamError, match="Too many requests"):
        await asyncio.to_thread(read)


async def test_awss_sdk_is_refused_with_another_secret_or_token(server: BedrockServer) -> None:
    for keys in ({"aws_secret_access_key": "other"}, {"aws_session_token": "other"}):
        with pytest.raises(ClientError, match="security token"):
            await asyncio.to_thread(bedrock(server, **keys).converse, modelId=MODEL, messages=ASKED)


async def test_awss_sdk_assumes_roles() -> None:
    async with StsServer() as sts:
        keys = {"aws_access_key_id": sts.key, "aws_secret_access_key": sts.secret}
        role = {"RoleArn": "arn:aws:iam::123456789012:role/x", "RoleSessionName": "gateway"}
        given = await asyncio.to_thread(client("sts", sts, **keys).assume_role, **role)
        assert given["Credentials"]["SessionToken"] == sts.given[2]
        given = await asyncio.to_thread(
            client("sts", sts, **keys).assume_role_with_web_identity, **role, WebIdentityToken=sts.web_identity
        )
        assert given["Credentials"]["AccessKeyId"] == sts.given[0]
        sts.external_id = "needed"
        with pytest.raises(ClientError, match="Not authorized") as caught:
            await asyncio.to_thread(client("sts", sts, **keys).assume_role, **role)
        assert caught.value.response["Error"]["Code"] == "AccessDenied"


@pytest.mark.parametrize("name", ["meta.llama3-8b-instruct-v1:0", "mistral.mistral-7b-instruct-v0:2"])
async def test_awss_sdk_reads_what_a_model_says_in_its_own_form(server: BedrockServer, name: str) -> None:
    def ask() -> tuple[dict[str, Any], list[dict[str, Any]]]:
        runtime, body = bedrock(server), json.dumps({"prompt": "hi"})
        whole = json.loads(runtime.invoke_model(modelId=name, body=body)["body"].read())
        with closing(runtime.invoke_model_with_response_stream(modelId=name, body=body)["body"]) as stream:
            return whole, [json.loads(event["chunk"]["bytes"]) for event in stream]

    whole, chunks = await asyncio.to_thread(ask)
    assert "Hello there!" in str(whole)
    assert chunks[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == 10


async def test_awss_sdk_asks_for_rankings_and_pictures(server: BedrockServer) -> None:
    def ask() -> tuple[list[int], list[str]]:
        agent = client("bedrock-agent-runtime", server, aws_access_key_id=server.key,
                       aws_secret_access_key=server.secret, aws_session_token=server.token)  # fmt: skip
        arn = "arn:aws:bedrock:us-west-2::foundation-model/amazon.rerank-v1:0"
        source: Any = {"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": "a"}}}
        ranked = agent.rerank(
            queries=[{"type": "TEXT", "textQuery": {"text": "q"}}],
            sources=[source, source],
            rerankingConfiguration={
                "type": "BEDROCK_RERANKING_MODEL",
                "bedrockRerankingConfiguration": {"modelConfiguration": {"modelArn": arn}, "numberOfResults": 1},
            },
        )
        body = {
            "taskType": "TEXT_IMAGE",
            "textToImageParams": {"text": "x"},
            "imageGenerationConfig": {"numberOfImages": 1},
        }
        drawn = bedrock(server).invoke_model(modelId="amazon.nova-canvas-v1:0", body=json.dumps(body))
        return [each["index"] for each in ranked["results"]], json.loads(drawn["body"].read())["images"]

    assert await asyncio.to_thread(ask) == ([1], ["iVBORw0KGgo="])


async def test_awss_sdk_reads_the_stream_of_an_endpoint() -> None:
    async with SageMakerServer() as server:

        def ask() -> bytes:
            keys = {"aws_access_key_id": server.access_key, "aws_secret_access_key": server.secret}
            runtime = boto3.client(
                "sagemaker-runtime", endpoint_url=server.origin, region_name=server.region, config=ONCE, **keys
            )
            _opened.append(runtime)
            asked = {"EndpointName": "text", "Body": b'{"inputs":"hi"}', "ContentType": "application/json"}
            assert b"Hello there!" in runtime.invoke_endpoint(**asked)["Body"].read()
            with closing(runtime.invoke_endpoint_with_response_stream(**asked)["Body"]) as stream:
                return b"".join(event["PayloadPart"]["Bytes"] for event in stream)

        assert (await asyncio.to_thread(ask)).startswith(b'data:{"generated_text":null')
