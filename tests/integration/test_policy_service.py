"""The policy service as its own process: a test plays edge and router, and counts what comes of each request."""

import asyncio
import contextlib
import json
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.policy.budgets.entries import Held, Opened
from services.policy.partitions.journal import journal
from shared import subjects
from shared.bus import Bus, kv, prepare_streams, read
from shared.calls import Admit
from shared.identity.holders import Holder, encode_holder, entry_name
from tests.budgets import until
from tests.nats_server import NatsServer, running_nats
from tests.policy_service import (
    INPUT_PICO,
    LONG_LEASES,
    MUTE,
    OUTPUT_PICO,
    PARTITIONS,
    USD,
    Neighbours,
    PolicyProcess,
    neighbours,
    until_served,
)
from tests.slowness import Slowness

TAKEOVER_WORK_S = 1.0
"""Of CPU, of all processes together, until the partitions of a dead process are served by another."""

HELD = 100 * INPUT_PICO + 100 * OUTPUT_PICO  # what a request of these tests is held at


class Gateway:
    """A nats-server and a policy process that serves, for all tests of the module that break neither."""

    def __init__(self, directory: Path, server: NatsServer) -> None:
        self.server = server
        self.policy = PolicyProcess(directory, server.url, "policy-a")
        asyncio.run(self._ready())

    async def _ready(self) -> None:
        bus = await Bus.connect(self.server.url, name="test")
        await prepare_streams(bus)
        await until_served(bus)
        await bus.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("gateway")
    with running_nats(directory / "nats") as server:
        gateway = Gateway(directory, server)
        yield gateway
        assert gateway.policy.runs, gateway.policy.log.read_text()
        assert gateway.policy.stop() == 0
    assert "Traceback" not in gateway.policy.log.read_text()


@pytest.fixture
async def around(gateway: Gateway) -> AsyncIterator[Neighbours]:
    async with neighbours(gateway.server.url) as made:
        yield made


async def facts_of(bus: Bus, kind: str, request_id: str) -> list[dict[str, Any]]:
    """The facts of a kind about a request, waiting a moment for the first."""
    give_up = time.monotonic() + 3
    while True:
        stored = await read(bus, subjects.FACTS, subject=subjects.facts_of_kind(kind), at_most=None)
        found = [fact for fact in map(json.loads, (one.data for one in stored)) if fact["request_id"] == request_id]
        if found or time.monotonic() > give_up:
            return found
        await asyncio.sleep(0.05)


async def figures(bus: Bus, key: str) -> tuple[int, int]:
    question = json.dumps({"accounts": [key]}).encode()
    partition = subjects.partition_of(key, PARTITIONS)
    answer = json.loads(await bus.request(subjects.account(partition), question, timeout_s=2))
    return answer[key]["spend_pico"], answer[key]["held_pico"]


async def until_figures(bus: Bus, key: str, expected: tuple[int, int], within_s: float = 5.0) -> None:
    give_up = time.monotonic() + within_s
    while (found := await figures(bus, key)) != expected:
        assert time.monotonic() < give_up, f"{found} and not {expected}"
        await asyncio.sleep(0.05)


async def test_a_request_that_fits_goes_to_a_router_with_its_hold(around: Neighbours) -> None:
    await around.put_key(token="fits")
    request = around.request("fits")
    answered = await around.ask(request)
    assert answered.command is not None
    assert answered.command.request == request
    assert (answered.command.hold_pico, answered.command.max_tokens) == (HELD, 100)
    [fact] = await facts_of(around.bus, "request.admitted", request.request_id)
    assert (fact["hold_pico"], fact["max_tokens"]) == (HELD, 100)
    assert await figures(around.bus, "fits") == (0, HELD)
    await around.finish(answered.command, 70 * INPUT_PICO)
    assert await figures(around.bus, "fits") == (70 * INPUT_PICO, 0)


async def test_a_request_without_a_budget_is_counted_all_the_same(around: Neighbours) -> None:
    await around.put_key(None, token="unlimited")
    answered = await around.ask(around.request("unlimited"))
    assert answered.command is not None
    assert (answered.command.hold_pico, answered.command.max_tokens) == (None, None)
    await around.finish(answered.command, 5)
    assert await figures(around.bus, "unlimited") == (5, 0)


