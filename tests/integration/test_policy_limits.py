"""Rate limits through a running policy: what edge and router are told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from shared import subjects
from shared.bus import kv, read
from shared.calls import Admit, Complete
from shared.facts import RequestDenied, encode_fact
from shared.facts.registry import REQUEST_FACTS, by_kind, decode_fact
from shared.header_lines import headers_in
from shared.identity.holders import Holder, HolderKind, Limits, encode_holder, entry_name
from tests.budgets import finished_fact
from tests.nats_server import NatsServer
from tests.policy_service import (
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

T = TypeVar("T")
ELSEWHERE = next(
    name
    for name in "abcdefgh"
    if subjects.partition_of(name, PARTITIONS) != subjects.partition_of("user:u", PARTITIONS)
)
"""A tenant of another partition than the user's."""


@pytest.fixture
async def other(nats: NatsServer, tmp_path: Path) -> AsyncIterator[Neighbours]:
    """A policy process, and the edge and router it knows; requests use what they may, or nothing ends at all."""
    process = PolicyProcess(tmp_path, nats.url, "policy-a")
    try:
        async with neighbours(nats.url) as made:
            await until_served(made.bus)
            yield made
    finally:
        process.close()


async def put_holder(other: Neighbours, kind: HolderKind, name: str, tenant: str, limits: Limits) -> None:
    holder = Holder(kind=kind, id=name, version=1, tenant=tenant, created_at=0.0, updated_at=0.0, limits=limits)
    await kv.put(other.bus, subjects.HOLDERS_BUCKET, entry_name(kind, name), encode_holder(holder))


def headers_of(answer: Answered) -> dict[str, str]:
    if answer.command is not None:
        return dict(headers_in(answer.command.answer_lines))
    assert answer.failure is not None
    return dict(answer.failure.get("headers", ()))


async def until_known(ask: Callable[[], Awaitable[T]], count: Callable[[T], bool]) -> T:
    """What is written to a bucket is mirrored a moment later."""
    for _ in range(200):
        answer = await ask()
        if count(answer):
            return answer
        await asyncio.sleep(0.05)
    raise AssertionError("it is not known yet")


def fact_of(command: Complete) -> tuple[str, bytes, str]:
    """What a router stores of a request that used nothing."""
    request = command.request
    fact = finished_fact(
        request.request_id,
        0,
        key=request.caller.key,
        partition=command.partition,
        held=command.hold_pico is not None,
        admitted_ms=command.admitted_ms,
        homes=command.homes,
    )
    return fact.subject, encode_fact(fact), fact.id


async def denials(other: Neighbours) -> list[RequestDenied]:
    found = await read(other.bus, subjects.FACTS, subject="evt.request.denied.>", at_most=None)
    facts = [decode_fact(message.data, by_kind(*REQUEST_FACTS)) for message in found]
    return [fact for fact in facts if isinstance(fact, RequestDenied)]


async def test_a_limit_of_requests_is_told_on_success_and_on_refusal(other: Neighbours) -> None:
    await other.put_key(None, limits=Limits(rpm=2, tpm=100_000))
    first, second, third = [await other.ask(other.request()) for _ in range(3)]
    assert first.command is not None
    assert second.command is not None
    assert (first.command.hold_pico, first.command.reserved) == (None, True)
    assert headers_of(first)["x-ratelimit-api_key-remaining-requests"] == "1"
    assert headers_of(second)["x-ratelimit-remaining-requests"] == "0"
    assert headers_of(second)["x-ratelimit-limit-tokens"] == "100000"
    assert headers_of(second)["x-litellm-key-rpm-limit"] == "2"
    failure = third.failure
    assert failure is not None
    assert (failure["status"], failure["type"], failure["param"]) == (429, "throttling_error", None)
    assert failure["message"].startswith("Rate limit exceeded for api_key: key. Limit type: requests. Current limit: 2")
    assert 55 <= failure["retry_after_s"] <= 60
    assert headers_of(third)["rate_limit_type"] == "requests"
    assert headers_of(third)["reset_at"].endswith("UTC")
    assert headers_of(third)["x-ratelimit-remaining-requests"] == "0"
    await until_known(lambda: other.ask(other.request()), lambda answer: answer.failure is not None)
    await asyncio.sleep(0.3)
    denial = (await denials(other))[0]
    assert (denial.stage, denial.status, denial.error_type) == ("rate_limit", 429, "throttling_error")
    assert denial.details["limit"] == 2


async def test_a_limit_beside_a_budget_is_decided_with_it(other: Neighbours) -> None:
    await other.put_key(USD, limits=Limits(rpm=1))
    first, second = await other.ask(other.request()), await other.ask(other.request())
    assert first.command is not None
    assert first.command.hold_pico is not None
    assert second.failure is not None
    assert second.failure["status"] == 429


