import pytest

from services.router.choice.health import Health
from tests.router_calls import deployment

D = deployment("d")


def health() -> Health:
    return Health(allowed_fails=3, cooldown_s=5.0)


@pytest.mark.parametrize("status", [401, 402, 404])
def test_what_cannot_mend_itself_cools_down_at_once(status: int) -> None:
    of = health()
    of.failed(D, status, alone=True, now=10.0)
    assert of.cooling("d", 10.1)
    assert of.cooling("d", 14.9)
    assert not of.cooling("d", 15.0)


def test_a_rate_limit_cools_down_at_once_where_another_deployment_can_serve() -> None:
    of = health()
    of.failed(D, 429, alone=False, now=10.0)
    assert of.cooling("d", 10.1)


def test_a_lone_deployment_is_spared_for_a_rate_limit() -> None:
    of = health()
    of.failed(D, 429, alone=True, now=10.0)
    assert not of.cooling("d", 10.1)


def test_more_failures_than_allowed_within_a_minute_cool_it_down() -> None:
    of = health()
    for second in range(3):
        of.failed(D, 500, alone=True, now=10.0 + second)
    assert not of.cooling("d", 13.0)
    of.failed(D, 503, alone=True, now=13.0)
    assert of.cooling("d", 13.1)


def test_failures_of_more_than_a_minute_ago_are_forgotten() -> None:
    of = health()
    for second in range(3):
        of.failed(D, 500, alone=True, now=10.0 + second)
    of.failed(D, 500, alone=True, now=75.0)
    assert not of.cooling("d", 75.1)


def test_a_success_makes_good_for_failures_but_does_not_end_a_cooldown() -> None:
    of = health()
    for _ in range(3):
        of.failed(D, 500, alone=True, now=10.0)
    of.succeeded(D)
    of.failed(D, 500, alone=True, now=11.0)
    assert not of.cooling("d", 11.1)
    of.failed(D, 401, alone=True, now=12.0)
    of.succeeded(D)
    assert of.cooling("d", 12.1)


@pytest.mark.parametrize("status", [400, 403, 413, 422])
def test_the_callers_mistakes_count_for_nothing(status: int) -> None:
    of = health()
    for _ in range(10):
        of.failed(D, status, alone=False, now=10.0)
    assert not of.cooling("d", 10.1)


def test_deployments_are_told_apart() -> None:
    of = health()
    of.failed(D, 401, alone=True, now=10.0)
    assert not of.cooling("other", 10.1)