async def test_a_request_that_does_not_fit_is_refused_and_that_is_a_fact(around: Neighbours) -> None:
    await around.put_key(50, token="poor", key_alias="frontend")
    request = around.request("poor")
    answered = await around.ask(request)
    assert answered.command is None
    assert answered.failure is not None
    assert (answered.failure["status"], answered.failure["type"]) == (422, "budget_exceeded")
    assert "Budget has been exceeded! Key=frontend (sk-...abcd) Current cost: 0" in answered.failure["message"]
    [fact] = await facts_of(around.bus, "request.denied", request.request_id)
    assert (fact["stage"], fact["status"], fact["error_type"]) == ("budget", 422, "budget_exceeded")
    assert fact["details"]["max_budget"] == "0.00000000005"


DENIED = [
    ({"blocked": True}, {}, "key", 401, "auth_error"),
    ({"expires": 1.0}, {}, "key", 401, "expired_key"),
    ({"allowed_routes": ("info_routes",)}, {}, "key", 403, "key_route_access_denied"),
    ({"models": ("free",)}, {}, "model", 403, "key_model_access_denied"),
    ({}, {"model": "unpriced"}, "budget", 400, "model_without_price"),
    ({}, {"guardrails": ("words",)}, "guardrail", 400, None),
]


@pytest.mark.parametrize(("key", "fields", "stage", "status", "kind"), DENIED, ids=[case[4] or "w" for case in DENIED])
async def test_who_may_not_is_told_why_and_nothing_is_held(
    around: Neighbours, key: dict[str, Any], fields: dict[str, Any], stage: str, status: int, kind: str | None
) -> None:
    token = f"denied-{stage}-{kind}"
    await around.put_key(token=token, **key)
    request = around.request(token, **fields)
    body = b'{"model":"sim","messages":[{"role":"user","content":"this is forbidden here"}]}'
    answered = await around.ask(request, body)
    assert answered.command is None
    assert answered.failure is not None
    assert answered.failure["status"] == status
    if kind:
        assert answered.failure["type"] == kind
    [fact] = await facts_of(around.bus, "request.denied", request.request_id)
    assert (fact["stage"], fact["status"], fact["message"]) == (stage, status, answered.failure["message"])
    assert await figures(around.bus, token) == (0, 0)
    assert not [command for command in around.commands if command.request.request_id == request.request_id]


async def test_a_deleted_key_is_refused(around: Neighbours) -> None:
    await around.put_key(token="deleted")
    assert (await around.ask(around.request("deleted"))).command is not None
    await kv.delete(around.bus, subjects.KEYS_BUCKET, "deleted")
    await asyncio.sleep(0.5)  # within a second everybody knows
    for token in ("deleted", "never-there"):
        request = around.request(token)
        answered = await around.ask(request)
        assert answered.failure is not None
        assert (answered.failure["status"], answered.failure["type"]) == (401, "token_not_found_in_db")
        [fact] = await facts_of(around.bus, "request.denied", request.request_id)
        assert fact["stage"] == "key"


async def test_a_key_may_be_used_the_moment_it_is_made(around: Neighbours) -> None:
    """The edge may hear of it before policy does."""
    for number in range(30):
        token = f"fresh-{number}"
        putting = asyncio.create_task(around.put_key(token=token))
        await asyncio.sleep(0)
        await putting
        answered = await around.ask(around.request(token))
        assert answered.command is not None, answered.failure


async def test_the_master_key_is_not_held_to_anything(around: Neighbours) -> None:
    answered = await around.ask(around.request("litellm_proxy_master_key"))
    assert answered.command is not None
    assert answered.command.hold_pico is None


async def test_a_model_that_costs_nothing_is_served_on_a_spent_budget(around: Neighbours) -> None:
    await around.put_key(HELD, token="spent")
    answered = await around.ask(around.request("spent"))
    assert answered.command is not None
    await around.finish(answered.command, HELD)
    await until_figures(around.bus, "spent", (HELD, 0))
    assert (await around.ask(around.request("spent"))).failure is not None
    free = await around.ask(around.request("spent", "free"))
    assert free.command is not None
    assert free.command.hold_pico == 0


async def test_a_request_that_waits_for_money_is_told_so_and_served_when_there_is_some(around: Neighbours) -> None:
    await around.put_key(HELD, token="waits")
    first = await around.ask(around.request("waits"))
    assert first.command is not None
    request = around.request("waits")
    waiting = asyncio.create_task(around.ask(request))
    await asyncio.sleep(0.3)
    assert request.request_id in around.told_to_wait
    assert not waiting.done()
    await around.finish(first.command, 0)
    second = await waiting
    assert second.command is not None


