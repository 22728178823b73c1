"""Tokens that are got with a secret: one for many calls, a new one when it is refused, told when there is none."""

import asyncio

import pytest

from tests.integration.router.conftest import Start
from tests.integration.router.rig import Caller
from tests.provider_servers.databricks import TOKEN_PATH, DatabricksServer
from tests.provider_servers.watsonx import PROJECT, WatsonxServer

GRANITE = {"model": "watsonx/ibm/granite-3-8b-instruct", "project_id": PROJECT}


@pytest.fixture(autouse=True)
def _no_retries_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WATSONX_APIKEY", "WATSONX_TOKEN", "WATSONX_PROJECT_ID", "DATABRICKS_CLIENT_ID"):
        monkeypatch.delenv(name, raising=False)


async def test_one_token_serves_calls_at_the_same_time_and_a_revoked_one_is_replaced(
    start: Start, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with WatsonxServer() as server:
        monkeypatch.setenv("WATSONX_IAM_URL", f"{server.origin}/identity/token")
        await start([("m", {**GRANITE, "api_base": server.origin, "api_key": server.key})])
        answers = await asyncio.gather(*[caller.ask("m") for _ in range(5)])
        assert {answer.text for answer in answers} == {"Hello there!"}
        assert len(server.tokens) == 1
        chat = server.chats[0].body
        assert (chat["model_id"], chat["project_id"]) == ("ibm/granite-3-8b-instruct", PROJECT)
        server.revoked.add(server.tokens[0])
        refused = await caller.ask("m")
        assert refused.failure is not None
        assert refused.failure["status"] == 401
        assert (await caller.ask("m")).text == "Hello there!"
        assert len(server.tokens) == 2


async def test_a_key_that_gives_no_token_is_told_without_showing_it(
    start: Start, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with WatsonxServer() as server:
        monkeypatch.setenv("WATSONX_IAM_URL", f"{server.origin}/identity/token")
        await start([("m", {**GRANITE, "api_base": server.origin, "api_key": "very-wrong"})])
        answer = await caller.ask("m")
    assert answer.failure is not None
    assert answer.failure["status"] == 401
    assert "Provided API key could not be found" in answer.failure["message"]
    assert "very-wrong" not in answer.failure["message"]


async def test_what_is_missing_is_named_when_the_deployment_is_called(start: Start, caller: Caller) -> None:
    base = "https://us-south.ml.cloud.ibm.com"
    await start(
        [
            ("keyless", {**GRANITE, "api_base": base}),
            ("homeless", {**GRANITE, "api_key": "k"}),
            ("projectless", {"model": GRANITE["model"], "api_base": base, "api_key": "k", "token": "t"}),
            ("secretless", {"model": "databricks/m", "api_base": "https://x.example", "client_id": "c"}),
        ]
    )
    for name, variable in (
        ("keyless", "WATSONX_APIKEY"),
        ("homeless", "WATSONX_URL"),
        ("secretless", "DATABRICKS_CLIENT_SECRET"),
    ):
        answer = await caller.ask(name)
        assert answer.failure is not None
        assert variable in answer.failure["message"]


async def test_a_service_principal_gets_one_token_for_all_its_calls(start: Start, caller: Caller) -> None:
    async with DatabricksServer() as server:
        secret = {"client_id": server.client[0], "client_secret": server.client[1]}
        await start([("m", {"model": "databricks/dbrx", "api_base": server.base, **secret})])
        for _ in range(3):
            assert (await caller.ask("m")).text == "Hello there!"
        assert [request.path for request in server.received].count(TOKEN_PATH) == 1


async def test_a_call_that_passes_untouched_to_databricks_signs_in_too(start: Start, caller: Caller) -> None:
    async with DatabricksServer() as server:
        secret = {"client_id": server.client[0], "client_secret": server.client[1]}
        await start([("m", {"model": "databricks/dbrx", "api_base": server.base, **secret})])
        passed = {"call_type": "pass_through_endpoint", "passed": ("POST", "/serving-endpoints/chat/completions")}
        answer = await caller.ask("dbrx", group="pass-through/databricks/dbrx", **passed)
        assert answer.head is not None
        assert answer.head.status == 200, answer.data
        assert server.received[-1].headers["authorization"] == f"Bearer {server.tokens[0]}"
