"""Wildcards, credentials by name and clients' own credentials, through a running router."""

from tests.integration.router.conftest import Start
from tests.integration.router.rig import Caller
from tests.provider_servers import Behaviour, OpenAIServer


async def test_a_wildcard_serves_any_model_of_its_provider(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    params = {"model": "openai/*", "litellm_credential_name": "shared"}
    values = {"api_key": openai_server.key, "api_base": openai_server.url}
    await start([("openai/*", params)], credential_list=[{"credential_name": "shared", "credential_values": values}])
    answer = await caller.ask("openai/gpt-4o-mini")
    assert answer.text == "Hello there!"
    assert answer.body["model"] == "openai/gpt-4o-mini"
    assert openai_server.received[0].body["model"] == "gpt-4o-mini"
    fact = await caller.fact(answer)
    assert (fact.group, fact.provider, fact.provider_model) == ("openai/gpt-4o-mini", "openai", "gpt-4o-mini")
    assert fact.cost_pico is not None
    assert fact.cost_pico > 0


async def test_a_star_alone_serves_known_providers_and_refuses_names_without_one(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start([("*", {"model": "*", "api_key": openai_server.key, "api_base": openai_server.url})])
    assert (await caller.ask("groq/llama-3")).text == "Hello there!"
    assert openai_server.received[0].body["model"] == "llama-3"
    unknown = await caller.ask("nobody/model")
    assert unknown.failure is not None
    assert (unknown.failure["status"], unknown.failure["param"]) == (400, "model")


async def test_a_client_brings_its_own_key_where_it_may_and_nowhere_else(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    base = {"model": "openai/gpt-4o", "api_base": openai_server.url, "api_key": "sk-of-the-gateway"}
    await start([("open", {**base, "configurable_clientside_auth_params": ["api_key"]}), ("closed", base)])
    answer = await caller.ask("open", more={"api_key": openai_server.key})
    assert answer.text == "Hello there!"
    assert "api_key" not in openai_server.received[0].body
    own = await caller.ask("open")
    assert own.failure is not None
    assert own.failure["status"] == 401
    closed = await caller.ask("closed", more={"api_key": openai_server.key})
    assert closed.failure is not None
    assert (closed.failure["status"], closed.failure["param"]) == (400, "api_key")
    assert len(openai_server.received) == 2
    for fact in await caller.facts():
        assert openai_server.key not in fact.model_dump_json()


async def test_a_clients_wrong_key_does_not_cool_the_deployment_for_others(
    start: Start, caller: Caller, openai_server: OpenAIServer, other_server: OpenAIServer
) -> None:
    first = {"model": "openai/first", "api_base": openai_server.url, "api_key": openai_server.key}
    second = {"model": "openai/second", "api_base": other_server.url, "api_key": other_server.key}
    takes = {"configurable_clientside_auth_params": ["api_key"]}
    await start([("m", {**first, **takes}), ("m", {**second, **takes})])
    refused = await caller.ask("m", more={"api_key": "sk-wrong"})
    assert refused.failure is not None
    openai_server.next(Behaviour(text="From the first."))
    assert (await caller.ask("m")).text == "From the first."
