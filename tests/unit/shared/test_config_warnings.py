"""No setting is passed over in silence: without effect, unknown, misplaced or leading nowhere, it is named."""

from typing import Any

import pytest

from shared.config import every_setting, parse_config

MODEL = {"model_name": "a", "litellm_params": {"model": "openai/a"}}


def warnings(**sections: Any) -> list[str]:
    return parse_config({"model_list": [MODEL], **sections}, {}).warnings


def test_a_configuration_of_settings_that_work_gives_no_warning() -> None:
    assert warnings(litellm_settings={"drop_params": True}, router_settings={"num_retries": 1}) == []


def test_a_setting_without_effect_is_named_with_the_reason() -> None:
    assert warnings(router_settings={"redis_host": "localhost"}) == [
        "router_settings.redis_host is accepted but has no effect yet: state is shared over NATS, no Redis is needed"
    ]


def test_a_typed_setting_without_effect_is_named_only_when_it_differs_from_what_happens_anyway() -> None:
    assert warnings(router_settings={"enable_tag_filtering": True, "disable_cooldowns": False}) == [
        "router_settings.enable_tag_filtering is accepted but has no effect yet"
    ]


def test_a_price_that_is_not_by_token_is_named() -> None:
    params = {"model": "openai/a", "input_cost_per_video_per_second_above_15s_interval": 1}
    assert warnings(model_list=[{"model_name": "a", "litellm_params": params}]) == [
        "model_list[0].litellm_params.input_cost_per_video_per_second_above_15s_interval is accepted but has no effect "
        "yet: no provider says how much of it a call used"
    ]


@pytest.mark.parametrize(
    ("sections", "warning"),
    [
        (
            {"genral_settings": {}},
            "genral_settings is not a known setting and is ignored; did you mean general_settings?",
        ),
        (
            {"general_settings": {"meterhouse": {"partition": 4}}},
            "general_settings.meterhouse.partition is not a known setting and is ignored; did you mean partitions?",
        ),
        (
            {"router_settings": {"redis_hosts": "x"}},
            "router_settings.redis_hosts is not a known setting and is ignored; did you mean redis_host?",
        ),
        (
            {"router_settings": {"drop_params": True}},
            "router_settings.drop_params is not a known setting and is ignored; did you mean "
            "litellm_settings.drop_params?",
        ),
        (
            {"model_list": [{**MODEL, "rpm": 3}]},
            "model_list[0].rpm is not a known setting and is ignored; did you mean model_list[].litellm_params.rpm?",
        ),
        (
            {"model_list": [MODEL], "router_settings": {"model_group_alias": {"b": {"model": "a", "hide": True}}}},
            "router_settings.model_group_alias.b.hide is not a known setting and is ignored; did you mean hidden?",
        ),
        (
            {"model_list": [{**MODEL, "drop_params": True}]},
            "model_list[0].drop_params is not a known setting and is ignored; did you mean "
            "model_list[].litellm_params.drop_params?",
        ),
        ({"quite": "different"}, "quite is not a known setting and is ignored"),
        ({True: "yes"}, "True is not a known setting and is ignored"),
        ({"warnings": ["a"]}, "warnings is not a known setting and is ignored"),
    ],
)
def test_an_unknown_setting_is_named_with_what_it_may_have_been_meant_to_be(
    sections: dict[Any, Any], warning: str
) -> None:
    assert parse_config({"model_list": [MODEL], **sections}, {}).warnings == [warning]


def test_an_unknown_parameter_of_a_deployment_does_not_show_its_value() -> None:
    params = {"model": "openai/a", "api_ky": "hidden"}
    (warning,) = warnings(model_list=[{"model_name": "a", "litellm_params": params}])
    assert warning.endswith("did you mean api_key?")
    assert "hidden" not in warning


@pytest.mark.parametrize("setting", [one for one in every_setting() if not one.effect and one.type == "anything"])
def test_every_setting_of_litellm_that_has_no_effect_is_accepted_and_named(setting: Any) -> None:
    *sections, name = setting.path.split(".")
    raw: dict[str, Any] = {"model_list": [{"model_name": "a", "litellm_params": {"model": "openai/a"}}]}
    match sections:
        case []:
            raw[name] = [1]
        case ["model_list[]", "litellm_params"]:
            raw["model_list"][0]["litellm_params"][name] = [1]
        case [section]:
            raw[section] = {name: [1]}
        case _:
            pytest.fail(f"no place for {setting.path}")
    (warning,) = parse_config(raw, {}).warnings
    assert warning == (f"{setting.path.replace('[]', '[0]')} is accepted but has no effect yet: {setting.description}")


def test_free_form_sections_take_any_setting_without_a_warning() -> None:
    config = parse_config(
        {
            "model_list": [{**MODEL, "model_info": {"team": "search", "supports_vision": True}}],
            "guardrails": [{"guardrail_name": "g", "litellm_params": {"guardrail": "x", "blocked_words": ["a"]}}],
        },
        {},
    )
    assert config.warnings == []
    assert config.model_list[0].model_info.model_extra == {"team": "search", "supports_vision": True}
    assert config.guardrails[0].litellm_params.own_settings() == {"blocked_words": ["a"]}


@pytest.mark.parametrize("strategy", ["least-busy", "latency-based-routing", "usage-based-routing-v2"])
def test_a_strategy_that_is_not_built_is_named_with_the_one_in_its_place(strategy: str) -> None:
    assert warnings(router_settings={"routing_strategy": strategy}) == [
        f"router_settings.routing_strategy: {strategy} is accepted but has no effect yet: calls are balanced as by "
        "simple-shuffle"
    ]


@pytest.mark.parametrize("strategy", ["ordered", "simple-shuffle"])
def test_a_strategy_that_is_built_is_taken(strategy: str) -> None:
    assert warnings(router_settings={"routing_strategy": strategy}) == []


def test_callbacks_that_are_not_called_are_named() -> None:
    assert warnings(litellm_settings={"callbacks": ["prometheus", "langfuse"]}) == [
        "litellm_settings.callbacks: langfuse is accepted but has no effect yet: it is not called"
    ]


def test_a_well_known_master_key_is_named() -> None:
    assert warnings(general_settings={"master_key": "sk-1234"}) == [
        "general_settings.master_key is a well-known example; choose one nobody can guess"
    ]


def test_fallbacks_and_aliases_that_lead_nowhere_are_named() -> None:
    assert warnings(
        router_settings={
            "fallbacks": [{"a": ["b", {"model": "c"}]}, {"*": ["a"]}],
            "model_group_alias": {"alias": "d"},
        },
        litellm_settings={"default_fallbacks": ["e", "alias"]},
    ) == [
        "router_settings.model_group_alias names d, which is no model_name in model_list",
        "litellm_settings.default_fallbacks names e, which is no model_name in model_list",
        "router_settings.fallbacks names b, which is no model_name in model_list",
        "router_settings.fallbacks names c, which is no model_name in model_list",
    ]


def test_a_wildcard_may_serve_any_fallback() -> None:
    wildcard = {"model_name": "openai/*", "litellm_params": {"model": "openai/*"}}
    assert warnings(model_list=[MODEL, wildcard], router_settings={"fallbacks": [{"a": ["openai/b"]}]}) == []
