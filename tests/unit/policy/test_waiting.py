from services.policy.partitions.queues.waiting import WaitingRoom
from services.policy.partitions.undispatched import KEPT_MS, MOST, Undispatched


def room(*waiting: tuple[str, str, int]) -> WaitingRoom[str]:
    made: WaitingRoom[str] = WaitingRoom()
    for account, name, give_up_ms in waiting:
        made.add(account, name, give_up_ms)
    return made


def test_who_came_first_is_served_first() -> None:
    waiting = room(("key", "a", 10), ("other", "x", 10), ("key", "b", 10))
    assert waiting.size == 3
    assert waiting.first("key") == "a"
    waiting.take_first("key")
    assert waiting.first("key") == "b"
    waiting.take_first("key")
    assert waiting.first("key") is None
    assert "key" not in waiting
    assert waiting.accounts() == ["other"]
    assert waiting.size == 1


def test_who_leaves_is_not_stood_behind() -> None:
    waiting = room(("key", "a", 10), ("key", "b", 10), ("other", "x", 10))
    waiting.remove("key", "a")
    assert (waiting.first("key"), waiting.size) == ("b", 2)
    waiting.remove("other", "x")
    assert waiting.accounts() == ["key"]


def test_nobody_waits_longer_than_it_may_wherever_it_stands() -> None:
    waiting = room(("key", "a", 30), ("key", "b", 10), ("key", "c", 20))
    assert waiting.take_overdue("key", 9) == []
    assert waiting.take_overdue_first("key", 20) is None
    assert waiting.take_overdue("key", 20) == ["b", "c"]
    assert waiting.first("key") == "a"
    assert waiting.take_overdue_first("key", 30) == "a"
    assert waiting.size == 0
    assert waiting.accounts() == []
    assert waiting.take_overdue("key", 99) == []


def test_all_can_be_sent_away() -> None:
    waiting = room(("key", "a", 30), ("other", "b", 10))
    assert list(waiting.take_all()) == ["a", "b"]
    assert waiting.size == 0
    assert list(waiting.take_all()) == []


def test_what_was_not_dispatched_is_remembered_by_partition() -> None:
    undispatched = Undispatched()
    undispatched.add(1, "a", 0)
    undispatched.add(2, "b", 0)
    undispatched.add(1, "c", 0)
    undispatched.add(1, "a", 0)
    assert undispatched.of(1) == ["c", "a"]
    assert undispatched.partitions() == {1, 2}
    undispatched.discard(1, "c")
    undispatched.discard(1, "never there")
    assert undispatched.of(1) == ["a"]
    assert len(undispatched) == 2


def test_what_was_not_dispatched_is_forgotten_when_its_hold_has_expired() -> None:
    undispatched = Undispatched()
    undispatched.add(1, "old", 0)
    undispatched.add(1, "new", 1)
    undispatched.forget_old(KEPT_MS - 1)
    assert len(undispatched) == 2
    undispatched.forget_old(KEPT_MS)
    assert undispatched.of(1) == ["new"]


def test_no_more_is_remembered_than_memory_should_hold() -> None:
    undispatched = Undispatched()
    for number in range(MOST + 5):
        undispatched.add(1, f"r{number}", number)
    assert len(undispatched) == MOST
    assert undispatched.of(1)[0] == "r5"
