"""Which model name a file is kept by: what the client says, else its lines, else OpenAI. Pure."""

from collections.abc import Collection, Mapping
from typing import NamedTuple
from urllib.parse import parse_qs

from services.edge.model_details.model_names import ModelNames, some_of
from services.edge.objects.accounts import sharing
from services.edge.objects.upload import ROUTE, Upload
from shared.errors import AccessDenied, InvalidRequest
from shared.identity.keys import Key
from shared.kept.object_calls import KEEPERS, Lines
from shared.serving.pass_through import asked_for, group_name

DEFAULT = "openai"


class Keeper(NamedTuple):
    """`model` is as the client names it, `group` what it means; `renames`: lines get the deployment's name for it.

    `only` are the deployments one of which may keep it, () for any of the group.
    """

    model: str
    group: str
    renames: bool
    only: tuple[str, ...] = ()


class Said(NamedTuple):
    """What a request says of where its file is to be kept, as LiteLLM's clients say it."""

    models: tuple[str, ...]
    provider: str


def said_in(upload: Upload, headers: Mapping[bytes, bytes], query: bytes, provider_in_path: str) -> Said:
    asked = {name: values[-1] for name, values in parse_qs(query.decode("latin-1")).items()}
    model = headers.get(b"x-litellm-model", b"").decode("latin-1") or asked.get("model") or upload.text("model")
    named = model or ",".join(
        value for name, value in upload.fields if name in ("target_model_names", "target_model_names[]")
    )
    provider = (
        provider_in_path
        or headers.get(b"custom-llm-provider", b"").decode("latin-1")
        or asked.get("custom_llm_provider", "")
        or upload.text("custom_llm_provider")
    )
    return Said(tuple(name.strip() for name in named.split(",") if name.strip()), provider)


def keeper_of(
    said: Said, lines: Lines | None, names: ModelNames, key: Key | None, providers: Collection[str]
) -> Keeper:
    """Return by which name the file is kept. `providers` are those of the configuration.

    Raises:
        InvalidRequest: what is said leads nowhere, or nothing is said and nothing can be guessed.
        AccessDenied: the key may not use one of several models.
    """
    aliases = names.access.aliases_of(key)
    in_lines = lines.model if lines is not None else ""
    if said.models:
        groups = {model: names.group_of(model, aliases) for model in said.models}
        for model, group in groups.items():
            if not names.serves(group):
                raise InvalidRequest(
                    f"{ROUTE}: Invalid model name passed in model={model}. Available: {some_of(names.usable_by(key))}.",
                    param="target_model_names",
                )
        if len(groups) > 1:
            return _keeper_for_all(groups, in_lines, names, key)
        ((model, group),) = groups.items()
        return Keeper(model, group, True)
    group = names.group_of(in_lines, aliases)
    if in_lines and not said.provider and names.serves(group):
        return Keeper(in_lines, group, True)
    provider = said.provider or DEFAULT
    if provider not in providers or provider not in KEEPERS:
        having = ", ".join(name for name in KEEPERS if name in providers) or "none"
        raise InvalidRequest(
            f"{ROUTE}: files are not kept at '{provider}' here. Say a model of yours in 'target_model_names', or one "
            f"of these in 'custom_llm_provider': {having}.",
            param="custom_llm_provider" if said.provider else "target_model_names",
        )
    group = group_name(provider, in_lines)
    refusal = names.access.model_refusal(key, "", asked_for(group), in_lines) if not in_lines else None
    if refusal is not None:
        raise AccessDenied(
            f"{ROUTE}: a file without a model is kept by the credential of '{provider}', and not all of its models are "
            f"this key's. Say one of yours in 'target_model_names': {some_of(names.usable_by(key))}.",
            type=refusal.type,
            param="target_model_names",
        )
    return Keeper(in_lines, group, False)


def _keeper_for_all(groups: Mapping[str, str], in_lines: str, names: ModelNames, key: Key | None) -> Keeper:
    """Return the keeper of a file for several models: it is kept once, so one account must serve all of them.

    `groups` is what each model means.
    """
    for model, group in groups.items():
        refusal = names.access.model_refusal(key, "", group, model)
        if refusal is not None:
            raise refusal
    if in_lines and in_lines not in groups:
        raise InvalidRequest(
            f"{ROUTE}: the lines of 'file' ask for '{in_lines[:100]}', which is none of 'target_model_names'.",
            param="target_model_names",
        )
    first = in_lines or next(iter(groups))
    able = names.deployments_of(groups[first])
    for group in groups.values():
        able = [one for one in able if sharing(one, names.deployments_of(group))]
    if not able:
        raise InvalidRequest(
            f"{ROUTE}: a file is kept once, and no account of a provider serves all of {', '.join(groups)}. Upload it "
            "once for each account, with one model in 'target_model_names', and name the id that each answer gives.",
            param="target_model_names",
        )
    return Keeper(first, groups[first], True, tuple(one.id for one in able))
