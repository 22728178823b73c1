"""Facts in, rows out: each once, with the right money, whatever order and whatever repetition they come in."""

from decimal import Decimal

from hypothesis import HealthCheck, given, strategies
from hypothesis import settings as hypothesis_settings

from services.ledger.settings import LedgerSettings
from services.ledger.store import Store
from shared import subjects
from shared.bus import Bus
from shared.facts import encode_fact
from tests.integration.ledger.facts import (
    MADE_MS,
    admitted,
    denied,
    finished,
    lost,
    publish,
    publish_again,
    received,
    request_id,
)
from tests.integration.ledger.running import running_ledger, written

USD = Decimal("0.000000000001")


async def test_a_finished_request_becomes_one_row_with_all_it_says(
    bus: Bus, store: Store, settings: LedgerSettings
) -> None:
    request = request_id()
    fact = finished(request, 123_456_789_012)
    await publish(bus, received(request), admitted(request), fact)
    async with running_ledger(settings):
        await written(bus)
    [row] = await store.query(
        "SELECT request_id, outcome, cost, tenant, key, user_id, team_id, tags, model, provider, provider_model, "
        "status, prompt_tokens, completion_tokens, tokens_input, tokens_cached_input, tokens_output, tokens_reasoning, "
        "price_row, toUnixTimestamp64Milli(at), duration_ms, first_token_ms, attempts.status FROM requests"
    )
    assert row == (
        request, "success", 123_456_789_012 * USD, "team-1", fact.key, "ada", "team-1", ["prod", "User-Agent: OpenAI"],
        "gpt-4", "openai", "gpt-4-0613", 200, 12, 12, 9, 3, 10, 2, "openai/gpt-4@2026-06-01", MADE_MS, 902, 298, [200],
    )  # fmt: skip
    archive = await store.query("SELECT kind, payload, request_id, seq FROM facts ORDER BY seq", as_bytes=("payload",))
    assert [kind for kind, *_ in archive] == ["request.received", "request.admitted", "completion.finished"]
    assert archive[2] == ("completion.finished", encode_fact(fact), request, 3)


async def test_a_late_end_replaces_what_was_assumed(bus: Bus, store: Store, settings: LedgerSettings) -> None:
    known, unknown = request_id(), request_id()
    async with running_ledger(settings):
        await publish(bus, lost(known, 9_000_000), lost(unknown, 4_000_000))
        await written(bus)
        assert await store.query("SELECT sum(cost) FROM requests") == [(13_000_000 * USD,)]
        await publish(bus, finished(known, 1_500_000))
        await written(bus)
    rows = await store.query("SELECT request_id, outcome, cost FROM requests ORDER BY cost")
    assert rows == [(known, "success", 1_500_000 * USD), (unknown, "lost", 4_000_000 * USD)]


async def test_an_assumption_after_the_end_changes_nothing(bus: Bus, store: Store, settings: LedgerSettings) -> None:
    request = request_id()
    await publish(bus, finished(request, 1_500_000), lost(request, 9_000_000))
    async with running_ledger(settings):
        await written(bus)
    assert await store.query("SELECT outcome, cost FROM requests") == [("success", 1_500_000 * USD)]


async def test_a_late_end_counts_once_when_the_month_has_changed_between(
    bus: Bus, store: Store, settings: LedgerSettings
) -> None:
    last_moment_ms = 1_796_083_199_999  # 2026-11-30 23:59:59.999
    request = request_id(last_moment_ms)
    assumed = lost(request, 9_000_000, admitted_ms=last_moment_ms + 1)
    ended = finished(request, 1_500_000, received_ms=last_moment_ms, admitted_ms=last_moment_ms + 1)
    async with running_ledger(settings):
        await publish(bus, assumed)
        await written(bus)
        await publish(bus, ended)
        await written(bus)
    by_month = "SELECT sum(cost) FROM requests WHERE at {} toDateTime64('2026-12-01', 3, 'UTC')"
    assert await store.query(by_month.format("<")) == [(1_500_000 * USD,)]
    assert await store.query(by_month.format(">=")) == [(Decimal(0),)]


