"""What is said in one section and means another; and that no setting is missing where all are listed."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from shared.config import Config, Setting, every_setting, parse_config
from shared.config.sections.section import Section


def sections(shape: type[BaseModel]) -> set[type[BaseModel]]:
    """Every section there is, found without the code under test."""
    return {shape} | {deeper for inner in shape.__subclasses__() for deeper in sections(inner)}


def test_every_field_of_every_section_is_listed_with_a_description() -> None:
    listed = {setting.path.rsplit(".", 1)[-1] for setting in every_setting()}
    for shape in sections(Section) - {Config}:
        for name, field in shape.model_fields.items():
            assert name in listed, f"{shape.__name__}.{name}"
            assert field.description, f"{shape.__name__}.{name}"
    assert all(setting.description and setting.type and setting.default for setting in every_setting())


def test_every_path_is_listed_once() -> None:
    paths = [setting.path for setting in every_setting()]
    assert len(paths) == len(set(paths))


@pytest.mark.parametrize(
    "setting",
    [
        Setting(
            "model_list[].litellm_params.model",
            "text",
            "required",
            True,
            "`provider/model`; what follows the first slash is the provider's name for it.",
        ),
        Setting(
            "model_list[].litellm_params.organization",
            "text or list of text",
            "none",
            True,
            "OpenAI organization; a list makes one deployment of each.",
        ),
        Setting(
            "router_settings.cooldown_time", "number", "5", True, "Seconds a deployment that failed is left alone."
        ),
        Setting("router_settings.max_fallbacks", "integer", "5", False, "Most fallbacks tried for one request."),
        Setting(
            "general_settings.meterhouse.client_disconnect",
            "`drain` or `cancel`",
            "drain",
            True,
            "When a client leaves: read the answer to its end and count it exactly, or cancel the call.",
        ),
        Setting("general_settings.alerting_args", "anything", "none", False, "only budgets are alerted of"),
        Setting(
            "guardrails[].litellm_params.default_on",
            "boolean",
            "false",
            True,
            "Run for every request, not only those that ask for it.",
        ),
    ],
    ids=lambda setting: setting.path,
)
def test_a_setting_is_listed_with_its_type_default_and_meaning(setting: Setting) -> None:
    assert setting in every_setting()


def test_settings_of_both_sections_are_taken_from_the_routers_first() -> None:
    litellm = {
        "num_retries": 7,
        "request_timeout": 30,
        "fallbacks": [{"a": ["b"]}],
        "default_fallbacks": ["c"],
        "context_window_fallbacks": [{"a": ["d"]}],
    }
    taken = parse_config({"litellm_settings": litellm}, {}).router_settings
    assert (taken.num_retries, taken.timeout) == (7, 30)
    assert (taken.fallbacks, taken.default_fallbacks) == (({"a": ("b",)},), ("c",))
    assert taken.context_window_fallbacks == ({"a": ("d",)},)
    own = parse_config({"litellm_settings": litellm, "router_settings": {"num_retries": 0, "timeout": 5}}, {})
    assert (own.router_settings.num_retries, own.router_settings.timeout) == (0, 5)


def test_defaults_of_the_router_are_litellms() -> None:
    router = parse_config({}, {}).router_settings
    assert (router.num_retries, router.timeout, router.retry_after) == (2, 600, 0)
    assert (router.allowed_fails, router.cooldown_time, router.max_fallbacks) == (3, 5, 5)


@pytest.mark.parametrize(
    ("general", "expected"),
    [
        ({}, ("none", "drain")),
        ({"store_prompts_in_spend_logs": True, "cancel_on_disconnect": True}, ("full", "cancel")),
        (
            {
                "store_prompts_in_spend_logs": True,
                "cancel_on_disconnect": True,
                "meterhouse": {"store_prompts": "masked", "client_disconnect": "drain"},
            },
            ("masked", "drain"),
        ),
    ],
)
def test_litellms_switches_set_our_own_settings_unless_these_are_given(
    general: dict[str, Any], expected: tuple[str, str]
) -> None:
    own = parse_config({"general_settings": general}, {}).general_settings.meterhouse
    assert (own.store_prompts, own.client_disconnect) == expected


def test_our_own_settings_have_the_documented_defaults() -> None:
    assert parse_config({}, {}).general_settings.meterhouse.model_dump() == {
        "store_prompts": "none",
        "partitions": 8,
        "admission_timeout_s": 1.0,
        "request_timeout_s": 600,
        "client_disconnect": "drain",
        "interrupted_stream": None,
        "interrupted_stream_cap_s": 30.0,
        "interrupted_stream_cap_tokens": None,
        "default_max_output_tokens": 4096,
        "unbounded_output_tokens": 1024,
        "model_limits": {},
        "allow_unpriced_models_on_budgets": False,
        "price_refresh_s": None,
        "price_refresh_url": None,
        "hold_grace_s": 30,
        "batch_hold_s": 172_800,
        "batch_poll_s": 60,
        "budget_thresholds": (50, 80, 100),
        "global_soft_budget": None,
        "provider_soft_budgets": {},
        "ledger_flush_ms": 500,
    }


def test_an_alias_can_be_a_name_or_a_mapping() -> None:
    aliases = {"b": "a", "c": {"model": "a", "hidden": True}}
    found = parse_config({"router_settings": {"model_group_alias": aliases}}, {}).router_settings.model_group_alias
    assert {name: (alias.model, alias.hidden) for name, alias in found.items()} == {"b": ("a", False), "c": ("a", True)}


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("post_call", ("post_call",)), (["pre_call", "post_call"], ("pre_call", "post_call")), (None, ("pre_call",))],
)
def test_the_mode_of_a_guardrail_can_be_one_or_several(mode: Any, expected: tuple[str, ...]) -> None:
    raw = {"guardrails": [{"guardrail_name": "g", "litellm_params": {"guardrail": "x", "mode": mode}}]}
    assert parse_config(raw, {}).guardrails[0].litellm_params.mode == expected


def test_the_mode_of_a_guardrail_can_depend_on_tags() -> None:
    params = {"guardrail": "x", "mode": {"tags": {"free": "pre_call"}, "default": ["post_call"]}}
    config = parse_config({"guardrails": [{"guardrail_name": "g", "litellm_params": params}]}, {})
    mode = config.guardrails[0].litellm_params.mode
    assert not isinstance(mode, tuple)
    assert (mode.tags, mode.default) == ({"free": ("pre_call",)}, ("post_call",))


def test_a_loaded_configuration_cannot_be_changed() -> None:
    config = parse_config({}, {})
    with pytest.raises(ValidationError, match="frozen"):
        config.router_settings.num_retries = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("general", "headers"),
    [
        ({}, ()),
        ({"user_header_name": "X-User"}, ("X-User",)),
        (
            {
                "user_header_name": "X-Old",
                "user_header_mappings": [
                    {"header_name": "X-Staff", "litellm_user_role": "internal_user"},
                    {"header_name": "X-Customer", "litellm_user_role": "Customer"},
                ],
            },
            ("X-Customer", "X-Old"),
        ),
        ({"user_header_mappings": {"header_name": "X-One", "litellm_user_role": "customer"}}, ("X-One",)),
    ],
)
def test_headers_that_name_end_users_are_those_of_customers_then_the_single_one(
    general: dict[str, Any], headers: tuple[str, ...]
) -> None:
    assert parse_config({"general_settings": general}, {}).general_settings.end_user_headers() == headers
