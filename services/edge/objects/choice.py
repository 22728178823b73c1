"""Which model name a file is kept by: what the client says, else its lines, else OpenAI. Pure."""

from collections.abc import Collection, Mapping
from typing import NamedTuple
from urllib.parse import parse_qs

from services.edge.model_details.model_names import ModelNames, some_of
from services.edge.objects.upload import ROUTE, Upload
from shared.errors import InvalidRequest
from shared.identity.keys import Key
from shared.kept.object_calls import KEEPERS, Lines
from shared.serving.pass_through import group_name

DEFAULT = "openai"


class Keeper(NamedTuple):
    """`model` is as the client names it, `group` what it means; `renames`: lines get the deployment's name for it."""

    model: str
    group: str
    renames: bool


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
    """
    aliases = names.access.aliases_of(key)
    in_lines = lines.model if lines is not None else ""
    if said.models:
        model = in_lines if in_lines in said.models else said.models[0]
        if len(said.models) > 1 and lines is None:
            raise InvalidRequest(
                f"{ROUTE}: name one model in 'target_model_names': a file is kept by one deployment.",
                param="target_model_names",
            )
        group = names.group_of(model, aliases)
        if not names.serves(group):
            raise InvalidRequest(
                f"{ROUTE}: Invalid model name passed in model={model}. Available: {some_of(names.usable_by(key))}.",
                param="target_model_names",
            )
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
    return Keeper(in_lines, group_name(provider, in_lines), False)
