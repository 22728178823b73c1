"""Responses that are asked for again, at a router: what cannot be had is told, and all is a fact."""

from typing import Any

import msgspec
import pytest

from shared.bus import Bus
from shared.kept.object_calls import CANCEL_RESPONSE, DELETE_RESPONSE, GET_RESPONSE, INPUT_ITEMS, ObjectCall
from shared.kept.responses import Conversation, StoredResponse, keep_response
from tests.integration.router.conftest import Start, at
from tests.integration.router.rig import Answer, Caller
from tests.provider_servers import OpenAIServer

KEY = "k" * 64


async def ask(caller: Caller, call_type: str, response_id: str, group: str = "gpt", query: str = "") -> Answer:
    asked = ObjectCall("response", KEY, response_id, query=query)
    return await caller.send({"model": group}, call_type=call_type, object=asked).whole()


def refusal(answer: Answer) -> tuple[int, str | None]:
    assert answer.failure is not None
    return answer.failure["status"], answer.failure.get("param")


async def kept(bus: Bus, response_id: str, deployment: str = "", group: str = "gpt") -> None:
    items = [msgspec.Raw(b'{"type":"message","role":"user","content":"%d"}' % number) for number in range(3)]
    whole = Conversation(msgspec.Raw(b'{"id":"%s"}' % response_id.encode()), items) if not deployment else None
    await keep_response(bus, response_id, StoredResponse(KEY, group, deployment, 10), whole)


async def test_what_is_kept_here_is_read_listed_and_forgotten(start: Start, caller: Caller, bus: Bus) -> None:
    await start()
    await kept(bus, "resp_here")
    answer = await ask(caller, GET_RESPONSE, "resp_here")
    assert (answer.body, answer.headers["content-type"]) == ({"id": "resp_here"}, "application/json")
    fact = await caller.fact(answer)
    assert (fact.outcome, fact.call_type, fact.cost_pico, fact.deployment) == ("success", GET_RESPONSE, 0, "")
    listed = (await ask(caller, INPUT_ITEMS, "resp_here", query="limit=2&order=asc&after=item_0")).body
    assert ([item["id"] for item in listed["data"]], listed["has_more"]) == (["item_1", "item_2"], False)
    assert [item["id"] for item in (await ask(caller, INPUT_ITEMS, "resp_here", query="limit=1")).body["data"]] == [
        "item_2"
    ]
    for query, param in (("limit=0", "limit"), ("limit=x", "limit"), ("order=up", "order")):
        assert refusal(await ask(caller, INPUT_ITEMS, "resp_here", query=query)) == (400, param)
    assert refusal(await ask(caller, GET_RESPONSE, "resp_here", query="stream=true")) == (400, "stream")
    assert refusal(await ask(caller, CANCEL_RESPONSE, "resp_here")) == (400, "response_id")
    assert (await ask(caller, DELETE_RESPONSE, "resp_here")).body["deleted"] is True
    gone = await ask(caller, GET_RESPONSE, "resp_here")
    assert refusal(gone) == (404, "response_id")
    fact = await caller.fact(gone)
    assert (fact.outcome, fact.status, fact.attempts) == ("failure", 404, ())


async def test_a_deployment_that_is_not_configured_any_more_is_told_of(start: Start, caller: Caller, bus: Bus) -> None:
    await start()
    await kept(bus, "resp_1", "gone")
    answer = await ask(caller, GET_RESPONSE, "resp_1")
    assert answer.failure is not None
    assert (answer.failure["status"], "not configured any more" in answer.failure["message"]) == (404, True)


async def test_a_provider_that_refuses_or_is_away_is_told_of_and_nothing_is_forgotten(
    start: Start, caller: Caller, bus: Bus, openai_server: OpenAIServer
) -> None:
    nobody: dict[str, Any] = {"model": "openai/gpt-4o", "api_key": "k", "api_base": "http://127.0.0.1:1/v1"}
    await start([("gpt", at(openai_server)), ("away", nobody)], router_settings={"num_retries": 0})
    reached = (await caller.ask("gpt")).headers["x-litellm-model-id"]
    unreached = (await caller.fact(await caller.ask("away"))).attempts[0].deployment
    for deployment, group, status in ((reached, "gpt", 404), (unreached, "away", 502)):
        await kept(bus, "resp_1", deployment, group)
        for _ in range(2):
            answer = await ask(caller, DELETE_RESPONSE, "resp_1", group)
            assert refusal(answer)[0] == status
            fact = await caller.fact(answer)
            (attempt,) = fact.attempts
            assert (fact.outcome, attempt.status, attempt.deployment, fact.cost_pico) == (
                "failure",
                status,
                deployment,
                0,
            )


@pytest.mark.parametrize("call_type", [GET_RESPONSE, DELETE_RESPONSE, CANCEL_RESPONSE, INPUT_ITEMS])
async def test_what_nobody_has_kept_is_not_found(start: Start, caller: Caller, call_type: str) -> None:
    await start()
    assert refusal(await ask(caller, call_type, "resp_nobodys")) == (404, "response_id")
