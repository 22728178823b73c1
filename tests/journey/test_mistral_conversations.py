"""Mistral's conversations, passed as they are by its own SDK: paid for, held, and their makers' alone."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from mistralai.client import Mistral
from mistralai.client.errors import MistralError

from tests.journey.strict_providers import StrictProviders
from tests.provider_servers.http_server import Behaviour
from tests.running_gateway import RunningGateway

Eventually = Callable[..., Any]
MODEL = "mistral-medium-2505"
A_TURN = (188 * 0.40 + 55 * 2) / 1e6
A_SEARCH = 7112 * 0.40 / 1e6 + 0.03
SEARCHES: Any = [{"type": "web_search"}]


@pytest.fixture
def key(new_key: Callable[..., str]) -> str:
    return new_key(max_budget=20)


@pytest.fixture
def mistral(gateway: RunningGateway, key: str) -> Iterator[Mistral]:
    with Mistral(api_key=key, server_url=f"{gateway.url}/mistral") as client:
        yield client


def spend(master: httpx.Client, eventually: Eventually, key: str, turns: int) -> list[float]:
    def rows() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = master.get("/spend/logs", params={"api_key": key}).json()
        return found if len(found) == turns else []

    return [row["spend"] for row in sorted(eventually(rows, 10.0), key=lambda row: str(row["startTime"]))]


def test_each_turn_is_paid_at_the_model_that_the_first_has_named(
    mistral: Mistral, key: str, master: httpx.Client, eventually: Eventually
) -> None:
    begun = mistral.beta.conversations.start(model=MODEL, inputs="hello", tools=SEARCHES)
    went_on = mistral.beta.conversations.append(conversation_id=begun.conversation_id, inputs="and?")
    assert went_on.conversation_id == begun.conversation_id
    with mistral.beta.conversations.append_stream(conversation_id=begun.conversation_id, inputs="and?") as events:
        assert [event.event for event in events][-1] == "conversation.response.done"
    anew = mistral.beta.conversations.restart(conversation_id=begun.conversation_id, inputs="no", from_entry_id="msg_1")
    mistral.beta.conversations.append(conversation_id=anew.conversation_id, inputs="and?")
    assert anew.conversation_id != begun.conversation_id
    assert spend(master, eventually, key, 5) == [pytest.approx(A_TURN + A_SEARCH)] * 5


def test_an_agent_says_who_answers_and_costs_nothing_itself(
    mistral: Mistral, key: str, master: httpx.Client, eventually: Eventually
) -> None:
    agent = mistral.beta.agents.create(model=MODEL, name="a", tools=SEARCHES)
    mistral.beta.conversations.start(agent_id=agent.id, inputs="hello")
    assert spend(master, eventually, key, 2) == [0, pytest.approx(A_TURN + A_SEARCH)]


def test_a_conversation_and_an_agent_are_their_makers_alone(
    mistral: Mistral, gateway: RunningGateway, new_key: Callable[..., str], master: httpx.Client
) -> None:
    begun = mistral.beta.conversations.start(model=MODEL, inputs="hello")
    agent = mistral.beta.agents.create(model=MODEL, name="a")
    with Mistral(api_key=new_key(max_budget=20), server_url=f"{gateway.url}/mistral") as other:
        for asks in (
            lambda: other.beta.conversations.append(conversation_id=begun.conversation_id, inputs="and?"),
            lambda: other.beta.conversations.get(conversation_id=begun.conversation_id),
            lambda: other.beta.conversations.start(agent_id=agent.id, inputs="hello"),
            lambda: other.beta.agents.get(agent_id=agent.id),
        ):
            with pytest.raises(MistralError, match="not found") as refused:
                asks()
            assert refused.value.status_code == 404
    assert mistral.beta.conversations.get(conversation_id=begun.conversation_id).id == begun.conversation_id
    assert master.post(f"/mistral/v1/conversations/{begun.conversation_id}", json={"inputs": "and?"}).status_code == 200


def test_what_the_tools_of_a_conversation_may_cost_is_held_in_every_turn(
    mistral: Mistral, key: str, master: httpx.Client, strict: StrictProviders
) -> None:
    begun = mistral.beta.conversations.start(model=MODEL, inputs="hello", tools=SEARCHES)
    assert master.post("/key/update", json={"key": key, "max_budget": 1}).status_code == 200
    before = len(strict.mistral.received)
    with pytest.raises(MistralError) as refused:  # 100 searches at 0.03
        mistral.beta.conversations.append(conversation_id=begun.conversation_id, inputs="and?")
    assert refused.value.status_code in (400, 422), refused.value
    assert "budget" in str(refused.value)
    assert len(strict.mistral.received) == before


def test_an_unknown_agent_is_refused_on_a_budget_since_nobody_knows_what_it_costs(mistral: Mistral) -> None:
    with pytest.raises(MistralError, match="names no model"):
        mistral.beta.conversations.start(agent_id="ag_made_elsewhere", inputs="hello")


def test_a_stream_ends_where_its_budget_does(
    gateway: RunningGateway,
    new_key: Callable[..., str],
    strict: StrictProviders,
    master: httpx.Client,
    eventually: Eventually,
) -> None:
    key = new_key(max_budget=0.0005)
    strict.mistral.next(Behaviour(text="word " * 5_000))
    with (
        Mistral(api_key=key, server_url=f"{gateway.url}/mistral") as client,
        client.beta.conversations.start_stream(
            model=MODEL, inputs="hello", completion_args={"max_tokens": 50}
        ) as events,
    ):
        heard = list(events)
    assert 20 < len(heard) < 80  # 50 tokens, whatever the provider goes on to write
    assert heard[-1].event == "conversation.response.done"
    (cost,) = spend(master, eventually, key, 1)
    assert 0 < cost <= 0.0005


def test_guardrails_read_what_goes_in(mistral: Mistral) -> None:
    with pytest.raises(MistralError) as refused:
        mistral.beta.conversations.start(model=MODEL, inputs=[{"role": "user", "content": "say Project-Zebra"}])
    assert refused.value.status_code == 400