async def test_what_is_spent_is_told_before_a_limit_that_will_have_room_again(other: Neighbours) -> None:
    whole = 100 * INPUT_PICO + 100 * OUTPUT_PICO
    await other.put_key(whole, limits=Limits(rpm=1))
    first = await other.ask(other.request())
    assert first.command is not None
    held = await other.ask(other.request())
    assert held.failure is not None
    assert held.failure["type"] == "throttling_error"  # the first may cost less than is held for it
    await other.finish(first.command, whole)

    async def ask() -> Answered:
        return await other.ask(other.request())

    spent = await until_known(ask, lambda one: one.failure is not None and one.failure["type"] == "budget_exceeded")
    assert spent.failure is not None
    assert "Budget has been exceeded" in spent.failure["message"]
    assert [denial.stage for denial in await denials(other)][-1] == "budget"


async def test_a_guardrail_that_blocks_takes_nothing_of_a_limit(other: Neighbours) -> None:
    await other.put_key(None, limits=Limits(rpm=1), guardrails=("words",))
    body = b'{"messages":[{"role":"user","content":"forbidden"}]}'
    blocked = await other.ask(other.request(), body)
    assert blocked.failure is not None
    assert blocked.failure["type"] == "invalid_request_error"
    fine = await other.ask(other.request(), b'{"messages":[{"role":"user","content":"hi"}]}')
    assert fine.command is not None


async def test_a_team_shares_its_limit_and_a_model_has_its_own(other: Neighbours) -> None:
    await put_holder(other, "team", "t", "t", Limits(rpm=3))
    for token in ("one", "two"):
        await other.put_key(None, token=token, tenant="t", team_id="t", limits=Limits(model_rpm={"free": 1}))

    async def ask(token: str, model: str = "sim") -> Answered:
        return await other.ask(other.request(token, model, tenant="t"))

    first = await until_known(
        lambda: ask("one", "free"), lambda one: "x-ratelimit-team-limit-requests" in headers_of(one)
    )
    assert first.command is not None
    again = await ask("one", "free")
    assert again.failure is not None
    assert "model_per_key: one:free" in again.failure["message"]
    assert (await ask("two")).command is not None
    assert (await ask("two", "free")).command is not None
    full = await ask("one")
    assert full.failure is not None
    assert "for team: t." in full.failure["message"]


async def test_a_model_has_a_limit_that_all_keys_share(other: Neighbours) -> None:
    for number in range(4):
        await other.put_key(None if number else USD, token=f"k{number}", tenant=f"t{number}")
    answers = await asyncio.gather(
        *[other.ask(other.request(f"k{number % 4}", "rare", tenant=f"t{number % 4}")) for number in range(8)]
    )
    assert sum(answer.command is not None for answer in answers) == 3
    refused = next(answer.failure for answer in answers if answer.failure is not None)
    assert refused["message"].startswith("Rate limit exceeded for model: rare. Limit type: requests. Current limit: 3")
    assert (await other.ask(other.request("k1", tenant="t1"))).command is not None


async def test_a_slot_is_free_when_its_request_ends_or_no_router_takes_it(other: Neighbours) -> None:
    await other.put_key(None, limits=Limits(parallel=1))
    running = await other.ask(other.request())
    assert running.command is not None
    refused = await other.ask(other.request())
    assert refused.failure is not None
    assert headers_of(refused)["rate_limit_type"] == "max_parallel_requests"
    await other.finish(running.command, 0)
    await other.stop_router()
    await other.bus.flush(1)
    for _ in range(3):
        undelivered = await other.ask(other.request())
        assert undelivered.failure is not None
        assert undelivered.failure["status"] == 503
    await other.start_router()
    await other.bus.flush(1)
    assert (await other.ask(other.request())).command is not None


async def test_a_request_that_may_wait_is_not_refused(other: Neighbours) -> None:
    await other.put_key(None, limits=Limits(parallel=1), max_wait_s=20.0)
    running = await other.ask(other.request())
    assert running.command is not None
    late = asyncio.ensure_future(other.ask(other.request()))
    await asyncio.sleep(1.5)
    assert not late.done()
    await other.finish(running.command, 0)
    assert (await late).command is not None


@pytest.mark.parametrize("nothing", [Limits(rpm=0), Limits(tpm=0), Limits(tpd=0), Limits(parallel=0)])
async def test_a_limit_of_nothing_blocks(other: Neighbours, nothing: Any) -> None:
    await other.put_key(None, limits=nothing)
    answer = await other.ask(other.request())
    assert answer.failure is not None
    assert (answer.failure["status"], answer.failure["retry_after_s"]) == (429, None)


