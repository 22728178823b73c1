"""A configuration can be spread over files; what each says is put together without losing anything in silence."""

from pathlib import Path

import pytest

from shared.config import ConfigError, load_config

MODELS = "model_list:\n- {{model_name: {name}, litellm_params: {{model: openai/{name}}}}}\n"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder / "main.yaml"


def test_lists_of_included_files_are_appended_and_their_settings_added(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    write(tmp_path / "models", b=MODELS.format(name="b"))
    path = write(
        tmp_path,
        main="include: [models/b.yaml, c.yaml]\nrouter_settings: {num_retries: 5}\n" + MODELS.format(name="a"),
        c="router_settings: {timeout: 9}\n" + MODELS.format(name="c"),
    )
    config = load_config(path, {})
    assert [entry.model_name for entry in config.model_list] == ["a", "b", "c"]
    assert (config.router_settings.num_retries, config.router_settings.timeout) == (5, 9)
    assert config.include == ("models/b.yaml", "c.yaml")
    assert config.warnings == []


def test_a_single_file_can_be_included_without_a_list_and_through_a_variable(tmp_path: Path) -> None:
    path = write(tmp_path, main="include: os.environ/MODELS\n", b=MODELS.format(name="b"))
    assert [entry.model_name for entry in load_config(path, {"MODELS": "b.yaml"}).model_list] == ["b"]


def test_an_included_file_includes_further_ones_relative_to_itself(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub", b="include: [c.yaml]", c=MODELS.format(name="c"))
    path = write(tmp_path, main="include: [sub/b.yaml]")
    assert [entry.model_name for entry in load_config(path, {}).model_list] == ["c"]


def test_where_two_files_disagree_the_included_one_wins_with_a_warning(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        main="include: [b.yaml]\nrouter_settings: {timeout: 1, num_retries: 3, cooldown_time: 2}\n"
        + MODELS.format(name="a"),
        b="router_settings: {timeout: 2, num_retries: 3, cooldown_time: null}\n",
    )
    config = load_config(path, {})
    assert (config.router_settings.timeout, config.router_settings.cooldown_time) == (2, 2)
    assert config.warnings == ["router_settings.timeout is set more than once; the value in b.yaml is used"]


def test_a_file_included_twice_is_read_twice_but_never_in_a_circle(tmp_path: Path) -> None:
    path = write(tmp_path, main="include: [b.yaml, b.yaml]", b=MODELS.format(name="b"))
    assert len(load_config(path, {}).model_list) == 2
    path = write(tmp_path, main="include: [b.yaml]", b="include: [main.yaml]")
    with pytest.raises(ConfigError, match=r"main\.yaml includes itself through b\.yaml; remove one of the two"):
        load_config(path, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("include: [nowhere.yaml]", r"main\.yaml: include\[0\] names .*nowhere\.yaml, which is no file"),
        ("include: [os.environ/MODELS]", r"include\[0\] needs a variable: set the environment variable MODELS"),
        ("include: os.environ/MODELS", r"include\[0\] needs a variable: set the environment variable MODELS"),
        ("include: {a: b}", r"include must be a list of file names; write `include: \[models\.yaml\]`"),
        ("include: [3]", "include must be a list of file names"),
    ],
)
def test_an_include_that_cannot_be_followed_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(write(tmp_path, main=text), {})


def test_broken_yaml_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    path = write(tmp_path, main="include: [b.yaml]", b="a: [")
    with pytest.raises(ConfigError, match=r"b\.yaml: line 2, column 1") as refused:
        load_config(path, {})
    assert refused.value.path == tmp_path / "b.yaml"


def test_a_section_of_another_kind_in_an_included_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, main="include: [b.yaml]\n" + MODELS.format(name="a"), b="model_list: {a: b}")
    with pytest.raises(ConfigError, match="model_list must be a list, not a mapping"):
        load_config(path, {})
