"""credential_list and litellm_credential_name: credentials by reference."""

from typing import Any

import pytest

from shared.config import ConfigError, MissingVariable, parse_config
from shared.serving.deployments import deployments_of


def raw(credentials: Any, **params: Any) -> dict[str, Any]:
    return {
        "model_list": [{"model_name": "a", "litellm_params": {"model": "azure/a", **params}}],
        "credential_list": credentials,
    }


SHARED = [
    {
        "credential_name": "shared",
        "credential_values": {"api_key": "os.environ/KEY", "api_base": "https://x.example", "api_version": "v1"},
        "credential_info": {"description": "for all teams"},
    }
]


def test_a_deployment_has_the_values_of_the_credential_it_names() -> None:
    config = parse_config(raw(SHARED, litellm_credential_name="shared"), {"KEY": "k"})
    deployment = deployments_of(config)[0]
    assert (deployment.api_key, deployment.api_base, deployment.api_version) == ("k", "https://x.example", "v1")
    assert config.warnings == []


def test_what_a_deployment_sets_itself_wins() -> None:
    config = parse_config(raw(SHARED, litellm_credential_name="shared", api_base="https://own.example"), {"KEY": "k"})
    assert deployments_of(config)[0].api_base == "https://own.example"
    assert deployments_of(config)[0].api_key == "k"


def test_a_variable_that_is_missing_in_a_credential_is_told_when_the_deployment_is_called() -> None:
    config = parse_config(raw(SHARED, litellm_credential_name="shared"), {})
    assert deployments_of(config)[0].api_key == MissingVariable("KEY")


def test_an_id_does_not_change_with_the_credential() -> None:
    one = parse_config(raw(SHARED, litellm_credential_name="shared"), {"KEY": "k"})
    changed = [{**SHARED[0], "credential_values": {"api_key": "other"}}]
    other = parse_config(raw(changed, litellm_credential_name="shared"), {})
    assert one.model_list[0].id == other.model_list[0].id


@pytest.mark.parametrize(
    ("credentials", "params", "sentence"),
    [
        (
            SHARED,
            {"litellm_credential_name": "shard"},
            "is shard, which is no credential_name in credential_list; there",
        ),
        ([], {"litellm_credential_name": "shared"}, "model_list[0].litellm_params.litellm_credential_name is shared"),
        (SHARED * 2, {"litellm_credential_name": "shared"}, "credential_list[1].credential_name is shared, as another"),
        ([{"credential_values": {}}], {}, "credential_list[0].credential_name is missing"),
        (
            [{"credential_name": "x", "credential_values": []}],
            {},
            "credential_list[0].credential_values must be a mapp",
        ),
        (
            [{"credential_name": "x", "credential_values": {"api_version": {}}}],
            {"litellm_credential_name": "x"},
            "model_list[0].litellm_params.api_version must be text",
        ),
        ([], {"configurable_clientside_auth_params": ["region"]}, "must name api_key or api_base"),
        ([], {"configurable_clientside_auth_params": [{"api_base": "("}]}, "must have a regular expression"),
    ],
)
def test_a_credential_that_cannot_be_used_is_named(credentials: Any, params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_config(raw(credentials, **params), {})
    assert sentence in str(refused.value)
    assert "os.environ" not in str(refused.value)


def test_credentials_do_not_show_in_the_printed_form() -> None:
    assert "secret" not in repr(
        parse_config(raw([{"credential_name": "x", "credential_values": {"api_key": "secret"}}]), {})
    )
