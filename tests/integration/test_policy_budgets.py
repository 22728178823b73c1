"""Budgets of several holders through running policy processes: what routers and clients are told."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared import subjects
from shared.bus import kv
from shared.calls import Caller
from shared.control import AccountFigures
from shared.header_lines import headers_in
from shared.identity.holders import Holder, HolderKind, Window, encode_holder, entry_name, home_of
from tests.nats_server import NatsServer
from tests.policy_service import (
    CONFIG,
    INPUT_PICO,
    OUTPUT_PICO,
    PARTITIONS,
    USD,
    Answered,
    Neighbours,
    PolicyProcess,
    neighbours,
    until_served,
)

HELD = 100 * (INPUT_PICO + OUTPUT_PICO)
SETTINGS = f"""
litellm_settings: {{max_budget: {20 * HELD / USD}, max_end_user_budget: {2 * HELD / USD}}}
router_settings:
  provider_budget_config: {{simulated: {{budget_limit: {12 * HELD / USD}, time_period: 1d}}}}
"""
WITH_TWO_PROVIDERS = CONFIG.replace(
    "model_list:",
    """model_list:
  - model_name: both
    litellm_params: {model: simulated/echo, input_cost_per_token: 0.000001, output_cost_per_token: 0.000002}
  - model_name: both
    litellm_params:
      {model: openai/gpt-4o-mini, api_key: sk-x, input_cost_per_token: 0.000001, output_cost_per_token: 0.000002}""",
)


@pytest.fixture
async def around(nats: NatsServer, tmp_path: Path) -> AsyncIterator[Neighbours]:
    """Two policy processes; a request that reaches the router costs all it is held at."""
    processes = [PolicyProcess(tmp_path, nats.url, name, WITH_TWO_PROVIDERS + SETTINGS) for name in ("a", "b")]
    try:
        async with neighbours(nats.url) as made:
            await until_served(made.bus)
            made.finishes = lambda command: asyncio.sleep(0, command.hold_pico)
            yield made
    finally:
        for process in processes:
            process.close()


def asked(around: Neighbours, key: str, *, model: str = "sim", **caller: Any) -> Any:
    request = around.request(key, model)
    known = {"key": key, "tenant": key, "end_user": "", "tags": (), **caller}
    return request.__class__(
        **{
            **{name: getattr(request, name) for name in request.__struct_fields__},
            "caller": Caller(
                known["key"], "", known["tenant"], "", "", "", known["end_user"], known["tags"], "", "", "", b""
            ),
        }
    )


async def put_holder(around: Neighbours, kind: HolderKind, name: str, *windows: Window, **fields: Any) -> None:
    tenant = fields.pop("tenant", home_of(kind, name))
    holder = Holder(
        kind=kind, id=name, version=1, tenant=tenant, created_at=0.0, updated_at=0.0, budgets=windows, **fields
    )
    await kv.put(around.bus, subjects.HOLDERS_BUCKET, entry_name(kind, name), encode_holder(holder))
    await asyncio.sleep(0.3)  # mirrored a moment later


async def figures(around: Neighbours, tenant: str, account: str) -> AccountFigures:
    question = json.dumps({"accounts": [account]}).encode()
    partition = subjects.partition_of(tenant, PARTITIONS)
    answer = json.loads(await around.bus.request(subjects.account(partition), question, timeout_s=2))
    return AccountFigures(**answer[account])


def refusal(answer: Answered) -> tuple[int, str]:
    assert answer.failure is not None
    assert answer.failure["type"] == "budget_exceeded"
    return answer.failure["status"], answer.failure["message"]


async def test_one_global_budget_serves_exactly_what_it_covers_from_all_partitions(around: Neighbours) -> None:
    for number in range(8):
        await around.put_key(None, token=f"k{number}")
    await asyncio.sleep(0.3)
    asking = [around.ask(asked(around, f"k{number % 8}", model="both")) for number in range(32)]
    answers = await asyncio.gather(*asking)
    assert sum(answer.command is not None for answer in answers) == 20
    status, message = refusal(next(answer for answer in answers if answer.failure is not None))
    assert status == 422
    assert message.startswith("Budget has been exceeded! Current cost: ")
    for _ in range(100):
        found = await figures(around, "global", "global")
        if found == AccountFigures(20 * HELD, 0):
            break
        await asyncio.sleep(0.1)
    else:
        raise AssertionError(f"the home counts {found}")
    spent = await figures(around, "provider:simulated", "provider:simulated")
    assert spent.spend_pico + spent.held_pico <= 12 * HELD


async def test_a_provider_whose_budget_is_spent_is_left_out_and_without_any_other_refused(around: Neighbours) -> None:
    await around.put_key(None)
    await asyncio.sleep(0.2)
    answers = [await around.ask(asked(around, "key")) for _ in range(13)]
    assert [answer.command is not None for answer in answers] == [True] * 12 + [False]
    assert refusal(answers[-1])[0] == 429
    assert refusal(answers[-1])[1].startswith("No deployments available - crossed budget: simulated")
    other = await around.ask(asked(around, "key", model="both"))
    assert other.command is not None
    assert other.command.excluded_providers == ("simulated",)


async def test_an_end_user_without_an_entry_has_the_default_and_one_with_it_its_own(around: Neighbours) -> None:
    await around.put_key(None)
    await put_holder(around, "end_user", "rich", Window(3 * HELD))
    for end_user, served in (("poor", 2), ("rich", 3)):
        answers = [await around.ask(asked(around, "key", end_user=end_user)) for _ in range(served + 1)]
        assert [answer.command is not None for answer in answers] == [True] * served + [False]
        assert refusal(answers[-1])[1].startswith(f"ExceededBudget: End User={end_user} over budget.")


async def test_what_fits_by_its_tokens_alone_is_served_wherever_its_budget_is_at_home(around: Neighbours) -> None:
    await around.put_key(None)
    await asyncio.sleep(0.2)
    text = "The quarterly report shows that revenue grew by a modest amount while costs fell. " * 10
    body = json.dumps({"model": "sim", "messages": [{"role": "user", "content": text}]}).encode()
    assert len(body) * INPUT_PICO > 2 * HELD, "its bytes do not fit"
    for number in range(8):
        request = asked(around, "key", end_user=f"user{number}")
        fields = {name: getattr(request, name) for name in request.__struct_fields__}
        sizes = {"input_bytes": len(body), "body_bytes": len(body), "max_tokens": 10}
        answer = await around.ask(request.__class__(**{**fields, **sizes}), body)
        assert answer.command is not None, f"user{number}: {answer.failure}"
        assert answer.command.max_tokens in (None, 10), "the answer is not shortened"


async def test_levels_are_held_together_and_told_in_the_fact_of_a_loss(around: Neighbours) -> None:
    await around.put_key(None, tenant="core", team_id="core", user_id="ann")
    await put_holder(around, "team", "core", Window(2 * HELD, "30d"), Window(HELD, "1h", listed=True), tenant="core")
    first = await around.ask(asked(around, "key", tenant="core"))
    assert first.command is not None
    second = await around.ask(asked(around, "key", tenant="core"))
    assert refusal(second)[1].startswith("Budget has been exceeded! Team=core:1h Current cost: ")
    assert second.failure is not None
    assert second.failure["fields"]["budget"] == "team"
    assert (await figures(around, "core", "team@1h:core")).spend_pico == HELD
    assert (await figures(around, "core", "team:core")).spend_pico == HELD


async def test_a_key_is_told_its_budget_in_headers(around: Neighbours) -> None:
    await around.put_key(5 * HELD)
    await asyncio.sleep(0.2)
    answer = await around.ask(asked(around, "key"))
    assert answer.command is not None
    assert dict(headers_in(answer.command.answer_lines)) == {
        "x-litellm-key-spend": "0",
        "x-litellm-key-max-budget": "0.0015",
    }


async def test_a_providers_budget_serves_all_that_fits_whichever_partition_asks(around: Neighbours) -> None:
    """What one partition has borrowed and does not need must not refuse what another asks for."""
    for number in range(3):
        await around.put_key(None, token=f"k{number}")
    await asyncio.sleep(0.3)
    around.finishes = lambda command: asyncio.sleep(0, command.hold_pico // 2)
    answers = [await around.ask(asked(around, f"k{number % 3}")) for number in range(22)]
    assert [answer.command is not None for answer in answers] == [True] * 22
