"""The control plane on a real nats-server: what is promised to whoever manages keys."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from services.policy.control import attempts
from services.policy.control.endpoints import serve_control
from services.policy.control.keys import stored_keys
from services.policy.control.keys.commands import KeyCommands
from services.policy.control.keys.virtual_key import VirtualKey
from services.policy.control.mirror import Mirror
from services.policy.control.plane import ControlPlane
from services.policy.control.projection import key_projection, projector
from services.policy.control.projection.position import stored_position
from services.policy.control.projection.projector import Projector
from services.policy.control.store.recorder import EventRecorder
from services.policy.control.store.wire import CONTROL, TOPIC
from shared import subjects
from shared.bus import Bus, KvView, NotStored, Outbox, Reader, header_value, prepare_streams
from shared.bus.kv import kv_stream, put
from shared.config import Config, load_config
from shared.control import AccountFigures, KeyQuery
from shared.errors import AccessDenied, GatewayError, InvalidRequest, NotFound, TooLarge, Unavailable
from shared.facts.control import CONTROL_FACTS, KeyGenerated, KeyUpdated
from shared.facts.holders import HOLDER_FACTS
from shared.facts.registry import by_kind, decode_fact
from shared.identity.holders import Limits, Window
from shared.identity.keys import Key, decode_key, encode_key, token_of
from tests.nats_server import NatsServer

ADMIN = "default_user_id"
NOW = datetime(2026, 11, 23, 0, 31, 35, 151000, tzinfo=UTC).timestamp()
PARTITIONS = 8


@pytest.fixture
def config() -> Config:
    return load_config(None, {})


@pytest.fixture
def plane(bus: Bus, config: Config) -> KeyCommands:
    return KeyCommands(bus, config, clock=lambda: NOW)


@asynccontextmanager
async def watching(bus: Bus) -> AsyncIterator[dict[str, Key]]:
    """What an edge sees."""
    view = KvView(bus, subjects.KEYS_BUCKET, decode_key)
    await view.start()
    try:
        yield view.entries
    finally:
        await view.stop()


@asynccontextmanager
async def projecting(bus: Bus) -> AsyncIterator[Projector]:
    running = Projector(bus, Outbox(bus))
    task = asyncio.create_task(running.run())
    try:
        yield running
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(condition: Callable[[], Awaitable[bool]] | Callable[[], bool], timeout_s: float = 5.0) -> None:
    async with asyncio.timeout(timeout_s):
        while True:
            holds = condition()
            if holds if isinstance(holds, bool) else await holds:
                return
            await asyncio.sleep(0.02)


async def projected(bus: Bus) -> None:
    """Wait until the projector has done all there is."""
    last = await EventRecorder(bus).max_notification_id() or 0

    async def is_done() -> bool:
        position, _ = await stored_position(bus)
        return position.shown >= last and position.published >= last

    await until(is_done)


async def entries(bus: Bus) -> list[Key]:
    return list(await Mirror(bus, subjects.KEYS_BUCKET, decode_key).entries())


async def stored_in(bus: Bus, stream: str) -> list[Any]:
    reader = Reader(bus, stream, deliver="all")
    messages = []
    while some := await reader.next_batch(1_000, 0.2):
        messages += some
    await reader.close()
    return messages


async def facts_of(bus: Bus) -> list[Any]:
    known = by_kind(*CONTROL_FACTS, *HOLDER_FACTS)
    return [decode_fact(message.data, known) for message in await stored_in(bus, subjects.FACTS)]


async def test_a_generated_key_is_shown_to_whoever_watches(bus: Bus, plane: KeyCommands) -> None:
    async with watching(bus) as entries:
        made = await plane.generate(
            {
                "max_budget": 50.0,
                "budget_duration": "30d",
                "models": ["gpt-4", "gpt-3.5-turbo"],
                "metadata": {"user": "frontend-team"},
                "duration": "1h",
                "tpm_limit": 100,
                "tags": ["a"],
                "agent_id": "agent-1",
            },
            by=ADMIN,
        )
        token = token_of(made.key)
        await until(lambda: token in entries)
        assert entries[token] == made.answer.entry
        assert made.answer.entry == Key(
            token=token,
            version=1,
            tenant=token,
            key_name=f"sk-...{made.key[-4:]}",
            created_at=NOW,
            updated_at=NOW,
            created_by=ADMIN,
            updated_by=ADMIN,
            models=("gpt-4", "gpt-3.5-turbo"),
            metadata={"user": "frontend-team", "tags": ["a"]},
            tags=("a",),
            expires=NOW + 3600,
            max_budget_pico=50 * 10**12,
            budget_duration="30d",
            budget_anchor=NOW,
            budgets=(Window(50 * 10**12, "30d", NOW),),
            limits=Limits(tpm=100),
            extra={"agent_id": "agent-1"},
        )
        assert made.answer.budget_reset_at == datetime(2026, 12, 1, tzinfo=UTC).timestamp()
        assert made.answer.figures == AccountFigures(0, 0)


async def test_budgets_and_limits_of_a_key_stand_in_its_entry_and_in_its_fact(
    bus: Bus, plane: KeyCommands, config: Config
) -> None:
    await ControlPlane(bus, config).holders.create("budget", "shared", {"max_budget": 1}, by=ADMIN)
    made = await plane.generate(
        {
            "max_budget": 2,
            "model_max_budget": {"m": {"budget_limit": 1, "time_period": "1d"}},
            "model_rpm_limit": {"m": 3},
            "temp_budget_increase": 0.5,
            "temp_budget_expiry": "2026-12-01",
            "budget_id": "shared",
            "max_wait_s": 2.5,
            "priority": "high",
        },
        by=ADMIN,
    )
    entry = made.answer.entry
    assert entry.budgets == (Window(2 * 10**12), Window(10**12, "1d", NOW, "m"))
    assert entry.limits == Limits(model_rpm={"m": 3})
    assert (entry.increase_pico, entry.increase_until) == (10**12 // 2, datetime(2026, 12, 1, tzinfo=UTC).timestamp())
    assert (entry.budget_id, entry.max_wait_s, entry.priority) == ("shared", 2.5, "high")
    assert entry.extra == {"model_max_budget": {"m": {"budget_limit": 1, "time_period": "1d"}}}
    async with projecting(bus):
        await projected(bus)
    fact = (await facts_of(bus))[-1]
    assert [window.limit_pico for window in fact.terms.budgets] == [2 * 10**12, 10**12]
    assert (fact.terms.increase_pico, fact.terms.budget_id) == (10**12 // 2, "shared")
    assert fact.terms.model_rpm_limit == {"m": 3}


async def test_a_budget_that_is_not_there_is_no_budget_and_is_refused(plane: KeyCommands) -> None:
    made = await plane.generate({}, by=ADMIN)
    for command in (
        plane.generate({"budget_id": "typo"}, by=ADMIN),
        plane.update({"key": made.key, "budget_id": "typo"}, by=ADMIN),
    ):
        with pytest.raises(NotFound, match="Budget not found: typo"):
            await command


async def test_a_generated_key_has_the_form_litellms_have(plane: KeyCommands) -> None:
    keys = {(await plane.generate({}, by=ADMIN)).key for _ in range(5)}
    assert len(keys) == 5
    assert all(key.startswith("sk-") and len(key) == 25 for key in keys)


async def test_a_key_lives_through_a_restart_of_everything(
    nats: NatsServer, bus: Bus, plane: KeyCommands, config: Config
) -> None:
    made = await plane.generate({"key_alias": "lasting", "max_budget": 1}, by=ADMIN)
    nats.stop()
    nats.start()
    again = await Bus.connect(nats.url, name="again")
    await prepare_streams(again)
    found = await KeyCommands(again, config).info(made.key)
    assert found.entry == made.answer.entry
    async with watching(again) as entries:
        assert entries[found.entry.token] == found.entry
    with pytest.raises(InvalidRequest, match="already exists"):
        await KeyCommands(again, config).generate({"key_alias": "lasting"}, by=ADMIN)
    await again.close()


async def test_changes_made_at_the_same_time_all_land(bus: Bus, config: Config) -> None:
    made = await KeyCommands(bus, config).generate({}, by=ADMIN)
    planes = [KeyCommands(bus, config) for _ in range(4)]
    fields = [{"max_budget": 7}, {"rpm_limit": 3}, {"metadata": {"b": 1}}, {"tpm_limit": 5}]
    async with watching(bus) as entries:
        await asyncio.gather(
            *(one.update({"key": made.key, **change}, by=ADMIN) for one, change in zip(planes, fields, strict=True))
        )
        entry = (await planes[0].info(made.key)).entry
        assert (entry.max_budget_pico, entry.limits.rpm, entry.metadata, entry.limits.tpm) == (
            7 * 10**12,
            3,
            {"b": 1},
            5,
        )
        assert entry.version == 5
        await until(lambda: entries[entry.token] == entry)


async def test_an_alias_raced_for_by_twenty_goes_to_one(bus: Bus, config: Config) -> None:
    outcomes = await asyncio.gather(
        *(KeyCommands(bus, config).generate({"key_alias": "one"}, by=ADMIN) for _ in range(20)),
        return_exceptions=True,
    )
    made = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert len(made) == 1
    for error in refused:
        assert isinstance(error, InvalidRequest)
        assert error.message == (
            "Key with alias 'one' already exists. Unique key aliases across all keys are required."
        )
        assert (error.status, error.type, error.param) == (400, "bad_request_error", "key_alias")
    page = await KeyCommands(bus, config).list_keys(KeyQuery())
    assert [answer.entry.token for answer in page.keys] == [made[0].answer.entry.token]


async def test_a_custom_key_raced_for_by_twenty_is_made_once(bus: Bus, config: Config) -> None:
    outcomes = await asyncio.gather(
        *(KeyCommands(bus, config).generate({"key": "sk-custom-0123456789"}, by=ADMIN) for _ in range(20)),
        return_exceptions=True,
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert len(refused) == 19
    assert all(isinstance(error, InvalidRequest) and error.param == "key" for error in refused)


async def test_the_master_key_cannot_be_made_a_virtual_key(bus: Bus) -> None:
    plane = KeyCommands(bus, load_config(None, {"LITELLM_MASTER_KEY": "sk-master-0123456789"}))
    with pytest.raises(InvalidRequest, match="already exists"):
        await plane.generate({"key": "sk-master-0123456789"}, by=ADMIN)


async def test_an_alias_is_free_again_once_its_key_has_another_or_is_deleted(plane: KeyCommands) -> None:
    first = await plane.generate({"key_alias": "a"}, by=ADMIN)
    second = await plane.generate({"key_alias": "b"}, by=ADMIN)
    with pytest.raises(InvalidRequest, match="'b' already exists"):
        await plane.update({"key": first.key, "key_alias": "b"}, by=ADMIN)
    await plane.update({"key": first.key, "key_alias": "c"}, by=ADMIN)
    await plane.update({"key": second.key, "key_alias": "a"}, by=ADMIN)
    await plane.delete([first.key], [], by=ADMIN)
    third = await plane.generate({"key_alias": "c"}, by=ADMIN)
    assert third.answer.entry.key_alias == "c"
    cleared = await plane.update({"key": third.key, "key_alias": None}, by=ADMIN)
    assert cleared.entry.key_alias is None
    await plane.generate({"key_alias": "c"}, by=ADMIN)
    same = await plane.update({"key": second.key, "key_alias": "a", "rpm_limit": 1}, by=ADMIN)
    assert (same.entry.key_alias, same.entry.limits.rpm) == ("a", 1)


async def test_a_key_can_be_named_by_its_value_its_token_or_its_alias(plane: KeyCommands) -> None:
    made = await plane.generate({"key_alias": "named"}, by=ADMIN)
    token = token_of(made.key)
    assert (await plane.info(token)).entry.token == token
    assert (await plane.update({"key_alias": "named", "rpm_limit": 2}, by=ADMIN)).entry.limits.rpm == 2
    assert [answer.entry.token for answer in await plane.find([made.key, "sk-nobody"], ["named"])] == [token]
    assert [one.name for one in await plane.delete([], ["named", "nobody"], by=ADMIN)] == ["named"]


async def test_an_update_leaves_what_it_does_not_name_and_clears_what_is_null(plane: KeyCommands) -> None:
    made = await plane.generate(
        {"max_budget": 5, "budget_duration": "7d", "models": ["m"], "user_id": "u", "model_rpm_limit": {"m": 1}},
        by=ADMIN,
    )
    answer = await plane.update({"key": made.key, "max_budget": None, "models": None, "tags": ["t"]}, by="other")
    entry = answer.entry
    assert (entry.max_budget_pico, entry.models, entry.user_id) == (None, (), "u")
    assert entry.metadata == {"model_rpm_limit": {"m": 1}, "tags": ["t"]}
    assert (entry.created_by, entry.updated_by, entry.version) == (ADMIN, "other", 2)
    answer = await plane.update({"key": made.key, "budget_duration": None, "metadata": {"b": 1}}, by=ADMIN)
    assert (answer.budget_reset_at, answer.entry.budget_anchor, answer.entry.metadata) == (None, 0.0, {"b": 1})
    assert answer.entry.tags == ()


async def test_an_update_that_changes_nothing_is_no_event(plane: KeyCommands) -> None:
    made = await plane.generate({"max_budget": 5, "budget_duration": "2d"}, by=ADMIN)
    answer = await plane.update({"key": made.key, "max_budget": 5.0, "budget_duration": "2d"}, by=ADMIN)
    assert answer.entry == made.answer.entry


async def test_the_tenant_of_a_key_never_changes(plane: KeyCommands) -> None:
    made = await plane.generate({"team_id": "t1"}, by=ADMIN)
    assert made.answer.entry.tenant == "t1"
    moved = await plane.update({"key": made.key, "team_id": "t2", "organization_id": "o"}, by=ADMIN)
    assert (moved.entry.team_id, moved.entry.tenant) == ("t2", "t1")
    assert (await plane.generate({"team_id": "t", "organization_id": "o"}, by=ADMIN)).answer.entry.tenant == "o"


async def test_block_and_unblock_say_so_and_twice_is_as_once(plane: KeyCommands) -> None:
    made = await plane.generate({}, by=ADMIN)
    assert made.answer.entry.blocked is None
    for _ in range(2):
        entry = (await plane.block(made.key, by=ADMIN)).entry
        assert (entry.blocked, entry.version) == (True, 2)
    for _ in range(2):
        entry = (await plane.unblock(made.key, by=ADMIN)).entry
        assert (entry.blocked, entry.version) == (False, 3)
    entry = (await plane.update({"key": made.key, "blocked": True, "rpm_limit": 1}, by=ADMIN)).entry
    assert (entry.blocked, entry.limits.rpm, entry.version) == (True, 1, 5)


async def test_a_deleted_key_is_gone_for_good(bus: Bus, plane: KeyCommands) -> None:
    made = await plane.generate({"key": "sk-custom-0123456789"}, by=ADMIN)
    token = made.answer.entry.token
    async with watching(bus) as entries:
        assert [one.token for one in await plane.delete([made.key], [], by=ADMIN)] == [token]
        await until(lambda: token not in entries)
        for command in (
            plane.info(made.key),
            plane.update({"key": made.key, "rpm_limit": 1}, by=ADMIN),
            plane.block(made.key, by=ADMIN),
            plane.unblock(made.key, by=ADMIN),
            plane.delete([made.key], [], by=ADMIN),
            plane.find([made.key], []),
        ):
            with pytest.raises(NotFound):
                await command
        with pytest.raises(InvalidRequest, match="was deleted"):
            await plane.generate({"key": made.key}, by=ADMIN)
        assert (await plane.list_keys(KeyQuery())).total == 0


async def test_an_entry_that_is_late_cannot_bring_a_deleted_key_back(bus: Bus, plane: KeyCommands) -> None:
    made = await plane.generate({}, by=ADMIN)
    aggregates = plane._stored.aggregates
    late = await aggregates.load(VirtualKey, VirtualKey.id_of(made.answer.entry.token))
    assert late is not None
    await plane.delete([made.key], [], by=ADMIN)
    await key_projection.show(bus, late)
    assert await entries(bus) == []


async def test_an_older_entry_does_not_replace_a_newer_one(bus: Bus, plane: KeyCommands) -> None:
    made = await plane.generate({}, by=ADMIN)
    older = await plane._stored.aggregates.load(VirtualKey, VirtualKey.id_of(made.answer.entry.token))
    assert older is not None
    await plane.update({"key": made.key, "rpm_limit": 1}, by=ADMIN)
    await key_projection.show(bus, older)
    assert [entry.version for entry in await entries(bus)] == [2]


async def test_entries_written_at_once_in_any_order_end_at_the_newest(bus: Bus, plane: KeyCommands) -> None:
    made = await plane.generate({}, by=ADMIN)
    key_id = VirtualKey.id_of(made.answer.entry.token)
    for limit in range(1, 8):
        await plane.update({"key": made.key, "rpm_limit": limit}, by=ADMIN)
    versions = [await plane._stored.aggregates.load(VirtualKey, key_id, version=number) for number in range(1, 9)]
    await put(bus, subjects.KEYS_BUCKET, made.answer.entry.token, b"{}")  # not a key: replaced as well
    random.shuffle(versions)
    await asyncio.gather(*(key_projection.show(bus, one) for one in versions if one is not None))
    assert [entry.limits.rpm for entry in await entries(bus)] == [7]


async def test_a_crash_between_event_and_entry_heals(
    bus: Bus, plane: KeyCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await plane.generate({}, by=ADMIN)
    gone = await plane.generate({}, by=ADMIN)

    async def crash(_bus: Bus, _key: VirtualKey) -> None:
        raise NotStored("the process died here")

    monkeypatch.setattr(stored_keys, "show", crash)
    lost = await plane.generate({"key_alias": "lost"}, by=ADMIN)
    await plane.update({"key": kept.key, "rpm_limit": 9}, by=ADMIN)
    await plane.block(kept.key, by=ADMIN)
    await plane.delete([gone.key], [], by=ADMIN)
    async with watching(bus) as entries:
        assert lost.answer.entry.token not in entries
        assert gone.answer.entry.token in entries
        async with projecting(bus):
            await until(lambda: lost.answer.entry.token in entries and gone.answer.entry.token not in entries)
            await until(lambda: entries[kept.answer.entry.token].blocked is True)
            assert entries[kept.answer.entry.token].limits.rpm == 9
            assert entries[lost.answer.entry.token] == lost.answer.entry


async def test_every_event_becomes_one_fact_whoever_projects_and_however_often(bus: Bus, plane: KeyCommands) -> None:
    async with projecting(bus), projecting(bus):
        made = await plane.generate({"max_budget": 2.5, "team_id": "t", "key_alias": "a", "tags": ["x"]}, by=ADMIN)
        await projected(bus)
    async with projecting(bus):
        await plane.update({"key": made.key, "models": ["m"], "budget_duration": "1d"}, by="u2")
        await plane.block(made.key, by=ADMIN)
        await plane.unblock(made.key, by=ADMIN)
        await plane.delete([made.key], [], by=ADMIN)
        await projected(bus)
    async with projecting(bus), projecting(bus):
        await asyncio.sleep(0.3)
    facts = await facts_of(bus)
    kinds = ["key.generated", "key.updated", "key.blocked", "key.unblocked", "key.deleted"]
    assert [fact.kind for fact in facts] == kinds
    assert [fact.key_version for fact in facts] == [1, 2, 3, 4, 5]
    assert {fact.key for fact in facts} == {made.answer.entry.token}
    assert {(fact.tenant, fact.team_id, fact.key_alias) for fact in facts} == {("t", "t", "a")}
    assert len({fact.id for fact in facts}) == 5
    generated, updated = facts[:2]
    assert isinstance(generated, KeyGenerated)
    assert isinstance(updated, KeyUpdated)
    assert (generated.terms.max_budget_pico, generated.terms.tags, generated.by) == (2_500_000_000_000, ("x",), ADMIN)
    assert (updated.changed, updated.terms.models, updated.by) == (("budget_duration", "models"), ("m",), "u2")
    assert generated.ts_ms == round(NOW * 1000)
    assert generated.subject == "evt.key.generated.v1.t"


async def test_a_bucket_that_was_lost_is_filled_again_without_a_second_fact(bus: Bus, plane: KeyCommands) -> None:
    async with projecting(bus):
        made = [await plane.generate({}, by=ADMIN) for _ in range(3)]
        await plane.delete([made[0].key], [], by=ADMIN)
        await projected(bus)
    assert len(await facts_of(bus)) == 4
    for stream in (kv_stream(subjects.KEYS_BUCKET), subjects.FACTS):  # with the facts, what drops a second one
        await bus.api(f"STREAM.DELETE.{stream}", None)
    await prepare_streams(bus)
    async with watching(bus) as entries, projecting(bus):
        await until(lambda: len(entries) == 2)
        assert entries.keys() == {one.answer.entry.token for one in made[1:]}
        await projected(bus)
        assert await facts_of(bus) == []
        await plane.block(made[1].key, by=ADMIN)
        await projected(bus)
        assert [fact.kind for fact in await facts_of(bus)] == ["key.blocked"]


async def test_a_control_stream_that_lost_events_stops_the_projection(bus: Bus, plane: KeyCommands) -> None:
    async with projecting(bus):
        await plane.generate({}, by=ADMIN)
        await projected(bus)
    await bus.api(f"STREAM.DELETE.{CONTROL.name}", None)
    await prepare_streams(bus)
    with pytest.raises(projector.OperationalError, match="older copy"):
        await Projector(bus, Outbox(bus))._follow()


async def test_an_event_of_a_kind_nobody_knows_stops_the_projection_until_somebody_does(
    bus: Bus, plane: KeyCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projector, "_RETRY_WAIT_S", 0.05)
    made = await plane.generate({}, by=ADMIN)
    subject = f"{CONTROL.prefix}.{VirtualKey.id_of(made.answer.entry.token)}.2"
    await bus.store(subject, b"{}", headers={TOPIC: "VirtualKey.Polished"})
    await bus.store(f"{CONTROL.prefix}.{VirtualKey.id_of('other')}.1", b"{}", headers={TOPIC: "Team.Founded"})
    async with projecting(bus):
        await asyncio.sleep(0.3)
        position, _ = await stored_position(bus)
        assert position.shown == 0


async def test_the_projection_goes_on_after_nats_was_killed(nats: NatsServer, bus: Bus, plane: KeyCommands) -> None:
    async with projecting(bus):
        await plane.generate({}, by=ADMIN)
        await projected(bus)
        nats.kill()
        making = asyncio.create_task(plane.generate({}, by=ADMIN))
        await asyncio.sleep(0.3)
        nats.start()
        made = await making
        await projected(bus)
    tokens = {entry.token for entry in await entries(bus)}
    assert made.answer.entry.token in tokens
    assert len(await facts_of(bus)) == 2


async def test_nothing_that_was_answered_is_lost_while_nats_is_killed(
    nats: NatsServer, bus: Bus, config: Config
) -> None:
    plane = KeyCommands(bus, config)
    made: dict[str, int] = {}
    ends = asyncio.get_running_loop().time() + 3

    async def manage(number: int) -> None:
        while asyncio.get_running_loop().time() < ends:
            key = (await plane.generate({"key_alias": f"{number}-{random.random()}"}, by=ADMIN)).key
            made[token_of(key)] = 1
            made[token_of(key)] = (await plane.update({"key": key, "rpm_limit": number}, by=ADMIN)).entry.version
            if number % 2:
                await plane.delete([key], [], by=ADMIN)
                del made[token_of(key)]

    async def kill() -> None:
        for _ in range(3):
            await asyncio.sleep(0.7)
            nats.kill()
            await asyncio.sleep(0.1)
            nats.start()

    async with projecting(bus):
        await asyncio.gather(kill(), *(manage(number) for number in range(6)))
        await projected(bus)
    assert len(made) > 10
    assert {entry.token: entry.version for entry in await entries(bus)} == made
    topics = [header_value(message.headers, TOPIC) or "" for message in await stored_in(bus, CONTROL.name)]
    facts = await facts_of(bus)
    assert len({fact.id for fact in facts}) == len(facts) == sum(topic.startswith("VirtualKey.") for topic in topics)


async def test_only_hashes_of_keys_are_stored(bus: Bus, plane: KeyCommands) -> None:
    async with projecting(bus):
        made = [await plane.generate({"metadata": {"a": 1}}, by=ADMIN)]
        made.append(await plane.generate({"key": "sk-very-secret-custom-key"}, by=ADMIN))
        for one in made:
            await plane.update({"key": one.key, "rpm_limit": 1}, by=ADMIN)
            await plane.block(one.key, by=ADMIN)
        await plane.delete([made[0].key], [], by=ADMIN)
        await projected(bus)
    streams = (await bus.api("STREAM.NAMES", None))["streams"]
    seen = 0
    for stream in streams:
        for message in await stored_in(bus, stream):
            seen += 1
            for one in made:
                whole = message.subject.encode() + message.headers + message.data
                assert one.key.encode() not in whole
                assert one.key.removeprefix("sk-").encode() not in whole
    assert seen > 10


async def test_stored_events_name_no_module_so_that_modules_can_move(bus: Bus, plane: KeyCommands) -> None:
    made = await plane.generate({"key_alias": "a"}, by=ADMIN)
    await plane.update({"key": made.key, "key_alias": "b"}, by=ADMIN)
    await plane.delete([made.key], [], by=ADMIN)
    topics = [header_value(message.headers, TOPIC) for message in await stored_in(bus, CONTROL.name)]
    assert topics == [
        *("VirtualKey.Generated", "KeyAlias.Appeared"),
        *("VirtualKey.Updated", "KeyAlias.Released", "KeyAlias.Appeared"),
        *("VirtualKey.Deleted", "KeyAlias.Released"),
    ]
    first = msgspec.json.decode((await stored_in(bus, CONTROL.name))[0].data)
    assert first["originator_topic"] == "VirtualKey"


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"key": "abc"}, "key", "must start with 'sk-'"),
        ({"key": 5}, "key", "must start with 'sk-'"),
        ({"key": "sk-short"}, "key", "16 to 512"),
        ({"key": "sk-with a space in it"}, "key", "16 to 512"),
        ({"max_budget": -1.0}, "max_budget", "non-negative finite number. Received: -1.0"),
        ({"max_budget": float("nan")}, "max_budget", "non-negative finite"),
        ({"max_budget": float("inf")}, "max_budget", "non-negative finite"),
        ({"max_budget": "abc"}, "max_budget", "non-negative finite"),
        ({"soft_budget": -1}, "soft_budget", "non-negative finite"),
        ({"duration": "5x"}, "duration", "Unsupported duration unit, passed duration: 5x"),
        ({"duration": ""}, "duration", "Unsupported duration"),
        ({"duration": "99999999d"}, "duration", "Unsupported duration"),
        ({"budget_duration": "5x"}, "budget_duration", "Invalid budget_duration '5x'"),
        ({"budget_duration": 5}, "budget_duration", "Invalid budget_duration '5'"),
        ({"rpm_limit": -1}, "rpm_limit", "must not be negative"),
        ({"spend": 3}, "spend", "cannot be set"),
        ({"budget_limits": [{"budget_duration": "x", "max_budget": 1}]}, "budget_limits", "'x'"),
        ({"budget_limits": [{"budget_duration": "1d", "max_budget": -1}]}, "budget_limits", "non-negative"),
        ({"models": "gpt-4"}, None, "models"),
    ],
)
async def test_a_field_that_cannot_be_meant_is_named(
    bus: Bus, plane: KeyCommands, fields: dict[str, Any], param: str | None, words: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await plane.generate(fields, by=ADMIN)
    assert words in refused.value.message
    assert (refused.value.status, refused.value.param) == (400, param)
    assert await EventRecorder(bus).max_notification_id() is None


async def test_fields_too_large_to_store_are_refused(plane: KeyCommands) -> None:
    with pytest.raises(TooLarge, match="512 KB"):
        await plane.generate({"metadata": {"text": "x" * 600_000}}, by=ADMIN)


async def test_metadata_may_hold_any_names(plane: KeyCommands) -> None:
    metadata = {"_type_": "uuid_hex", "_data_": "x", "class_version": 7, "tags": "not a list", "é": ["\n", None]}
    made = await plane.generate({"metadata": metadata}, by=ADMIN)
    assert (await plane.info(made.key)).entry.metadata == metadata


@pytest.mark.parametrize(("duration", "expires"), [(None, None), ("-1", None), ("1mo", NOW + 30 * 86_400)])
async def test_a_duration_can_be_changed_and_taken_away(
    plane: KeyCommands, duration: str | None, expires: float | None
) -> None:
    made = await plane.generate({"duration": "1s"}, by=ADMIN)
    assert made.answer.entry.expires == NOW + 1
    assert (await plane.update({"key": made.key, "duration": duration}, by=ADMIN)).entry.expires == expires


async def test_a_type_of_key_allows_the_routes_of_that_type(plane: KeyCommands) -> None:
    made = await plane.generate({"key_type": "llm_api"}, by=ADMIN)
    assert (made.answer.entry.key_type, made.answer.entry.allowed_routes) == ("llm_api", ("llm_api_routes",))


async def test_defaults_and_bounds_of_the_configuration_hold(bus: Bus, config: Config) -> None:
    settings = config.litellm_settings.model_copy(
        update={
            "default_key_generate_params": {"models": ["m"], "max_budget": 2},
            "upperbound_key_generate_params": {"max_budget": 10, "duration": "30d", "rpm_limit": 5},
        }
    )
    plane = KeyCommands(bus, config.model_copy(update={"litellm_settings": settings}), clock=lambda: NOW)
    entry = (await plane.generate({"max_budget": None}, by=ADMIN)).answer.entry
    assert (entry.models, entry.max_budget_pico, entry.limits.rpm) == (("m",), 2 * 10**12, 5)
    assert entry.expires == NOW + 30 * 86_400
    for fields in ({"max_budget": 11}, {"duration": "31d"}, {"duration": "-1"}, {"rpm_limit": 6}):
        with pytest.raises(InvalidRequest, match="over max limit set in config"):
            await plane.generate(fields, by=ADMIN)


async def test_spend_is_what_the_owner_of_the_partition_says(bus: Bus, plane: KeyCommands) -> None:
    made = await plane.generate({"team_id": "t"}, by=ADMIN)
    other = await plane.generate({"team_id": "nobody-home"}, by=ADMIN)
    token = made.answer.entry.token
    asked: list[list[str]] = []

    async def owner(message: Any) -> bytes:
        asked.append(msgspec.json.decode(message.data)["accounts"])
        figures = {"spend_pico": 7_500_000, "held_pico": 1, "window_start": None, "window_end": NOW + 1}
        return msgspec.json.encode(dict.fromkeys(asked[-1], figures))

    assert subjects.partition_of("t", PARTITIONS) != subjects.partition_of("nobody-home", PARTITIONS)
    await bus.serve(subjects.account(subjects.partition_of("t", PARTITIONS)), owner)
    assert (await plane.info(made.key)).figures == AccountFigures(7_500_000, 1, None, NOW + 1)
    assert (await plane.info(other.key)).figures is None
    assert asked == [[token]]
    page = await plane.list_keys(KeyQuery(sort_by="spend", figures=True))
    assert [answer.figures is None for answer in page.keys] == [False, True]


async def test_a_window_that_is_over_has_nothing_spent(bus: Bus, plane: KeyCommands) -> None:
    made = await plane.generate({"team_id": "t"}, by=ADMIN)

    async def owner(_: Any) -> bytes:
        return msgspec.json.encode(
            {made.answer.entry.token: {"spend_pico": 5, "held_pico": 0, "window_start": 1.0, "window_end": NOW - 1}}
        )

    await bus.serve(subjects.account(subjects.partition_of("t", PARTITIONS)), owner)
    assert (await plane.info(made.key)).figures == AccountFigures(0, 0, window_start=NOW - 1)


async def test_an_owner_that_answers_nonsense_or_nothing_has_said_nothing(
    bus: Bus, plane: KeyCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.policy.control.figures.TIMEOUT_S", 0.2)
    made = await plane.generate({"team_id": "t"}, by=ADMIN)
    answers = [b"nonsense", b""]

    async def owner(_: Any) -> bytes:
        if len(answers) == 1:
            await asyncio.sleep(1)
        return answers.pop()

    answers = [b"", b"nonsense"]
    await bus.serve(subjects.account(subjects.partition_of("t", PARTITIONS)), owner)
    assert (await plane.info(made.key)).figures is None
    assert (await plane.info(made.key)).figures is None


async def test_a_list_filters_sorts_and_pages(bus: Bus, config: Config) -> None:
    moment = [NOW]
    plane = KeyCommands(bus, config, clock=lambda: moment[0])
    rows = [
        {"key_alias": "alpha", "user_id": "u1", "team_id": "t", "max_budget": 3},
        {"key_alias": "beta", "user_id": "u2", "max_budget": 1, "duration": "1s", "project_id": "p"},
        {"key_alias": "Alphabet", "user_id": "u1", "organization_id": "o", "agent_id": "a"},
        {"access_group_ids": ["g"], "max_budget": 2},
    ]
    made = []
    for row in rows:
        made.append(await plane.generate(row, by="u1" if "agent_id" in row else ADMIN))
        moment[0] += 1
    await plane.block(made[3].key, by=ADMIN)
    moment[0] += 10

    async def listed(**query: Any) -> list[int]:
        page = await plane.list_keys(KeyQuery(**query))
        tokens = [one.answer.entry.token for one in made]
        return [tokens.index(answer.entry.token) for answer in page.keys]

    assert await listed() == [3, 2, 1, 0]
    assert await listed(sort_order="asc", size=3) == [0, 1, 2]
    assert await listed(sort_order="asc", size=3, page=2) == [3]
    assert await listed(page=9) == []
    assert await listed(sort_by="max_budget") == [0, 3, 1, 2]
    assert await listed(sort_by="max_budget", sort_order="asc") == [1, 3, 0, 2]
    assert await listed(sort_by="key_alias", sort_order="asc") == [2, 0, 1, 3]
    assert await listed(user_id="u1") == [2, 0]
    assert await listed(user_id="u", substring_matching=True) == [2, 1, 0]
    assert await listed(user_id="u1", include_created_by_keys=True) == [2, 0]
    assert await listed(key_alias="alpha") == [0]
    assert await listed(key_alias="alpha", substring_matching=True) == [2, 0]
    assert await listed(search="ALPHA") == [2, 0]
    assert await listed(key_hash=made[1].answer.entry.token) == [1]
    assert await listed(team_id="t") == [0]
    assert await listed(organization_id="o") == [2]
    assert await listed(project_id="p") == [1]
    assert await listed(agent_id="a") == [2]
    assert await listed(access_group_id="g") == [3]
    assert await listed(only_aliased=True, sort_order="asc") == [0, 1, 2]
    assert await listed(status="expired") == [1]
    assert await listed(status="revoked") == [3]
    assert await listed(status="active") == [2, 0]
    assert (await plane.list_keys(KeyQuery(size=1))).total == 4

    view = KvView(bus, subjects.KEYS_BUCKET, decode_key)
    await view.start()
    mirrored = KeyCommands(bus, config, Mirror(bus, subjects.KEYS_BUCKET, decode_key, view))
    assert (await mirrored.list_keys(KeyQuery())).total == 4
    await plane.delete([made[0].key], [], by=ADMIN)
    assert (await mirrored.list_keys(KeyQuery())).total == 3  # it does not ask a mirror that is behind
    await view.stop()


async def test_an_entry_that_cannot_be_read_is_left_out_of_a_list(bus: Bus, plane: KeyCommands) -> None:
    made = await plane.generate({}, by=ADMIN)
    await put(bus, subjects.KEYS_BUCKET, "broken", b"{}")
    await put(bus, subjects.KEYS_BUCKET, "later-secret", encode_key(made.answer.entry))
    assert (await plane.list_keys(KeyQuery())).total == 1, "an entry is one key, under however many names it is"


async def ask(bus: Bus, verb: str, body: Any, *, admin: bool = True) -> dict[str, Any]:
    question = msgspec.json.encode({"actor": {"id": ADMIN, "admin": admin}, "body": body})
    answer: dict[str, Any] = msgspec.json.decode(await bus.request(subjects.control(verb), question, timeout_s=5))
    return answer


async def test_every_command_is_answered_over_the_bus(bus: Bus, config: Config) -> None:
    await serve_control(bus, ControlPlane(bus, config, clock=lambda: NOW))
    made = await ask(bus, "key_generate", {"key_alias": "a", "max_budget": 1.5})
    assert made["status"] == 200
    key, token = made["body"]["key"], made["body"]["answer"]["entry"]["token"]
    assert token == token_of(key)
    assert (await ask(bus, "key_info", {"key": key}))["body"]["entry"]["max_budget_pico"] == 1_500_000_000_000
    assert (await ask(bus, "key_update", {"key": key, "rpm_limit": 4}))["body"]["entry"]["limits"] == {"rpm": 4}
    assert (await ask(bus, "key_block", {"key": key}))["body"]["entry"]["blocked"] is True
    assert (await ask(bus, "key_unblock", {"key": key}))["body"]["entry"]["blocked"] is False
    assert [row["entry"]["token"] for row in (await ask(bus, "key_find", {"keys": [key]}))["body"]] == [token]
    assert (await ask(bus, "key_list", {"size": 1}))["body"]["total"] == 1
    assert (await ask(bus, "key_delete", {"keys": [key]}))["body"] == [{"name": key, "token": token}]


async def test_every_refusal_is_answered_over_the_bus(
    bus: Bus, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = ControlPlane(bus, config, clock=lambda: NOW)
    await serve_control(bus, plane)
    assert (await ask(bus, "key_generate", {"duration": "5x"}))["error"]["param"] == "duration"
    assert (await ask(bus, "key_info", {"key": "sk-nobody"}))["error"]["status"] == 404
    assert (await ask(bus, "key_info", {}))["error"]["param"] == "key"
    assert (await ask(bus, "key_delete", {"keys": "sk-x"}))["error"]["param"] == "keys"
    assert (await ask(bus, "key_list", {"page": "x"}))["error"]["status"] == 400
    assert (await ask(bus, "key_fly", {}))["error"]["status"] == 404
    assert (await ask(bus, "key_generate", {}, admin=False))["status"] == AccessDenied.status
    assert (await ask(bus, "key_generate", "no object"))["error"]["status"] == 400

    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(plane.keys, "info", broken)
    failure = await ask(bus, "key_info", {"key": "sk-x"})
    assert failure["status"] == 500
    assert "secret" not in str(failure)


async def test_without_a_store_a_command_says_so_and_when_to_come_back(
    nats: NatsServer, bus: Bus, plane: KeyCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.policy.control.store.recorder.PATIENCE_S", 0.3)
    nats.stop()
    await asyncio.sleep(0.1)
    for command in (
        plane.generate({}, by=ADMIN),
        plane.info("sk-x"),
        plane.list_keys(KeyQuery()),
        plane.find(["sk-x"], []),
        plane.delete(["sk-x"], [], by=ADMIN),
    ):
        with pytest.raises(Unavailable) as refused:
            await command
        assert refused.value.retry_after_s == 1


async def test_a_key_too_many_fight_over_is_refused_in_the_end(
    plane: KeyCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "TRIES_MAX", 3)
    made = await plane.generate({}, by=ADMIN)

    async def always_late(*_: Any) -> None:
        raise attempts.IntegrityError("taken")

    monkeypatch.setattr(plane._stored.aggregates, "save", always_late)
    with pytest.raises(GatewayError, match="Too many"):
        await plane.block(made.key, by=ADMIN)