async def test_a_user_of_many_teams_has_one_limit_whichever_partition_decides(other: Neighbours) -> None:
    await put_holder(other, "user", "u", "user:u", Limits(rpm=7, parallel=5))
    tokens = [f"key{number}" for number in range(8)]
    for token in tokens:
        await other.put_key(None, token=token, tenant=f"team{token}", user_id="u")
    homes = {subjects.partition_of(f"team{token}", PARTITIONS) for token in tokens}
    assert len(homes) > 2

    async def ask(token: str, **fields: Any) -> Answered:
        caller = other.request(token, tenant=f"team{token}").caller
        return await other.ask(other.request(token, caller=msgspec.structs.replace(caller, user_id="u"), **fields))

    limit = "x-ratelimit-user-limit-requests"
    first = await until_known(lambda: ask(tokens[0]), lambda one: limit in headers_of(one))
    assert first.command is not None
    answers = await asyncio.gather(*[ask(token) for token in tokens])
    commands = [answer.command for answer in (first, *answers) if answer.command is not None]
    assert len(commands) == 5
    refused = next(answer for answer in answers if answer.failure is not None)
    assert refused.failure is not None
    assert "for user: u. Limit type: max_parallel_requests" in refused.failure["message"]
    for command in commands:
        home = subjects.partition_of("user:u", PARTITIONS)
        assert command.homes == (() if command.partition == home else (home,))
        await other.outbox.put(*fact_of(command))
    more = [await ask(token) for token in tokens[:4]]
    assert sum(answer.command is not None for answer in more) == 2
    assert more[-1].failure is not None
    assert "Limit type: requests. Current limit: 7" in more[-1].failure["message"]


async def test_tokens_are_reserved_for_what_the_budget_lets_an_answer_have(other: Neighbours) -> None:
    await other.put_key(100 * INPUT_PICO + 50 * OUTPUT_PICO, limits=Limits(tpm=400))
    answer = await other.ask(other.request())
    assert answer.command is not None
    assert answer.command.max_tokens == 50
    assert headers_of(answer)["x-ratelimit-remaining-tokens"] == str(400 - 150)


async def test_a_request_fits_into_a_limit_with_the_answer_that_its_budget_covers(other: Neighbours) -> None:
    await other.put_key(300 * INPUT_PICO + 100 * OUTPUT_PICO, limits=Limits(tpm=400))
    first = await other.ask(other.request())
    assert first.command is not None
    ended = first.command
    fact = finished_fact(
        ended.request.request_id, 300 * INPUT_PICO, key="key", partition=ended.partition, prompt_tokens=200
    )
    await other.outbox.put(fact.subject, encode_fact(fact), fact.id)
    answer = await other.ask(other.request(max_tokens=250))
    assert answer.command is not None
    assert answer.command.max_tokens == 50
    assert headers_of(answer)["x-ratelimit-remaining-tokens"] == str(400 - 200 - 150)


async def test_without_a_maximum_the_limit_sets_one_and_others_find_room_beside_it(other: Neighbours) -> None:
    await other.put_key(None, limits=Limits(tpm=12_000))
    answers = [await other.ask(other.request(max_tokens=None, max_tokens_field="")) for _ in range(5)]
    maxima = [answer.command.max_tokens for answer in answers if answer.command is not None]
    assert maxima == [4_096, 3_852, 1_876, 1_024]
    assert answers[-1].failure is not None


async def test_bytes_that_do_not_fit_are_counted_as_tokens_here_and_at_a_home(other: Neighbours) -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 60
    body = msgspec.json.encode({"model": "sim", "messages": [{"role": "user", "content": text}]})
    fields = {"input_bytes": len(body), "body_bytes": len(body)}
    await put_holder(other, "user", "u", "user:u", Limits(tpm=2_000))
    await other.put_key(None, limits=Limits(tpm=2_000))
    await other.put_key(None, token="of-u", tenant=ELSEWHERE, user_id="u")
    here = await other.ask(other.request(max_tokens=100, **fields), body)
    assert here.command is not None
    caller = msgspec.structs.replace(other.request("of-u", tenant=ELSEWHERE).caller, user_id="u")

    async def ask(max_tokens: int) -> Answered:
        return await other.ask(other.request("of-u", caller=caller, max_tokens=max_tokens, **fields), body)

    there = await until_known(lambda: ask(10), lambda one: "x-ratelimit-user-remaining-tokens" in headers_of(one))
    assert there.command is not None
    assert there.command.homes
    assert int(headers_of(there)["x-ratelimit-user-remaining-tokens"]) > 500
    refused = await ask(1_900)
    assert refused.failure is not None
    assert "for user: u. Limit type: tokens" in refused.failure["message"]


