"""`credential_list`: credentials with a name, for deployments that refer to them by `litellm_credential_name`."""

from pathlib import Path
from typing import Any

from pydantic import Field

from shared.config.reading.failure import ConfigError
from shared.config.sections.section import Section


class Credential(Section):
    """One credential."""

    credential_name: str = Field(min_length=1, description="What `litellm_credential_name` refers to.")
    credential_values: dict[str, Any] = Field(
        default_factory=dict, repr=False, description="Settings of `litellm_params`, such as api_key and api_base."
    )
    credential_info: dict[str, Any] = Field(default_factory=dict, description="Notes about it, for people.")


def with_credentials(values: dict[str, Any], path: Path | None) -> dict[str, Any]:
    """Return the plain values of a config.yaml with each named credential put into the deployments that refer to it.

    What a deployment sets itself wins.

    Raises:
        ConfigError: a name is in no entry, or in two.
    """
    entries = values.get("model_list")
    if not isinstance(entries, list) or not any(_name(entry) for entry in entries):
        return values
    credentials = _by_name(values.get("credential_list"), path)
    filled = []
    for index, entry in enumerate(entries):
        name = _name(entry)
        if name is not None:
            if name not in credentials:
                raise ConfigError(
                    path,
                    f"model_list[{index}].litellm_params.litellm_credential_name is {name}, which is no "
                    f"credential_name in credential_list; there {_are(list(credentials))}",
                )
            entry = {**entry, "litellm_params": {**credentials[name], **entry["litellm_params"]}}
        filled.append(entry)
    return {**values, "model_list": filled}


def _by_name(listed: Any, path: Path | None) -> dict[str, dict[str, Any]]:
    """Return the credentials that have the right form; all others are refused where the section is checked."""
    found: dict[str, dict[str, Any]] = {}
    for index, credential in enumerate(listed if isinstance(listed, list) else ()):
        values = credential.get("credential_values") if isinstance(credential, dict) else None
        name = credential.get("credential_name") if isinstance(credential, dict) else None
        if not isinstance(name, str) or not isinstance(values, dict):
            continue
        if name in found:
            raise ConfigError(
                path, f"credential_list[{index}].credential_name is {name}, as another is; give it another"
            )
        found[name] = values
    return found


def _name(entry: Any) -> str | None:
    params = entry.get("litellm_params") if isinstance(entry, dict) else None
    name = params.get("litellm_credential_name") if isinstance(params, dict) else None
    return name if isinstance(name, str) else None


def _are(names: list[str]) -> str:
    return f"are {', '.join(names)}" if names else "is none"
