"""Who an entry of `model_list` is: its provider, and an id that stays the same between starts."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from shared.config.reading.references import PREFIX, MissingVariable
from shared.config.sections.model_list import LiteLLMParams, ModelEntry
from shared.serving.model_names import provider_told_by

SECRETS = {
    "api_key",
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "aws_web_identity_token",
    "azure_ad_token",
    "azure_certificate_password",
    "azure_password",
    "client_secret",
    "default_headers",
    "extra_headers",
    "headers",
    "token",
    "vertex_credentials",
    "zen_api_key",
}
"""Parameters that may hold a credential: no part of an id, unless they only name a variable."""


def provider_and_model(params: LiteLLMParams) -> tuple[str, str]:
    """Return the provider and the model's name there: `groq/llama-3` is ("groq", "llama-3").

    Only the part before the first slash is the provider. Both are "" where `model` waits for its variable.

    Raises:
        ValueError: nothing says which provider it is; the text is the remedy.
    """
    model = params.model
    if isinstance(model, MissingVariable):
        return params.custom_llm_provider or "", ""
    if params.custom_llm_provider:
        return params.custom_llm_provider, model.removeprefix(f"{params.custom_llm_provider}/")
    provider, slash, name = model.partition("/")
    if slash and provider and name:
        return provider, name
    told = provider_told_by(model)
    if told is not None:
        return told, model
    if model == "*":
        return "*", "*"  # the provider is part of the name the client asks for
    if params.api_base is not None:
        return "openai", model
    raise ValueError(
        f"names no provider; write it as provider/{model.strip('/') or 'model'}, or set custom_llm_provider"
    )


def deployment_ids(entries: Sequence[ModelEntry], written: Sequence[dict[str, Any]]) -> list[str]:
    """Return an id for each entry, made of how it is `written` in the file, references unresolved.

    It is the entry's own `model_info.id`, or a SHA-256 over its name and parameters without credentials: so it is the
    same on every machine and after a key was changed. Entries that are the same are told apart by their order.
    """
    seen: Counter[str] = Counter()
    ids = []
    for entry, raw in zip(entries, written, strict=True):
        if entry.model_info.id is not None:
            ids.append(entry.model_info.id)
            continue
        params = {
            name: value
            for name, value in raw["litellm_params"].items()
            if name not in SECRETS or (isinstance(value, str) and value.startswith(PREFIX))
        }
        content = json.dumps([entry.model_name, _ordered(params)])
        repeat = seen[content]
        seen[content] += 1
        ids.append(hashlib.sha256(f"{content}#{repeat}".encode() if repeat else content.encode()).hexdigest())
    return ids


def _ordered(value: Any) -> Any:
    """Return `value` in a form that is the same for mappings that differ in order only, whatever their keys are."""
    if isinstance(value, dict):
        return sorted(([str(name), _ordered(item)] for name, item in value.items()), key=lambda pair: str(pair[0]))
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    return value if isinstance(value, str | int | float | None) else str(value)


def deployments(entry: ModelEntry, entry_id: str) -> list[ModelEntry]:
    """Return the entry with its id; one deployment for each organization where it lists several."""
    organizations = entry.litellm_params.organization
    if not isinstance(organizations, tuple):
        return [_with(entry, entry_id, entry.litellm_params)]
    return [
        _with(entry, f"{entry_id}-{index}" if index else entry_id, params)
        for index, organization in enumerate(organizations)
        for params in [entry.litellm_params.model_copy(update={"organization": organization})]
    ]


def _with(entry: ModelEntry, entry_id: str, params: LiteLLMParams) -> ModelEntry:
    info = entry.model_info.model_copy(update={"id": entry_id})
    return entry.model_copy(update={"litellm_params": params, "model_info": info})
