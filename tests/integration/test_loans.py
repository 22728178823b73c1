"""One budget, spent from many partitions on a real nats-server: never passed, and all of it can be spent."""

import asyncio
import random
from typing import Any

import pytest
from msgspec.structs import replace

from services.policy.budgets.admission import Ask as Wish
from services.policy.budgets.admission import Placed
from services.policy.budgets.loans import Lent
from services.policy.budgets.tree import TreeRules
from services.policy.partitions.decision import Denied, Left
from services.policy.partitions.loans import borrowing, lending
from services.policy.partitions.loans.loan_messages import Ask, encode
from shared import subjects
from shared.bus import Bus
from shared.identity.holders import Holder, Window, entry_name
from tests import budgets
from tests.budgets import answered, cost, decided, entries_of, finish, until, wanted
from tests.loans import ELSEWHERE, GLOBAL, HOME, PARTITIONS, Partitions, charges_under, key_at, partitions

KEYS = [key_at(number) for number in range(PARTITIONS)]


@pytest.fixture(autouse=True)
def known_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "_keys", {key.token: key for key in KEYS})


async def spend(owners: Partitions, number: int, amount: int, limit: int, paid: int | None = None) -> Any:
    """One request of a key at partition `number` under the global budget; it ends at once."""
    request = wanted(KEYS[number], cost(amount), charges=charges_under(Window(limit)), waits_s=10)
    answer = await answered(owners[number], request)
    assert owners.at_most_spent() <= limit
    if isinstance(answer, Placed):
        await finish(
            owners.bus,
            request.request,
            answer.amount if paid is None else paid,
            key=KEYS[number].token,
            partition=number,
        )
    return answer


async def test_a_budget_that_fits_exactly_so_many_requests_serves_exactly_those(bus: Bus) -> None:
    async with partitions(bus) as owners:
        answers = await asyncio.gather(*[spend(owners, number % PARTITIONS, 10, 400) for number in range(64)])
        assert sum(isinstance(answer, Placed) for answer in answers) == 40
        assert all(isinstance(answer, Denied) for answer in answers if not isinstance(answer, Placed))
        await until(lambda: owners.figures(HOME) == (400, 0))


async def test_all_that_is_not_spent_can_be_spent_elsewhere(bus: Bus) -> None:
    """Each request costs a tenth of what is held for it: the rest must come back from wherever it is."""
    async with partitions(bus) as owners:
        answers = await asyncio.gather(*[spend(owners, number % PARTITIONS, 10, 60, paid=1) for number in range(48)])
        assert [answer for answer in answers if not isinstance(answer, Placed)] == []
        await until(lambda: owners.figures(HOME) == (48, 0), within_s=10)


async def test_far_from_the_limit_one_question_serves_many_requests(bus: Bus) -> None:
    async with partitions(bus) as owners:
        for _ in range(100):
            assert isinstance(await spend(owners, ELSEWHERE[0], 10, 10**6), Placed)
        lent = [entry for entry in await entries_of(bus, HOME) if type(entry).__name__ == "Lent"]
        assert len(lent) < 10


