"""Wildcards in model_list: which deployment serves a name, under which of the provider's names, and its fallbacks."""

from typing import Any

import pytest

from shared.config import parse_config
from shared.serving.deployments import deployments_of
from shared.serving.fallbacks import context_fallbacks_of, fallbacks_of
from shared.serving.model_groups import ModelGroups, model_groups_of
from shared.serving.model_names import Wildcards, fits


def groups(*entries: tuple[str, str], **more: Any) -> ModelGroups:
    models = [{"model_name": name, "litellm_params": {"model": model, **more}} for name, model in entries]
    return ModelGroups(deployments_of(parse_config({"model_list": models}, {})))


def served(found: ModelGroups, name: str) -> list[str]:
    return [f"{one.provider}/{one.model}" for one in found.get(name)]


@pytest.mark.parametrize(
    ("entry", "name", "expected"),
    [
        (("openai/*", "openai/*"), "openai/gpt-4o", "openai/gpt-4o"),
        (("openai/*", "openai/*"), "openai/ft:gpt-4o:a/b", "openai/ft:gpt-4o:a/b"),
        (("openai/*", "openai/*"), "gpt-4o", "openai/gpt-4o"),  # its name tells the provider
        (("anthropic/*", "anthropic/*"), "claude-3-haiku", "anthropic/claude-3-haiku"),
        (("mine/*", "openai/*"), "mine/gpt-4o", "openai/gpt-4o"),
        (("mine/*/x/*", "openrouter/*/*"), "mine/meta/x/llama", "openrouter/meta/llama"),
        (("claude-*", "anthropic/claude-*"), "claude-opus-4", "anthropic/claude-opus-4"),
        (("cheap-*", "groq/llama-3"), "cheap-any", "groq/llama-3"),
        (("*", "openai/*"), "gpt-4o", "openai/gpt-4o"),
        (("*", "openai/*"), "openai/gpt-4o", "openai/gpt-4o"),
        (("*", "*"), "groq/llama-3/b", "groq/llama-3/b"),
        (("*", "*"), "gpt-4o", "openai/gpt-4o"),
        (("*", "*"), "claude-3", "anthropic/claude-3"),
    ],
)
def test_a_wildcard_puts_what_it_caught_into_the_models_name(entry: tuple[str, str], name: str, expected: str) -> None:
    found = groups(entry)
    assert served(found, name) == [expected]
    assert found.get(name)[0].group == name
    assert found.get(name)[0].wildcard == entry[0]


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        (("openai/*", "openai/*"), "groq/llama"),
        (("openai/*", "openai/*"), "llama"),
        (("openai/*", "openai/*"), "openai/"),
        (("openai/*", "openai/*"), "openai/*"),  # the wildcard itself is no model
        (("openai/gpt-?*", "openai/gpt-?*"), "openai/gpt-4o"),  # only * is a wildcard
        (("*", "*"), "llama"),  # no provider in it, and none told by it
        (("*", "*"), "groq/"),
    ],
)
def test_what_no_wildcard_fits_is_not_served(entry: tuple[str, str], name: str) -> None:
    assert served(groups(entry), name) == []
    assert groups(entry).pattern_for(name) is None


def test_a_name_of_the_configuration_goes_before_wildcards_and_the_wildcard_that_says_more_before_others() -> None:
    found = groups(("*", "*"), ("openai/*", "openai/*"), ("openai/gpt-*", "azure/*"), ("openai/gpt-4", "groq/x"))
    assert served(found, "openai/gpt-4") == ["groq/x"]
    assert served(found, "openai/gpt-5") == ["azure/5"]
    assert served(found, "openai/o3") == ["openai/o3"]
    assert served(found, "xai/grok") == ["xai/grok"]


def test_several_deployments_of_one_wildcard_serve_together() -> None:
    found = groups(("openai/*", "openai/*"), ("openai/*", "azure/*"))
    assert served(found, "openai/gpt-4o") == ["openai/gpt-4o", "azure/gpt-4o"]
    assert [one.model for one in found] == ["*", "*"]


def test_a_model_found_by_a_wildcard_is_priced_by_its_own_name_and_keeps_the_deployments_id() -> None:
    found = groups(("openai/*", "openai/*"))
    first, second = found.get("openai/gpt-4o")[0], found.get("openai/gpt-4o-mini")[0]
    assert (first.priced_as, second.priced_as) == ("gpt-4o", "gpt-4o-mini")
    assert first.id == second.id == next(iter(found)).id
    assert found.get("openai/gpt-4o")[0] is first


def test_fallbacks_hold_for_the_models_of_a_wildcard() -> None:
    raw = {
        "model_list": [
            {"model_name": "openai/*", "litellm_params": {"model": "openai/*"}},
            {"model_name": "cheap", "litellm_params": {"model": "groq/x"}},
        ],
        "router_settings": {
            "fallbacks": [{"openai/*": ["cheap"]}, {"openai/o3": ["openai/gpt-4o", "nowhere/x"]}],
            "default_fallbacks": ["openai/gpt-4o-mini"],
            "context_window_fallbacks": [{"openai/*": ["openai/gpt-4.1"]}],
        },
    }
    config = parse_config(raw, {})
    models = ModelGroups(deployments_of(config))
    fallbacks, longer = fallbacks_of(config, models), context_fallbacks_of(config, models)
    assert fallbacks.get("openai/gpt-4o") == ("cheap",)
    assert fallbacks.get("openai/o3") == ("openai/gpt-4o",)
    assert fallbacks.get("cheap") == ("openai/gpt-4o-mini",)
    assert longer.get("openai/gpt-4o") == ("openai/gpt-4.1",)
    assert longer.get("cheap") == ()


def test_names_that_clients_choose_are_not_remembered_for_ever() -> None:
    patterns = Wildcards(["openai/*"])
    for number in range(10_000):
        assert patterns.match(f"openai/{number}") is not None
    assert patterns.match.cache_info().currsize <= 4_096  # type: ignore[attr-defined]


def test_a_pattern_covers_any_text_where_its_star_is() -> None:
    assert fits("a*c", "abc")
    assert fits("a*c", "ac")
    assert fits("a*", "a\nb")
    assert not fits("a.c", "abc")
    assert not fits("*b", "abc")


def test_a_star_for_all_providers_has_each_ones_discount() -> None:
    raw = {
        "model_list": [{"model_name": "*", "litellm_params": {"model": "*"}}],
        "litellm_settings": {"cost_discount_config": {"groq": 0.1}},
    }
    models = model_groups_of(parse_config(raw, {}))
    terms = models.get("groq/llama")[0].terms
    assert terms is not None
    assert models.get("openai/gpt-4o")[0].terms is None