async def test_a_request_without_any_budget_opens_the_windows_of_those_that_may_get_one_again(
    around: Neighbours,
) -> None:
    values: dict[str, Any] = {"version": 1, "tenant": "paused", "created_at": 0.0, "updated_at": 0.0}
    team = Holder(kind="team", id="paused", extra={"budget_duration": "1h", "budget_anchor": time.time()}, **values)
    await kv.put(around.bus, subjects.HOLDERS_BUCKET, entry_name("team", "paused"), encode_holder(team))
    await around.put_key(None, token="free", tenant="paused", team_id="paused")
    await asyncio.sleep(0.3)
    answered = await around.ask(around.request("free", tenant="paused"))
    assert answered.command is not None
    assert answered.command.hold_pico == 0, "a window is opened by an entry of the journal"
    partition = subjects.partition_of("paused", PARTITIONS)
    stored = await read(around.bus, subjects.JOURNAL, subject=subjects.journal(partition), at_most=None)
    groups = [group for group in (journal.decode(one.data) for one in stored) if isinstance(group, journal.Group)]
    entries = [entry for group in groups for entry in group.entries]
    assert [entry.duration for entry in entries if isinstance(entry, Opened)] == ["1h"]
    request = around.request("free", tenant="paused")
    answered = await around.ask(request)
    assert answered.command is not None
    assert answered.command.hold_pico is None


async def test_a_deadline_that_has_passed_is_answered_by_nobody(around: Neighbours) -> None:
    await around.put_key(token="late")
    request = around.request("late", lasts_s=-1)
    with contextlib.suppress(TimeoutError):
        await around.ask(request, within_s=0.5)
    assert await figures(around.bus, "late") == (0, 0)


async def test_without_a_router_that_is_said_at_once_and_nothing_stays_held(around: Neighbours) -> None:
    await around.put_key(token="no-router")
    await around.stop_router()
    answered = await around.ask(around.request("no-router"))
    assert answered.failure is not None
    assert (answered.failure["status"], answered.failure["retry_after_s"]) == (503, 1)
    assert "no router" in answered.failure["message"]
    await until_figures(around.bus, "no-router", (0, 0))
    await around.put_key(None, token="no-router")
    answered = await around.ask(around.request("no-router"))
    assert answered.failure is not None
    await around.start_router()
    assert (await around.ask(around.request("no-router"))).command is not None


async def test_a_request_for_another_partition_is_not_decided_here(around: Neighbours) -> None:
    await around.put_key(token="astray")
    right = subjects.partition_of("astray", PARTITIONS)
    tenant = next(f"t{n}" for n in range(99) if subjects.partition_of(f"t{n}", PARTITIONS) != right)
    answered = await around.ask(around.request("astray", tenant=tenant))
    assert answered.failure is not None
    assert answered.failure["status"] == 503
    assert await figures(around.bus, "astray") == (0, 0)


async def test_garbage_stops_nobody(around: Neighbours) -> None:
    await around.put_key(token="garbage")
    for number in range(PARTITIONS):
        for payload in (b"", b"\x00\x00\x00\x01\xc0", b"\xff" * 50):
            around.bus.publish(subjects.admit(number), payload)
            around.bus.publish(subjects.account(number), payload, around.bus.new_inbox())
            around.bus.publish(subjects.release(number), payload, around.bus.new_inbox())
    assert (await around.ask(around.request("garbage"))).command is not None


async def test_a_body_that_a_guardrail_cannot_read_is_refused_with_a_reason(around: Neighbours) -> None:
    await around.put_key(token="unread")
    request = around.request("unread", guardrails=("words",), body_ref="body.nobody.req_x", body_bytes=10)
    answered = await around.ask(request)
    assert answered.failure is not None
    assert answered.failure["status"] == 503
    assert await figures(around.bus, "unread") == (0, 0)


