"""Slots of requests that nobody works on any more."""

from services.policy.partitions.slot_watch import SILENT_MS, SlotWatch


def test_who_is_not_heard_of_for_too_long_is_told_once() -> None:
    watch = SlotWatch()
    watch.begin(["a", "b", "c"], 1_000)
    watch.hear(["b", "stranger"], 5_000)
    watch.end("c")
    assert watch.take_silent(1_000 + SILENT_MS - 1) == []
    assert watch.take_silent(1_000 + SILENT_MS) == ["a"]
    assert watch.take_silent(1_000 + SILENT_MS) == []
    assert watch.take_silent(5_000 + SILENT_MS) == ["b"]
    assert len(watch) == 0
