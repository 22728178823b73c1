"""The body of generateContent, as the body of a chat request.

Sources: https://ai.google.dev/api/generate-content, https://ai.google.dev/gemini-api/docs/thinking
"""

from typing import Any

from services.router.dialects.gemini.contents import messages_of, system_of
from services.router.dialects.gemini.fields import asks_for_something, camel, field, object_in, spellings
from services.router.dialects.gemini.tools import choice_of, json_schema, tools_of
from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter

_NUMBERS = {
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "candidateCount": "n",
    "maxOutputTokens": "max_tokens",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
    "seed": "seed",
}
_TRANSLATED = spellings(
    "model", "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "serviceTier"
)
_HINTS = spellings("safetySettings", "labels")
"""They are for Google's own filters and bills: a provider without them may leave them out."""

_WITHOUT_COUNTERPART = ("cachedContent",)
_CONFIG_TRANSLATED = spellings(
    *(*_NUMBERS, "stopSequences", "responseModalities", "responseMimeType", "responseJsonSchema", "responseSchema"),
    *("thinkingConfig", "responseLogprobs", "logprobs"),
)
_TIERS = {"standard": "default", "flex": "flex", "priority": "priority"}

_EFFORT_OF_BUDGET = ((0, "none"), (1024, "low"), (2048, "medium"))
"""(a budget of thinking tokens, the effort that LiteLLM reads it as); larger ones are high, -1 is the model's own."""


def to_chat(body: dict[str, Any], *, drop_params: bool) -> dict[str, Any]:
    """Return the chat body.

    Raises:
        UnsupportedParameter: chat has no counterpart; with `drop_params` such fields are left out instead.
        InvalidField: the body is malformed there.
    """
    config = object_in(body, "generationConfig", "")
    unsupported = {name: "" for name in _WITHOUT_COUNTERPART if field(body, name)}
    unsupported |= {
        f"generationConfig.{camel(name)}": ""
        for name, value in config.items()
        if name not in _CONFIG_TRANSLATED and asks_for_something(value)
    }
    chat: dict[str, Any] = {"model": body["model"]}
    known = _TRANSLATED | _HINTS | spellings(*_WITHOUT_COUNTERPART)
    chat |= {name: value for name, value in body.items() if name not in known and value is not None}
    chat["messages"] = system_of(field(body, "systemInstruction")) + messages_of(body, unsupported)
    tools, search = tools_of(body, unsupported)
    if tools:
        chat["tools"] = tools
        chat |= choice_of(object_in(body, "toolConfig", ""), unsupported)
    if search is not None:
        chat["web_search_options"] = search
    chat |= {ours: value for theirs, ours in _NUMBERS.items() if (value := field(config, theirs)) is not None}
    if stops := field(config, "stopSequences"):
        chat["stop"] = stops
    chat |= _modalities(field(config, "responseModalities"), unsupported)
    if (tier := _TIERS.get(str(field(body, "serviceTier")).lower())) is not None:
        chat["service_tier"] = tier
    chat |= (
        _format(config, unsupported)
        | _thinking(object_in(config, "thinkingConfig", "generationConfig"))
        | _logprobs(config)
    )
    if unsupported and not drop_params:
        raise UnsupportedParameter(unsupported, why=unsupported)
    return chat


def _modalities(given: object, unsupported: dict[str, str]) -> dict[str, Any]:
    if not given:
        return {}
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise InvalidField("generationConfig.responseModalities", "must be a list of strings.")
    if given != ["TEXT"]:
        unsupported["generationConfig.responseModalities"] = "answers that are not text alone"
    return {}


def _format(config: dict[str, Any], unsupported: dict[str, str]) -> dict[str, Any]:
    schema = field(config, "responseJsonSchema") or field(config, "responseSchema")
    media_type = field(config, "responseMimeType") or ("application/json" if schema is not None else "text/plain")
    if media_type == "text/plain":
        return {}
    if media_type != "application/json":
        unsupported["generationConfig.responseMimeType"] = f"answers of the type {media_type}"
        return {}
    if schema is None:
        return {"response_format": {"type": "json_object"}}
    if not isinstance(schema, dict):
        raise InvalidField("generationConfig.responseSchema", "must be a schema.")
    declared = {"name": "answer", "schema": json_schema(schema)}
    return {"response_format": {"type": "json_schema", "json_schema": declared}}


def _thinking(config: dict[str, Any]) -> dict[str, Any]:
    level, budget = field(config, "thinkingLevel"), field(config, "thinkingBudget")
    if isinstance(level, str) and level.lower() in ("minimal", "low", "medium", "high"):
        return {"reasoning_effort": level.lower()}
    if isinstance(budget, bool) or not isinstance(budget, int) or budget < 0:
        return {}
    return {"reasoning_effort": next((name for most, name in _EFFORT_OF_BUDGET if budget <= most), "high")}


def _logprobs(config: dict[str, Any]) -> dict[str, Any]:
    if field(config, "responseLogprobs") is not True:
        return {}
    count = field(config, "logprobs")
    return {"logprobs": True, **({"top_logprobs": count} if count is not None else {})}
