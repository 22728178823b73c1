"""generationConfig: sampling, lengths, the form of the answer.

Source: https://ai.google.dev/api/generate-content#v1beta.GenerationConfig
"""

from typing import Any

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.chat.answer_schema import answer_schema
from services.router.providers.chat.body import max_tokens_of, number_in, texts_in
from services.router.providers.gemini.abilities import Abilities
from services.router.providers.gemini.requests.json_schema import json_schema, old_schema
from services.router.providers.gemini.requests.thinking import thinking_of

_NUMBERS = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "n": "candidateCount",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
RAW_SOUND = ("pcm16", "pcm")
_MODALITIES = {"text": "TEXT", "image": "IMAGE", "audio": "AUDIO"}


def generation_config(body: dict[str, Any], abilities: Abilities, unsupported: dict[str, str]) -> dict[str, Any]:
    """Return what of the body belongs there; nothing where Gemini's own defaults say the same."""
    config: dict[str, Any] = {
        theirs: value for ours, theirs in _NUMBERS.items() if (value := number_in(body, ours)) is not None
    }
    if config.get("candidateCount") == 1:
        del config["candidateCount"]
    if (limit := max_tokens_of(body)) is not None:
        config["maxOutputTokens"] = limit
    if stops := texts_in(body, "stop"):
        config["stopSequences"] = stops
    if body.get("logprobs") is True:
        config["responseLogprobs"] = True
        if (alternatives := number_in(body, "top_logprobs")) is not None:
            config["logprobs"] = alternatives
    if modalities := texts_in(body, "modalities"):
        for name in modalities:
            if name.lower() not in _MODALITIES:
                raise InvalidField("modalities", f"must be of {', '.join(_MODALITIES)}.")
        if modalities != ["text"]:
            config["responseModalities"] = [_MODALITIES[name.lower()] for name in modalities]
    if (audio := body.get("audio")) is not None:
        config["speechConfig"] = _speech(audio, unsupported, streams=body.get("stream") is True)
    config |= _answer_format(body, abilities)
    if (thinking := thinking_of(body, abilities, unsupported)) is not None:
        config["thinkingConfig"] = thinking
    return config


def _answer_format(body: dict[str, Any], abilities: Abilities) -> dict[str, Any]:
    wanted = answer_schema(body)
    if wanted is None:
        return {}
    config: dict[str, Any] = {"responseMimeType": "application/json"}
    given = body["response_format"]
    own = given.get("response_schema")  # LiteLLM's way to write Gemini's own schema beside json_object
    if given["type"] == "json_object" and isinstance(own, dict):
        return {**config, "responseSchema": own}
    schema, path = wanted.schema, "response_format.json_schema.schema"
    if not schema:
        return config
    if abilities.json_schema:
        return {**config, "responseJsonSchema": json_schema(schema)}
    return {**config, "responseSchema": old_schema(schema, path)}


def _speech(audio: object, unsupported: dict[str, str], *, streams: bool) -> dict[str, Any]:
    """Gemini speaks in samples of 16 bits alone; a whole answer can be given a header for them."""
    told = audio if isinstance(audio, dict) else {}
    voice, form = told.get("voice"), told.get("format")
    if not isinstance(voice, str) or not voice:
        raise InvalidField("audio.voice", "must be the name of one of Gemini's voices.")
    if form not in (None, *RAW_SOUND, *(() if streams else ("wav",))):
        unsupported["audio.format"] = f"{form!r}; pcm16, or wav in an answer that is not streamed"
    return {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}}
