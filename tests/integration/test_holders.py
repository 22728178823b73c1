"""Teams, users and all other holders on a real nats-server: what is promised to whoever manages them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.policy.control.holders import commands
from services.policy.control.holders.kinds import KINDS
from services.policy.control.plane import ControlPlane
from services.policy.control.projection.holder_projection import show
from services.policy.control.projection.position import stored_position
from services.policy.control.projection.projector import Projector
from services.policy.control.store.aggregates import Aggregates
from services.policy.control.store.recorder import EventRecorder
from shared import subjects
from shared.bus import Bus, KvView, NotStored, Outbox, prepare_streams, read
from shared.bus.kv import kv_stream
from shared.config import Config, load_config
from shared.control import Actor
from shared.facts.holders import HOLDER_FACTS
from shared.facts.registry import by_kind, decode_fact
from shared.identity.holders import Holder, HolderKind, decode_holder, entry_name
from tests.nats_server import NatsServer

ADMIN = "default_user_id"
BY = Actor(ADMIN, True)
EVERY_KIND = sorted(KINDS)


@pytest.fixture
def config() -> Config:
    return load_config(None, {})


@pytest.fixture
def plane(bus: Bus, config: Config) -> ControlPlane:
    return ControlPlane(bus, config)


@asynccontextmanager
async def watching(bus: Bus) -> AsyncIterator[KvView[Holder]]:
    view = KvView(bus, subjects.HOLDERS_BUCKET, decode_holder)
    await view.start()
    try:
        yield view
    finally:
        await view.stop()


async def seen(view: KvView[Holder], name: str, entry: Holder | None) -> bool:
    return await view.wait_until(lambda: view.entries.get(name) == entry, 5)


@asynccontextmanager
async def projected(bus: Bus) -> AsyncIterator[None]:
    """Run a projector until it has done all there is."""
    task = asyncio.create_task(Projector(bus, Outbox(bus)).run())
    last = await EventRecorder(bus).max_notification_id() or 0
    async with asyncio.timeout(10):
        while (await stored_position(bus))[0].published < last:  # noqa: ASYNC110  another task writes it
            await asyncio.sleep(0.02)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def facts_of(bus: Bus) -> list[Any]:
    known = by_kind(*HOLDER_FACTS)
    return [decode_fact(message.data, known) for message in await read(bus, subjects.FACTS, at_most=None)]


@pytest.mark.parametrize("kind", EVERY_KIND)
async def test_every_kind_is_made_changed_blocked_deleted_and_made_again(
    bus: Bus, plane: ControlPlane, kind: HolderKind
) -> None:
    holders, name = plane.holders, entry_name(kind, "a b/c")
    async with watching(bus) as view:
        await holders.create(kind, "a b/c", {"max_budget": 1, "rpm_limit": 2, "tags": ["t"]}, by=ADMIN)
        await holders.update(kind, "a b/c", {"max_budget": None, "blocked": True}, by="other")
        changed = await holders.entry(kind, "a b/c")
        assert changed is not None
        assert (changed.budgets, changed.limits.rpm, changed.blocked, changed.tags) == ((), 2, True, ("t",))
        assert (changed.created_by, changed.updated_by, changed.version) == (ADMIN, "other", 3)
        assert await seen(view, name, changed)
        await holders.delete(kind, "a b/c", by=ADMIN)
        assert await seen(view, name, None)
        again = await holders.create(kind, "a b/c", {"max_budget": 3}, by="third")
        assert (again.blocked, again.limits.rpm, again.version, again.tenant) == (False, None, 5, changed.tenant)
        assert await seen(view, name, again)


async def test_each_event_of_a_holder_becomes_a_fact_once(bus: Bus, plane: ControlPlane) -> None:
    await plane.teams.new({"team_id": "t", "team_alias": "Search", "max_budget": 2, "models": ["m"]}, BY)
    await plane.teams.update("t", {"max_budget": 3, "metadata": {"a": 1}}, BY)
    await plane.teams.set_blocked("t", True, BY)
    await plane.teams.set_blocked("t", False, BY)
    await plane.teams.delete(["t"], BY)
    async with projected(bus):
        pass
    async with projected(bus):
        facts = await facts_of(bus)
    kinds = [fact.kind for fact in facts]
    assert kinds == [
        *("team.created", "member.created", "team.updated", "team.blocked", "team.unblocked"),
        *("member.deleted", "team.deleted"),
    ]
    created, updated = facts[0], facts[2]
    assert (created.holder_id, created.alias, created.team_id, created.by) == ("t", "Search", "t", ADMIN)
    assert (created.terms.models, created.terms.budgets[0].limit_pico) == (("m",), 2 * 10**12)
    assert (updated.changed, updated.terms.budgets[0].limit_pico) == (("max_budget_pico", "metadata"), 3 * 10**12)
    assert {fact.tenant for fact in facts} == {"t"}


async def test_a_crash_between_event_and_entry_heals(
    bus: Bus, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    await plane.holders.create("user", "gone", {}, by=ADMIN)

    async def crash(*_: Any) -> None:
        raise NotStored("the process died here")

    monkeypatch.setattr(commands, "show", crash)
    lost = await plane.holders.create("user", "lost", {"max_budget": 1}, by=ADMIN)
    await plane.holders.delete("user", "gone", by=ADMIN)
    async with watching(bus) as view:
        assert entry_name("user", "lost") not in view.entries
        assert entry_name("user", "gone") in view.entries
        async with projected(bus):
            assert await seen(view, entry_name("user", "gone"), None)
            assert await seen(view, entry_name("user", "lost"), lost)


async def test_an_entry_never_goes_back(bus: Bus, plane: ControlPlane) -> None:
    await plane.holders.create("tag", "x", {"max_budget": 1}, by=ADMIN)
    await plane.holders.update("tag", "x", {"max_budget": 2}, by=ADMIN)
    await plane.holders.delete("tag", "x", by=ADMIN)
    await plane.holders.create("tag", "x", {"max_budget": 4}, by=ADMIN)
    aggregates = Aggregates(EventRecorder(bus))
    kind = KINDS["tag"]
    versions = [await aggregates.load(kind, kind.id_of("x"), version=number) for number in (1, 2, 3, 4)]
    await asyncio.gather(*(show(bus, one) for one in versions if one is not None))
    for number in (0, 2, 1):
        late = versions[number]
        assert late is not None
        await show(bus, late)
    (message,) = await read(bus, kv_stream(subjects.HOLDERS_BUCKET), at_most=None)
    assert decode_holder(message.data).version == 4


async def test_holders_live_through_a_restart_of_everything(
    nats: NatsServer, bus: Bus, plane: ControlPlane, config: Config
) -> None:
    await plane.teams.new(
        {"team_id": "t", "max_budget": 1, "members_with_roles": [{"role": "user", "user_id": "u"}]}, BY
    )
    before = await plane.teams.info("t")
    nats.stop()
    nats.start()
    again = await Bus.connect(nats.url, name="again")
    await prepare_streams(again)
    after = await ControlPlane(again, config).teams.info("t")
    assert after.team.entry == before.team.entry
    assert [member.entry for member in after.members] == [member.entry for member in before.members]
    async with watching(again) as view:
        assert view.entries[entry_name("team", "t")] == before.team.entry
    await again.close()


async def test_changes_made_at_the_same_time_all_land(bus: Bus, config: Config) -> None:
    await ControlPlane(bus, config).holders.create("user", "u", {}, by=ADMIN)
    fields: list[dict[str, Any]] = [{"max_budget": 7}, {"rpm_limit": 3}, {"metadata": {"b": 1}}, {"models": ["m"]}]
    planes = [ControlPlane(bus, config) for _ in fields]
    await asyncio.gather(
        *(one.holders.update("user", "u", change, by=ADMIN) for one, change in zip(planes, fields, strict=True))
    )
    entry = await planes[0].holders.entry("user", "u")
    assert entry is not None
    assert (entry.budgets[0].limit_pico, entry.limits.rpm, entry.metadata, entry.models, entry.version) == (
        7 * 10**12,
        3,
        {"b": 1},
        ("m",),
        5,
    )
