"""What policy counts of waiting and refusals, from where it happens to what Prometheus reads."""

import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.edge.metrics import Metrics
from services.policy.budgets.charges import Charge
from services.policy.limits.room import Limit, Over
from services.policy.metrics import Counts
from shared.bus import Bus, Outbox
from shared.bus.client import FastClient


def read(counts: Counts) -> dict[tuple[str, ...], float]:
    page = Metrics(Outbox(Bus(FastClient(), "edge")), policies=lambda: [("policy-1", counts.told())]).render().decode()
    return {
        (sample.name, *(text for _, text in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name.startswith("meterhouse_")
    }


def test_who_waits_is_told_by_reason_and_priority_and_no_longer_once_it_does_not() -> None:
    counts = Counts()
    waits = [counts.begin("limit", 0), counts.begin("limit", 0), counts.begin("money", 1)]
    found = read(counts)
    assert found[("meterhouse_requests_waiting", "policy-1", "high", "limit")] == 2
    assert found[("meterhouse_requests_waiting", "policy-1", "normal", "money")] == 1
    for wait in waits:
        counts.end(wait, "served")
    assert read(counts)[("meterhouse_requests_waiting", "policy-1", "high", "limit")] == 0


def test_how_long_it_waited_is_told_by_how_that_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, now = Counts(), 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    waits = [counts.begin("limit", 2) for _ in range(3)]
    now = 100.3
    counts.end(waits[0], "served")
    now = 500.0
    counts.end(waits[1], "served")
    counts.end(waits[2], "expired")
    found = read(counts)
    served = ("policy-1", "low", "limit")
    name = "meterhouse_wait_seconds"
    assert found[(f"{name}_bucket", "0.25", "served", *served)] == 0
    assert found[(f"{name}_bucket", "0.5", "served", *served)] == 1
    assert found[(f"{name}_bucket", "+Inf", "served", *served)] == 2
    assert found[(f"{name}_sum", "served", *served)] == pytest.approx(400.3)
    assert found[(f"{name}_count", "expired", *served)] == 1


def test_refusals_are_counted_by_what_refused_and_whose_it_is_never_by_who_asked() -> None:
    counts = Counts()
    for number in range(1_000):
        limit = Limit(f"key-{number}", 0, "api_key", f"key-{number}", rpm=1, tpm=1, tpd=1)
        counts.over_limit(Over(limit, "requests", 1, 0, None, False))
        counts.over_limit(Over(limit, "tokens", 1, 0, None, False, number % 2 == 0))
        counts.over_budget(Charge(f"team:{number}", 1, 0, "team", f"t{number}"))
        counts.over_budget(Charge(f"key~{number}", 1, 0, "key", f"k{number}", model=f"model-{number}"))
        counts.over_budget(Charge(f"member~{number}", 1, 0, "member", f"m{number}", model="one"))
    found = {names[1:]: value for names, value in read(counts).items() if names[0] == "meterhouse_refusals_total"}
    assert found == {
        ("api_key", "requests", "policy-1"): 1_000,
        ("api_key", "tokens", "policy-1"): 500,
        ("api_key", "tokens_day", "policy-1"): 500,
        ("team", "budget", "policy-1"): 1_000,
        ("model_per_key", "budget", "policy-1"): 1_000,
        ("model_per_team_member", "budget", "policy-1"): 1_000,
    }
