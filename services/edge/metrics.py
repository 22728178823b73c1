"""What edge counts, for Prometheus: plain dictionaries on the hot path, turned into metrics when they are read."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from services.edge.policy_metrics import cumulative, policy_metrics
from shared.bus import Outbox
from shared.policy_counts import PolicyCounts

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
MODELS_MAX = 1_000


class _Latency:
    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.total = 0.0


class Metrics(Collector):
    """Names are LiteLLM's where it has them."""

    def __init__(
        self,
        outbox: Outbox,
        mismatches: Callable[[], Iterable[tuple[str, str, int]]] = tuple,
        overruns: Callable[[], Iterable[tuple[str, str, int]]] = tuple,
        *,
        policies: Callable[[], Iterable[tuple[str, PolicyCounts]]] = tuple,
    ) -> None:
        """`mismatches` and `overruns` are what routers tell, `policies` what policies have counted.

        All of them as shared.heartbeat.Pulse hears it.
        """
        self._outbox = outbox
        self._mismatches = mismatches
        self._overruns = overruns
        self._policies = policies
        self.in_flight = 0
        self._requests: dict[tuple[str, int], int] = {}
        self._latency: dict[str, _Latency] = {}
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def count(self, model: str, status: int, seconds: float) -> None:
        """Count one request. What nobody configured is counted as "other": clients choose those names."""
        if model not in self._latency:
            if not model or status in (400, 401, 403) or len(self._latency) >= MODELS_MAX:
                model = "other"
            self._latency.setdefault(model, _Latency())
        key = (model, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        latency = self._latency[model]
        latency.counts[bisect_left(BUCKETS_S, seconds)] += 1
        latency.total += seconds

    def render(self) -> bytes:
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "litellm_proxy_total_requests_metric", "Requests answered.", labels=["requested_model", "status_code"]
        )
        failed = CounterMetricFamily(
            "litellm_proxy_failed_requests_metric", "Requests answered with an error.", labels=["requested_model"]
        )
        failures: dict[str, int] = {}
        for (model, status), count in self._requests.items():
            requests.add_metric([model, str(status)], count)
            if status >= 400:
                failures[model] = failures.get(model, 0) + count
        for model, count in failures.items():
            failed.add_metric([model], count)
        yield requests
        yield failed
        latency = HistogramMetricFamily(
            "litellm_request_total_latency_metric",
            "Seconds from a request to its answer's end.",
            labels=["requested_model"],
        )
        for model, seen in self._latency.items():
            latency.add_metric([model], cumulative(BUCKETS_S, seen.counts), sum_value=seen.total)
        yield latency
        mismatches = CounterMetricFamily(
            "meterhouse_usage_mismatches",
            "Answers whose usage did not add up, and was read in the dearer way.",
            labels=["router", "provider"],
        )
        for router, provider, count in self._mismatches():
            mismatches.add_metric([router, provider], count)
        yield mismatches
        overruns = CounterMetricFamily(
            "meterhouse_budget_overruns",
            "Requests that cost more than was held for them in their budgets.",
            labels=["router", "provider"],
        )
        for router, provider, count in self._overruns():
            overruns.add_metric([router, provider], count)
        yield overruns
        yield GaugeMetricFamily("litellm_in_flight_requests", "Requests being served.", value=self.in_flight)
        yield from policy_metrics(self._policies())
        yield GaugeMetricFamily(
            "meterhouse_facts_waiting", "Facts of this process not yet stored.", value=self._outbox.waiting
        )
        yield CounterMetricFamily(
            "meterhouse_facts_retries", "Facts sent again because no acknowledgement came.", value=self._outbox.retries
        )
