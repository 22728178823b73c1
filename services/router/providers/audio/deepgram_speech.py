"""Texts spoken by Deepgram, whose voices are its models.

Sources: https://developers.deepgram.com/reference/text-to-speech/speak-request,
https://developers.deepgram.com/docs/text-to-speech (the headers that tell the characters billed)
"""

from typing import Any
from urllib.parse import urlencode

import orjson

from services.router.providers.answers.headers import Header, ReadsHeaders, count_in
from services.router.providers.answers.rejection import InvalidField
from services.router.providers.base import AnswerReader, HttpCall, ProviderCall
from services.router.providers.json_call import json_call, refuse_others
from services.router.providers.openai.speech import SpeechAnswer
from shared.serving.deployments import Deployment
from shared.usage import Usage

FORMATS: dict[str, dict[str, Any]] = {
    "mp3": {"encoding": "mp3"},
    "opus": {"encoding": "opus", "container": "ogg"},
    "aac": {"encoding": "aac"},
    "flac": {"encoding": "flac"},
    "wav": {"encoding": "linear16", "container": "wav", "sample_rate": 24_000},
    "pcm": {"encoding": "linear16", "container": "none", "sample_rate": 24_000},
}
"""Their terms for OpenAI's formats."""

OPENAI_VOICES = frozenset(
    {"alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse"}
)
"""Names that nobody there has: the deployment's own voice speaks for them."""

_OWN = ("bit_rate", "mip_opt_out", "sample_rate", "speed", "tag")


def speech_call(
    call: ProviderCall, deployment: Deployment, base: str, headers: dict[str, str]
) -> tuple[HttpCall, AnswerReader]:
    """Raises: Rejected."""
    body = json_call(call, deployment, defaults=("voice", "response_format", "speed"))
    refuse_others(body, ("input", "voice", "response_format", *_OWN), drop_params=call.drop_params, provider="Deepgram")
    text = body.get("input")
    if not isinstance(text, str) or not text:
        raise InvalidField("input", "must be a text.")
    wanted = body.get("response_format", "mp3")
    if wanted not in FORMATS:
        raise InvalidField("response_format", f"must be one of {', '.join(FORMATS)}.")
    query = {"model": _voice(deployment.model, body.get("voice")), **FORMATS[wanted]}
    query |= {name: body[name] for name in _OWN if name in body} | dict(deployment.extra_body)
    asked = urlencode({name: str(value).lower() if value in (True, False) else value for name, value in query.items()})
    return HttpCall(f"{base}/speak?{asked}", headers, orjson.dumps({"text": text})), DeepgramSpeech(text, wanted)


class DeepgramSpeech(SpeechAnswer, ReadsHeaders):
    """An `AnswerReader`; a header tells how many characters are billed."""

    def __init__(self, text: str, response_format: str) -> None:
        super().__init__(text, response_format, by_events=False, by_token=False)

    def read_headers(self, header: Header) -> None:
        self.response_id = header("dg-request-id") or ""
        characters = count_in(header, "dg-char-count")
        if characters is not None:
            self.usage = Usage(input_characters=characters)


def _voice(model: str, voice: object) -> str:
    """Return the model that speaks: the deployment's, or another voice of its family (aura-2 of aura-2-thalia-en)."""
    if voice is None or (isinstance(voice, str) and voice in OPENAI_VOICES):
        return model
    family, _, language = _parts(model)
    if isinstance(voice, str) and voice:
        if voice.isalpha():
            return f"{family}-{voice.lower()}-{language}"
        if voice.startswith(f"{family}-"):
            return voice
    raise InvalidField("voice", f"must be a voice of {family}, as in {family}-thalia-en or thalia.")


def _parts(model: str) -> tuple[str, str, str]:
    """Return family, voice and language of `aura-2-thalia-en`; a family alone speaks English."""
    family, voice, language = [], "", "en"
    for part in model.split("-"):
        if part == "aura" or part.isdigit():
            family.append(part)
        elif not voice:
            voice = part
        else:
            language = part
    return "-".join(family), voice, language
