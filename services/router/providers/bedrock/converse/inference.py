"""Sampling, thinking and the form of the answer: inferenceConfig, outputConfig, and each family's own fields.

Sources: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InferenceConfiguration.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html (additionalModelRequestFields),
https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html.
"""

from typing import Any

import orjson

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.anthropic.abilities import abilities_of as claude_abilities
from services.router.providers.anthropic.requests.json_schema import supported_schema
from services.router.providers.anthropic.requests.sampling import sampling_of
from services.router.providers.anthropic.requests.thinking import is_thinking, thinking_of
from services.router.providers.bedrock.converse.abilities import Abilities
from services.router.providers.bedrock.model_id import ModelId
from services.router.providers.chat.body import max_tokens_of, number_in, texts_in

_NOVA_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
_OPENAI_EFFORTS = {**_NOVA_EFFORTS, "minimal": "low"}


def inference_config(
    body: dict[str, Any], model: ModelId, abilities: Abilities, own: dict[str, Any], unsupported: dict[str, str]
) -> dict[str, Any]:
    """Return inferenceConfig; what only the model's family knows is put into `own`, additionalModelRequestFields."""
    config: dict[str, Any] = {}
    if (limit := max_tokens_of(body)) is not None:
        config["maxTokens"] = limit
    if abilities.claude:
        sampling = sampling_of(
            body, claude_abilities(model.name), thinking=is_thinking(own.get("thinking")), unsupported=unsupported
        )
    else:
        sampling = {
            name: value for name in ("temperature", "top_p", "top_k") if (value := number_in(body, name)) is not None
        }
    for name, field in (("temperature", "temperature"), ("top_p", "topP")):
        if name in sampling:
            config[field] = sampling[name]
    if "top_k" in sampling:
        own |= _top_k(sampling["top_k"], model)
    if stops := texts_in(body, "stop"):
        visible = [text for text in stops if text.strip()]
        if len(visible) < len(stops) and abilities.claude:
            unsupported["stop"] = "sequences of white space"
            stops = visible
        config["stopSequences"] = stops
    return config


def own_thinking(
    body: dict[str, Any], model: ModelId, abilities: Abilities, unsupported: dict[str, str]
) -> tuple[dict[str, Any], str | None]:
    """Return the family's fields for thinking, and outputConfig.effort."""
    if abilities.thinking == "claude":
        thinking, effort = thinking_of(body, claude_abilities(model.name), max_tokens_of(body), unsupported)
        return {"thinking": thinking} if thinking is not None else {}, effort
    level = body.get("reasoning_effort")
    level = level.get("effort") if isinstance(level, dict) else level
    own = body.get("thinking")
    if level is None and own is None:
        return {}, None
    if level is not None and (not isinstance(level, str) or level not in ("none", *_NOVA_EFFORTS)):
        raise InvalidField("reasoning_effort", f"must be none, {', '.join(_NOVA_EFFORTS)}.")
    if own is not None:
        if not isinstance(own, dict):
            raise InvalidField("thinking", "must be an object with a type.")
        level = "none" if own.get("type") == "disabled" else level or "medium"
    if abilities.thinking == "nova":
        if level == "none":
            return {"reasoningConfig": {"type": "disabled"}}, None
        return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": _NOVA_EFFORTS[str(level)]}}, None
    if abilities.thinking == "effort" and level != "none":
        return {"reasoning_effort": _OPENAI_EFFORTS[str(level)]}, None
    if level != "none":
        unsupported["thinking" if own is not None else "reasoning_effort"] = "this model does not think"
    return {}, None


def text_format(schema: dict[str, Any], declared: dict[str, Any]) -> dict[str, Any]:
    """Return outputConfig.textFormat."""
    definition = {"schema": orjson.dumps(supported_schema(schema)).decode()}
    for name in ("name", "description"):
        if isinstance(declared.get(name), str) and declared[name]:
            definition[name] = declared[name]
    return {"type": "json_schema", "structure": {"jsonSchema": definition}}


def _top_k(value: Any, model: ModelId) -> dict[str, Any]:
    if model.family == "amazon":
        return {"inferenceConfig": {"topK": value}}
    return {"k": value} if model.family == "cohere" else {"top_k": value}