async def test_a_home_sets_the_maximum_that_its_limit_has_room_for(other: Neighbours) -> None:
    await put_holder(other, "user", "u", "user:u", Limits(tpm=3_000))
    await other.put_key(None, token="of-u", tenant=ELSEWHERE, user_id="u", limits=Limits(tpm=100_000))
    caller = msgspec.structs.replace(other.request("of-u", tenant=ELSEWHERE).caller, user_id="u")
    answer = await until_known(
        lambda: other.ask(other.request("of-u", caller=caller, max_tokens=None, max_tokens_field="")),
        lambda one: "x-ratelimit-user-limit-tokens" in headers_of(one),
    )
    assert answer.command is not None
    assert answer.command.homes
    assert answer.command.max_tokens == (3_000 - 100) // 2
    assert answer.command.hold_pico is None


async def test_who_leaves_while_it_waits_gives_its_place_up_here_and_at_a_home(other: Neighbours) -> None:
    await put_holder(other, "user", "u", "user:u", Limits(parallel=1))
    slots = Limits(parallel=1)
    await other.put_key(USD, tenant=ELSEWHERE, user_id="u", limits=slots, max_wait_s=25.0)
    caller = msgspec.structs.replace(other.request(tenant=ELSEWHERE).caller, user_id="u")

    def request() -> Admit:
        return other.request(caller=caller)

    async def leaves(asked: Admit) -> dict[str, Any]:
        answer = asyncio.ensure_future(other.ask(asked))
        await until_known(lambda: asyncio.sleep(0.01), lambda _: bool(other.worker.get(asked.request_id)))
        other.leave(asked)
        failure = (await asyncio.wait_for(answer, 3)).failure
        assert failure is not None
        return failure

    running = await until_known(
        lambda: other.ask(request()), lambda one: "x-ratelimit-user-limit-max_parallel_requests" in headers_of(one)
    )
    assert running.command is not None
    failure = await leaves(request())  # for the key's slot
    assert (failure["status"], failure["type"]) == (499, "client_left")
    await other.put_key(USD, tenant=ELSEWHERE, user_id="u", limits=Limits(parallel=2), max_wait_s=25.0)
    await asyncio.sleep(0.3)
    assert (await leaves(request()))["status"] == 499  # has a slot of the key and money, and waits at the user's home
    assert [(one.stage, one.status) for one in await denials(other)] == [("rate_limit", 499), ("request", 499)]
    await other.put_key(USD, tenant=ELSEWHERE, user_id="u", limits=slots, max_wait_s=25.0)
    await asyncio.sleep(0.3)
    served = asyncio.ensure_future(other.ask(request()))
    await other.outbox.put(*fact_of(running.command))
    answer = await asyncio.wait_for(served, 5)
    assert answer.command is not None
    assert headers_of(answer)["x-ratelimit-user-remaining-max_parallel_requests"] == "0"


async def test_who_leaves_while_it_waits_for_money_lets_the_next_go(other: Neighbours) -> None:
    await other.put_key(350 * INPUT_PICO)  # one hold of 300, and none beside it
    running = await other.ask(other.request())
    assert running.command is not None
    asked = other.request()
    leaving = asyncio.ensure_future(other.ask(asked))
    await until_known(lambda: asyncio.sleep(0.01), lambda _: bool(other.worker.get(asked.request_id)))
    behind = asyncio.ensure_future(other.ask(other.request()))
    other.leave(asked)
    failure = (await asyncio.wait_for(leaving, 3)).failure
    assert failure is not None
    assert (failure["status"], failure["type"]) == (499, "client_left")
    await other.finish(running.command, 0)
    assert (await asyncio.wait_for(behind, 5)).command is not None
    assert [command.request.request_id for command in other.commands].count(asked.request_id) == 0


async def test_what_a_home_refuses_is_given_back_by_all_others(other: Neighbours) -> None:
    await put_holder(other, "user", "u", "user:u", Limits(rpm=0))
    await other.put_key(USD, tenant="t", user_id="u", limits=Limits(rpm=5))

    async def ask() -> Answered:
        caller = msgspec.structs.replace(other.request(tenant="t").caller, user_id="u")
        return await other.ask(other.request(caller=caller))

    refused = await until_known(ask, lambda answer: answer.failure is not None)
    assert refused.failure is not None
    assert "for user: u." in refused.failure["message"]
    for _ in range(8):
        assert "for user: u." in ((await ask()).failure or {"message": ""})["message"]
    await put_holder(other, "user", "u", "user:u", Limits(rpm=100))
    served = await until_known(ask, lambda answer: answer.command is not None)
    assert served.command is not None