async def test_requests_at_once_are_admitted_exactly_as_the_budget_covers(around: Neighbours) -> None:
    await around.put_key(10 * HELD, token="tight")

    async def full_price(command: Any) -> int:
        return int(command.hold_pico)

    around.finishes = full_price
    answers = await asyncio.gather(*[around.ask(around.request("tight")) for _ in range(64)])
    assert sum(answer.command is not None for answer in answers) == 10
    assert {answer.failure["status"] for answer in answers if answer.failure} == {422}
    await until_figures(around.bus, "tight", (10 * HELD, 0))


# Processes that die


@pytest.fixture
async def watched(nats: NatsServer, bus: Bus) -> AsyncIterator[Neighbours]:
    async with neighbours(nats.url) as made:
        yield made


@contextlib.contextmanager
def processes(directory: Path, nats: NatsServer, *names: str, code: str = "") -> Iterator[list[PolicyProcess]]:
    started: list[PolicyProcess] = []
    try:
        for name in names:
            started.append(PolicyProcess(directory, nats.url, name, code=code))
        yield started
    finally:
        for process in started:
            process.close()


async def is_up(process: PolicyProcess) -> None:
    await until(lambda: b"policy is running" in process.log.read_bytes(), within_s=30)


async def admitted_twice(bus: Bus) -> list[str]:
    """Requests that stand in the journals more than once."""
    held: Counter[str] = Counter()
    for number in range(PARTITIONS):
        for message in await read(bus, subjects.JOURNAL, subject=subjects.journal(number), at_most=None):
            decoded = journal.decode(message.data)
            if isinstance(decoded, journal.Group):
                held.update(entry.hold.request for entry in decoded.entries if isinstance(entry, Held))
    return [request for request, times in held.items() if times > 1]


async def test_partitions_move_to_another_process_within_five_seconds(
    tmp_path: Path, nats: NatsServer, bus: Bus, watched: Neighbours
) -> None:
    keys = [f"key{number}" for number in range(8)]
    for token in keys:
        await watched.put_key(USD, token=token)
    with processes(tmp_path, nats, "a") as (first,):
        await until_served(bus)
        with processes(tmp_path, nats, "b") as (second,):
            await is_up(second)  # and owns nothing
            before = {token: await watched.ask(watched.request(token)) for token in keys}
            assert all(answer.command for answer in before.values())
            first.kill()
            died = time.monotonic()
            with Slowness() as slowness:
                while True:
                    answers = [await watched.ask(watched.request(token), within_s=2) for token in keys]
                    if all(answer.command for answer in answers):
                        break
                    assert {answer.failure["status"] for answer in answers if answer.failure} == {503}
                    assert time.monotonic() - died < 20
                    await asyncio.sleep(0.05)
            assert time.monotonic() - died < slowness.within(5, work_s=TAKEOVER_WORK_S)
            assert second.runs
            for token, answer in before.items():
                spent, held = await figures(bus, token)
                assert spent == 0
                assert held >= 2 * HELD, "the successor knows the holds of the dead"
                assert answer.command is not None
                await watched.finish(answer.command, 7)
                await until_figures(bus, token, (7, held - HELD))
    assert await admitted_twice(bus) == []


async def test_what_fails_once_a_router_has_a_request_gives_nothing_of_its_hold_back(
    tmp_path: Path, nats: NatsServer, bus: Bus, watched: Neighbours
) -> None:
    await watched.put_key(HELD)
    with processes(tmp_path, nats, "a", code=MUTE) as (mute,):
        await until_served(bus)
        answer = await watched.ask(watched.request())
        assert answer.command is not None
        assert await figures(bus, "key") == (0, HELD)
        await watched.finish(answer.command, HELD)
        await until_figures(bus, "key", (HELD, 0))
        assert "nobody was told" in mute.log.read_text()


async def test_a_process_that_restarts_under_its_name_goes_on_at_once(
    tmp_path: Path, nats: NatsServer, bus: Bus, watched: Neighbours
) -> None:
    await watched.put_key(USD)
    with processes(tmp_path, nats, "a", code=LONG_LEASES) as (first,):
        await until_served(bus)
        assert (await watched.ask(watched.request())).command is not None
        first.kill()
        with processes(tmp_path, nats, "a", code=LONG_LEASES):
            await until_served(bus)
            assert await figures(bus, "key") == (0, HELD)


