"""OpenAI's parameters of a chat that some providers lack, each with the values that ask for nothing."""

from collections.abc import Collection, Mapping
from typing import Any

Values = tuple[object, ...]

NEUTRAL: dict[str, Values] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "store": (False,),
    "verbosity": ("medium",),
    "service_tier": ("auto", "default"),
    "parallel_tool_calls": (True,),
    "seed": (),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "audio": (),
    "prediction": (),
    "moderation": (),
    "functions": (),
    "function_call": (),
    "web_search_options": (),
    "thinking": (),
}

EVERYWHERE = ("modalities", "store", "functions", "function_call", "audio")
"""What none of the protocols that are not OpenAI's has."""

HINTS = frozenset(
    {"stream_options", "user", "safety_identifier"}
    | {"prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"}
)
"""They change nothing in the answer, so leaving them out is right."""


def lacking(*names: str) -> dict[str, Values]:
    """Return what a provider lacks: EVERYWHERE, and these."""
    return {name: NEUTRAL[name] for name in (*EVERYWHERE, *names)}


def asked_for(body: Mapping[str, Any], lacked: Mapping[str, Values]) -> list[str]:
    """Return the names of what the body asks for and the provider lacks."""
    return [name for name, neutral in lacked.items() if body.get(name) is not None and body[name] not in neutral]


def foreign(body: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Return the fields that are set and not `known`: the provider's own, which go through."""
    return {name: value for name, value in body.items() if name not in known and value is not None}
