"""docs/routing.md: its examples load, and mean what the page says."""

import re
from pathlib import Path
from random import Random

import pytest

from services.router.choice.plan import BACKOFF_FIRST_S, BACKOFF_MAX_S, RETRY_AFTER_MAX_S
from services.router.choice.route import ordered_attempts
from services.router.outcome import by_status
from services.router.providers.registry import load_providers
from shared.config import load_config
from shared.config.sections.general_settings import MeterhouseSettings
from shared.config.sections.router_settings import RouterSettings
from shared.errors import ProviderFailed
from shared.serving.deployments import Deployment, deployments_of
from shared.serving.fallbacks import context_fallbacks_of, fallbacks_of, policy_fallbacks_of
from shared.serving.model_groups import ModelGroups

PAGE = (Path(__file__).parents[3] / "docs" / "routing.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def deployments(path: Path, example: int) -> tuple[Deployment, ...]:
    file = path / "config.yaml"
    file.write_text(EXAMPLES[example], encoding="utf-8")
    return deployments_of(load_config(file, {}))


def first_choices(of: tuple[Deployment, ...], draws: int) -> list[str]:
    chance = Random(3)
    return [
        ordered_attempts(of, balanced=False, cooling=lambda _: False, chance=chance)[0].provider for _ in range(draws)
    ]


@pytest.mark.parametrize("example", range(len(EXAMPLES)))
def test_the_examples_load_and_every_provider_has_an_adapter(tmp_path: Path, example: int) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(EXAMPLES[example], encoding="utf-8")
    config = load_config(file, {})
    assert config.warnings == []
    assert {deployment.provider for deployment in deployments_of(config)} <= load_providers({}).keys()


def test_azure_comes_first_and_openai_after_it(tmp_path: Path) -> None:
    of = deployments(tmp_path, 0)
    assert {deployment.group for deployment in of} == {"gpt-4"}
    assert [deployment.provider for deployment in of] == ["azure", "openai"]
    assert set(first_choices(of, 20)) == {"azure"}


def test_two_share_three_to_one_and_the_third_waits(tmp_path: Path) -> None:
    of = deployments(tmp_path, 1)
    firsts = first_choices(of, 1_000)
    assert 700 < firsts.count("groq") < 800
    assert firsts.count("cerebras") == 1_000 - firsts.count("groq")


def test_the_fallbacks_are_those_the_page_tells(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(EXAMPLES[5], encoding="utf-8")
    config = load_config(file, {})
    groups = ModelGroups(deployments_of(config))
    fallbacks, longer = fallbacks_of(config, groups), context_fallbacks_of(config, groups)
    assert {name: fallbacks.get(name) for name in groups.names} == {
        "smart": ("cheap",),
        "long": ("cheap",),
        "cheap": (),
    }
    assert {name: longer.get(name) for name in groups.names} == {"smart": ("long",), "long": (), "cheap": ()}
    assert policy_fallbacks_of(config, groups).get("smart") == ("cheap",)


@pytest.mark.parametrize(
    ("row", "retryable", "elsewhere"),
    [
        (r"answers 408, 409, 425, 429 or 5xx \| the next try \|", True, False),
        (r"answers 401, 402, 403 or 404", True, True),
        (r"answers 400, 413, 422 or another 4xx \| no further try", False, False),
    ],
)
def test_the_table_of_statuses_is_what_happens(row: str, retryable: bool, elsewhere: bool) -> None:
    found = re.search(row, PAGE)
    assert found is not None
    statuses = [int(status) for status in re.findall(r"\d{3}", found[0])]
    if "5xx" in found[0]:
        statuses += [500, 502, 503, 504, 529]
    for status in statuses:
        outcome = by_status(ProviderFailed("x", status=status))
        assert (outcome.retryable, outcome.elsewhere) == (retryable, elsewhere), status


def test_the_numbers_on_the_page_are_the_defaults() -> None:
    router = RouterSettings()
    assert (router.num_retries, router.allowed_fails, router.cooldown_time, router.timeout) == (2, 3, 5, 600)
    assert MeterhouseSettings().request_timeout_s == 600
    assert (BACKOFF_FIRST_S, BACKOFF_MAX_S, RETRY_AFTER_MAX_S) == (0.5, 8.0, 60)


def test_every_setting_that_the_page_names_exists() -> None:
    for section, name in re.findall(r"`(router_settings|general_settings\.meterhouse)\.(\w+)", PAGE):
        known = RouterSettings if section == "router_settings" else MeterhouseSettings
        assert name in known.model_fields, name
