"""Credentials that end, with a clock of the test's own."""

import asyncio

import pytest

from services.router.sign_in.kept import Credential, Kept
from shared.errors import CredentialMissing
from shared.serving.deployments import Deployment
from tests.router_calls import deployment


class Source:
    def __init__(self, *, lifetime_s: float | None = 1_000) -> None:
        self.now = 0.0
        self.lifetime_s = lifetime_s
        self.asked = 0
        self.failure: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.kept: Kept[int] = Kept(self.obtain, lambda of: of.provider, lambda: self.now)

    async def obtain(self, _: Deployment) -> Credential[int]:
        self.asked += 1
        number = self.asked
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return Credential(number, None if self.lifetime_s is None else self.now + self.lifetime_s)


ONE, SAME, OTHER = deployment("1", provider="a"), deployment("2", provider="a"), deployment("3", provider="b")


async def test_who_signs_in_the_same_way_shares_one_credential_and_asks_once() -> None:
    source = Source()
    source.gate.clear()
    waiting = [asyncio.create_task(source.kept.ready(of)) for of in (ONE, SAME, ONE, OTHER)]
    await asyncio.sleep(0)
    source.gate.set()
    await asyncio.gather(*waiting)
    assert source.asked == 2
    assert source.kept.of(ONE) == source.kept.of(SAME) == 1
    assert source.kept.of(OTHER) == 2


async def test_it_is_renewed_before_its_end_while_calls_go_on_with_the_old_one() -> None:
    source = Source()
    await source.kept.ready(ONE)
    source.now = 749
    await source.kept.ready(ONE)
    assert source.asked == 1
    source.now = 751
    source.gate.clear()
    await source.kept.ready(ONE)
    assert source.kept.of(ONE) == 1
    source.gate.set()
    await asyncio.sleep(0.01)
    assert (source.asked, source.kept.of(ONE)) == (2, 2)


async def test_one_that_has_ended_is_waited_for() -> None:
    source = Source()
    await source.kept.ready(ONE)
    source.now = 1_001
    await source.kept.ready(ONE)
    assert source.kept.of(ONE) == 2


async def test_a_renewal_that_fails_is_tried_again_and_the_old_one_serves_until_its_end() -> None:
    source = Source()
    await source.kept.ready(ONE)
    source.failure = CredentialMissing("no")
    source.now = 800
    for _ in range(3):
        await source.kept.ready(ONE)
        await asyncio.sleep(0.01)
    assert (source.asked, source.kept.of(ONE)) == (2, 1)
    source.now = 811
    await source.kept.ready(ONE)
    await asyncio.sleep(0.01)
    assert source.asked == 3
    source.now = 1_001
    with pytest.raises(CredentialMissing):
        await source.kept.ready(ONE)


async def test_a_failure_reaches_all_who_wait_and_the_next_asks_anew() -> None:
    source = Source(lifetime_s=None)
    source.failure = CredentialMissing("no")
    answers = await asyncio.gather(source.kept.ready(ONE), source.kept.ready(SAME), return_exceptions=True)
    assert [type(answer) for answer in answers] == [CredentialMissing, CredentialMissing]
    source.failure = None
    await source.kept.ready(ONE)
    source.now = 1e9
    await source.kept.ready(ONE)
    assert source.asked == 2


async def test_one_that_was_refused_is_obtained_anew() -> None:
    source = Source()
    await source.kept.ready(ONE)
    source.kept.drop(SAME)
    await source.kept.ready(ONE)
    assert source.kept.of(ONE) == 2


async def test_a_caller_that_leaves_does_not_end_the_others_wait() -> None:
    source = Source()
    source.gate.clear()
    leaves, stays = asyncio.create_task(source.kept.ready(ONE)), asyncio.create_task(source.kept.ready(ONE))
    await asyncio.sleep(0)
    leaves.cancel()
    await asyncio.sleep(0)
    source.gate.set()
    await stays
    assert (source.asked, source.kept.of(ONE)) == (1, 1)
