"""Each entry of model_list becomes a deployment with a provider and an id that does not change between starts."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config import ConfigError, LiteLLMParams, parse_config, provider_and_model
from shared.prices import Terms
from shared.serving.deployments import Deployment, deployments_of


def ids(*params: dict[str, Any], environ: dict[str, str] | None = None) -> list[str]:
    entries = [{"model_name": "a", "litellm_params": {"model": "openai/a", **one}} for one in params]
    return [entry.id for entry in parse_config({"model_list": entries}, environ or {}).model_list]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"model": "openai/gpt-4"}, ("openai", "gpt-4")),
        ({"model": "azure/gpt-4"}, ("azure", "gpt-4")),
        ({"model": "groq/llama-3.1-8b-instant"}, ("groq", "llama-3.1-8b-instant")),
        ({"model": "openrouter/anthropic/claude-3.5-sonnet"}, ("openrouter", "anthropic/claude-3.5-sonnet")),
        ({"model": "gpt-4o"}, ("openai", "gpt-4o")),
        ({"model": "chatgpt-4o-latest"}, ("openai", "chatgpt-4o-latest")),
        ({"model": "o1"}, ("openai", "o1")),
        ({"model": "o3-mini"}, ("openai", "o3-mini")),
        ({"model": "o4-mini"}, ("openai", "o4-mini")),
        ({"model": "text-embedding-3-small"}, ("openai", "text-embedding-3-small")),
        ({"model": "ft:gpt-4o:acme::1"}, ("openai", "ft:gpt-4o:acme::1")),
        ({"model": "claude-3-5-sonnet-20241022"}, ("anthropic", "claude-3-5-sonnet-20241022")),
        ({"model": "llama-3", "api_base": "http://localhost:8000/v1"}, ("openai", "llama-3")),
        ({"model": "llama-3", "custom_llm_provider": "vllm"}, ("vllm", "llama-3")),
        ({"model": "meta-llama/Llama-3", "custom_llm_provider": "openai"}, ("openai", "meta-llama/Llama-3")),
        ({"model": "openai/gpt-4", "custom_llm_provider": "openai"}, ("openai", "gpt-4")),
        ({"model": "openai/*"}, ("openai", "*")),
        ({"model": "*"}, ("*", "*")),
    ],
)
def test_the_part_before_the_first_slash_is_the_provider_else_it_is_known_by_name(
    params: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert provider_and_model(LiteLLMParams(**params)) == expected


@pytest.mark.parametrize("model", ["llama-3", "o1x", "gpt4all", "openai/", "/gpt"])
def test_a_model_that_names_no_provider_is_refused_with_the_remedy(model: str) -> None:
    with pytest.raises(ValueError, match=r"names no provider; write it as provider/\S+, or set custom_llm_provider"):
        provider_and_model(LiteLLMParams(model=model))


def test_a_model_that_waits_for_its_variable_has_no_provider_yet() -> None:
    raw = {"model_list": [{"model_name": "a", "litellm_params": {"model": "os.environ/MODEL"}}]}
    assert provider_and_model(parse_config(raw, {}).model_list[0].litellm_params) == ("", "")
    assert provider_and_model(parse_config(raw, {"MODEL": "groq/b"}).model_list[0].litellm_params) == ("groq", "b")


def test_an_id_is_the_same_in_every_start_whatever_the_order_of_the_settings() -> None:
    one = ids({"rpm": 3, "extra_body": {"a": 1, "b": 2}})
    other = ids({"extra_body": {"b": 2, "a": 1}, "rpm": 3})
    assert one == other
    assert len(one[0]) == 64
    assert ids({"rpm": 4}) != ids({"rpm": 3})


def test_an_id_outlives_a_change_of_key_and_of_the_environment() -> None:
    assert ids({"api_key": "old"}) == ids({"api_key": "new"}) == ids({})
    base = {"api_base": "os.environ/BASE"}
    assert ids(base) == ids(base, environ={"BASE": "http://localhost"})


def test_deployments_that_differ_in_the_variable_of_their_key_keep_their_ids_when_they_change_places() -> None:
    first, second = {"api_key": "os.environ/KEY_1"}, {"api_key": "os.environ/KEY_2"}
    assert set(ids(first, second)) == set(ids(second, first))
    assert ids(first, second) == list(reversed(ids(second, first)))


def test_identical_entries_get_different_ids() -> None:
    found = ids({}, {}, {"api_key": "other"})
    assert len(set(found)) == 3
    assert found[:2] == ids({}, {})


def test_an_id_of_ones_own_is_kept_also_as_a_number() -> None:
    entry = {"model_name": "a", "litellm_params": {"model": "openai/a"}, "model_info": {"id": 7}}
    assert parse_config({"model_list": [entry]}, {}).model_list[0].id == "7"


def test_a_list_of_organizations_makes_one_deployment_of_each() -> None:
    raw = {
        "model_list": [
            {"model_name": "a", "litellm_params": {"model": "openai/a", "organization": ["org-1", "os.environ/ORG"]}},
            {"model_name": "b", "litellm_params": {"model": "openai/b"}},
        ]
    }
    listed = parse_config(raw, {"ORG": "org-2"}).model_list
    assert [(entry.model_name, entry.litellm_params.organization) for entry in listed] == [
        ("a", "org-1"),
        ("a", "org-2"),
        ("b", None),
    ]
    assert len({entry.id for entry in listed}) == 3


def test_prices_of_the_deployment_win_over_those_of_its_model_info() -> None:
    entry = {
        "model_name": "a",
        "litellm_params": {"model": "openai/a", "input_cost_per_token": 0.0},
        "model_info": {"input_cost_per_token": 2, "output_cost_per_token": 3},
    }
    assert parse_config({"model_list": [entry]}, {}).model_list[0].own_prices() == {
        "input_cost_per_token": 0.0,
        "output_cost_per_token": 3.0,
    }


def test_defaults_of_a_call_are_those_the_file_sets() -> None:
    params = LiteLLMParams.model_validate({"model": "openai/a", "temperature": 0, "stop": "END", "max_tokens": 10})
    assert params.call_defaults() == {"temperature": 0.0, "stop": ("END",), "max_tokens": 10}


def test_either_name_of_the_retries_is_taken_and_zero_is_a_number() -> None:
    assert LiteLLMParams(model="openai/a", max_retries=4).retries == 4
    assert LiteLLMParams(model="openai/a", num_retries=0, max_retries=4).retries == 0
    assert LiteLLMParams(model="openai/a").retries is None


@given(st.lists(st.sampled_from(["x", "y", "os.environ/Z"]), max_size=6))
def test_ids_are_distinct_whatever_is_repeated(keys: list[str]) -> None:
    found = ids(*({"api_key": key} for key in keys))
    assert len(set(found)) == len(keys)


def priced(**litellm_settings: Any) -> Deployment:
    entry = {"model_name": "m", "litellm_params": {"model": "openai/gpt-4o"}}
    return deployments_of(parse_config({"model_list": [entry], "litellm_settings": litellm_settings}, {}))[0]


def test_a_providers_discount_and_margin_are_its_deployments_terms() -> None:
    assert priced().terms is None
    assert priced(cost_discount_config={"openai": 0.05}).terms == Terms(Decimal("0.05"))
    assert priced(cost_discount_config={"azure": 0.05}).terms is None
    assert priced(cost_margin_config={"global": 0.1}).terms == Terms(margin=Decimal("0.1"))
    own = {"global": 0.1, "openai": {"percentage": 0.08, "fixed_amount": 0.0005}}
    assert priced(cost_margin_config=own).terms == Terms(Decimal(0), Decimal("0.08"), 500_000_000)


@pytest.mark.parametrize("config", [{"openai": 1.5}, {"openai": -0.1}, {"openai": "much"}])
def test_a_discount_that_is_no_share_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"litellm_settings\.cost_discount_config\.openai"):
        priced(cost_discount_config=config)


def test_every_form_of_a_price_is_read() -> None:
    params = {
        "model": "openai/a",
        "input_cost_per_token": 1e-6,
        "input_cost_per_token_above_200k_tokens": 2e-6,
        "price_variants": {"output_cost_per_token_priority": 3e-6},
        "search_context_cost_per_query": {"search_context_size_low": 0.01, "search_context_size_medium": 0.02},
        "tiered_pricing": [
            {"range": [0, 32_000], "output_cost_per_token": 4e-6},
            {"range": [32_000, 128_000], "output_cost_per_token": 5e-6},
        ],
    }
    config = parse_config({"model_list": [{"model_name": "m", "litellm_params": params}]}, {})
    assert config.warnings == []
    assert config.model_list[0].own_prices() == {
        "input_cost_per_token": 1e-6,
        "input_cost_per_token_above_200k_tokens": 2e-6,
        "output_cost_per_token_priority": 3e-6,
        "search_context_cost_per_query.low": 0.01,
        "search_context_cost_per_query.medium": 0.02,
        "output_cost_per_token": 4e-6,
        "output_cost_per_token_above_32000_tokens": 5e-6,
    }


def test_the_region_is_the_one_set_or_that_of_openais_address() -> None:
    def geo(**params: str) -> str:
        entry = {"model_name": "m", "litellm_params": {"model": "openai/gpt-5.4", **params}}
        return deployments_of(parse_config({"model_list": [entry]}, {}))[0].geo

    assert geo() == ""
    assert geo(api_base="https://eu.api.openai.com/v1") == "eu"
    assert geo(api_base="https://api.openai.com/v1") == ""
    assert geo(api_base="https://eu.api.openai.com/v1", region_name="us") == "us"


@pytest.mark.parametrize(
    ("params", "geo"),
    [
        ({"vertex_location": "europe-west1"}, "europe-west1"),
        ({"vertex_location": "global"}, "global"),
        ({"region_name": "us-east5"}, "us-east5"),
        ({}, "us-central1"),
        ({"api_key": "express"}, ""),
    ],
)
def test_vertex_ai_is_regional_unless_it_is_told_otherwise(params: dict[str, str], geo: str) -> None:
    entry = {"model_name": "m", "litellm_params": {"model": "vertex_ai/claude-sonnet-4-5@20250929", **params}}
    assert deployments_of(parse_config({"model_list": [entry]}, {}))[0].geo == geo


@pytest.mark.parametrize(
    ("base_model", "priced_as", "geo"),
    [
        (None, "ours", ""),
        ("gpt-4o", "gpt-4o", ""),
        ("azure/gpt-4o", "gpt-4o", ""),
        ("azure/us/gpt-4o-2024-08-06", "gpt-4o-2024-08-06", "zone-us"),
        ("azure/eu/gpt-4o-2024-08-06", "gpt-4o-2024-08-06", "zone-eu"),
        ("azure/global/gpt-4o-2024-08-06", "gpt-4o-2024-08-06", ""),
        ("azure/global-standard/gpt-4o-mini", "gpt-4o-mini", ""),
    ],
)
def test_a_base_model_may_be_named_as_litellm_names_it(base_model: str | None, priced_as: str, geo: str) -> None:
    info = {"base_model": base_model} if base_model else {}
    entry = {"model_name": "m", "litellm_params": {"model": "azure/ours"}, "model_info": info}
    deployment = deployments_of(parse_config({"model_list": [entry]}, {}))[0]
    assert (deployment.priced_as, deployment.geo) == (priced_as, geo)