async def test_a_fact_published_twice_counts_once(bus: Bus, store: Store, settings: LedgerSettings) -> None:
    fact = finished(request_id(), 7_500_000)
    async with running_ledger(settings):
        await publish(bus, fact)
        await written(bus)
        await publish_again(bus, fact)
        await publish_again(bus, fact)
        await written(bus)
    assert await store.query("SELECT count(), sum(cost) FROM requests") == [(1, 7_500_000 * USD)]
    assert await store.query("SELECT count() FROM facts") == [(3,)]


async def test_a_denied_request_costs_nothing_and_is_counted(bus: Bus, store: Store, settings: LedgerSettings) -> None:
    await publish(bus, denied(request_id()))
    async with running_ledger(settings):
        await written(bus)
    rows = await store.query("SELECT outcome, cost, stage, guardrail, status, error_type FROM requests")
    assert rows == [("denied", Decimal(0), "guardrail", "deny-list", 400, "guardrail_blocked")]


async def test_a_message_that_is_no_fact_is_kept_and_stops_nothing(
    bus: Bus, store: Store, settings: LedgerSettings
) -> None:
    good = finished(request_id(), 7_500_000)
    wrong = [
        b"\xff\xfenot json",
        b"{}",
        encode_fact(good).replace(b'"cost_pico":7500000', b'"cost_pico":"7500000"'),
        encode_fact(good).replace(b'"cost_pico":7500000', b'"cost_pico":-1'),
        encode_fact(good).replace(b'"request_id":"', b'"request":"'),
    ]
    for payload in wrong:
        await bus.store("evt.completion.finished.v1.team-1", payload)
    await publish(bus, good)
    async with running_ledger(settings):
        health = await written(bus)
    assert health.unreadable_facts == len(wrong)
    kept = await store.query("SELECT payload FROM facts WHERE kind = 'unreadable' ORDER BY seq", as_bytes=("payload",))
    assert [payload for (payload,) in kept] == wrong
    assert await store.query("SELECT count(), sum(cost) FROM requests") == [(1, 7_500_000 * USD)]


async def test_a_fact_of_a_later_version_is_archived_and_not_guessed_at(
    bus: Bus, store: Store, settings: LedgerSettings
) -> None:
    payload = encode_fact(finished(request_id())).replace(b'"v":1', b'"v":2', 1)
    await bus.store("evt.completion.finished.v2.team-1", payload)
    async with running_ledger(settings):
        await written(bus)
    assert await store.query("SELECT kind, v FROM facts") == [("completion.finished", 2)]
    assert await store.query("SELECT count() FROM requests") == [(0,)]


async def test_numbers_in_metadata_that_the_database_cannot_read_lose_no_money(
    bus: Bus, store: Store, settings: LedgerSettings
) -> None:
    fact = finished(request_id(), 7_500_000)
    payload = encode_fact(fact).replace(b'"metadata":{"x":1}', b'"metadata":{"x":1e400}')
    await bus.store(fact.subject, payload)
    async with running_ledger(settings):
        await written(bus)
    rows = await store.query("SELECT outcome, cost, key, toUnixTimestamp64Milli(at) FROM requests")
    assert rows == [("unreadable", 7_500_000 * USD, fact.key, MADE_MS)]


@hypothesis_settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(costs=strategies.lists(strategies.integers(0, 2**63 - 1), min_size=1, max_size=30))
async def test_sums_are_exact_to_the_last_pico_dollar(
    bus: Bus, store: Store, settings: LedgerSettings, costs: list[int]
) -> None:
    requests = [request_id() for _ in costs]
    await publish(bus, *[finished(request, cost) for request, cost in zip(requests, costs, strict=True)])
    async with running_ledger(settings):
        await written(bus)
    wanted = {"requests": requests}
    sql = "SELECT sum(cost), count() FROM requests WHERE has({requests:Array(String)}, request_id)"
    [(total, count)] = await store.query(sql, wanted)
    assert int(total.scaleb(12)) == sum(costs)
    assert count == len(costs)


async def test_control_facts_are_archived(bus: Bus, store: Store, settings: LedgerSettings) -> None:
    payload = b'{"kind":"key.created","v":1,"id":"evt_1","ts_ms":1795415243968,"tenant":"team-1","token":"abc"}'
    await bus.store(subjects.fact("key.created", 1, "team-1"), payload)
    async with running_ledger(settings):
        await written(bus)
    assert await store.query("SELECT kind, id, tenant FROM facts") == [("key.created", "evt_1", "team-1")]
