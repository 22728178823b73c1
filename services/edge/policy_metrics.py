"""What policies have counted, as Prometheus reads it. Each edge shows all policies, told apart by their label."""

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from shared.policy_counts import WAIT_BUCKETS_S, PolicyCounts


def cumulative(bounds_s: Iterable[float], counts: Iterable[int]) -> list[tuple[str, int]]:
    """Return a histogram's buckets, from counts by bucket; the last are those beyond all bounds."""
    running, buckets = 0, []
    for bound, count in zip([*map(str, bounds_s), "+Inf"], counts, strict=True):
        running += count
        buckets.append((bound, running))
    return buckets


def policy_metrics(policies: Iterable[tuple[str, PolicyCounts]]) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "meterhouse_requests_waiting",
        "Requests that wait in policy for money that others hold, or for room in a limit.",
        labels=["policy", "reason", "priority"],
    )
    waited = HistogramMetricFamily(
        "meterhouse_wait_seconds",
        "How long requests waited in policy, by how that ended.",
        labels=["policy", "reason", "priority", "outcome"],
    )
    refused = CounterMetricFamily(
        "meterhouse_refusals", "Requests refused by a budget or a limit.", labels=["policy", "kind", "holder"]
    )
    for process, counts in policies:
        for reason, priority, count in counts.waiting:
            waiting.add_metric([process, reason, priority], count)
        for one in counts.waited:
            buckets = cumulative(WAIT_BUCKETS_S, one.counts)
            waited.add_metric([process, one.reason, one.priority, one.outcome], buckets, sum_value=one.total_s)
        for kind, holder, count in counts.refused:
            refused.add_metric([process, kind, holder], count)
    yield waiting
    yield waited
    yield refused
