"""`os.environ/NAME` is the variable's value, wherever it stands; a missing one waits until it is needed."""

from typing import Any

import pytest

from shared.config import MissingVariable, parse_config


def params(environ: dict[str, str], **settings: Any) -> Any:
    raw = {"model_list": [{"model_name": "a", "litellm_params": {"model": "openai/a", **settings}}]}
    config = parse_config(raw, environ)
    return config.model_list[0].litellm_params, config.warnings


def test_a_variable_is_taken_wherever_a_value_can_stand() -> None:
    found, warnings = params(
        {"KEY": "k", "RPM": "40", "DROP": "true", "TAG": "t", "DEEP": "d"},
        api_key="os.environ/KEY",
        rpm="os.environ/RPM",
        drop_params="os.environ/DROP",
        tags=["os.environ/TAG"],
        extra_headers={"X-Key": "os.environ/KEY"},
        extra_body={"a": [{"b": "os.environ/DEEP"}]},
    )
    assert (found.api_key, found.rpm, found.drop_params, found.tags) == ("k", 40, True, ("t",))
    assert found.extra_headers == {"X-Key": "k"}
    assert found.extra_body == {"a": [{"b": "d"}]}
    assert warnings == []


@pytest.mark.parametrize("environ", [{}, {"KEY": ""}])
def test_a_missing_or_empty_provider_key_stops_nothing_and_names_the_remedy(environ: dict[str, str]) -> None:
    found, warnings = params(environ, api_key="os.environ/KEY", api_base="os.environ/BASE")
    assert found.api_key == MissingVariable("KEY")
    assert found.api_base == MissingVariable("BASE")
    assert found.api_key.remedy == "set the environment variable KEY"
    assert warnings == []


def test_a_deployment_lists_the_variables_it_waits_for() -> None:
    entry = {
        "model_name": "a",
        "litellm_params": {
            "model": "os.environ/MODEL",
            "api_key": "os.environ/KEY",
            "extra_headers": {"X": "os.environ/HEADER"},
            "extra_body": {"a": [{"b": "os.environ/DEEP"}]},
        },
    }
    config = parse_config({"model_list": [entry]}, {})
    names = [variable.name for variable in config.model_list[0].missing_variables()]
    assert sorted(names) == ["DEEP", "HEADER", "KEY", "MODEL"]
    assert ("model_list[0].litellm_params.extra_body.a[0].b", "DEEP") in config.missing_variables()


def test_a_setting_that_can_do_without_its_variable_is_left_out_with_a_warning() -> None:
    found, warnings = params({}, rpm="os.environ/RPM", tags=["os.environ/TAG", "b"], logit_bias={"1": "os.environ/B"})
    assert (found.rpm, found.tags, found.logit_bias) == (None, ("b",), {})
    assert warnings == [
        "model_list[0].litellm_params.rpm needs the environment variable RPM, which is not set; it is left out",
        "model_list[0].litellm_params.tags[0] needs the environment variable TAG, which is not set; it is left out",
        "model_list[0].litellm_params.logit_bias.1 needs the environment variable B, which is not set; it is left out",
    ]


def test_text_that_only_contains_a_reference_stays_as_it_is() -> None:
    found, _ = params({"HOST": "h"}, api_base="https://os.environ/HOST/v1")
    assert found.api_base == "https://os.environ/HOST/v1"


def test_environment_variables_of_the_file_are_set_before_references_are_read_and_win() -> None:
    config = parse_config(
        {
            "environment_variables": {"KEY": "file", "COPY": "os.environ/OUTSIDE", "PORT": 4000, "DEBUG": True},
            "model_list": [
                {
                    "model_name": "a",
                    "litellm_params": {"model": "openai/a", "api_key": "os.environ/KEY", "api_base": "os.environ/COPY"},
                }
            ],
        },
        {"KEY": "process", "OUTSIDE": "outside"},
    )
    assert config.model_list[0].litellm_params.api_key == "file"
    assert config.model_list[0].litellm_params.api_base == "outside"
    assert config.environment_variables == {"KEY": "file", "COPY": "outside", "PORT": "4000", "DEBUG": "True"}


def test_an_environment_variable_made_of_a_missing_one_is_not_set() -> None:
    config = parse_config({"environment_variables": {"COPY": "os.environ/OUTSIDE"}}, {})
    assert config.environment_variables == {}
    assert config.warnings[0] == (
        "environment_variables.COPY needs the environment variable OUTSIDE, which is not set; it is left out"
    )


def test_the_master_key_comes_from_the_file_else_from_litellms_variable_else_from_nowhere() -> None:
    environ = {"LITELLM_MASTER_KEY": "sk-process", "KEY": "sk-referred"}
    referred = {"general_settings": {"master_key": "os.environ/KEY"}}
    assert parse_config(referred, environ).general_settings.master_key == "sk-referred"
    assert parse_config({}, environ).general_settings.master_key == "sk-process"
    assert parse_config({}, {}).general_settings.master_key is None


def test_a_number_where_text_is_expected_is_its_text() -> None:
    found, _ = params({}, api_key=12345, api_version=1)
    assert (found.api_key, found.api_version) == ("12345", "1")