async def test_a_process_that_is_stopped_hands_over_at_once_and_leaves_nothing_undecided(
    tmp_path: Path, nats: NatsServer, bus: Bus, watched: Neighbours
) -> None:
    await watched.put_key(USD)
    with processes(tmp_path, nats, "a", code=LONG_LEASES) as (first,):
        await until_served(bus)
        with processes(tmp_path, nats, "b", code=LONG_LEASES) as (second,):
            await is_up(second)
            asked = [asyncio.create_task(watched.ask(watched.request(), within_s=5)) for _ in range(50)]
            await asyncio.sleep(0)
            assert await asyncio.to_thread(first.stop) == 0
            await until_served(bus)
            answers = await asyncio.gather(*asked, return_exceptions=True)
            placed = [answer for answer in answers if not isinstance(answer, BaseException) and answer.command]
            assert await figures(bus, "key") == (0, len(placed) * HELD)
    assert "Traceback" not in first.log.read_text()


async def test_a_process_that_slept_and_wakes_decides_nothing_any_more(
    tmp_path: Path, nats: NatsServer, bus: Bus, watched: Neighbours
) -> None:
    """Its successor has got the requests that waited for it, or nobody has: none goes to a router twice."""
    await watched.put_key(USD)
    await watched.put_key(None, token="unlimited")
    with processes(tmp_path, nats, "a") as (first,), contextlib.ExitStack() as others:
        await until_served(bus)
        [second] = others.enter_context(processes(tmp_path, nats, "b"))
        await is_up(second)  # and owns nothing
        first.signal(signal.SIGSTOP)
        asleep = time.monotonic()
        waiting: list[asyncio.Task[Any]] = []
        admitted_after_s: dict[str, float] = {}

        async def ask(token: str, request: Admit) -> None:
            answer = await watched.ask(request, within_s=4)
            if answer.command is not None:
                admitted_after_s.setdefault(token, time.monotonic() - asleep)

        with Slowness() as slowness:
            while len(watched.commands) <= 20 and time.monotonic() - asleep < 20:
                for token in ("key", "unlimited"):
                    request = watched.request(token)
                    waiting.append(asyncio.create_task(ask(token, request)))
                await asyncio.sleep(0.1)
        first.signal(signal.SIGCONT)
        await asyncio.gather(*waiting, return_exceptions=True)
        await until_served(bus)
        await asyncio.sleep(0.5)
        reached = Counter(command.request.request_id for command in watched.commands)
        assert max(reached.values()) == 1
        assert len(reached) > 20
        took_s = max(admitted_after_s["key"], admitted_after_s["unlimited"])
        assert took_s < slowness.within(5, work_s=TAKEOVER_WORK_S)
        assert second.runs
    assert await admitted_twice(bus) == []


async def test_another_number_of_partitions_is_refused(tmp_path: Path, nats: NatsServer, bus: Bus) -> None:
    with processes(tmp_path, nats, "a") as (first,):
        await until_served(bus)
        first.kill()
    other = PolicyProcess(tmp_path, nats.url, "a", "general_settings: {meterhouse: {partitions: 16}}\n")
    try:
        assert other.wait(20) == 2
        assert "partitions is 16, but budgets are kept in 4 partitions: set it back to 4" in other.log.read_text()
    finally:
        other.close()


async def test_policy_itself_refuses_who_belongs_to_somebody_blocked_and_what_a_team_may_not_call(
    around: Neighbours,
) -> None:
    """An edge that has not heard of a change passes the request on: policy has the last word."""

    async def put(holder: Holder) -> None:
        await kv.put(around.bus, subjects.HOLDERS_BUCKET, entry_name(holder.kind, holder.id), encode_holder(holder))
        await asyncio.sleep(0.2)

    await around.put_key(None, token="of-team", tenant="team-1", team_id="team-1")
    team = Holder(kind="team", id="team-1", version=1, tenant="team-1", created_at=0, updated_at=0)
    await put(msgspec.structs.replace(team, models=("free",)))
    refused = await around.ask(around.request("of-team", tenant="team-1"))
    assert refused.failure is not None
    assert (refused.failure["status"], refused.failure["type"]) == (403, "team_model_access_denied")
    assert (await around.ask(around.request("of-team", "free", tenant="team-1"))).command is not None
    await put(msgspec.structs.replace(team, version=2, blocked=True))
    refused = await around.ask(around.request("of-team", "free", tenant="team-1"))
    assert refused.failure is not None
    assert (refused.failure["status"], "Team=team-1 is blocked" in refused.failure["message"]) == (401, True)
