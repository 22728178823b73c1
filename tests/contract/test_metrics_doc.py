"""The page of metrics names every metric, and none that there is not."""

import re
from pathlib import Path

from services.edge.metrics import Metrics
from shared.bus import Bus, Outbox
from shared.bus.client import FastClient
from shared.policy_counts import WAIT_BUCKETS_S, PolicyCounts, Waited

COUNTS = PolicyCounts(
    (("limit", "high", 1),),
    (Waited("limit", "high", "served", [1] * (len(WAIT_BUCKETS_S) + 1), 1.0),),
    (("requests", "team", 1),),
)


def test_every_metric_is_on_the_page_with_its_type_and_labels() -> None:
    metrics = Metrics(
        Outbox(Bus(FastClient(), "edge")),
        lambda: [("router-1", "xai", 1)],
        lambda: [("router-1", "xai", 1)],
        policies=lambda: [("policy-1", COUNTS)],
    )
    metrics.count("demo", 500, 0.1)
    found = {}
    for family in metrics.collect():
        labels = {name for sample in family.samples for name in sample.labels} - {"le"}
        found[family.name] = (family.type, labels)
    told = {}
    for line in Path("docs/metrics.md").read_text(encoding="utf-8").splitlines():
        row = re.match(r"\| `(\w+)` \| (\w+) \| (.*?) ?\| ", line)
        if row is not None:
            told[row[1]] = (row[2], set(re.findall(r"`(\w+)`", row[3])))
    assert told == found
