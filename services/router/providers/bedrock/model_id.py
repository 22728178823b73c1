"""What a deployment's name says: which API of Bedrock, which region, which model, of whom.

LiteLLM's forms: `anthropic.claude-...`, `us.anthropic.claude-...`, `converse/...`, `invoke/...`, `us-east-1/...`, an
ARN, and `llama/ARN`, where the ARN of an imported or provisioned model does not tell whose form it speaks; `nova/ARN`
and `nova-2/ARN` are Nova's that were customized.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from services.router.providers.aws.region import is_region

_ROUTES = {
    "converse": "converse",
    "converse_like": "converse",
    "chat_completions": "converse",  # Bedrock's own in OpenAI's form: the client sees no difference
    "invoke": "invoke",
}
_SPOKEN = {
    "llama": "meta",
    "openai": "openai",
    "deepseek_r1": "deepseek",
    "qwen2": "qwen",
    "qwen3": "qwen",
    "anthropic": "anthropic",
    "mistral": "mistral",
    "nova": "amazon",
    "nova-2": "amazon",
}
"""What may stand in front of an ARN to say which family's form the model speaks."""

_WINDOW = re.compile(r"\[\w+\]$")
"""What LiteLLM's users write behind a name for its context window, as [1m]."""

_PLACES = frozenset({"us", "eu", "apac", "global", "us-gov", "jp", "au", "ca", "sa", "me", "il", "af"})


class ModelId(NamedTuple):
    route: str  # converse or invoke, "" where the name does not say
    id: str  # as Bedrock is asked for it
    family: str  # anthropic, amazon, meta, mistral, cohere, ...; "" where nothing tells
    name: str  # the model's own, without place and family: claude-sonnet-4-5-20250929-v1:0


@lru_cache(maxsize=1024)
def model_id_of(model: str, known_as: str) -> ModelId:
    """Return what `model` says; `known_as` is the model behind an ARN, where the configuration names it."""
    route, spoken, customized = "", "", ""
    rest = _WINDOW.sub("", model)
    while True:
        first, slash, others = rest.partition("/")
        if slash and first in _ROUTES:
            route, rest = _ROUTES[first], others
        elif slash and is_region(first):
            rest = others
        elif slash and first in _SPOKEN and others.startswith("arn:"):
            spoken, rest = _SPOKEN[first], others
            customized = first if first.startswith("nova") else ""
            route = route or ("converse" if customized else "invoke")
        else:
            break
    named = rest.rpartition("/")[2] if rest.startswith("arn:") else rest
    family, name = _family(named)
    if not family and known_as:
        family, name = _family(known_as.rpartition("/")[2])
    if family == "deepseek" and name.startswith("r1"):  # InvokeModel takes it a bare prompt, and thoughts for text
        route = "converse"
    return ModelId(route, rest, spoken or family, customized if customized and not family else name)


def _family(named: str) -> tuple[str, str]:
    parts = named.split(".")
    if parts[0] in _PLACES and len(parts) > 2:
        parts = parts[1:]
    if len(parts) > 1 and parts[0].isalnum() and not parts[0][-1].isdigit():
        return parts[0], ".".join(parts[1:])
    return ("anthropic", named) if named.startswith("claude") else ("", named)
