"""A config.yaml as its users have it loads; a file that cannot be read says why in one sentence."""

from pathlib import Path

import pytest

from shared.config import Config, ConfigError, load_config, parse_config

REPOSITORY = Path(__file__).parents[3]

AZURE_THEN_OPENAI = """
model_list:
  - model_name: gpt-4
    litellm_params:
      model: azure/gpt-4
      api_base: https://my-azure.openai.azure.com
  - model_name: gpt-4
    litellm_params:
      model: openai/gpt-4
"""

THREE_PROVIDERS = """
model_list:
  - model_name: fast-model
    litellm_params: {model: groq/llama-3.1-8b-instant}
  - model_name: smart-model
    litellm_params: {model: anthropic/claude-3-5-sonnet-20241022}
  - model_name: cheap-model
    litellm_params: {model: openai/gpt-3.5-turbo}
general_settings:
  master_key: "sk-your-master-key"
  database_url: "postgresql://user:pass@localhost/litellm"
litellm_settings: {drop_params: true, set_verbose: false}
"""


def load(folder: Path, text: str, environ: dict[str, str] | None = None) -> Config:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, environ or {})


def test_two_deployments_of_one_name_keep_the_order_of_the_file(tmp_path: Path) -> None:
    config = load(tmp_path, AZURE_THEN_OPENAI)
    assert [(entry.model_name, entry.litellm_params.model) for entry in config.model_list] == [
        ("gpt-4", "azure/gpt-4"),
        ("gpt-4", "openai/gpt-4"),
    ]
    assert config.model_list[0].litellm_params.api_base == "https://my-azure.openai.azure.com"
    assert config.router_settings.routing_strategy == "ordered"
    assert config.warnings == []


def test_a_litellm_file_with_a_database_loads_and_says_where_records_are_kept(tmp_path: Path) -> None:
    config = load(tmp_path, THREE_PROVIDERS)
    assert [entry.model_name for entry in config.model_list] == ["fast-model", "smart-model", "cheap-model"]
    assert config.general_settings.master_key == "sk-your-master-key"
    assert config.litellm_settings.drop_params is True
    assert config.warnings == [
        "general_settings.database_url is accepted but has no effect yet: "
        "Meterhouse keeps its records in NATS and ClickHouse"
    ]


def test_without_a_file_two_simulated_models_are_served_at_a_price() -> None:
    config = load_config(None, {})
    assert [(entry.model_name, entry.litellm_params.model) for entry in config.model_list] == [
        ("demo", "simulated/echo"),
        ("demo-slow", "simulated/slow"),
    ]
    assert all(entry.own_prices()["output_cost_per_token"] > 0 for entry in config.model_list)
    assert config.warnings == []


def test_the_example_file_loads_without_any_key_and_without_a_warning() -> None:
    config = load_config(REPOSITORY / "config.example.yaml", {})
    assert config.warnings == []
    assert {variable for _, variable in config.missing_variables()} == {
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "AZURE_API_BASE",
        "AZURE_API_KEY",
    }
    assert config.model_list[0].missing_variables() == ()


def test_an_empty_file_serves_no_model_and_says_so(tmp_path: Path) -> None:
    config = load(tmp_path, "")
    assert config.model_list == ()
    assert config.warnings == ["model_list is empty: no model can be called"]


def test_sections_left_empty_count_as_not_given(tmp_path: Path) -> None:
    config = load(tmp_path, "litellm_settings:\nrouter_settings:\ngeneral_settings:\nguardrails:\nmodel_list:\n")
    assert config.router_settings.num_retries == 2
    assert config.general_settings.max_request_size_mb == 32


def test_an_unquoted_date_stays_the_api_version_it_is_meant_to_be(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "model_list:\n- model_name: a\n  litellm_params: {model: azure/a, api_version: 2024-02-01}",
    )
    assert config.model_list[0].litellm_params.api_version == "2024-02-01"


def test_a_price_in_short_scientific_form_is_a_number(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "model_list:\n- model_name: a\n  litellm_params: {model: openai/a, input_cost_per_token: 3e-06}",
    )
    assert config.model_list[0].own_prices() == {"input_cost_per_token": 0.000003}


def test_a_file_that_is_not_there_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: there is no such file; give the path of a config\.yaml"):
        load_config(tmp_path / "nowhere.yaml", {})


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the file cannot be read"):
        load_config(tmp_path, {})


def test_bytes_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"model_list: []  # caf\xe9")
    with pytest.raises(ConfigError, match="byte 21 is not UTF-8"):
        load_config(path, {})


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("model_list:\n  - model_name: a\n   litellm_params: {}\n", "line 3, column 4"),
        ("model_list: [a, b\nrouter_settings: {}\n", "line 2, column"),
        ("general_settings:\n\tmaster_key: a\n", "line 2, column 1"),
        ("a: *nowhere\n", "line 1, column 4"),
    ],
)
def test_broken_yaml_names_line_and_column(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(ConfigError, match=rf"config\.yaml: {place}.*not valid YAML, .+; check indentation"):
        load(tmp_path, text)


def test_broken_yaml_shows_no_value_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, "general_settings:\n  master_key: sk-secret: x\n")
    assert "sk-secret" not in str(refused.value)


def test_a_control_character_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="character 3 is not allowed in YAML"):
        load(tmp_path, "a: \x07")


def test_a_tag_that_would_make_python_objects_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 1, column 13"):
        load(tmp_path, "model_list: !!python/object/apply:os.getcwd []")


def test_a_file_that_holds_a_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the file holds a list; it must hold settings"):
        load(tmp_path, "- model_name: a\n")


def test_a_name_given_twice_is_named_with_both_lines(tmp_path: Path) -> None:
    config = load(tmp_path, f"{AZURE_THEN_OPENAI}litellm_settings: {{}}\nmodel_list: []\n")
    assert config.warnings[0] == (
        "config.yaml: model_list is given in line 2 and again in line 11; the last one is used"
    )


def test_settings_can_be_shared_by_anchor_and_merge(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "model_list:\n"
        "- {model_name: a, litellm_params: &azure {model: azure/a, api_version: v1}}\n"
        "- {model_name: b, litellm_params: {<<: *azure, model: azure/b}}\n",
    )
    assert config.model_list[1].litellm_params.api_version == "v1"
    assert config.model_list[1].litellm_params.model == "azure/b"
    assert config.warnings == []


def test_credentials_do_not_show_in_the_printed_form_of_a_configuration() -> None:
    config = parse_config(
        {
            "model_list": [
                {
                    "model_name": "a",
                    "litellm_params": {
                        "model": "openai/a",
                        "api_key": "hidden-1",
                        "extra_headers": {"Authorization": "hidden-2"},
                    },
                }
            ],
            "general_settings": {"master_key": "hidden-3", "database_url": "hidden-4"},
            "environment_variables": {"OPENAI_API_KEY": "hidden-5"},
            "guardrails": [{"guardrail_name": "g", "litellm_params": {"guardrail": "x", "api_key": "hidden-6"}}],
        },
        {},
    )
    assert "hidden" not in repr(config)
