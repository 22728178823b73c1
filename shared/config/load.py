"""From a config.yaml to a configuration that can be used, or to one sentence that says why not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shared.config.config import Config, ConfigFile
from shared.config.reading.consequences import general_settings_of, remarks, router_settings_of
from shared.config.reading.failure import ConfigError
from shared.config.reading.include import read_with_includes
from shared.config.reading.references import PREFIX, MissingVariable, resolved
from shared.config.reading.refusal import refusal
from shared.config.reading.sift import sift
from shared.config.sections.credential_list import with_credentials
from shared.config.sections.identity import deployment_ids, deployments, provider_and_model
from shared.config.sections.model_list import ModelEntry

_PRICES = {"input_cost_per_token": 0.000001, "output_cost_per_token": 0.000002}
BUILT_IN: dict[str, Any] = {
    "model_list": [
        {"model_name": "demo", "litellm_params": {"model": "simulated/echo", **_PRICES}},
        {"model_name": "demo-slow", "litellm_params": {"model": "simulated/slow", **_PRICES}},
    ]
}
"""What is served without a config.yaml: simulated models that need no key, at prices that show in the spend."""


def load_config(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Return the configuration in the file at `path`, or the built-in one.

    Raises:
        ConfigError: it cannot be used as it stands.
    """
    if path is None:
        return parse_config(BUILT_IN, environ)
    raw, warnings = read_with_includes(path, environ)
    config = parse_config(raw, environ, path)
    return config.model_copy(update={"warnings": warnings + config.warnings})


def parse_config(raw: Mapping[str, Any], environ: Mapping[str, str], path: Path | None = None) -> Config:
    """Return the configuration in `raw`, the plain values of a config.yaml; `path` is only named in errors.

    Raises:
        ConfigError: it cannot be used as it stands.
    """
    _refuse_nameless(raw, path)
    variables = _variables(raw, environ)
    environ = {**environ, **{name: str(value) for name, value in variables.items() if _is_set(value)}}
    values = with_credentials(resolved(dict(raw), environ), path)
    _refuse_missing_master_key(values, path)
    sifted, warnings = sift(values, ConfigFile)
    try:
        file = ConfigFile.model_validate(sifted)
    except ValidationError as error:
        raise ConfigError(path, refusal(error, sifted)) from None
    joined = file.model_copy(
        update={
            "model_list": _model_list(file.model_list, raw, path),
            "router_settings": router_settings_of(file.litellm_settings, file.router_settings),
            "general_settings": general_settings_of(file.general_settings, environ),
        }
    )
    return Config(**dict(joined), warnings=[*warnings, *remarks(joined)])


def _refuse_nameless(value: Any, path: Path | None, where: str = "") -> None:
    if value == PREFIX:
        raise ConfigError(path, f"{where} names no environment variable; write {PREFIX}NAME")
    if isinstance(value, Mapping):
        for name, item in value.items():
            _refuse_nameless(item, path, f"{where}.{name}" if where else str(name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_nameless(item, path, f"{where}[{index}]")


def _variables(raw: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    variables = resolved(raw.get("environment_variables"), environ)
    return variables if isinstance(variables, dict) else {}


def _is_set(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, MissingVariable)


def _refuse_missing_master_key(values: dict[str, Any], path: Path | None) -> None:
    general = values.get("general_settings")
    master_key = general.get("master_key") if isinstance(general, dict) else None
    if isinstance(master_key, MissingVariable):
        raise ConfigError(
            path,
            f"general_settings.master_key needs the environment variable {master_key.name}, which is not set; set it, "
            "or remove the setting and a key is made at the first start",
        )


def _model_list(entries: tuple[ModelEntry, ...], raw: Mapping[str, Any], path: Path | None) -> tuple[ModelEntry, ...]:
    owners: dict[str, int] = {}
    listed = []
    ids = deployment_ids(entries, raw.get("model_list") or [])
    for index, (entry, entry_id) in enumerate(zip(entries, ids, strict=True)):
        try:
            provider_and_model(entry.litellm_params)
        except ValueError as error:
            raise ConfigError(path, f"model_list[{index}].litellm_params.model {error}") from None
        if entry_id in owners:
            raise ConfigError(
                path,
                f"model_list[{index}].model_info.id is also the id of model_list[{owners[entry_id]}]; "
                "give each deployment its own",
            )
        owners[entry_id] = index
        listed += deployments(entry, entry_id)
    return tuple(listed)
