"""What edge counts, as Prometheus reads it."""

from prometheus_client.parser import text_string_to_metric_families

from services.edge.metrics import BUCKETS_S, MODELS_MAX, Metrics
from shared.bus import Bus, Outbox
from shared.bus.client import FastClient


def metrics() -> Metrics:
    return Metrics(Outbox(Bus(FastClient(), "edge")))


def read(counted: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    samples = {}
    for family in text_string_to_metric_families(counted.render().decode()):
        for sample in family.samples:
            samples[(sample.name, tuple(text for _, text in sorted(sample.labels.items())))] = sample.value
    return samples


def test_requests_are_counted_by_model_and_status() -> None:
    counted = metrics()
    for status in (200, 200, 500):
        counted.count("demo", status, 0.1)
    found = read(counted)
    assert found[("litellm_proxy_total_requests_metric_total", ("demo", "200"))] == 2
    assert found[("litellm_proxy_total_requests_metric_total", ("demo", "500"))] == 1
    assert found[("litellm_proxy_failed_requests_metric_total", ("demo",))] == 1


def test_a_client_that_left_counts_as_a_failure_of_its_own() -> None:
    counted = metrics()
    counted.count("demo", 499, 0.1)
    assert read(counted)[("litellm_proxy_total_requests_metric_total", ("demo", "499"))] == 1


def test_latencies_fall_into_cumulative_buckets() -> None:
    counted = metrics()
    for seconds in (0.001, 0.005, 0.3, 10_000.0):
        counted.count("demo", 200, seconds)
    found = read(counted)
    name = "litellm_request_total_latency_metric"
    assert found[(f"{name}_bucket", ("0.005", "demo"))] == 2
    assert found[(f"{name}_bucket", ("0.25", "demo"))] == 2
    assert found[(f"{name}_bucket", ("0.5", "demo"))] == 3
    assert found[(f"{name}_bucket", ("300.0", "demo"))] == 3
    assert found[(f"{name}_bucket", ("+Inf", "demo"))] == 4
    assert found[(f"{name}_count", ("demo",))] == 4
    assert found[(f"{name}_sum", ("demo",))] == 10_000.306
    assert list(BUCKETS_S) == sorted(BUCKETS_S)


def test_names_that_clients_invent_are_counted_together() -> None:
    counted = metrics()
    for number in range(5_000):
        counted.count(f"invented-{number}", (400, 401, 403)[number % 3], 0.01)
    counted.count("", 413, 0.01)  # refused before its model was known
    labels = {labels[0] for name, labels in read(counted) if name == "litellm_proxy_total_requests_metric_total"}
    assert labels == {"other"}


def test_a_model_in_use_stays_itself_when_it_fails() -> None:
    counted = metrics()
    counted.count("demo", 200, 0.01)
    counted.count("demo", 400, 0.01)
    assert read(counted)[("litellm_proxy_total_requests_metric_total", ("demo", "400"))] == 1


def test_the_number_of_series_has_a_bound_whatever_is_asked_for() -> None:
    counted = metrics()
    for number in range(MODELS_MAX + 500):
        counted.count(f"m-{number}", 200, 0.01)
    labels = {labels[0] for name, labels in read(counted) if name == "litellm_proxy_total_requests_metric_total"}
    assert len(labels) <= MODELS_MAX + 1
    assert "other" in labels


def test_a_name_with_quotes_and_line_ends_does_not_break_the_page() -> None:
    counted = metrics()
    counted.count('a"b\n\\c', 200, 0.01)
    assert read(counted)[("litellm_proxy_total_requests_metric_total", ('a"b\n\\c', "200"))] == 1


def test_what_is_in_flight_and_what_waits_to_be_stored_is_told() -> None:
    counted = metrics()
    counted.in_flight = 3
    found = read(counted)
    assert found[("litellm_in_flight_requests", ())] == 3
    assert found[("meterhouse_facts_waiting", ())] == 0
    assert found[("meterhouse_facts_retries_total", ())] == 0


def test_usage_that_did_not_add_up_is_counted_by_router_and_provider() -> None:
    counted = Metrics(Outbox(Bus(FastClient(), "edge")), lambda: [("router-1", "xai", 3)])
    assert read(counted)[("meterhouse_usage_mismatches_total", ("xai", "router-1"))] == 3


def test_requests_above_their_hold_are_counted_by_router_and_provider() -> None:
    counted = Metrics(Outbox(Bus(FastClient(), "edge")), overruns=lambda: [("router-1", "openrouter", 2)])
    assert read(counted)[("meterhouse_budget_overruns_total", ("openrouter", "router-1"))] == 2
