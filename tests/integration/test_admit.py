"""Admission in one process with the parts it needs: what only shows when time passes between deciding and storing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from services.policy.admit import Admission
from services.policy.asking import Asking
from services.policy.budgets.admission import NOTHING
from services.policy.budgets.ceilings import Ceilings
from services.policy.budgets.entries import Released
from services.policy.budgets.tree import BudgetTree, TreeRules
from services.policy.guardrails import Chain
from services.policy.in_progress import InProgress
from services.policy.limits.tree import LimitRules, LimitTree
from services.policy.partitions.owning.open_partitions import OpenPartitions
from services.policy.partitions.take_messages import TakeAnswer, decode_ask, encode
from services.policy.replies import Replies
from services.policy.reserve import Reserve, Rules
from shared import subjects, tokens
from shared.bus import Bus, Message, Outbox
from shared.bus.acknowledgement import Then
from shared.calls import Admit, Caller, pack
from shared.identity.holder_access import HolderAccess
from shared.identity.holders import Holder, HolderKind, Limits, entry_name
from shared.payloads.bodies import BodyHolder
from shared.serving.deployments import Deployment
from shared.serving.model_groups import ModelGroups
from tests.budgets import Opened, entries_of, key_of_budget, opened, until
from tests.nats_server import NatsServer
from tests.policy_service import Neighbours, neighbours

KEY = key_of_budget(10**12)
PRICES = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
PATIENCE_MS = 300
ANSWER_S = 20  # what is not answered by then never is
FAR = next(f"u{n}" for n in range(99) if subjects.partition_of(f"user:u{n}", 2) == 1)
FAR_USER = Holder(
    kind="user", id=FAR, version=1, tenant=f"user:{FAR}", created_at=0.0, updated_at=0.0, limits=Limits(rpm=5)
)
FAR_HOLDERS: dict[str, Holder] = {}
LIMITED_ELSEWHERE = LimitTree(FAR_HOLDERS, LimitRules(partitions=2))


@pytest.fixture
async def owner(bus: Bus) -> AsyncIterator[Opened]:
    async with opened(bus, KEY) as made:
        yield made


@pytest.fixture
def patience_ms() -> int:
    """Longer than any machine takes to decide."""
    return 60_000


@pytest.fixture
def limit_tree() -> LimitTree:
    return LimitTree({}, LimitRules(partitions=1))


@pytest.fixture
async def admission(bus: Bus, owner: Opened, patience_ms: int, limit_tree: LimitTree) -> Admission:
    partitions = OpenPartitions()
    partitions.add(owner.partition)
    sim = Deployment(id="d1", group="sim", provider="simulated", model="echo", priced_as="echo", prices=PRICES)
    ceilings, access = Ceilings(ModelGroups([sim]), {}, {}, 4_096), HolderAccess({}, {})
    budgets = BudgetTree({}, TreeRules(partitions=1))
    outbox, bodies = Outbox(bus), BodyHolder(bus)
    replies = Replies(bus, outbox)
    in_progress = InProgress(replies, bodies)
    reserve = Reserve(
        bus,
        asking=Asking(owner.keys, access, budgets, limit_tree, ceilings, hold_grace_ms=1_000),
        partitions=partitions,
        ceilings=ceilings,
        rules=Rules(False, 422, patience_ms),
        bodies=bodies,
        replies=replies,
        in_progress=in_progress,
        counts=partitions.counts,
    )
    await bodies.start()
    await reserve.start()
    return Admission(
        bus,
        outbox,
        keys=owner.keys,
        access=access,
        chain=Chain.build((), base_dir=Path()),
        bodies=bodies,
        replies=replies,
        in_progress=in_progress,
        partitions=partitions,
        reserve=reserve,
    )


@pytest.fixture
async def around(nats: NatsServer) -> AsyncIterator[Neighbours]:
    async with neighbours(nats.url) as made:
        yield made


def deliver(admission: Admission, request: Admit, body: bytes = b"{}") -> None:
    admission.on_admit(0, Message(subjects.admit(0), "", pack(request, body), b""))


@pytest.mark.parametrize("patience_ms", [PATIENCE_MS])
async def test_a_hold_that_is_stored_after_the_edge_has_given_up_is_given_back(
    bus: Bus, owner: Opened, admission: Admission, around: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = bus.store_then

    def slow(subject: str, payload: bytes, then: Then, **options: Any) -> None:
        asyncio.get_running_loop().call_later(
            PATIENCE_MS / 1000 + 0.1, partial(real, subject, payload, then, **options)
        )

    monkeypatch.setattr(bus, "store_then", slow)
    request = around.request()
    deliver(admission, request)
    assert owner.books.holds
    await asyncio.sleep(0.05)
    monkeypatch.setattr(bus, "store_then", real)
    await until(lambda: not owner.books.holds)
    await owner.partition.finished()
    assert Released(request.request_id) in await entries_of(bus)
    assert not around.commands


def is_limited(_: Opened) -> None:
    FAR_HOLDERS[entry_name("user", FAR)] = msgspec.structs.replace(FAR_USER, limits=Limits(rpm=1))
    LIMITED_ELSEWHERE.changed()


def is_blocked(owner: Opened) -> None:
    owner.keys["key"] = msgspec.structs.replace(owner.keys["key"], blocked=True)


@pytest.mark.parametrize("limit_tree", [LIMITED_ELSEWHERE])
@pytest.mark.parametrize(
    ("lasts_s", "meanwhile", "why"),
    [
        (0.4, lambda _: None, "took too long"),
        (20.0, is_blocked, "may not call any more"),
        (20.0, is_limited, "its limits have changed"),
    ],
)
async def test_what_comes_too_late_from_the_home_of_a_limit_is_given_back(
    bus: Bus,
    owner: Opened,
    admission: Admission,
    around: Neighbours,
    lasts_s: float,
    meanwhile: Callable[[Opened], None],
    why: str,
) -> None:
    owner.keys["key"] = msgspec.structs.replace(KEY, user_id=FAR)
    FAR_HOLDERS[entry_name("user", FAR)] = FAR_USER
    LIMITED_ELSEWHERE.changed()
    asked: list[str] = []
    given_back: list[str] = []

    async def take(message: Message) -> bytes:
        asked.append(decode_ask(message.data).request)
        meanwhile(owner)
        await asyncio.sleep(0.5)
        return encode(TakeAnswer(True, None, ""))

    async def release(message: Message) -> bytes:
        given_back.extend(msgspec.json.decode(message.data))
        return b"{}"

    await bus.serve(subjects.take(1), take)
    await bus.serve(subjects.release(1), release)
    request = around.request(lasts_s=lasts_s)
    answer = around.expect(request)
    deliver(admission, request)
    failure = (await asyncio.wait_for(answer, ANSWER_S)).failure
    assert failure is not None
    assert failure["status"] == 503
    assert why in failure["message"]
    await until(lambda: given_back)
    assert asked == given_back == [request.request_id]
    await until(lambda: not owner.books.holds)
    assert around.commands == []


@pytest.mark.parametrize("blocked", ["end_user", "tag", "user"])
@pytest.mark.parametrize("whose", ["key", "master"])
async def test_who_is_blocked_while_a_request_waits_is_not_served(
    around: Neighbours, blocked: HolderKind, whose: str
) -> None:
    holders: dict[str, Holder] = {}
    keys = {"key": msgspec.structs.replace(KEY, user_id="bob")}
    ceilings, tree = Ceilings(ModelGroups([]), {}, {}, 4_096), BudgetTree({}, TreeRules(partitions=1))
    limits = LimitTree({}, LimitRules(partitions=1))
    access = HolderAccess(holders, {})
    asking = Asking(keys, access, tree, limits, ceilings, hold_grace_ms=1_000)
    caller = Caller("key", "", "key", "bob", "", "", "bob", ("bob",), "", "", "", b"")
    asked = msgspec.structs.replace(around.request(), caller=caller)
    key = keys["key"] if whose == "key" else None
    waiting = asking.wanted(asked, key, asking.charges(asked, key, 0), NOTHING, None, held=True)
    assert waiting.again() is not None
    holders[entry_name(blocked, "bob")] = Holder(
        kind=blocked,
        id="bob",
        version=1,
        tenant="t",
        created_at=0.0,
        updated_at=0.0,
        blocked=True,
    )
    access.changed()
    binds = whose == "key" or blocked == "end_user"
    assert (waiting.again() is None) == binds


@pytest.mark.parametrize(
    "broken", ["admit.refusal_of_key", "dispatch.pack", "dispatch.admitted_fact", "reserve.over_budget"]
)
async def test_whatever_fails_inside_is_answered_and_holds_nothing(
    owner: Opened, admission: Admission, around: Neighbours, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(f"services.policy.{broken}", fails)
    if broken == "reserve.over_budget":
        owner.keys["key"] = key_of_budget(1)
    request = around.request()
    answer = around.expect(request)
    deliver(admission, request)
    async with asyncio.timeout(ANSWER_S):
        failure = (await answer).failure
    assert failure is not None
    assert failure["status"] == 500
    await until(lambda: not owner.books.holds)
    assert not around.commands


async def test_nothing_is_remembered_of_requests_that_are_over(
    owner: Opened, admission: Admission, around: Neighbours
) -> None:
    owner.keys["key"] = key_of_budget(300 * 10**6)
    for _ in range(5):
        deliver(admission, around.request())
    await until(lambda: len(around.commands) == 1)
    assert admission._replies.waiting == 4
    for _ in range(4):
        await around.finish(around.commands[-1], 0)
        owner.settlements.hurry()
        done = len(around.commands)
        await until(lambda done=done: len(around.commands) > done)
    assert admission._replies.waiting == 0
    assert not admission._in_progress.tasks


# what the bytes of a request make too dear, and its tokens do not


def asking(text: str, **fields: Any) -> tuple[bytes, dict[str, Any]]:
    body = orjson.dumps({"model": "sim", "messages": [{"role": "user", "content": text}]})
    return body, {"input_bytes": len(body), "body_bytes": len(body), "max_tokens": 10, **fields}


PROSE = "The quarterly report shows that revenue grew by a modest amount while costs fell. "
ANSWER_PICO = 10 * 2_000_000


@pytest.mark.parametrize("repeats", [3, 2_000])
async def test_a_request_that_fits_by_its_tokens_is_served_whole(
    owner: Opened, admission: Admission, around: Neighbours, repeats: int
) -> None:
    body, fields = asking(PROSE * repeats)
    owner.keys["key"] = key_of_budget(len(body) * 1_000_000 // 2)
    request = around.request(**fields)
    answer = around.expect(request)
    deliver(admission, request, body)
    async with asyncio.timeout(ANSWER_S):
        command = (await answer).command
    assert command is not None
    assert command.max_tokens == 10, "the answer is not shortened"
    assert command.hold_pico is not None
    assert tokens.count(PROSE * repeats) * 1_000_000 + ANSWER_PICO < command.hold_pico < len(body) * 500_000


async def test_it_need_not_wait_for_what_others_hold(owner: Opened, admission: Admission, around: Neighbours) -> None:
    body, fields = asking(PROSE * 3)
    owner.keys["key"] = key_of_budget(len(body) * 1_000_000 + ANSWER_PICO)
    for number in range(2):
        deliver(admission, around.request(**fields), body)
        await until(lambda number=number: len(around.commands) == number + 1, 5.0)


async def test_a_body_that_is_elsewhere_is_fetched_to_be_counted(
    owner: Opened, admission: Admission, around: Neighbours
) -> None:
    body, fields = asking(PROSE * 5_000)
    owner.keys["key"] = key_of_budget(len(body) * 1_000_000 // 2)
    holder = BodyHolder(around.bus)
    await holder.start()
    await around.bus.flush(2)
    request = around.request(**fields)
    request = msgspec.structs.replace(request, body_ref=holder.hold(request.request_id, body))
    answer = around.expect(request)
    deliver(admission, request, b"")
    async with asyncio.timeout(ANSWER_S):
        assert (await answer).command is not None
    lost = around.request(**fields, body_ref=holder.hold("another", b""))
    answer = around.expect(lost)
    deliver(admission, lost, b"")
    async with asyncio.timeout(ANSWER_S):
        failure = (await answer).failure
    assert failure is not None
    assert failure["status"] == 503


async def test_nothing_is_counted_where_the_money_is_enough_or_gone(
    owner: Opened, admission: Admission, around: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[bytes] = []
    monkeypatch.setattr("services.policy.reserve.counts_at_once", lambda body: bool(counted.append(body)))
    body, fields = asking(PROSE)
    deliver(admission, around.request(**fields), body)
    await until(lambda: len(around.commands) == 1)
    owner.keys["key"] = key_of_budget(1)
    request = around.request(**fields)
    answer = around.expect(request)
    deliver(admission, request, body)
    async with asyncio.timeout(ANSWER_S):
        assert (await answer).failure is not None
    assert not counted


async def test_what_cannot_be_counted_is_bound_by_its_bytes(
    owner: Opened, admission: Admission, around: Neighbours
) -> None:
    owner.keys["key"] = key_of_budget(300 * 1_000_000)
    request = around.request(input_bytes=1_000)
    answer = around.expect(request)
    deliver(admission, request, b'{"messages": 3}')
    async with asyncio.timeout(ANSWER_S):
        failure = (await answer).failure
    assert failure is not None
    assert failure["status"] == 422
