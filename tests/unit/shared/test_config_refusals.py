"""A value that cannot be used is refused by one sentence: the setting's path, what it must be, what it is."""

from typing import Any

import pytest

from shared.config import ConfigError, parse_config


def refusal(raw: dict[str, Any], environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as refused:
        parse_config(raw, environ or {})
    return str(refused.value)


def deployment(**params: Any) -> dict[str, Any]:
    return {"model_list": [{"model_name": "a", "litellm_params": {"model": "openai/a", **params}}]}


PARAMS = "model_list[0].litellm_params"


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (deployment(rpm="many"), f"{PARAMS}.rpm must be a whole number, not 'many'"),
        (deployment(rpm=1.5), f"{PARAMS}.rpm must be a whole number, not 1.5"),
        (deployment(rpm=-1), f"{PARAMS}.rpm must be at least 0, not -1"),
        (deployment(rpm=True), f"{PARAMS}.rpm must be a number, not true"),
        (deployment(timeout=0), f"{PARAMS}.timeout must be more than 0, not 0"),
        (deployment(timeout=float("inf")), f"{PARAMS}.timeout must be a finite number, not inf"),
        (deployment(input_cost_per_token=float("nan")), f"{PARAMS}.input_cost_per_token must be at least 0, not nan"),
        (deployment(drop_params="perhaps"), f"{PARAMS}.drop_params must be true or false, not 'perhaps'"),
        (deployment(custom_llm_provider=[]), f"{PARAMS}.custom_llm_provider must be text, not a list"),
        (deployment(api_version=True), f"{PARAMS}.api_version must be text, not true"),
        (deployment(extra_headers=["a"]), f"{PARAMS}.extra_headers must be a mapping (name: value), not a list"),
        (deployment(extra_headers={"a": {}}), f"{PARAMS}.extra_headers.a must be text, not a mapping"),
        (deployment(tags={"a": "b"}), f"{PARAMS}.tags must be a list, not a mapping"),
        (deployment(tags=["a", None]), f"{PARAMS}.tags[1] must be text, not null"),
        (deployment(organization=["a", {}]), f"{PARAMS}.organization"),
        ({"model_list": {"a": "b"}}, "model_list must be a list, not a mapping"),
        ({"model_list": ["a"]}, "model_list[0] must be a mapping (name: value), not 'a'"),
        ({"model_list": [None]}, "model_list[0].model_name is missing; add it\n  model_list[0].litellm_p"),
        ({"model_list": [{"model_name": "a", "litellm_params": {}}]}, f"{PARAMS}.model is missing; add it"),
        (
            {"model_list": [{"model_name": "", "litellm_params": {"model": "openai/a"}}]},
            "model_list[0].model_name must not be empty",
        ),
        ({"general_settings": True}, "general_settings must be a mapping (name: value), not true"),
        ({"general_settings": {"master_key": ""}}, "general_settings.master_key must not be empty"),
        ({"general_settings": {"max_request_size_mb": 0}}, "general_settings.max_request_size_mb must be more than 0"),
        (
            {"general_settings": {"meterhouse": {"store_prompts": "ful"}}},
            "general_settings.meterhouse.store_prompts must be one of none, masked, full, not 'ful'; "
            "did you mean full?",
        ),
        (
            {"general_settings": {"meterhouse": {"partitions": 0}}},
            "general_settings.meterhouse.partitions must be at l",
        ),
        (
            {"router_settings": {"routing_strategy": "simple_shuffle"}},
            "router_settings.routing_strategy must be one of ordered, simple-shuffle, ",
        ),
        ({"router_settings": {"fallbacks": {"a": ["b"]}}}, "router_settings.fallbacks must be a list, not a mapping"),
        ({"router_settings": {"fallbacks": [{"a": 3}]}}, "router_settings.fallbacks[0].a must be a list, not 3"),
        (
            {"router_settings": {"model_group_alias": {"a": 3}}},
            "router_settings.model_group_alias.a must be a mapping (name: value), not 3",
        ),
        (
            {"litellm_settings": {"budget_exceeded_status_code": 200}},
            "litellm_settings.budget_exceeded_status_code must be at least 400, not 200",
        ),
        (
            {"litellm_settings": {"budget_exceeded_status_code": 600}},
            "litellm_settings.budget_exceeded_status_code must be at most 599, not 600",
        ),
        (
            {"litellm_settings": {"budget_duration": "1 month"}},
            "litellm_settings.budget_duration must be a number and one of s, m, h, d, w, mo, such as 30d",
        ),
        (
            {"router_settings": {"provider_budget_config": {"openai": {"budget_limit": 1, "time_period": "0d"}}}},
            "router_settings.provider_budget_config.openai.time_period must be a number and one of s, m, h, d, w, mo",
        ),
        (
            {"litellm_settings": {"max_end_user_budget": -1}},
            "litellm_settings.max_end_user_budget must be at least 0, not -1",
        ),
        (
            {"guardrails": [{"guardrail_name": "g", "litellm_params": {"guardrail": "x", "mode": "precall"}}]},
            "guardrails[0].litellm_params.mode must be one of pre_call, ",
        ),
        (
            {"guardrails": [{"guardrail_name": "g", "litellm_params": {"mode": "pre_call"}}]},
            "guardrails[0].litellm_params.guardrail is missing; add it",
        ),
        ({"environment_variables": {"A": ["b"]}}, "environment_variables.A must be text, not a list"),
        ({"environment_variables": ["A=b"]}, "environment_variables must be a mapping (name: value), not a list"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_with_its_path(raw: dict[str, Any], sentence: str) -> None:
    assert refusal(raw).startswith(sentence)


def test_each_setting_that_is_wrong_is_told_with_its_remedy() -> None:
    sentences = refusal(deployment(rpm="many", tpm="more"))
    assert sentences == (
        f"{PARAMS}.rpm must be a whole number, not 'many'\n  {PARAMS}.tpm must be a whole number, not 'more'"
    )


def test_of_very_many_wrong_settings_the_rest_is_counted() -> None:
    *told, rest = refusal({"model_list": [{}] * 15}).split("\n")
    assert (len(told), rest) == (20, "  and 10 settings more are wrong")


def test_a_literal_close_to_a_known_one_is_suggested() -> None:
    assert refusal({"router_settings": {"routing_strategy": "simple_shuffle"}}).endswith("did you mean simple-shuffle?")


def test_a_long_value_is_shown_in_part() -> None:
    assert f"not '{'x' * 40}...'" in refusal(deployment(rpm="x" * 500))


@pytest.mark.parametrize(
    "raw",
    [
        deployment(api_key={"hidden": "hidden"}),
        deployment(extra_headers="hidden"),
        {"environment_variables": "hidden"},
        {"general_settings": {"master_key": {"a": "hidden"}}},
    ],
)
def test_a_refusal_shows_nothing_that_may_be_a_secret(raw: dict[str, Any]) -> None:
    assert "hidden" not in refusal(raw)


def test_a_model_without_a_provider_is_refused_with_both_remedies() -> None:
    raw = {"model_list": [{"model_name": "a", "litellm_params": {"model": "llama-3"}}]}
    assert refusal(raw) == (
        f"{PARAMS}.model names no provider; write it as provider/llama-3, or set custom_llm_provider"
    )


def test_two_deployments_cannot_have_the_same_id() -> None:
    entry = {"model_name": "a", "litellm_params": {"model": "openai/a"}, "model_info": {"id": "one"}}
    assert refusal({"model_list": [entry, entry]}) == (
        "model_list[1].model_info.id is also the id of model_list[0]; give each deployment its own"
    )


def test_a_master_key_whose_variable_is_missing_is_refused() -> None:
    assert refusal({"general_settings": {"master_key": "os.environ/KEY"}}) == (
        "general_settings.master_key needs the environment variable KEY, which is not set; set it, "
        "or remove the setting and a key is made at the first start"
    )


def test_a_required_name_whose_variable_is_missing_is_refused() -> None:
    raw = {"model_list": [{"model_name": "os.environ/NAME", "litellm_params": {"model": "openai/a"}}]}
    assert refusal(raw) == "model_list[0].model_name needs the environment variable NAME, which is not set; set it"


def test_a_whole_deployment_cannot_be_a_variable() -> None:
    assert refusal({"model_list": ["os.environ/ENTRY"]}).startswith(
        "model_list[0] needs the environment variable ENTRY"
    )


def test_a_reference_must_name_a_variable() -> None:
    assert refusal(deployment(extra_body={"a": [{"b": "os.environ/"}]})) == (
        f"{PARAMS}.extra_body.a[0].b names no environment variable; write os.environ/NAME"
    )
