"""An OpenAI chat completions body, as the body of Gemini's generateContent."""

from typing import Any

from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.chat.neutral import HINTS, NEUTRAL, asked_for
from services.router.providers.gemini.abilities import abilities_of
from services.router.providers.gemini.requests.conversation import split_conversation
from services.router.providers.gemini.requests.generation import generation_config
from services.router.providers.gemini.requests.tools import choice_of, tools_of

_LACKED = ("logit_bias", "store", "verbosity", "prediction", "moderation", "functions", "function_call")
_WITHOUT_COUNTERPART = {name: NEUTRAL[name] for name in _LACKED}
"""OpenAI's parameters that Gemini lacks, each with the values that ask for nothing."""

_HINTS = HINTS | {"metadata"}
"""They change nothing in the answer, so leaving them out is right: Gemini caches by itself and asks for no names."""

_TRANSLATED = frozenset(
    {
        "model",
        "messages",
        "stream",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "top_k",
        "n",
        "stop",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "logprobs",
        "top_logprobs",
        "modalities",
        "audio",
        "response_format",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "web_search_options",
        "reasoning_effort",
        "thinking",
        "service_tier",
    }
)
_OWN_SPELLINGS = {
    "safety_settings": "safetySettings",
    "cached_content": "cachedContent",
    "generation_config": "generationConfig",
    "tool_config": "toolConfig",
}


def to_generate_content(body: dict[str, Any], *, model: str, drop_params: bool) -> dict[str, Any]:
    """Return the generateContent body for `body`.

    Fields that are neither OpenAI's nor known here (safetySettings, cachedContent, labels, ...) go through; a
    generationConfig among them is joined with the translated one, whose fields it wins over.

    Raises:
        UnsupportedParameter: Gemini has no counterpart; with `drop_params` such fields are left out instead.
        InvalidField: the body is malformed there.
    """
    unsupported = dict.fromkeys(asked_for(body, _WITHOUT_COUNTERPART), "")
    abilities = abilities_of(model)
    system, turns = split_conversation(body.get("messages"), abilities)
    request: dict[str, Any] = {"contents": turns}
    if system:
        request["systemInstruction"] = {"parts": system}
    tools = tools_of(body, abilities, unsupported)
    choice = choice_of(body, tools, unsupported)
    if tools:
        request["tools"] = tools
    if choice is not None:
        request["toolConfig"] = {"functionCallingConfig": choice}
    if config := generation_config(body, abilities, unsupported):
        request["generationConfig"] = config
    if (tier := body.get("service_tier")) not in (None, "auto", "default"):
        if tier not in ("flex", "priority", "standard"):
            unsupported["service_tier"] = f"no tier {tier!r}"
        else:
            request["serviceTier"] = tier
    if unsupported and not drop_params:
        raise UnsupportedParameter(unsupported, why=unsupported, provider=f"Gemini ({model})")
    body = {name: value for name, value in body.items() if name not in ("extra_body", "google")} | google_fields(body)
    foreign = {
        _OWN_SPELLINGS.get(name, name): value
        for name, value in body.items()
        if value is not None and name not in _TRANSLATED | _HINTS and name not in _WITHOUT_COUNTERPART
    }
    if not isinstance(foreign.get("generationConfig", {}), dict):
        raise InvalidField("generationConfig", "must be an object.")
    return joined(request, foreign)


def google_fields(body: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of Google's own OpenAI interface, `extra_body.google`, as those of generateContent.

    Source: https://ai.google.dev/gemini-api/docs/openai#extra-body

    Raises:
        InvalidField
    """
    extra = body.get("extra_body")
    holder, path = (extra, "extra_body.google") if isinstance(extra, dict) else (body, "google")
    given = holder.get("google")
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise InvalidField(path, "must be an object.")
    told: dict[str, Any] = {}
    for name, value in given.items():
        if name in ("thinking_config", "thinkingConfig"):
            config = body.get("generationConfig") or body.get("generation_config")
            told["generationConfig"] = {**(config if isinstance(config, dict) else {}), "thinkingConfig": value}
        elif name not in _OWN_SPELLINGS.keys() | set(_OWN_SPELLINGS.values()):
            raise InvalidField(f"{path}.{name}", f"must be of thinking_config, {', '.join(_OWN_SPELLINGS)}.")
        else:
            told[name] = value
    return told


def joined(request: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """Return the request with `extra` fields over it; objects of one name are joined, field by field."""
    result = dict(request)
    for name, value in extra.items():
        own = result.get(name)
        result[name] = {**own, **value} if isinstance(own, dict) and isinstance(value, dict) else value
    return result
