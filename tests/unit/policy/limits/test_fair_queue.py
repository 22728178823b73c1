"""Who goes first of those who wait for a limit."""

from hypothesis import given
from hypothesis import strategies as st

from services.policy.limits.fair_queue import FairQueue


def served(queue: FairQueue[str], account: str = "team") -> list[str]:
    order = []
    while account in queue:
        order.append(queue.take_first(account).waiting)
    return order


def test_a_tenant_with_many_requests_does_not_keep_the_others_waiting() -> None:
    queue: FairQueue[str] = FairQueue()
    for name in ("a1", "a2", "a3", "a4", "b1", "c1", "b2"):
        queue.add("team", name, give_up_ms=9, tenant=name[0])
    assert served(queue) == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]


def test_priority_goes_before_turn_and_a_requests_own_rank_orders_its_tenant_only() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.add("team", "low", give_up_ms=9, level=2, tenant="a", rank=0)
    queue.add("team", "late", give_up_ms=9, level=1, tenant="a", rank=5)
    queue.add("team", "other", give_up_ms=9, level=1, tenant="b", rank=9)
    queue.add("team", "soon", give_up_ms=9, level=1, tenant="a", rank=1)
    queue.add("team", "high", give_up_ms=9, level=0, tenant="c", rank=100)
    assert served(queue) == ["high", "soon", "other", "late", "low"]


def test_lines_are_of_one_account_and_who_moves_keeps_its_age() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.add("team", "old", give_up_ms=9)
    queue.add("key", "young", give_up_ms=9)
    assert set(queue.accounts()) == {"team", "key"}
    queue.move(queue.take_first("team"), "key")
    assert "team" not in queue
    assert queue.size == 2
    assert served(queue, "key") == ["old", "young"]
    assert queue.first("key") is None


def test_in_a_full_queue_whoever_keeps_most_places_has_one_to_give() -> None:
    queue: FairQueue[str] = FairQueue()
    assert queue.surplus(1, "a") is None
    for name in ("a1", "a2", "a3", "b1"):
        queue.add(f"key-{name}", name, give_up_ms=9, level=1, tenant=name, whose=name[0])

    def leaves(level: int, whose: str) -> str | None:
        place = queue.surplus(level, whose)
        return None if place is None else place.waiting

    assert leaves(1, "c") == "a3"
    assert leaves(1, "b") == "a3"
    assert leaves(1, "a") is None
    assert leaves(2, "c") is None
    assert leaves(0, "a") == "a3"
    queue.add("other", "low", give_up_ms=9, level=2, whose="z")
    assert leaves(1, "a") == "low"
    assert leaves(2, "c") is None, "as many as the other has"
    for account in ("key-a3", "key-a2"):
        queue.take_first(account)
    queue.take_first("other")
    assert leaves(1, "c") is None
    queue.take_all()
    assert queue.surplus(0, "c") is None


def test_nobody_waits_longer_than_it_may_wherever_it_stands() -> None:
    queue: FairQueue[str] = FairQueue()
    for name, give_up in (("a", 30), ("b", 10), ("c", 20), ("d", 20)):
        queue.add("team", name, give_up_ms=give_up, tenant=name)
    assert queue.take_overdue(9) == []
    assert sorted(place.waiting for place in queue.take_overdue(20)) == ["b", "c", "d"]
    assert (queue.size, served(queue)) == (1, ["a"])


def test_all_can_be_taken_at_once() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.add("team", "a", give_up_ms=1)
    queue.add("key", "b", give_up_ms=1)
    assert sorted(place.waiting for place in queue.take_all()) == ["a", "b"]
    assert queue.size == 0
    assert queue.accounts() == []


@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abcd"), st.integers(0, 3), st.integers(0, 50)), max_size=60)
)
def test_everybody_is_served_or_gives_up_exactly_once(people: list[tuple[int, str, int, int]]) -> None:
    queue: FairQueue[int] = FairQueue()
    for number, (level, tenant, rank, give_up) in enumerate(people):
        queue.add("team", number, give_up_ms=give_up, level=level, tenant=tenant, rank=rank)
    gone = [place.waiting for place in queue.take_overdue(25)]
    assert all(people[number][3] <= 25 for number in gone)
    levels, order = [], []
    while "team" in queue:
        first = queue.first("team")
        place = queue.take_first("team")
        assert place is first
        levels.append(place.level)
        order.append(place.waiting)
    assert levels == sorted(levels)
    assert sorted(gone + order) == list(range(len(people)))
    assert queue.size == 0
