"""Bedrock through the router: what the client gets, who signed what AWS was sent, what the fact says."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from shared.prices import PriceBook
from tests.integration.router.conftest import Start
from tests.integration.router.rig import Caller
from tests.provider_servers import BedrockServer, Behaviour, StsServer
from tests.provider_servers.bedrock import SIGNATURE

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
USED = {"input": 12, "cached_input": 8, "output": 10, "requests": 1}


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever the machine is, a test's router has no AWS credentials but those the test gives."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "REGION", "DEFAULT_REGION"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    for name in ("AWS_BEARER_TOKEN_BEDROCK", "AWS_REGION_NAME", "AWS_BEDROCK_RUNTIME_ENDPOINT", "AWS_ROLE_ARN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))


@pytest.fixture
async def bedrock() -> AsyncIterator[BedrockServer]:
    async with BedrockServer() as server:
        yield server


@pytest.fixture
async def sts(bedrock: BedrockServer) -> AsyncIterator[StsServer]:
    """STS, whose credentials are the ones that Bedrock takes."""
    async with StsServer() as server:
        bedrock.key, bedrock.secret, bedrock.token = server.given
        yield server


def model(server: BedrockServer, **params: Any) -> tuple[str, dict[str, Any]]:
    return "claude", {"model": f"bedrock/converse/{CLAUDE}", **server.sign_in, **params}


def unsigned(server: BedrockServer, **params: Any) -> tuple[str, dict[str, Any]]:
    place = {"aws_region_name": server.region, "aws_bedrock_runtime_endpoint": server.origin}
    return "claude", {"model": f"bedrock/{CLAUDE}", **place, **params}


async def test_bedrock_answers_plain_and_streamed(start: Start, caller: Caller, bedrock: BedrockServer) -> None:
    await start([model(bedrock)])
    whole = await caller.ask("claude", more={"max_tokens": 4000, "reasoning_effort": "low"})
    assert whole.text == "Hello there!"
    message = whole.body["choices"][0]["message"]
    assert message["thinking_blocks"] == [{"type": "thinking", "thinking": "Let me think.", "signature": SIGNATURE}]
    fact = await caller.fact(whole)
    assert (fact.usage, fact.usage_source, fact.provider) == (USED, "provider", "bedrock")
    assert PriceBook().row_for("x", "bedrock", fact.provider_model, own={}, now=fact.ts_ms / 1000) is not None
    assert fact.cost_pico
    streamed = await caller.stream("claude", more={"stream_options": {"include_usage": True}})
    assert streamed.text == "Hello there!"
    assert streamed.chunks[-1]["usage"]["total_tokens"] == 30
    assert streamed.data.endswith(b"data: [DONE]\n\n")
    assert (await caller.fact(streamed)).usage == USED
    assert [request.path.rpartition("/")[2] for request in bedrock.received] == ["converse", "converse-stream"]
    assert bedrock.connections == 1, "the connection is kept after a stream"


async def test_a_conversation_with_tools_and_thoughts(start: Start, caller: Caller, bedrock: BedrockServer) -> None:
    await start([model(bedrock)])
    bedrock.next(Behaviour(tool_calls=True), Behaviour(), Behaviour(tool_calls=True))
    asked = {"role": "user", "content": "Weather?"}
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 4000, "tools": TOOLS}
    first = await caller.ask("claude", more=thinking)
    message = first.body["choices"][0]["message"]
    call = message["tool_calls"][0]
    assert orjson.loads(call["function"]["arguments"]) == {"city": "Oslo"}
    history = [asked, message, {"role": "tool", "tool_call_id": call["id"], "content": "rain"}]
    second = await caller.ask("claude", more={**thinking, "messages": history})
    assert second.text == "Hello there!"
    sent = bedrock.received[1].body["messages"]
    assert [next(iter(block)) for block in sent[1]["content"]] == ["reasoningContent", "toolUse"]
    streamed = await caller.stream("claude", more={"tools": TOOLS})
    pieces = [chunk["choices"][0]["delta"].get("tool_calls", []) for chunk in streamed.chunks]
    arguments = "".join(piece["function"]["arguments"] for calls in pieces for piece in calls)
    assert orjson.loads(arguments) == {"city": "Oslo"}
    assert streamed.chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("status", [400, 403, 404, 408, 429, 500, 503])
async def test_awss_errors_reach_the_client(start: Start, caller: Caller, bedrock: BedrockServer, status: int) -> None:
    await start([model(bedrock, num_retries=0)])
    bedrock.next(Behaviour(status=status))
    answer = await caller.ask("claude")
    assert answer.failure is not None
    assert answer.failure["status"] == status
    assert f"The server says {status}." in answer.failure["message"]


async def test_a_models_own_failure_is_tried_again(start: Start, caller: Caller, bedrock: BedrockServer) -> None:
    await start([model(bedrock)])
    bedrock.next(Behaviour(status=424))
    assert (await caller.ask("claude")).text == "Hello there!"


async def test_an_exception_in_mid_stream_and_a_stream_cut_short_are_failures(
    start: Start, caller: Caller, bedrock: BedrockServer
) -> None:
    await start([model(bedrock, num_retries=0)])
    for behaviour, words in ((Behaviour(error_after=2), "Too many requests"), (Behaviour(end_after=2), "messageStop")):
        bedrock.next(behaviour)
        answer = await caller.stream("claude")
        assert answer.failure is not None
        assert words in answer.failure["message"]
        assert b"Hello" in answer.data


async def test_a_wrong_secret_is_refused_and_the_credential_obtained_anew(
    start: Start, caller: Caller, bedrock: BedrockServer
) -> None:
    await start([model(bedrock, aws_secret_access_key="wrong", num_retries=0)])
    answer = await caller.ask("claude")
    assert answer.failure is not None
    assert (answer.failure["status"], answer.failure["type"]) == (403, "provider_auth_error")
    assert "the signature does not match" in answer.failure["message"]


async def test_without_credentials_the_call_says_what_to_set_and_nothing_is_sent(
    start: Start, caller: Caller, bedrock: BedrockServer
) -> None:
    half = unsigned(bedrock, aws_access_key_id="AKIA")[1]
    unset = unsigned(bedrock, aws_access_key_id="AKIA", aws_secret_access_key="os.environ/NO_SUCH_SECRET")[1]
    profile = unsigned(bedrock, aws_profile_name="nobody")[1]
    await start([unsigned(bedrock), ("half", half), ("unset", unset), ("profile", profile)])
    told = {
        "claude": "AWS_ACCESS_KEY_ID",
        "half": "only one of aws_access_key_id",
        "unset": "NO_SUCH_SECRET",
        "profile": "nobody",
    }
    for name, words in told.items():
        answer = await caller.ask(name)
        assert answer.failure is not None
        assert (answer.failure["status"], answer.failure["type"]) == (500, "provider_credentials_missing")
        assert words in answer.failure["message"]
    assert bedrock.received == []


async def test_keys_come_from_the_environment_and_from_a_profile(
    start: Start, caller: Caller, bedrock: BedrockServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", bedrock.key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", bedrock.secret)
    lines = f"[work]\naws_access_key_id = {bedrock.key}\naws_secret_access_key = {bedrock.secret}\n"
    (tmp_path / "credentials").write_text(lines, encoding="utf-8")
    await start([unsigned(bedrock), ("profile", unsigned(bedrock, aws_profile_name="work")[1])])
    assert (await caller.ask("claude")).text == "Hello there!"
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert (await caller.ask("profile")).text == "Hello there!"


async def test_a_bearer_token_signs_in_as_well(start: Start, caller: Caller, bedrock: BedrockServer) -> None:
    await start([unsigned(bedrock, api_key=bedrock.bearer)])
    assert (await caller.stream("claude")).text == "Hello there!"
    assert bedrock.received[0].headers["authorization"] == f"Bearer {bedrock.bearer}"


async def test_a_role_is_assumed_once_and_its_credentials_serve_all_its_deployments(
    start: Start, caller: Caller, bedrock: BedrockServer, sts: StsServer
) -> None:
    sts.external_id = "ext-1"
    role = {
        "aws_access_key_id": sts.key,
        "aws_secret_access_key": sts.secret,
        "aws_role_name": "arn:aws:iam::123456789012:role/bedrock",
        "aws_session_name": "gateway",
        "aws_external_id": "ext-1",
        "aws_session_tags": [{"Key": "team", "Value": "a"}],
        "aws_sts_endpoint": sts.origin,
    }
    await start([unsigned(bedrock, **role), ("other", unsigned(bedrock, **role)[1])])
    for name in ("claude", "other", "claude"):
        assert (await caller.ask(name)).text == "Hello there!"
    assert len(sts.received) == 1
    assert b"RoleSessionName=gateway" in sts.received[0].raw
    assert b"Tags.member.1.Key=team&Tags.member.1.Value=a" in sts.received[0].raw
    assert bedrock.received[0].headers["x-amz-security-token"] == sts.given[2]


@pytest.mark.parametrize("form", ["plain", "file", "oidc/file", "oidc/env", "oidc/env_path"])
async def test_a_web_identity_assumes_a_role(
    start: Start,
    caller: Caller,
    bedrock: BedrockServer,
    sts: StsServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    form: str,
) -> None:
    path = tmp_path / "token"
    path.write_text(f"{sts.web_identity}\n", encoding="utf-8")
    monkeypatch.setenv("MY_TOKEN", sts.web_identity)
    monkeypatch.setenv("MY_TOKEN_FILE", str(path))
    token = {
        "plain": sts.web_identity,
        "file": str(path),
        "oidc/file": f"oidc/file/{path}",
        "oidc/env": "oidc/env/MY_TOKEN",
        "oidc/env_path": "oidc/env_path/MY_TOKEN_FILE",
    }[form]
    params = {
        "aws_role_name": "arn:aws:iam::123456789012:role/bedrock",
        "aws_web_identity_token": token,
        "aws_sts_endpoint": sts.origin,
    }
    await start([unsigned(bedrock, **params)])
    assert (await caller.ask("claude")).text == "Hello there!"


async def test_a_role_that_may_not_be_assumed_is_told_in_awss_words(
    start: Start, caller: Caller, bedrock: BedrockServer, sts: StsServer
) -> None:
    role = {"aws_role_name": "arn:aws:iam::1:role/x", "aws_sts_endpoint": sts.origin, "num_retries": 0}
    keys = {"aws_access_key_id": sts.key, "aws_secret_access_key": "wrong"}
    bad = unsigned(bedrock, **role, aws_web_identity_token="expired")[1]
    gone = unsigned(bedrock, **role, aws_web_identity_token="/no/such/file")[1]
    await start([unsigned(bedrock, **role, **keys), ("identity", bad), ("file", gone)])
    for name, status, words in (
        ("claude", 403, "signature does not match"),
        ("identity", 401, "could not be validated"),
        ("file", 500, "/no/such/file"),
    ):
        answer = await caller.ask(name)
        assert answer.failure is not None
        assert answer.failure["status"] == status
        assert words in answer.failure["message"]
    assert bedrock.received == []
