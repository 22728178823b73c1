"""Azure OpenAI and AI Foundry with tokens of Entra ID: given, or obtained in each way that needs no browser."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.router.conftest import Start
from tests.integration.router.rig import Caller
from tests.provider_servers import AzureServer, EntraServer, FoundryServer

VARIABLES = ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET", "AD_TOKEN", "USERNAME", "PASSWORD", "SCOPE", "AUTHORITY_HOST")


@pytest.fixture
async def entra(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EntraServer]:
    for name in VARIABLES:
        monkeypatch.delenv(f"AZURE_{name}", raising=False)
    for name in ("AZURE_FEDERATED_TOKEN_FILE", "AZURE_AI_API_KEY", "AZURE_AI_API_BASE", "AZURE_OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    async with EntraServer() as server:
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", server.origin)
        yield server


@pytest.fixture
async def foundry(entra: EntraServer) -> AsyncIterator[FoundryServer]:
    async with FoundryServer() as server:
        server.tokens = entra.given
        yield server


@pytest.fixture
def azure(azure_server: AzureServer, entra: EntraServer) -> AzureServer:
    azure_server.tokens = entra.given
    return azure_server


def application(**more: str) -> dict[str, str]:
    return {"tenant_id": EntraServer.tenant, "client_id": EntraServer.client_id, **more}


def at(server: AzureServer, **params: Any) -> dict[str, Any]:
    return {"model": "azure/gpt-4", "api_base": server.origin, **params}


async def test_one_token_of_an_application_serves_all_its_deployments(
    start: Start, caller: Caller, azure: AzureServer, entra: EntraServer
) -> None:
    app = application(client_secret=entra.secret)
    await start([("dated", at(azure, **app)), ("v1", at(azure, api_version="preview", **app))])
    for name in ("dated", "v1", "dated"):
        assert (await caller.stream(name)).text == "Hello there!"
    assert len(entra.received) == 1
    assert {request.headers["authorization"] for request in azure.received} == {f"Bearer {entra.given[0]}"}
    assert "api-key" not in azure.received[0].headers
    assert (azure.received[1].path, azure.received[1].query) == (
        "/openai/v1/chat/completions",
        "api-version=preview",
    )


async def test_a_user_and_a_federated_identity_sign_in_too(
    start: Start,
    caller: Caller,
    azure: AzureServer,
    entra: EntraServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    path = tmp_path / "token"
    path.write_text(f"{entra.federated}\n", encoding="utf-8")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(path))
    user = application(azure_username=entra.user, azure_password=entra.password)
    await start([("user", at(azure, **user)), ("federated", at(azure, **application()))])
    for name in ("user", "federated"):
        assert (await caller.ask(name)).text == "Hello there!"
    assert len(entra.received) == 2


async def test_the_application_may_stand_in_the_environment(
    start: Start, caller: Caller, azure: AzureServer, entra: EntraServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in application(client_secret=entra.secret).items():
        monkeypatch.setenv(f"AZURE_{name.upper()}", value)
    await start([("azure", at(azure))])
    assert (await caller.ask("azure")).text == "Hello there!"


async def test_a_token_that_is_given_is_sent_and_a_revoked_one_followed_by_a_new_one(
    start: Start, caller: Caller, azure: AzureServer, entra: EntraServer
) -> None:
    app = application(client_secret=entra.secret)
    await start([("given", at(azure, azure_ad_token="eyJ-given")), ("app", at(azure, num_retries=0, **app))])
    entra.given.append("eyJ-given")
    assert (await caller.ask("given")).text == "Hello there!"
    assert (await caller.ask("app")).text == "Hello there!"
    entra.given.clear()
    refused = await caller.ask("app")
    assert refused.failure is not None
    assert refused.failure["status"] == 401
    assert (await caller.ask("app")).text == "Hello there!"


async def test_what_is_missing_or_wrong_is_told_when_the_deployment_is_called(
    start: Start, caller: Caller, azure: AzureServer, entra: EntraServer
) -> None:
    cases: dict[str, tuple[dict[str, Any], int, str]] = {
        "nothing": ({}, 500, "AZURE_API_KEY"),
        "half": ({"client_secret": "x"}, 500, "AZURE_TENANT_ID"),
        "no secret": (application(), 500, "AZURE_FEDERATED_TOKEN_FILE"),
        "unset": (application(client_secret="os.environ/NO_SUCH_SECRET"), 500, "NO_SUCH_SECRET"),
        "wrong secret": (application(client_secret="x"), 401, "Invalid client secret"),
        "wrong tenant": ({**application(client_secret=entra.secret), "tenant_id": "other"}, 401, "Tenant"),
    }
    await start([(name, at(azure, num_retries=0, **given)) for name, (given, _, _) in cases.items()])
    for name, (_, status, words) in cases.items():
        answer = await caller.ask(name)
        assert answer.failure is not None, name
        assert (answer.failure["status"], words in answer.failure["message"]) == (status, True), answer.failure
    assert azure.received == []


async def test_foundrys_models_answer_with_a_key_or_a_token(
    start: Start, caller: Caller, foundry: FoundryServer, entra: EntraServer
) -> None:
    keyed = {"api_base": foundry.origin, "api_key": foundry.key}
    app = {"api_base": foundry.origin, **application(client_secret=entra.secret)}
    await start(
        [
            ("phi", {"model": "azure_ai/Phi-4", **keyed}),
            ("v1", {"model": "azure_ai/Phi-4", **keyed, "api_base": f"{foundry.origin}/openai/v1/"}),
            ("claude", {"model": "azure_ai/claude-sonnet-4-5", **keyed}),
            ("token", {"model": "azure_ai/claude-sonnet-4-5", **app}),
            ("wrong", {"model": "azure_ai/Phi-4", **keyed, "api_key": "wrong", "num_retries": 0}),
            ("missing", {"model": "azure_ai/Phi-4", "api_base": foundry.origin}),
        ]
    )
    for name in ("phi", "v1", "claude", "token"):
        assert (await caller.ask(name)).text == "Hello there!"
        streamed = await caller.stream(name)
        assert streamed.text == "Hello there!"
        assert (await caller.fact(streamed)).usage_source == "provider"
    assert [request.path for request in foundry.received[::2]] == [
        "/models/chat/completions",
        "/openai/v1/chat/completions",
        "/anthropic/v1/messages",
        "/anthropic/v1/messages",
    ]
    assert foundry.received[0].query == "api-version=2024-05-01-preview"
    for name, status, words in (("wrong", 401, "Access denied"), ("missing", 500, "AZURE_AI_API_KEY")):
        answer = await caller.ask(name)
        assert answer.failure is not None
        assert (answer.failure["status"], words in answer.failure["message"]) == (status, True), answer.failure