async def test_what_a_partition_does_not_need_any_more_goes_back(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(borrowing, "IDLE_MS", 300)
    async with partitions(bus) as owners:
        await spend(owners, ELSEWHERE[0], 10, 10**6, paid=4)
        assert owners.figures(HOME)[1] > 0
        await until(lambda: owners.figures(HOME) == (4, 0))
        assert owners[ELSEWHERE[0]].books.credits[GLOBAL].limit == 4


async def test_an_answer_is_shortened_to_what_home_has_left(bus: Bus) -> None:
    async with partitions(bus) as owners:
        await spend(owners, HOME, 750, 1_000)
        charges = charges_under(Window(1_000))
        request = wanted(KEYS[ELSEWHERE[0]], Wish(100, 10, 1_000, 1, True), charges=charges, waits_s=10)
        assert await decided(owners[ELSEWHERE[0]], request) == Placed(250, 15)
        assert owners.at_most_spent() == 1_000


async def test_a_refusal_says_how_the_account_stands_at_home(bus: Bus) -> None:
    async with partitions(bus) as owners:
        await spend(owners, HOME, 950, 1_000)
        refused = await spend(owners, ELSEWHERE[0], 51, 1_000)
        assert isinstance(refused, Denied)
        assert refused.charge.kind == "global"
        assert (refused.standing.spent, refused.standing.limit, refused.standing.only_holds) == (950, 1_000, False)
        assert isinstance(await spend(owners, ELSEWHERE[0], 50, 1_000), Placed)


async def test_a_limit_that_is_raised_counts_at_once_wherever_it_was_refused(bus: Bus) -> None:
    async with partitions(bus) as owners:
        await spend(owners, HOME, 950, 1_000)
        assert isinstance(await spend(owners, ELSEWHERE[0], 51, 1_000), Denied)
        assert isinstance(await spend(owners, ELSEWHERE[0], 51, 1_001), Placed)


async def test_a_budget_of_more_money_than_64_bits_hold_is_lent_and_told(bus: Bus) -> None:
    limit = 10**9 * 10**12
    async with partitions(bus) as owners:
        assert isinstance(await spend(owners, ELSEWHERE[0], 10, limit), Placed)
        assert isinstance(await spend(owners, HOME, limit // 2, limit), Placed)
        refused = await spend(owners, ELSEWHERE[1], limit // 2, limit)
        assert isinstance(refused, Denied)
        assert (refused.standing.spent >= limit // 2, refused.standing.limit) == (True, limit)


async def test_a_limit_that_is_lowered_binds_who_has_borrowed_by_the_higher_one(bus: Bus) -> None:
    async with partitions(bus) as owners:
        number = ELSEWHERE[0]
        assert isinstance(await spend(owners, number, 10, 10**6), Placed)
        await until(lambda: owners.figures(number) == (10, 0))
        assert owners[number].books.credits[GLOBAL].limit > 100
        lowered = charges_under(Window(15))
        over = await answered(owners[number], wanted(KEYS[number], cost(6), charges=lowered, waits_s=5))
        assert isinstance(over, Denied)
        assert over.standing[:3] == (10, 0, 15)
        fits = await answered(owners[number], wanted(KEYS[number], cost(5), charges=lowered, waits_s=5))
        assert isinstance(fits, Placed)
        assert owners.at_most_spent() == 15


async def test_a_loan_that_is_heard_of_only_under_a_lower_limit_is_not_spent_by_the_higher_one(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = ELSEWHERE[0]
    async with partitions(bus) as owners:
        assert isinstance(await spend(owners, number, 10, 15), Placed)  # so that it knows a loan by a low limit
        await until(lambda: owners.figures(number) == (10, 0))
        lender = owners[HOME].lender
        with monkeypatch.context() as silent:
            silent.setattr(lender, "_say", lambda subject, payload: None)
            request = wanted(KEYS[number], cost(10), charges=charges_under(Window(10**6)), waits_s=1)
            unheard = asyncio.ensure_future(answered(owners[number], request))
            await until(lambda: lender._stored.get((GLOBAL, number), (0, 0))[1] > 40)
            assert owners[number].leave(request.request)
            assert isinstance(await unheard, Left)
        lowered = charges_under(Window(35))
        over = await answered(owners[number], wanted(KEYS[number], cost(26), charges=lowered, waits_s=6))
        assert isinstance(over, Denied)
        fits = await answered(owners[number], wanted(KEYS[number], cost(25), charges=lowered, waits_s=6))
        assert isinstance(fits, Placed)
        assert owners.at_most_spent() <= 35


async def test_an_increase_that_ends_binds_who_has_borrowed_while_it_lasted(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it admitted may end later, and counts; nothing else is admitted by it."""
    clock = [1_795_415_200.0]
    until_s = clock[0] + 60
    holder = Holder(
        kind="user",
        id="ann",
        version=1,
        tenant=GLOBAL,
        created_at=0.0,
        updated_at=0.0,
        budgets=(Window(15),),
        increase_pico=10**6,
        increase_until=until_s,
    )
    number = ELSEWHERE[0]
    key = replace(KEYS[number], user_id="ann")
    monkeypatch.setattr(budgets, "_keys", {key.token: key})
    charges = charges_under(None, holders={entry_name("user", "ann"): holder})
    async with partitions(bus, clock=lambda: clock[0]) as owners:
        first = wanted(key, cost(10), now=clock[0], charges=charges, waits_s=5, lasts_s=300)
        assert isinstance(await answered(owners[number], first), Placed)
        clock[0] = until_s - 0.001
        still = wanted(key, cost(30), now=clock[0], charges=charges, waits_s=5, lasts_s=300)
        assert isinstance(await answered(owners[number], still), Placed)
        clock[0] = until_s
        over = answered(owners[number], wanted(key, cost(1), now=clock[0], charges=charges, waits_s=60))
        waits = asyncio.ensure_future(over)
        await finish(bus, first.request, 10, key=key.token, partition=number)
        await finish(bus, still.request, 6, key=key.token, partition=number)
        said = await asyncio.wait_for(waits, 10)
        assert isinstance(said, Denied)
        assert said.standing[:3] == (16, 0, 15)


async def test_a_limit_of_nothing_allows_nothing_anywhere(bus: Bus) -> None:
    async with partitions(bus) as owners:
        assert isinstance(await spend(owners, ELSEWHERE[0], 0, 0), Denied)


async def test_who_waits_for_what_is_held_elsewhere_is_refused_in_the_end(bus: Bus) -> None:
    async with partitions(bus) as owners:
        charges = charges_under(Window(100))
        held = wanted(KEYS[ELSEWHERE[0]], cost(100), charges=charges, waits_s=10)
        await decided(owners[ELSEWHERE[0]], held)
        for number in (HOME, ELSEWHERE[1]):
            refused = await answered(owners[number], wanted(KEYS[number], cost(10), charges=charges, waits_s=0.5))
            assert isinstance(refused, Denied)
            assert refused.standing.only_holds
            assert (refused.standing.held, refused.standing.limit) == (100, 100)


async def test_without_the_home_nothing_more_is_spent_and_nothing_else_waits(bus: Bus) -> None:
    async with partitions(bus, but=(HOME,)) as owners:
        number = ELSEWHERE[0]
        asked = asyncio.ensure_future(spend_alone(owners, number, 10))
        own = wanted(KEYS[number], cost(10), charges=charges_under(None))
        assert await decided(owners[number], own) == Placed(10, None)
        assert await asked is None


async def spend_alone(owners: Partitions, number: int, amount: int) -> Any:
    request = wanted(KEYS[number], cost(amount), charges=charges_under(Window(100)), waits_s=0.8)
    return await answered(owners[number], request)


async def test_the_homes_death_is_waited_for(bus: Bus) -> None:
    async with partitions(bus, but=(HOME,)) as owners:
        number = ELSEWHERE[0]
        request = wanted(KEYS[number], cost(10), charges=charges_under(Window(100)), waits_s=10)
        asked = asyncio.ensure_future(answered(owners[number], request))
        await asyncio.sleep(0.5)
        await owners.open(HOME)
        assert await asked == Placed(10, None)


async def test_a_late_end_corrects_what_a_borrower_assumed(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(borrowing, "IDLE_MS", 300)
    number = ELSEWHERE[0]
    async with partitions(bus) as owners:
        request = wanted(KEYS[number], cost(100), charges=charges_under(Window(1_000)), waits_s=5, lasts_s=0.3)
        await decided(owners[number], request)
        await until(lambda: owners.figures(HOME) == (100, 0))
        await finish(bus, request.request, 30, key=KEYS[number].token, partition=number)
        await until(lambda: owners.figures(HOME) == (30, 0))


async def test_a_borrower_that_dies_before_it_hears_of_a_loan_gives_it_back_when_it_lives(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lending, "LOST_MS", 600)
    monkeypatch.setattr(lending, "LOST_RECALL_EVERY_MS", 200)
    number = ELSEWHERE[0]
    async with partitions(bus, but=(number,)) as owners:
        charge = charges_under(Window(1_000))(KEYS[number]).must[-1]
        now_ms = int(owners.clock() * 1000)
        ask = Ask(number, charge, 0, 0, 100, 100, 100, now_ms, now_ms + 5_000, True)
        bus.publish(subjects.lend(HOME), encode(ask), bus.new_inbox())
        await until(lambda: owners.figures(HOME) == (0, 100))
        await until(lambda: owners.figures(HOME) == (100, 0))  # it is not heard of, and counts as spent
        await owners.open(number)
        await until(lambda: owners.figures(HOME) == (0, 0))


async def test_a_dead_borrowers_loan_counts_as_spent_until_its_successor_tells(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lending, "LOST_MS", 600)
    monkeypatch.setattr(lending, "LOST_RECALL_EVERY_MS", 200)
    number = ELSEWHERE[0]
    async with partitions(bus) as owners:
        await spend(owners, number, 100, 10_000, paid=40)
        lent = owners.figures(HOME)[1]
        await owners.owned.pop(number).die()
        await until(lambda: owners.figures(HOME) == (lent, 0))
        await owners.replace(HOME)
        assert owners.figures(HOME) == (lent, 0)
        await owners.open(number)
        await until(lambda: owners.figures(HOME) == (40, 0))


# Windows

MIDNIGHT = 1_795_478_400.0  # 2026-11-24 00:00 UTC
DAILY = Window(100, "1d")


async def test_a_new_window_begins_everywhere_at_its_time_and_old_loans_do_not_come_back(bus: Bus) -> None:
    now = [MIDNIGHT - 2]
    number = ELSEWHERE[0]
    async with partitions(bus, clock=lambda: now[0]) as owners:

        async def ask(amount: int, at: int) -> Any:
            request = wanted(KEYS[at], cost(amount), now=now[0], charges=charges_under(DAILY), waits_s=0.5)
            return request, await answered(owners[at], request)

        old, placed = await ask(90, number)
        assert placed == Placed(90, None)
        now[0] = MIDNIGHT
        _, placed = await ask(60, HOME)
        assert placed == Placed(60, None)
        assert owners.figures(HOME) == (0, 60)
        _, placed = await ask(40, number)
        assert placed == Placed(40, None)
        assert owners.figures(HOME) == (0, 100)
        await finish(bus, old.request, 90, key=KEYS[number].token, partition=number)
        await until(lambda: old.request not in owners[number].books.holds)
        assert owners.at_most_spent() == 100
        await owners.replace(HOME)
        await owners.replace(number)
        assert owners.at_most_spent() == 100


async def test_a_limit_that_is_raised_is_there_for_who_asks(bus: Bus) -> None:
    async with partitions(bus) as owners:
        assert isinstance(await spend(owners, ELSEWHERE[0], 100, 100), Placed)
        assert isinstance(await spend(owners, ELSEWHERE[1], 10, 100), Denied)
        await asyncio.sleep(0.15)
        assert isinstance(await spend(owners, ELSEWHERE[1], 10, 110), Placed)


# Providers


async def test_a_provider_without_money_at_home_is_left_out_elsewhere(bus: Bus) -> None:
    rules = TreeRules(PARTITIONS, providers={"openai": Window(100), "azure": Window(1_000)})
    charges = charges_under(None, rules=rules, providers=("openai", "azure"))
    async with partitions(bus) as owners:
        first = wanted(KEYS[0], cost(100), charges=charges, waits_s=5)
        assert await decided(owners[0], first) == Placed(100, None)
        await finish(bus, first.request, 100, key=KEYS[0].token, partition=0, provider="openai")
        for number in range(1, PARTITIONS):
            request = wanted(KEYS[number], cost(50), charges=charges, waits_s=5)
            assert await decided(owners[number], request) == Placed(50, None, (0,))
        late = wanted(KEYS[1], cost(1_001), charges=charges, waits_s=5)
        refused = await answered(owners[1], late)
        assert isinstance(refused, Denied)
        assert refused.charge.kind == "provider"


async def test_a_provider_of_which_nobody_knows_is_left_out_where_another_has_room(bus: Bus) -> None:
    home = subjects.partition_of("provider:openai", PARTITIONS)
    number = next(other for other in range(PARTITIONS) if other != home)
    rules = TreeRules(PARTITIONS, providers={"openai": Window(100)})
    async with partitions(bus, but=(home,)) as owners:
        charges = charges_under(None, rules=rules, providers=("openai", "azure"))
        request = wanted(KEYS[number], cost(50), charges=charges, waits_s=5)
        assert await decided(owners[number], request) == Placed(50, None, (0,))
        alone = charges_under(None, rules=rules, providers=("openai",))
        assert await answered(owners[number], wanted(KEYS[number], cost(50), charges=alone, waits_s=0.8)) is None


# Deaths


@pytest.mark.timeout(60)
async def test_whoever_dies_no_budget_is_passed_and_in_the_end_all_is_told(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lending, "LOST_MS", 1_500)
    monkeypatch.setattr(lending, "LOST_RECALL_EVERY_MS", 200)
    monkeypatch.setattr(borrowing, "IDLE_MS", 300)
    chance = random.Random(3)
    limit, spent = 6_000, [0]
    async with partitions(bus) as owners:
        busy = True

        async def client(number: int) -> None:
            while busy:
                amount = chance.randint(50, 150)
                request = wanted(KEYS[number], cost(amount), charges=charges_under(Window(limit)), waits_s=3)
                if number not in owners.owned:
                    await asyncio.sleep(0.02)
                    continue
                answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
                owners[number].decide(request, lambda one, to=answer: None if to.done() else to.set_result(one))
                try:
                    said = await asyncio.wait_for(answer, 4)
                except TimeoutError:
                    continue
                assert owners_total(owners) <= limit
                if isinstance(said, Placed):
                    paid = chance.randint(0, said.amount)
                    spent[0] += paid
                    await finish(bus, request.request, paid, key=KEYS[number].token, partition=number)
                else:
                    await asyncio.sleep(0.05)

        clients = [asyncio.create_task(client(number)) for number in range(PARTITIONS) for _ in range(4)]
        for _ in range(12):
            await asyncio.sleep(chance.uniform(0.1, 0.4))
            await owners.replace(chance.randrange(PARTITIONS))
        busy = False
        await asyncio.gather(*clients)
        for number in range(PARTITIONS):
            for request in list(owners[number].books.holds):
                owners[number].release(request)  # decided, and its client never heard: nobody sent it on
        await until(lambda: owners.figures(HOME) == (spent[0], 0), within_s=15)
        assert spent[0] <= limit


def owners_total(owners: Partitions) -> int:
    return owners.at_most_spent() if HOME in owners.owned else 0


async def test_requests_that_need_two_loans_at_once_do_not_take_turns_for_ever(bus: Bus) -> None:
    """What one of them was lent of the first budget must still be there when it is lent of the second."""
    tag = Holder(
        kind="tag",
        id="tight",
        version=1,
        tenant="tag:tight",
        created_at=0.0,
        updated_at=0.0,
        budgets=(Window(25),),
    )
    charges = charges_under(Window(25), holders={entry_name("tag", "tight"): tag}, tags=("tight",))
    home = subjects.partition_of("tag:tight", PARTITIONS)
    away = [number for number in range(PARTITIONS) if number not in (HOME, home)]
    async with partitions(bus) as owners:

        async def one(number: int) -> Any:
            request = wanted(KEYS[number], cost(10), charges=charges, waits_s=10)
            answer = await answered(owners[number], request)
            await asyncio.sleep(0.05)
            await finish(bus, request.request, 1, key=KEYS[number].token, partition=number)
            return answer

        answers = await asyncio.gather(*[one(away[number % len(away)]) for number in range(15)])
        assert [answer for answer in answers if not isinstance(answer, Placed)] == []
        lent = [entry for at in {HOME, home} for entry in await entries_of(bus, at) if type(entry).__name__ == "Lent"]
        assert len(lent) < 200, "they lend and return without end"


async def test_a_loan_that_nobody_heard_of_is_asked_about(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """The borrower's owner died before it knew: its successor is told, and returns it."""
    monkeypatch.setattr(lending, "SILENT_MS", 400)
    async with partitions(bus) as owners:
        await spend(owners, ELSEWHERE[0], 10, 10**6, paid=10)
        home = owners[HOME]
        lent = home.books.loans[GLOBAL][ELSEWHERE[0]].lent
        home._write(Lent(GLOBAL, home.books.account(GLOBAL).window, ELSEWHERE[0], lent + 500))
        home.lender._stored[GLOBAL, ELSEWHERE[0]] = (home.books.account(GLOBAL).window, lent + 500)
        await owners.replace(ELSEWHERE[0])
        await until(lambda: owners.figures(HOME) == (10, 0), within_s=10)
